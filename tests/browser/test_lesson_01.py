"""Chapter 01 as a learner meets it: the lesson runs, its widget moves, the exercise answers."""

import re
import shutil
from pathlib import Path

import pytest

from optlib.lab import copy_notebooks

pytestmark = pytest.mark.browser

COURSE = Path(__file__).parents[2]
NAME = "01_gradient_descent.ipynb"


@pytest.fixture(scope="module")
def desk(lab):
    for folder in ("notebooks", "exercises"):
        shutil.copytree(COURSE / folder, lab.folder / folder)
    copy_notebooks(lab.folder)
    return lab


def test_the_lesson_runs_and_its_first_widget_moves_by_mouse_and_keyboard(desk):
    with desk.open(f"my/lessons/{NAME}") as lesson:
        lesson.run_all(timeout=180)
        assert lesson.errors() == []
        assert lesson.problems == []
        widget = lesson.explorer()
        widget.slider("my mark").focus()
        lesson.page.keyboard.press("End")
        covered = widget.picture()
        widget.press("Lock in and reveal")
        revealed = widget.changed(covered)
        handle = widget.slider("learning rate")
        widget.drag(handle, 150)
        dragged = widget.changed(revealed)
        lesson.idle()
        dragged = widget.picture()
        words = widget.text()
        handle.focus()
        lesson.page.keyboard.press("ArrowRight")
        widget.changed(dragged)
        assert widget.text() != words
    kept = (desk.folder / "my" / "progress.json").read_text()
    assert re.search(r'"widget": "bowl"', kept)


def test_the_exercise_tells_nothing_attempted_from_wrong_and_right(desk):
    with desk.open(f"my/{NAME}") as exercise:
        exercise.run_all()
        assert exercise.errors() == []
        answer, check = exercise.cell_with("def diverges"), exercise.cell_with('check("01.1")')
        assert "not attempted" in exercise.run(check)
        exercise.run(answer, "def diverges(lr, curvatures):\n    return bool(lr * np.max(curvatures) > 1)")
        wrong = exercise.run(check)
        assert "✗" in wrong and "01.1" in wrong and len(wrong.splitlines()) > 1
        exercise.run(answer, "def diverges(lr, curvatures):\n    return bool((abs(1 - lr * curvatures) > 1).any())")
        right = exercise.run(check)
        assert "✓" in right and "2 of 2 points" in right
        assert exercise.problems == []
