"""The repository's own promises: one list of dependencies said four ways, and skips that cannot hide."""

import re
import runpy
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

pytest_plugins = ["pytester"]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
DIRECT = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]

# conda-forge's matplotlib also installs Qt; its matplotlib-base is what pip calls matplotlib
CONDA_NAMES = {"matplotlib": "matplotlib-base"}


def split(requirement):
    """`numpy>=2.0` -> ("numpy", ">=2.0")."""
    return re.fullmatch(r"([A-Za-z0-9._-]+)(.*)", requirement).groups()


def numbers(text):
    return tuple(int(n) for n in text.split("."))


# ---- dependencies ------------------------------------------------------------------------------------------------


def test_conda_environment_asks_for_exactly_what_pyproject_asks_for():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    conda = {split(entry) for entry in environment["dependencies"] if isinstance(entry, str)}
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    expected = {(CONDA_NAMES.get(name, name), bound) for name, bound in map(split, DIRECT)}
    expected |= {("python", PROJECT["requires-python"]), ("pip", "")}
    assert conda == expected
    assert pip == ["-e ."]
    assert environment["channels"] == ["conda-forge"]


def test_every_direct_dependency_has_a_lower_bound_of_numbers():
    # `optlib doctor` reads the bounds, `--resolution lowest-direct` installs them
    assert [text for text in DIRECT if not re.fullmatch(r"[a-z0-9-]+>=\d+(\.\d+)*", text)] == []


def test_every_direct_dependency_has_one_tested_pin_that_meets_its_bound():
    pins = dict(pin.split("==") for pin in PYPROJECT["tool"]["uv"]["constraint-dependencies"])
    bounds = dict(text.split(">=") for text in DIRECT)
    assert pins.keys() == bounds.keys()
    assert [name for name in pins if numbers(pins[name]) < numbers(bounds[name])] == []


def test_constraints_file_says_the_same_pins_as_pyproject():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins == PYPROJECT["tool"]["uv"]["constraint-dependencies"]


def test_uv_installs_the_same_list_as_pip_with_the_test_extra():
    assert PYPROJECT["dependency-groups"] == {"dev": ["optlib[test]"]}
    assert list(PROJECT["optional-dependencies"]) == ["test"]  # uv would resolve every further extra for every learner


def test_tools_beyond_the_test_extra_are_listed_beside_their_tests():
    for listed in HERE.glob("*/requirements.txt"):
        for line in listed.read_text(encoding="utf-8").splitlines():
            assert split(line)[0] not in {split(text)[0] for text in DIRECT}, f"{listed}: {line} is in pyproject.toml"


def test_the_version_is_said_once():
    import optlib

    assert version("optlib") == PROJECT["version"]
    assert getattr(optlib, "__version__", PROJECT["version"]) == PROJECT["version"]


# ---- what the files say ------------------------------------------------------------------------------------------


def test_readme_gives_the_two_commands_exactly():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = readme.splitlines()
    assert "pip install uv && uv run optlib lab" in lines
    assert "pip install uv && uv run pytest" in lines


def test_readme_links_exactly_the_chapters_that_are_here():
    linked = re.findall(r"\]\(notebooks/(\w+)\.ipynb\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert linked == sorted(file.stem for file in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "docs/decisions.md", "docs/instructors.md"])
def test_links_lead_to_files_that_exist(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)|src=\"([^\"]+)\"", text)
    local = [a or b for a, b in targets if not re.match(r"[a-z]+:", a or b)]
    assert [target for target in local if not ((ROOT / name).parent / target).exists()] == []


# ---- markers -----------------------------------------------------------------------------------------------------


@pytest.fixture
def suite(pytester, monkeypatch):
    """The real conftest over two tests: one whose tool is absent, one that skips itself although its tool is there."""

    def run(required=None):
        monkeypatch.delenv("OPTLIB_REQUIRE", raising=False)
        if required is not None:
            monkeypatch.setenv("OPTLIB_REQUIRE", required)
        return pytester.runpytest_inprocess("-rs", "-p", "no:xdist")

    pytester.makeconftest(
        (HERE / "conftest.py").read_text(encoding="utf-8")
        + "\nABSENT['cluster'] = lambda: 'needs a unicorn'\nABSENT['peers'] = lambda: None\n"
    )
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.cluster
        def test_needs_a_tool():
            pass

        @pytest.mark.peers
        def test_skips_itself():
            pytest.skip("no optax")

        @pytest.mark.peers
        @pytest.mark.xfail(reason="known")
        def test_fails_as_expected():
            assert False

        @pytest.mark.weekly
        def test_takes_minutes():
            pass

        def test_plain():
            pass
        """
    )
    return run


def test_a_marked_test_is_skipped_with_the_reason_where_its_tool_is_absent(suite):
    result = suite()
    result.assert_outcomes(passed=1, skipped=3, xfailed=1)
    result.stdout.fnmatch_lines(["*cluster: needs a unicorn*"])
    result.stdout.fnmatch_lines(["*weekly: takes minutes; OPTLIB_REQUIRE=weekly runs it*"])


def test_a_required_tool_that_is_absent_fails_the_test(suite):
    result = suite("cluster")
    result.assert_outcomes(passed=1, errors=1, skipped=2, xfailed=1)
    result.stdout.fnmatch_lines(["*OPTLIB_REQUIRE=cluster forbids this skip: *needs a unicorn*"])


def test_a_required_test_may_not_skip_itself_either(suite):
    suite("peers, cluster").assert_outcomes(passed=1, failed=1, errors=1, skipped=1, xfailed=1)


def test_weekly_tests_run_when_asked_for(suite):
    suite("weekly").assert_outcomes(passed=2, skipped=2, xfailed=1)


def test_an_unknown_requirement_is_refused(suite):
    result = suite("browsers")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*OPTLIB_REQUIRE names browsers; the markers are peers, browser, *"])


def test_a_file_that_skips_itself_as_a_whole_is_an_error(pytester, suite):
    pytester.makepyfile(test_whole="import pytest\npytest.importorskip('no_such_module')\n")
    result = suite()
    result.assert_outcomes(passed=0, errors=1)
    result.stdout.fnmatch_lines(["*skips itself as a whole; mark its tests instead*"])


def test_the_markers_of_conftest_are_those_of_pyproject():
    absent = runpy.run_path(str(HERE / "conftest.py"))["ABSENT"]
    declared = [line.split(":")[0] for line in PYPROJECT["tool"]["pytest"]["ini_options"]["markers"]]
    assert declared == list(absent)
