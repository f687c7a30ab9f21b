"""Grade a repository of GitHub Classroom; the workflow that `optlib release --github` writes calls this file.

`python -m optlib.grading.github grade NAME...` leaves a report; `... passed task-01-1` turns a task into an exit code.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

REPORT = "report.json"


def grade_repository(names: list[str]) -> int:
    """Grade the student's copy of each exercise in my/, or else the one in exercises/."""
    from optlib.grading import grade  # here: an exit code needs no grader

    places = [(Path("my", name), Path("exercises", name)) for name in names]
    print(grade([mine if mine.exists() else other for mine, other in places], student=lambda path: "", json=REPORT))
    return 0


def passed(id: str) -> int:
    """0 when a task has all its points; prints what became of it."""
    submissions = json.loads(Path(REPORT).read_text(encoding="utf-8"))["submissions"]
    for task in (task for submission in submissions for task in submission["tasks"]):
        if "task-" + task["id"].replace(".", "-") == id:
            print(f"{task['points']:g} of {task['max_points']} points. {task['message']}")
            return int(task["points"] < task["max_points"])
    print("The notebook could not be graded; the step before says why.")
    return 1


if __name__ == "__main__":
    sys.exit(grade_repository(sys.argv[2:]) if sys.argv[1] == "grade" else passed(sys.argv[2]))
