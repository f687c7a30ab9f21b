"""The course's own notebooks with the course's own grader: solutions earn all, exercises nothing and no complaint."""

import json
from pathlib import Path

import pytest

from optlib.checks import catalogue
from optlib.checks.notebook import read
from optlib.checks.verdict import defines
from optlib.grading import grade

ROOT = Path(__file__).parents[2]

solutions = pytest.mark.parametrize("path", sorted((ROOT / "solutions").glob("*.ipynb")), ids=lambda path: path.stem)
exercises = pytest.mark.parametrize("path", sorted((ROOT / "exercises").glob("*.ipynb")), ids=lambda path: path.stem)


def tasks_of(path):
    (submission,) = grade(path).submissions
    assert submission.status == "ok", submission.reason
    return submission.tasks


@solutions
def test_a_solution_earns_every_point_that_is_not_given_by_hand(path):
    for task in tasks_of(path):
        assert task.status in ("correct", "manual"), f"{task.id}: {task.message}"


@exercises
def test_an_untouched_exercise_is_not_attempted_everywhere(path):
    for task in tasks_of(path):
        assert task.status == "not_attempted", f"{task.id}: {task.message}"


@exercises
def test_answers_are_found_when_all_metadata_are_lost(path, tmp_path):
    solution = json.loads((ROOT / "solutions" / path.name).read_text())
    for cell in solution["cells"]:
        cell["metadata"] = {}
        cell.pop("id", None)
    stripped = tmp_path / path.name
    stripped.write_text(json.dumps(solution))
    for task in tasks_of(stripped):
        assert task.status in ("correct", "manual"), f"{task.id}: {task.message}"


@exercises
def test_only_the_answers_cell_defines_the_answers_name(path):
    notebook = read(path)
    for task in catalogue.tasks(notebook.chapter):
        cells = [cell for cell in notebook.code if task.name and defines(cell.source, task.name)]
        assert all(cell.task == task.id for cell in cells), f"{task.id}: call it otherwise where it is not the answer"
