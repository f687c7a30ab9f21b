"""One thread per process, and tests whose tool is absent: skipped with the reason, or failed where they are required.

A test that needs more than the `test` extra carries a marker (see pyproject.toml). `OPTLIB_REQUIRE=browser,peers` says
that those tools must be there: every skip of such a test is then a failure, so that CI cannot pass by not looking.
"""

import importlib.util
import os
import shutil

import pytest

# Before NumPy is imported, here and in the workers and kernels started from here: pytest-xdist already uses every core.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def absent_modules(*names):
    absent = [name for name in names if importlib.util.find_spec(name) is None]
    return f"needs {' and '.join(absent)}" if absent else None


def absent_browser():
    if reason := absent_modules("playwright"):
        return reason
    return None if any(shutil.which(name) for name in BROWSERS) else f"needs one of {', '.join(BROWSERS)} on the PATH"


def absent_sandbox():
    from optlib.checks import sandbox

    return sandbox.reason_against()


# marker -> why its tests cannot run here, or None when they can
ABSENT = {
    "peers": lambda: absent_modules("torch"),
    "browser": absent_browser,
    "classroom": lambda: absent_modules("nbgrader"),
    "cluster": lambda: absent_modules("distributed"),
    "sandbox": absent_sandbox,
    "weekly": lambda: None if "weekly" in required() else "takes minutes; OPTLIB_REQUIRE=weekly runs it",
}


def required():
    return {name.strip() for name in os.environ.get("OPTLIB_REQUIRE", "").split(",") if name.strip()}


def pytest_configure(config):
    if unknown := required() - ABSENT.keys():
        names = ", ".join(sorted(unknown))
        raise pytest.UsageError(f"OPTLIB_REQUIRE names {names}; the markers are {', '.join(ABSENT)}")


def pytest_runtest_setup(item):
    for name, absent in ABSENT.items():
        if item.get_closest_marker(name) and (reason := absent()):
            pytest.skip(f"{name}: {reason}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    unexpected = report.skipped and not hasattr(report, "wasxfail")
    if unexpected and any(item.get_closest_marker(name) for name in required()):
        report.outcome = "failed"
        report.longrepr = f"OPTLIB_REQUIRE={os.environ['OPTLIB_REQUIRE']} forbids this skip: {report.longrepr[2]}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    if report.skipped:  # nobody could say which of its tests were required
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} skips itself as a whole; mark its tests instead: {report.longrepr[2]}"
    return report
