"""Feedback for students: one page of HTML each, complete in itself."""

from __future__ import annotations

import hashlib
import re
from html import escape
from pathlib import Path

from optlib.checks import catalogue
from optlib.checks.verdict import STATUSES
from optlib.grading.report import Report, Submission, TaskResult

__all__ = ["write_pages"]

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Feedback for {student}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #8886 }}
td:nth-child(2) {{ white-space: nowrap }}
</style>
<h1>Feedback for {student}</h1>
{sections}
<footer><small>Graded with optlib {grader}, inputs drawn from seed {seed}.</small></footer>
</html>
"""


def write_pages(report: Report, folder: str | Path) -> int:
    """Write a page for each student into a folder; submissions without a known student have one each.

    Returns
    -------
    int
        How many pages there are.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    students: dict[str, list[Submission]] = {}
    for submission in report.submissions:
        students.setdefault(submission.student or f"unknown student, {submission.file}", []).append(submission)
    names: set[str] = set()
    for student, submissions in students.items():
        sections = "\n".join(map(section, submissions))
        page = PAGE.format(student=escape(student), sections=sections, grader=report.grader, seed=report.seed)
        (folder / file_name(student, names)).write_text(page, encoding="utf-8")
    return len(students)


def file_name(student: str, taken: set[str]) -> str:
    """A name of a file for a student, whatever letters are in the student's name; no two are the same."""
    name = re.sub(r"[^\w@.-]+", "_", student)[:80].strip("._") or "student"
    if name != student or name.lower() in taken:
        name = f"{name}-{hashlib.sha256(student.encode()).hexdigest()[:8]}"
    taken.add(name.lower())
    return f"{name}.html"


def section(submission: Submission) -> str:
    """What became of one file."""
    title = f"<h2>{escape(Path(submission.file).name)}</h2>"
    if submission.status != "ok":
        reason = submission.reason or {"wrong_file": "it is another file than the exercise"}.get(submission.status, "")
        return f"{title}<p>This file could not be graded: {escape(reason or 'it cannot be read')}.</p>"
    by_hand = sum(task.max_points for task in submission.tasks if task.waits)
    waiting = f", {by_hand} more to be given by hand" if by_hand else ""
    head = "<tr><th>Task</th><th>Points</th><th>What was found</th></tr>"
    rows = "\n".join(map(row, submission.tasks))
    score = f"{submission.score:g} of {submission.max_score} points{waiting}"
    return f"{title}<p><strong>{score}</strong></p><table>{head}{rows}</table>"


def row(task: TaskResult) -> str:
    title = next((known.title for known in catalogue.tasks(task.id[:2]) if known.id == task.id), "")
    status = "read by a person" if task.status == "manual" and not task.waits else STATUSES[task.status]
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(task.message))
    found = f"<strong>{escape(status)}</strong><br>{text}"
    return f"<tr><td>{task.id} {escape(title)}</td><td>{task.points:g} of {task.max_points}</td><td>{found}</td></tr>"
