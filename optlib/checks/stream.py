"""Read what comes out of an untrusted process: never more than a cap, never beyond a deadline."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from typing import IO

__all__ = ["TAIL", "Stream"]

TAIL = 2000  # bytes that are kept of what is not to be read as a whole


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
