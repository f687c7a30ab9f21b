"""What a class finds hard: how each task went, and the mistakes that were made most."""

from __future__ import annotations

from collections import Counter
from statistics import mean

from optlib.checks import catalogue
from optlib.checks.verdict import STATUSES
from optlib.grading.report import Report, TaskResult

__all__ = ["summary"]

SHOWN = 8  # mistakes


def summary(report: Report) -> str:
    """Return a table of the tasks and a list of the most frequent mistakes, for submissions that could be graded."""
    graded = [submission for submission in report.submissions if submission.status == "ok"]
    if not graded:
        return "Nothing could be graded."
    by_task: dict[str, list[TaskResult]] = {}
    for submission in graded:
        for task in submission.tasks:
            by_task.setdefault(task.id, []).append(task)
    lines = [f"{len(graded)} graded, {mean(one.score / max(one.max_score, 1) for one in graded):.0%} of the points"]
    for id, results in sorted(by_task.items()):
        counts = Counter(result.status for result in results)
        others = ", ".join(
            f"{STATUSES[status]} {count}" for status, count in counts.most_common() if status != "correct"
        )
        lines.append(f"  {id}  {counts['correct'] / len(results):4.0%} correct" + (f"; {others}" if others else ""))
    mistakes = Counter(found for results in by_task.values() for result in results if (found := mistake(result)))
    if mistakes:
        lines.append("most frequent mistakes")
        for (id, sentence), count in sorted(mistakes.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]:
            lines.append(f"  {count:4d}  {id}  {sentence}")
    return "\n".join(lines)


def mistake(result: TaskResult) -> tuple[str, str] | None:
    """The known mistake that a result is, as the task and its sentence."""
    task = next((known for known in catalogue.tasks(result.id[:2]) if known.id == result.id), None)
    for known in task.mistakes if task else ():
        if result.message.startswith(known.sentence):
            return result.id, known.sentence
    return None
