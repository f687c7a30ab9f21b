"""End a process with everything that it started, and be sure that it has ended."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["MARK", "end"]

MARK = "OPTLIB_ANSWERS"  # an environment variable by which processes are found that have lost their parents
ROUNDS = 50  # of killing what is found: a process may start others while it is looked for
PATIENCE = 1.0  # seconds a round: a killed process ends when it next runs, on a busy machine not at once
REAPED = 0.2  # seconds for a sandbox to follow its inner process, and leave no zombie where nobody collects them
PROC = Path("/proc")


def end(process: subprocess.Popen[bytes], mark: str) -> None:
    """Kill a worker, its descendants, and what bears its mark; when it returns they are gone.

    Parameters
    ----------
    process : the worker, or the sandbox around it; it was started in a session of its own.
    mark : the value of `MARK` in its environment.
    """
    orphaned = process.poll() is not None  # whatever ended it may have left children behind
    if sys.platform == "linux":
        for _ in range(ROUNDS):
            found = dict(descendants(process.pid)) if process.returncode is None else {}
            if not found:
                break
            orphaned |= len(found) > 2  # more than the inner process of a sandbox and a worker in it
            kill(found)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(REAPED)
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":  # not reaped yet, so its number cannot be somebody else's
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()
    if orphaned and sys.platform == "linux":
        for _ in range(ROUNDS):
            found = dict(marked(mark))
            if not found:
                break
            kill(found)


def kill(found: dict[int, int]) -> None:
    """Kill processes through their pidfds, which cannot come to mean another process, and wait for their end."""
    for handle in found.values():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE
    for handle in found.values():
        waiting = select.poll()  # unlike select, for any number of open files
        waiting.register(handle, select.POLLIN)
        waiting.poll(max(0.0, deadline - time.monotonic()) * 1000)
        os.close(handle)


def descendants(pid: int) -> Iterator[tuple[int, int]]:
    """Yield the number and a pidfd of each running descendant, parents first."""
    for child in children(pid):
        try:
            handle = os.pidfd_open(child)
        except OSError:
            continue
        state, parent = status(child)
        if parent != pid or state in "ZX":
            os.close(handle)
        else:
            yield child, handle
        yield from descendants(child)


def children(pid: int) -> list[int]:
    """The numbers of a process's children; each of its threads may have some."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(PROC / str(pid) / "task"):
            with contextlib.suppress(OSError):
                found += map(int, (PROC / str(pid) / "task" / thread / "children").read_text().split())
    return found


def status(pid: int) -> tuple[str, int]:
    """The state and the parent of a process."""
    try:
        state, parent = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[:2]
        return state, int(parent)
    except (OSError, ValueError):
        return "X", 0


def marked(mark: str) -> Iterator[tuple[int, int]]:
    """Yield the number and a pidfd of each running process that was started with a mark."""
    wanted = f"{MARK}={mark}".encode()
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        handle = None
        try:
            handle = os.pidfd_open(int(entry.name))
            if wanted in (entry / "environ").read_bytes().split(b"\0") and status(int(entry.name))[0] not in "ZX":
                yield int(entry.name), handle
                continue
        except OSError:
            pass
        if handle is not None:
            os.close(handle)
