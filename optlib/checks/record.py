"""What a learner has done so far: kept in the progress file; outside a folder `my`, as long as the session lasts."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from optlib.checks.verdict import STATUSES, Verdict
from optlib.progress_file import FILE, home, write

__all__ = ["Record"]


class Record:
    """Per task: the best status and points, how often it was checked, how many hints were taken.

    It is read again before each change, so that two notebooks open at once do not forget each other's tasks.
    """

    def __init__(self) -> None:
        self._tasks: dict[str, dict[str, Any]] = {}
        self._others: dict[str, Any] = {}  # what else the file holds: it is not ours, and stays
        self.notice = ""  # what the learner should know about the file

    def task(self, id: str) -> dict[str, Any]:
        """What is known about a task."""
        self._load()
        return {"status": "not_attempted", "points": 0, "checks": 0, "hints": 0} | self._tasks.get(id, {})

    def checked(self, id: str, verdict: Verdict) -> None:
        """Note a check; what was right once stays right."""
        known = self.task(id)
        known["checks"] += 1
        if known["status"] != "correct":
            known["status"] = "not_attempted" if verdict.status == "missing" else verdict.status
        known["points"] = max(known["points"], verdict.points)
        self._save(id, known)

    def hinted(self, id: str) -> int:
        """Note that one more hint was taken and say how many were taken before."""
        known = self.task(id)
        known["hints"] += 1
        self._save(id, known)
        return known["hints"] - 1

    def _load(self) -> None:
        folder = home()
        if folder is None or not (folder / FILE).exists():
            return
        try:
            content = json.loads((folder / FILE).read_text(encoding="utf-8"))
            self._tasks |= sound(content)
            self._others = content
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            kept = free_name(folder)
            with contextlib.suppress(OSError):
                os.replace(folder / FILE, kept)
                self.notice = f"{FILE} could not be read. It is kept as {kept.name}, and a new one begun."
        except OSError as error:
            self.notice = f"{FILE} could not be opened ({error.strerror})."

    def _save(self, id: str, known: dict[str, Any]) -> None:
        self._tasks[id] = known
        folder = home()
        if folder is None:
            return
        try:
            write(folder, self._others | {"tasks": dict(sorted(self._tasks.items()))})
        except OSError as error:
            self.notice = f"Progress could not be kept in {FILE} ({error.strerror})."


def sound(raw: Any) -> dict[str, dict[str, Any]]:
    """The tasks of a file; raises when they are not what `_save` writes."""
    tasks = raw["tasks"]
    for known in tasks.values():
        if known["status"] not in STATUSES or not all(
            isinstance(known[key], (int, float)) for key in ("points", "checks", "hints")
        ):
            raise ValueError("a task is not as it should be")
    return dict(tasks)


def free_name(folder: Path) -> Path:
    """A name for a damaged file that overwrites no earlier one."""
    number = 1
    while (kept := folder / f"progress-damaged-{number}.json").exists():
        number += 1
    return kept
