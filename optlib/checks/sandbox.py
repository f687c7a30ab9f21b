"""The sandboxed back end: bubblewrap around the worker (Linux).

Inside there is a Python that cannot be written to, NumPy, the worker's folder, those modules of optlib that an answer
may use, and 16 MB to write into. There is no network, and no process, file or user of the machine to be seen. When its
first process ends, the kernel ends all others.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import Any

from optlib.checks.running import PACKAGE, PLAIN, PROCESSES, USERS, WORKER, Backend, Runner, running_tasks
from optlib.checks.worker import course

__all__ = ["SANDBOX", "choose", "reason_against"]

ROOM = 16 << 20  # bytes that an answer may write in all
INSIDE = Path("/course")
LOADERS = ("/lib", "/lib64", "/usr/lib64")  # where programs look for what loads their libraries
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
PACKAGES = ("numpy", "numpy.libs", "tqdm")  # beside the standard library; the second holds NumPy's BLAS on Linux
TRIAL = {  # an answer that needs everything that is mounted
    "source": "import optlib.training, optlib.problems, optlib.schedules\nanswer = np.ones(2)",
    "name": "answer",
    "harness": "def run(answer):\n    return answer",
    "function": "run",
    "cases": [{}],
    "oracle": False,
    "seconds": 60.0,
}
COUNTS_BY_NAMESPACE = (5, 14)  # the Linux from which processes are counted within a namespace


def choose(require: bool = False) -> Backend:
    """The sandbox where it works, or else the plain back end.

    Raises
    ------
    ValueError
        When a sandbox is required and does not work; the message says why.
    """
    reason = reason_against()
    if reason is None:
        return SANDBOX
    if require:
        raise ValueError(f"a sandbox is required, but {reason}")
    return PLAIN


@cache
def reason_against() -> str | None:
    """Why the sandbox does not work here, found by trying it; None when it works."""
    if sys.platform != "linux":
        return "bubblewrap needs Linux"
    if shutil.which("bwrap") is None:
        return "bwrap is not installed (the package is called bubblewrap)"
    try:
        with Runner(SANDBOX) as runner:
            reply = runner.run(TRIAL)
        said = "" if "cases" in reply else str(reply)
    except (RuntimeError, OSError) as error:
        said = " ".join(str(error).split())[-300:]
    return f"bubblewrap (0.8 or newer) does not work here, as is usual within containers: {said}" if said else None


def command() -> list[str]:
    """The command line that starts a worker in a sandbox."""
    return [*arguments(), "--", str(Path(sys.executable).resolve()), "-s", "-E", "-B", str(INSIDE / WORKER.name)]


def limits() -> dict[str, Any]:
    """Root's worker becomes a user of its own, as root's processes are not limited; others count by namespace."""
    if os.getuid() == 0:
        return {"user": secrets.choice(USERS), "processes": PROCESSES}
    release = tuple(int(part) for part in os.uname().release.split(".")[:2])
    return {"processes": PROCESSES + (0 if release >= COUNTS_BY_NAMESPACE else running_tasks())}


@cache
def arguments() -> tuple[str, ...]:
    """What bubblewrap is told; the same for every worker."""
    told = ["bwrap", "--die-with-parent", "--new-session", "--hostname", "sandbox"]
    told += ["--unshare-pid", "--unshare-ipc", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    if os.getuid() == 0:  # the worker needs these two to become another user, and loses them by it
        told += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        told += ["--unshare-user", "--disable-userns", "--uid", "65534", "--gid", "65534"]
    mounts = [*python(), *learners_optlib(), *(["--dev-bind", device, device] for device in DEVICES)]
    for folder in sorted({parent for mount in mounts for parent in Path(mount[-1]).parents[:-1]}):
        told += ["--perms", "0755", "--dir", str(folder)]  # bubblewrap's own would be closed to other users
    for mount in mounts:
        told += mount
    told += ["--proc", "/proc", "--perms", "1777", "--size", str(ROOM), "--tmpfs", "/tmp"]
    told += ["--chdir", "/tmp", "--remount-ro", "/"]
    return tuple(told)


def python() -> list[list[str]]:
    """Mount the interpreter and its libraries, without the packages installed for it except a few."""
    folders = {Path(os.__file__).resolve().parent, *library_folders()}
    folders |= {place.resolve() for place in map(Path, LOADERS) if place.is_dir() and place != Path("/lib")}
    folders = {folder for folder in folders if not any(other in folder.parents for other in folders)}

    def covered(place: Path) -> bool:
        return any(folder in place.parents for folder in folders)

    hidden = {found for folder in folders for depth in ("", "python*/") for found in folder.glob(depth + "*-packages")}
    hidden |= {place for place in (PACKAGE, PACKAGE.parent) if covered(place)}
    files = [Path(sys.executable).resolve(), Path("/etc/ld.so.cache"), *Path("/usr/lib").glob("ld-*.so*")]
    links = [place for place in map(Path, LOADERS) if place.is_symlink()]
    packages = [(place, INSIDE / name) for name in PACKAGES if (place := beside_numpy(name))]
    return [
        *(["--ro-bind", str(folder), str(folder)] for folder in sorted(folders)),
        *(
            ["--tmpfs", str(folder), "--remount-ro", str(folder)]
            for folder in sorted(hidden)
            if not folder.is_symlink()
        ),
        *(["--symlink", os.readlink(place), str(place)] for place in links),
        *(["--ro-bind", str(file), str(file)] for file in files if file.exists() and not covered(file)),
        *(["--ro-bind", str(place), str(inside)] for place, inside in packages),
    ]


def library_folders() -> set[Path]:
    """The folders of the system's and of Python's libraries that this process has loaded, for NumPy and ctypes too."""
    mapped = (line.split(maxsplit=5)[5:] for line in Path("/proc/self/maps").read_text().splitlines())
    folders = {Path(name[0]).parent for name in mapped if name and ".so" in name[0]}
    return {folder for folder in folders if "-packages" not in str(folder) and PACKAGE.parent not in folder.parents}


def beside_numpy(name: str) -> Path | None:
    """The folder of a package, or of libraries that lie beside NumPy."""
    spec = importlib.util.find_spec(name.partition(".")[0])
    assert spec is not None and spec.origin is not None
    place = Path(spec.origin).resolve().parent
    place = place.parent / name
    return place if place.is_dir() else None


def learners_optlib() -> list[list[str]]:
    """Mount the worker's folder, and the modules of optlib that an answer may use with their compiled forms."""
    pairs = [(file, INSIDE / file.name) for file in WORKER.parent.glob("[!_]*.py")]
    for name in course.MODULES:
        place = PACKAGE / name
        source = place.with_suffix(".py")
        files = [place] if place.is_dir() else [source, Path(importlib.util.cache_from_source(str(source)))]
        pairs += [(file, INSIDE / "optlib" / file.relative_to(PACKAGE)) for file in files if file.exists()]
    return [["--ro-bind", str(file), str(inside)] for file, inside in pairs]


SANDBOX = Backend("bubblewrap", command, course=str(INSIDE / "optlib"), folder="/tmp", limits=limits)
