"""CSV files: marks in nbgrader's order of columns, and essays for grading by hand."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from optlib.checks import catalogue
from optlib.checks.running import PACKAGE
from optlib.grading.report import READ, Report, Submission

__all__ = ["merge_essays", "write_essays", "write_marks"]

MARKS = (  # as `nbgrader export` writes them
    "assignment",
    "duedate",
    "timestamp",
    "student_id",
    "last_name",
    "first_name",
    "email",
    "raw_score",
    "late_submission_penalty",
    "score",
    "max_score",
)
ESSAYS = ("student", "file", "sha256", "task", "title", "rubric", "text", "max_points", "points", "comment")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with these a spreadsheet takes a text for a formula


def write_marks(report: Report, path: str | Path) -> None:
    """Write one line for each submission; what could not be graded has no score rather than none."""
    rows = []
    for submission in report.submissions:
        score = f"{submission.score:g}" if submission.status == "ok" else ""
        row = dict.fromkeys(MARKS, "") | {"assignment": assignment(submission.chapter)}
        row |= {"student_id": plain(submission.student), "max_score": str(submission.max_score)}
        rows.append(row | {"raw_score": score, "score": score, "late_submission_penalty": "0.0"})
    write(path, MARKS, rows)


def assignment(chapter: str) -> str:
    """The name of an exercise, such as 03_momentum."""
    found = sorted((PACKAGE.parent / "exercises").glob(f"{chapter}_*.ipynb")) if chapter else []
    return found[0].stem if found else chapter


def write_essays(report: Report, path: str | Path) -> int:
    """Write what a person has to read, with the rubric; `points` and `comment` are to be filled in.

    Returns
    -------
    int
        How many essays there are.
    """
    rows = []
    for submission in report.submissions:
        for id, text in submission.essays.items():
            task = catalogue.task(id)
            rows.append(
                {
                    "student": plain(submission.student),
                    "file": plain(submission.file),
                    "sha256": submission.sha256,
                    "task": id,
                    "title": task.title,
                    "rubric": "; ".join(task.rubric),
                    "text": plain(text),
                    "max_points": str(task.points),
                }
            )
    write(path, ESSAYS, rows)
    return len(rows)


def merge_essays(report: Report, path: str | Path) -> Report:
    """Put the points of a filled-in file of essays into a report; a line without points stays open.

    Raises
    ------
    ValueError
        When a line belongs to no essay of the report, or its points cannot be given; nothing is merged then.
    """
    given: dict[tuple[str, str, str], tuple[float, str]] = {}
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            where = f"{path}, entry {number - 1}"
            try:
                key = (row["file"].removeprefix("'"), row["sha256"], row["task"])
                said = row["points"].strip().replace(",", ".")
                comment = (row.get("comment") or "").strip()
            except (KeyError, AttributeError):
                raise ValueError(f"{where}: the columns are not those that `--essays` writes") from None
            if not said:
                continue
            try:
                points = float(said)
            except ValueError:
                raise ValueError(f"{where}: the points must be a number, got {said!r}") from None
            if key in given and given[key] != (points, comment):
                raise ValueError(f"{where}: this essay has other points in an earlier entry")
            given[key] = points, comment
    merged = tuple(with_essays(submission, given) for submission in report.submissions)
    if given:
        file_name, _, task = next(iter(given))
        raise ValueError(f"{path}: the report has no essay {task} in {file_name}, as it was when it was collected")
    return replace(report, submissions=merged)


def with_essays(submission: Submission, given: dict[tuple[str, str, str], tuple[float, str]]) -> Submission:
    """A submission with the points given for its essays, which are taken out of what is given."""
    tasks = []
    for task in submission.tasks:
        if task.status == "manual" and (mark := given.pop((submission.file, submission.sha256, task.id), None)):
            points, comment = mark
            if not 0 <= points <= task.max_points:
                bounds = f"between 0 and {task.max_points}"
                raise ValueError(f"{submission.file}, {task.id}: the points must lie {bounds}, got {points:g}")
            message = f"{READ} {comment}".strip()
            task = replace(task, points=points, message=message)
        tasks.append(task)
    return replace(submission, tasks=tuple(tasks), score=sum(task.points for task in tasks))


def plain(text: str) -> str:
    """A text that a spreadsheet shows rather than computes: students write it."""
    return f"'{text}" if text.startswith(FORMULA) else text


def write(path: str | Path, columns: tuple[str, ...], rows: Iterable[dict[str, str]]) -> None:
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
