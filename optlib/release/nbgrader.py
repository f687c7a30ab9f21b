"""An nbgrader course directory: nbgrader hands out, collects, shows essays to a person, and writes feedback.

nbgrader runs answers and checks in one process, where an answer can change its own mark. So `optlib grade` gives the
marks, and `marks` writes them into nbgrader's database, over those of `nbgrader autograde`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat

from optlib.authoring import BEGIN, END, STUB, read_course, to_notebook
from optlib.lab import CourseError
from optlib.release.files import Released, exercises

__all__ = ["marks", "nbgrader"]

CONFIG = f'''"""nbgrader's configuration for the optimizer course, written by `optlib release`."""

c = get_config()

c.CourseDirectory.course_id = "optimizers"
c.ClearSolutions.code_stub = {{"python": "{STUB["code"]}"}}
c.ClearSolutions.text_stub = "{STUB["markdown"]}"
c.ExecutePreprocessor.timeout = 60
'''
HIDDEN = """
### BEGIN HIDDEN TESTS
import optlib.checks

feedback = optlib.checks.check("{id}")
display(feedback)
feedback.points
### END HIDDEN TESTS"""


def nbgrader(root: Path | str, target: Path | str, chapters: Sequence[str] = ()) -> Released:
    """Write `source/NAME/NAME.ipynb` and nbgrader's configuration."""
    root, target, done = Path(root), Path(target), Released()
    names = [file.stem for file in exercises(root, chapters)]
    sources = {source.name: source for source in read_course(root)[0] if source.kind == "exercise"}
    for name in names:
        if name not in sources:
            raise CourseError(f"course/{name}/exercise.md is not there: run this in the course's repository")
        text = nbformat.writes(with_markers(sources[name])).rstrip("\n") + "\n"
        done.write(target / "source" / name / f"{name}.ipynb", text)
    done.write(target / "nbgrader_config.py", CONFIG)
    done.then = [f"Next, in {target}: nbgrader generate_assignment {names[0]}"]
    return done


def with_markers(source: Any) -> Any:
    """The exercise with solutions between nbgrader's markers, and checks that report points to nbgrader."""
    notebook = to_notebook(source, with_solutions=False)
    answers = {cell.metadata["task"]: cell for cell in source.cells if "task" in cell.metadata}
    for cell in notebook.cells:
        ours = cell.metadata.get("optlib", {})
        if "task" in ours:
            cell.source = answers[ours["task"]].source
            kind = cell.cell_type
            assert BEGIN[kind] in cell.source and END[kind] in cell.source  # the build refuses answers without
        elif "check" in ours:
            cell.source += HIDDEN.format(id=ours["check"])
    return notebook


def marks(target: Path | str, report: Path | str) -> Released:
    """Write the marks of a report into nbgrader's database, as marks given by hand, with the messages as comments.

    Essays are left as they are. Students and submissions that nbgrader does not know yet are added.

    Raises
    ------
    CourseError
        When there is no report, no database, or an assignment that was not generated.
    """
    try:
        from nbgrader.api import Gradebook, MissingEntry
    except ImportError:
        raise CourseError("nbgrader is not installed here: run `pip install nbgrader`") from None
    target, done = Path(target), Released()
    if not (target / "gradebook.db").exists():
        raise CourseError(f"{target} has no gradebook.db: run `nbgrader generate_assignment` there first")
    try:
        submissions = json.loads(Path(report).read_text(encoding="utf-8"))["submissions"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CourseError(f"{report} is no report of `optlib grade --json` ({error})") from None
    with Gradebook(f"sqlite:///{target / 'gradebook.db'}") as book:
        names = {assignment.name[:2]: assignment.name for assignment in book.assignments}
        for submission in submissions:
            student, tasks = submission["student"], submission["tasks"]
            if not student or submission["status"] != "ok" or not tasks:
                done.kept.append(f"{submission['file']}: {submission['status'] if student else 'student unknown'}")
                continue
            name = names.get(tasks[0]["id"][:2])
            if name is None:
                raise CourseError(f"chapter {tasks[0]['id'][:2]} was not generated with nbgrader in {target}")
            book.update_or_create_student(student)
            book.update_or_create_submission(name, student)
            for task in tasks:
                cell = task["id"].replace(".", "-")
                try:
                    grade = book.find_grade(f"check-{cell}", name, name, student)
                except MissingEntry:
                    continue  # an essay: a person reads it
                grade.manual_score, grade.needs_manual_grade = task["points"], False
                book.find_comment(f"task-{cell}", name, name, student).manual_comment = task["message"]
            book.db.commit()
            done.written.append(f"{student}, {name}")
    return done
