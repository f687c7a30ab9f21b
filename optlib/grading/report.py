"""What a grading run found: data for programs, a table for people."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from json import dumps
from pathlib import Path
from typing import Any

from optlib.checks.verdict import STATUSES, printable

__all__ = ["Report", "Submission", "TaskResult"]


@dataclass(frozen=True)
class TaskResult:
    """One task of one submission; `status` is one of `optlib.checks.verdict.STATUSES`."""

    id: str
    status: str
    points: float
    max_points: int
    message: str


@dataclass(frozen=True)
class Submission:
    """One file.

    Attributes
    ----------
    file, student, sha256 : which file, whose, and what exactly it held (empty when it could not be opened).
    status : ok, unreadable, or wrong_file (a notebook, but not the exercise that it should be).
    score, max_score : sums over the tasks; tasks graded by hand count 0 until a person has read them.
    reason : why it could not be graded, for the person who grades; not part of the data.
    """

    file: str
    student: str
    sha256: str
    status: str
    score: float = 0
    max_score: int = 0
    tasks: tuple[TaskResult, ...] = ()
    reason: str = field(default="", compare=False)


@dataclass(frozen=True)
class Report:
    """All submissions of one run, in the order given."""

    grader: str
    isolation: str
    seed: int
    submissions: tuple[Submission, ...]

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data, as it stands in the JSON file."""
        data = asdict(self)
        data["submissions"] = [
            {key: value for key, value in submission.items() if key != "reason"} | {"tasks": list(submission["tasks"])}
            for submission in data["submissions"]
        ]
        return data

    def write(self, path: str | Path) -> None:
        """Write the JSON file; an interrupted run leaves the earlier one whole."""
        path = Path(path)
        new = path.with_name(path.name + ".new")
        new.write_text(dumps(self.as_dict(), indent=1) + "\n", encoding="utf-8")
        os.replace(new, path)

    @property
    def exit_code(self) -> int:
        """0 when every submission could be read and was the right exercise, 1 otherwise."""
        return int(any(submission.status != "ok" for submission in self.submissions))

    def __str__(self) -> str:
        lines = []
        for submission in self.submissions:
            student = submission.student or "(student unknown: the rule finds none)"
            head = f"{student}  {submission.file}  "
            if submission.status != "ok":
                lines += [f"{head}{submission.status}: {submission.reason}", ""]
                continue
            by_hand = sum(task.max_points for task in submission.tasks if task.status == "manual")
            open_ = f", {by_hand} more to be given by hand" if by_hand else ""
            lines.append(f"{head}{submission.score:g} of {submission.max_score} points{open_}")
            for task in submission.tasks:
                points = f"{task.points:g}/{task.max_points}"
                text = "" if task.status == "correct" else f"  {task.message}"
                lines.append(f"  {task.id}  {points:>5}  {STATUSES[task.status]}{text}")
            lines.append("")
        read = sum(submission.status == "ok" for submission in self.submissions)
        lines.append(f"{read} of {len(self.submissions)} graded, isolation: {self.isolation}, seed {self.seed}")
        return printable("\n".join(lines))
