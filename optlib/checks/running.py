"""Run answers in another process and get data back: the trusted side of the pipe.

`Runner` keeps one worker process for one learner. A `Backend` says how such a process is started, and so how well it is
isolated; `PLAIN` is `python -I` with resource limits, which stops accidents and not determined attacks. The other one
is in `sandbox.py`.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from optlib.checks.ending import MARK, end
from optlib.checks.oracle import Oracle, reply_to
from optlib.checks.stream import Stream
from optlib.checks.worker import worker

__all__ = ["PLAIN", "Backend", "Runner"]

WORKER = Path(worker.__file__).resolve()
PACKAGE = WORKER.parents[2]
START = 60.0  # seconds that a process may take to start on a busy machine
MEMORY = 1 << 30  # bytes of address space
FILE = 16 << 20  # bytes of a written file
PROCESSES = 64  # processes and threads of an answer
SEAL = True  # answers may not start processes, where the kernel can be told so
USERS = range(61184, 65520)  # numbers that belong to no person: each worker that root starts gets one of them
PRINTED = 1 << 20  # bytes of standard output and error together
SETTLE = 5.0  # seconds that the end of a child may take
REPORTED = ("not_attempted", "missing", "syntax_error", "error", "memory", "output_limit")  # what a worker may say
KEPT = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "LANG")  # environment variables that Python may need to start


@dataclass(frozen=True)
class Backend:
    """How a worker is started.

    Attributes
    ----------
    isolation : the name that stands in reports.
    command : gives the command line; the worker's own argument is appended. A function at the top level of a module, so
        that a grading run can be sent to other processes.
    course : where the worker finds the modules of optlib that answers may import.
    folder : where answers write; None for a new folder for each process.
    limits : gives further limits, see `worker.serve`: the number of processes, and the user to become.
    """

    isolation: str
    command: Callable[[], list[str]]
    course: str = str(PACKAGE)
    folder: str | None = None
    limits: Callable[[], dict[str, Any]] = dict


def plain_command() -> list[str]:
    return [sys.executable, "-I", "-B", str(WORKER)]


def plain_limits() -> dict[str, Any]:
    """The number of processes is counted per user, so it adds to what runs already; root is not limited at all."""
    if os.name != "posix":
        return {}
    if os.getuid() == 0 and readable_by_all():
        return {"user": secrets.choice(USERS), "processes": PROCESSES}
    return {"processes": PROCESSES + running_tasks()}


@cache
def readable_by_all() -> bool:
    """Whether a user without rights could run this Python with this package."""
    folders = {Path(sys.prefix), Path(sys.base_prefix).resolve(), PACKAGE}
    return all(place.stat().st_mode & 0o5 == 0o5 for folder in folders for place in (folder, *folder.parents))


@cache
def running_tasks() -> int:
    """Processes and threads that run on this machine, where it can be counted; looked at once."""
    return sum(1 for _ in Path("/proc").glob("[0-9]*/task/*"))


PLAIN = Backend("none", plain_command, limits=plain_limits)


class Runner:
    """One learner's process: started when needed, killed with all its children, started again when it was killed.

    Parameters
    ----------
    backend : how to start it.
    memory : bytes of address space that an answer may use.
    fork : each answer runs in a fork of the process; otherwise each has a new process.
    """

    def __init__(self, backend: Backend = PLAIN, memory: int = MEMORY, fork: bool = worker.FORKS) -> None:
        self.backend = backend
        self.memory = memory
        self.fork = fork
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self._ready = False
        self._ending = threading.RLock()  # the end may be called for by several threads

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the process without waiting for it, so that the first answer finds it warm."""
        if self._process is not None:
            return
        limits: dict[str, Any] = {"memory": self.memory, "file": FILE, "fork": self.fork, "seal": SEAL}
        limits["course"] = self.backend.course
        limits |= self.backend.limits()
        self._user = limits.get("user")
        self._mark = secrets.token_hex(16)
        one_thread = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        kept = {key: os.environ[key] for key in KEPT if key in os.environ}
        self._process = subprocess.Popen(
            [*self.backend.command(), json.dumps(limits)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=tempfile.gettempdir(),
            env=kept | one_thread | {MARK: self._mark},
            start_new_session=True,
        )
        assert self._process.stdout and self._process.stderr
        self._replies = Stream(self._process.stdout, 4 * worker.REPLY_CAP, self._kill, keep=True)
        self._printed = Stream(self._process.stderr, PRINTED, self._kill, keep=False)
        self._ready = False

    def run(self, request: dict[str, Any], oracles: Sequence[Oracle] = ()) -> dict[str, Any]:
        """Have a request performed within its `seconds`.

        Parameters
        ----------
        request : what `Trial.request` holds.
        oracles : what answers the questions of an answer, one for each case; they count the questions.

        Returns
        -------
        dict
            The worker's reply, or a status: timeout, died, output_limit. Nothing that an answer does raises here.

        Raises
        ------
        RuntimeError
            When the process cannot be started at all.
        """
        self.start()
        try:
            self._await_start()
            return self._exchange(request | {"folder": self.backend.folder or self._own_folder()}, oracles)
        except BaseException:
            self.close()
            raise

    def _own_folder(self) -> str:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="answer-"))
            if self._user is not None:
                os.chown(self._folder, self._user, self._user)
        return str(self._folder)

    def close(self) -> None:
        """Kill the process, its children, and remove its folder."""
        if self._process is None:
            return
        self._kill()
        assert self._process.stdin
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._replies.abandoned = self._printed.abandoned = True
        self._process = None
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _await_start(self) -> None:
        if self._ready:
            return
        try:
            self._ready = self._receive(time.monotonic() + START) == {"ready": True}
        except (EOFError, TimeoutError, ValueError):
            said = self._printed.data.decode(errors="replace")
            raise RuntimeError(f"the process that runs answers did not start: {said}") from None

    def _exchange(self, request: dict[str, Any], oracles: Sequence[Oracle]) -> dict[str, Any]:
        seconds = request["seconds"]
        self._printed.count = 0
        deadline = time.monotonic() + seconds
        try:
            self._send(worker.pack(request), seconds)
            reply = self._receive(deadline)
            while oracles and isinstance(reply, dict) and "oracle" in reply:
                self._send(worker.pack(reply_to(reply, oracles)), max(0.0, deadline - time.monotonic()))
                reply = self._receive(deadline)
            if self.fork and isinstance(reply, dict) and "ended" in reply:
                if self._flooded():  # the note of a child that was killed for this may still come through
                    raise EOFError
                return self._died(reply["ended"], seconds)
            if not self._is_reply(reply, len(request["cases"])):
                raise ValueError("not a reply")
        except TimeoutError:
            self.close()
            return {"status": "timeout", "seconds": seconds}
        except (EOFError, OSError, ValueError):
            flooded = self._flooded()
            self.close()
            if time.monotonic() >= deadline:  # a process that does not read is killed by the watchdog
                return {"status": "timeout", "seconds": seconds}
            return {"status": "output_limit"} if flooded else {"status": "died"}
        self._settle()
        return reply

    def _settle(self) -> None:
        """Wait for the note that the child is gone; if it does not come, the next answer gets a new process."""
        try:
            note = self._receive(time.monotonic() + SETTLE) if self.fork else None
            if isinstance(note, dict) and "ended" in note:
                return
        except (EOFError, TimeoutError, ValueError):
            pass
        self.close()

    def _flooded(self) -> bool:
        return self._printed.overflowed or self._replies.overflowed

    def _died(self, code: Any, seconds: float) -> dict[str, Any]:
        if code == -signal.SIGXCPU:
            return {"status": "timeout", "seconds": seconds}
        return {"status": "died", "exit": code}

    @staticmethod
    def _is_reply(reply: Any, cases: int) -> bool:
        """Whether a reply has the form of one; what is in it is looked at by those who compare."""
        if not isinstance(reply, dict):
            return False
        if "cases" not in reply:
            return reply.get("status") in REPORTED and isinstance(reply.get("error", {}), dict)
        if not isinstance(reply["cases"], list) or len(reply["cases"]) != cases:
            return False
        return all(
            isinstance(case, dict)
            and (isinstance(case.get("error"), dict) or ("value" in case and isinstance(case.get("inputs"), dict)))
            for case in reply["cases"]
        )

    def _send(self, frame: bytes, seconds: float) -> None:
        assert self._process and self._process.stdin
        watchdog = threading.Timer(seconds, self._kill)  # a stopped process would block the writing
        watchdog.start()
        try:
            worker.send(self._process.stdin.fileno(), frame)
        finally:
            watchdog.cancel()

    def _receive(self, deadline: float) -> Any:
        text, raw = worker.HEADER.unpack(self._replies.read(worker.HEADER.size, deadline))
        if max(text, raw) > worker.REPLY_CAP:
            raise ValueError("a frame larger than the cap")
        return worker.unpack(self._replies.read(text, deadline), self._replies.read(raw, deadline))

    def _kill(self) -> None:
        """End the process with everything that it started."""
        with self._ending:
            if self._process is not None:
                end(self._process, self._mark)
