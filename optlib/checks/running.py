"""Run answers in another process and get data back: the trusted side of the pipe.

`Runner` keeps one worker process for one learner. A `Backend` says how such a process is started, and so how well it is
isolated; `PLAIN` is `python -I` with resource limits, which stops accidents and not determined attacks.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from optlib.checks.worker import worker

__all__ = ["PLAIN", "Backend", "Runner"]

WORKER = Path(worker.__file__).resolve()
START = 60.0  # seconds that a process may take to start on a busy machine
MEMORY = 1 << 30  # bytes of address space
FILE = 16 << 20  # bytes of a written file
PRINTED = 1 << 20  # bytes of standard output and error together
TAIL = 2000  # bytes of them that are kept
SETTLE = 5.0  # seconds that the end of a child may take
REPORTED = ("not_attempted", "missing", "syntax_error", "error", "memory", "output_limit")  # what a worker may say
KEPT = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "LANG")  # environment variables that Python may need to start


@dataclass(frozen=True)
class Backend:
    """How a worker is started.

    Attributes
    ----------
    isolation : the name that stands in reports.
    command : gives the command line; the worker's own argument is appended.
    """

    isolation: str
    command: Callable[[], list[str]]


PLAIN = Backend("none", lambda: [sys.executable, "-I", "-B", str(WORKER)])


class Stream:
    """What comes out of a pipe, read by a thread up to a cap, so that waiting for it can end at a deadline."""

    def __init__(self, pipe: IO[bytes], cap: int, overflow: Callable[[], None], keep: bool) -> None:
        self._pipe, self._cap, self._overflow, self._keep = pipe, cap, overflow, keep
        self._changed = threading.Condition()
        self._ended = False
        self.data = bytearray()  # not read yet; of what is not kept, the last bytes
        self.count = 0
        self.overflowed = False
        self.abandoned = False
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        with self._pipe:
            while not self.abandoned and (part := self._next()):
                with self._changed:
                    self.data += part
                    self.count += len(part)
                    self.overflowed |= (len(self.data) if self._keep else self.count) > self._cap
                    if not self._keep:
                        del self.data[:-TAIL]
                    self._changed.notify_all()
                if self.overflowed:
                    self._overflow()
                    break
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _next(self) -> bytes:
        """The next bytes; on POSIX it looks up now and then, as an escaped child may hold the pipe open for ever."""
        while os.name == "posix" and not select.select([self._pipe], [], [], 1.0)[0]:
            if self.abandoned:
                return b""
        return os.read(self._pipe.fileno(), 1 << 16)

    def read(self, size: int, deadline: float) -> bytes:
        """Take exactly so many bytes.

        Raises
        ------
        TimeoutError, EOFError
            When they have not come at the deadline, or will never come.
        """
        with self._changed:
            while len(self.data) < size:
                if self._ended:
                    raise EOFError
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError
            taken = bytes(self.data[:size])
            del self.data[:size]
            return taken


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

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the process without waiting for it, so that the first answer finds it warm."""
        if self._process is not None:
            return
        limits = json.dumps({"memory": self.memory, "file": FILE, "fork": self.fork})
        one_thread = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            [*self.backend.command(), limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=tempfile.gettempdir(),
            env={key: os.environ[key] for key in KEPT if key in os.environ} | one_thread,
            start_new_session=True,
        )
        assert self._process.stdout and self._process.stderr
        self._replies = Stream(self._process.stdout, 4 * worker.REPLY_CAP, self._kill, keep=True)
        self._printed = Stream(self._process.stderr, PRINTED, self._kill, keep=False)
        self._ready = False

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        """Have a request performed within its `seconds`.

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
            self._folder = self._folder or Path(tempfile.mkdtemp(prefix="answer-"))
            return self._exchange(request | {"folder": str(self._folder)})
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Kill the process, its children, and remove its folder."""
        if self._process is None:
            return
        self._kill()
        assert self._process.stdin
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait()
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

    def _exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        seconds = request["seconds"]
        self._printed.count = 0
        deadline = time.monotonic() + seconds
        try:
            self._send(worker.pack(request), seconds)
            reply = self._receive(deadline)
            if self.fork and isinstance(reply, dict) and "ended" in reply:
                return self._died(reply["ended"], seconds)
            if not self._is_reply(reply):
                raise ValueError("not a reply")
        except TimeoutError:
            self.close()
            return {"status": "timeout", "seconds": seconds}
        except (EOFError, OSError, ValueError):
            flooded = self._printed.overflowed or self._replies.overflowed
            self.close()
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

    def _died(self, code: Any, seconds: float) -> dict[str, Any]:
        if code == -signal.SIGXCPU:
            return {"status": "timeout", "seconds": seconds}
        return {"status": "died", "exit": code}

    @staticmethod
    def _is_reply(reply: Any) -> bool:
        """Whether a reply has the form of one; what is in it is looked at by those who compare."""
        if not isinstance(reply, dict):
            return False
        if "cases" not in reply:
            return reply.get("status") in REPORTED and isinstance(reply.get("error", {}), dict)
        return isinstance(reply["cases"], list) and all(
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
        """Kill the whole process group; the process is not reaped yet, so its number cannot be somebody else's."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
