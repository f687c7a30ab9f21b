"""Grade the one submission in Gradescope's folder and write its `results.json`.

`run_autograder` of the zip that `optlib release --gradescope` writes calls `python -m optlib.grading.gradescope`.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any

from optlib.grading import Report, grade


def main(folder: str, chapter: str, visibility: str) -> None:
    """Whatever was submitted, there is a `results/results.json` in Gradescope's format."""
    root = Path(folder)
    results: dict[str, Any] = {"score": 0, "visibility": visibility, "stdout_visibility": "hidden", "tests": []}
    try:
        report = grade([root / "submission"], chapter=chapter, student=lambda path: student(root))
        results |= judged(report, visibility)
    except Exception:  # students get a sentence, the instructor the rest, in Gradescope's log
        results["output"] = "The grader failed on this submission. Your instructor sees why."
        traceback.print_exc()
    (root / "results").mkdir(exist_ok=True)
    (root / "results" / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def judged(report: Report, visibility: str) -> dict[str, Any]:
    """The part of the results that depends on the answers."""
    good = [submission for submission in report.submissions if submission.status == "ok"]
    if len(good) != 1:
        said = [
            f"{Path(one.file).name}: {one.reason or 'there are several, hand in one'}" for one in report.submissions
        ]
        return {"output": "There is not one notebook that can be graded. " + "; ".join(said)}
    (submission,) = good
    tests = []
    for task in submission.tasks:
        test: dict[str, Any] = {"name": f"Task {task.id}", "output": task.message, "output_format": "text"}
        test["visibility"] = visibility
        if task.status != "manual":  # an essay: graded by hand, in a question of its own
            test |= {"score": task.points, "max_score": task.max_points}
            test["status"] = "passed" if task.status == "correct" else "failed"
        tests.append(test)
    again = {"grader": report.grader, "isolation": report.isolation, "seed": report.seed, "sha256": submission.sha256}
    return {"score": submission.score, "tests": tests, "extra_data": again}


def student(root: Path) -> str:
    """Whose submission it is, as Gradescope says."""
    try:
        users = json.loads((root / "submission_metadata.json").read_text(encoding="utf-8"))["users"]
        return ", ".join(str(user.get("email") or user.get("name")) for user in users)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""


if __name__ == "__main__":
    main(*sys.argv[1:])
