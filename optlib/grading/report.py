"""What a grading run found: data for programs, a table for people."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict, dataclass, field
from json import dumps, loads
from pathlib import Path
from typing import Any

from optlib.checks.verdict import STATUSES, printable

__all__ = ["Graded", "Report", "Submission", "TaskResult"]

READ = "Read by a person."  # how the message of an essay begins that has its points
PRIVATE = ("reason", "essays", "rule")  # what does not stand in the JSON file


@dataclass(frozen=True)
class TaskResult:
    """One task of one submission; `status` is one of `optlib.checks.verdict.STATUSES`."""

    id: str
    status: str
    points: float
    max_points: int
    message: str

    @property
    def waits(self) -> bool:
        """Whether a person is still to read it."""
        return self.status == "manual" and not self.message.startswith(READ)


@dataclass(frozen=True)
class Graded:
    """What became of a notebook's bytes, whoever handed them in.

    Attributes
    ----------
    status : ok, unreadable, or wrong_file.
    tasks : one for each task of its chapter; none unless ok.
    max_score : the sum of the tasks' points, also where it could not be graded but its chapter is known.
    reason : why it could not be graded.
    essays : the texts that a person grades, by task.
    """

    status: str
    max_score: int
    tasks: tuple[TaskResult, ...] = ()
    reason: str = ""
    essays: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Submission:
    """One file.

    Attributes
    ----------
    file, student, sha256 : which file, whose, and what exactly it held (empty when it could not be opened).
    status : ok, unreadable, or wrong_file (a notebook, but not the exercise that it should be).
    score, max_score : sums over the tasks; tasks graded by hand count 0 until a person has read them.
    reason : why it could not be graded, for the person who grades; not part of the data.
    essays : the texts that a person grades, by task; not part of the data.
    rule : what says whose it is; not part of the data.
    """

    file: str
    student: str
    sha256: str
    status: str
    score: float = 0
    max_score: int = 0
    tasks: tuple[TaskResult, ...] = ()
    reason: str = field(default="", compare=False)
    essays: dict[str, str] = field(default_factory=dict, compare=False)
    rule: str = field(default="", compare=False)

    @property
    def chapter(self) -> str:
        """The two digits of its exercise; empty when it could not be graded."""
        return self.tasks[0].id[:2] if self.tasks else ""


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
            {key: value for key, value in submission.items() if key not in PRIVATE}
            | {"tasks": list(submission["tasks"])}
            for submission in data["submissions"]
        ]
        return data

    @classmethod
    def read(cls, path: str | Path) -> Report:
        """Read a JSON file again.

        Raises
        ------
        ValueError
            When it is no report.
        """
        try:
            data = loads(Path(path).read_text(encoding="utf-8"))
            submissions = []
            for submission in data.pop("submissions"):
                tasks = tuple(TaskResult(**task) for task in submission.pop("tasks"))
                submissions.append(Submission(**submission, tasks=tasks))
            return cls(**data, submissions=tuple(submissions))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"{path} is no report of `optlib grade`: {error}") from None

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
            by_hand = sum(task.max_points for task in submission.tasks if task.waits)
            open_ = f", {by_hand} more to be given by hand" if by_hand else ""
            lines.append(f"{head}{submission.score:g} of {submission.max_score} points{open_}")
            for task in submission.tasks:
                points = f"{task.points:g}/{task.max_points}"
                text = "" if task.status == "correct" else f"  {task.message}"
                lines.append(f"  {task.id}  {points:>5}  {STATUSES[task.status]}{text}")
            lines.append("")
        lines += self._about_students()
        read = sum(submission.status == "ok" for submission in self.submissions)
        lines.append(f"{read} of {len(self.submissions)} graded, isolation: {self.isolation}, seed {self.seed}")
        return printable("\n".join(lines))

    def _about_students(self) -> list[str]:
        """Say by which rules students were found, and who has handed in an exercise more than once."""
        rules = Counter(submission.rule for submission in self.submissions if submission.student and submission.rule)
        found = ", ".join(f"{rule} ({count})" for rule, count in rules.most_common())
        lines = [f"students by {found}"] if found else []
        handed = Counter(
            (submission.student, submission.chapter)
            for submission in self.submissions
            if submission.student and submission.chapter
        )
        for (student, chapter), count in handed.items():
            if count > 1:
                lines.append(f"{student} has handed in exercise {chapter} {count} times: all are in the report")
        return lines
