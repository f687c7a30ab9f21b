"""Lesson 00 in JupyterLab: it runs, answers unfold, and the family answers to the mouse and to the keyboard."""

import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

NAME = "00_start_here.ipynb"
LESSON = Path(__file__).parents[2] / "notebooks" / NAME


def test_lesson_00_runs_and_its_family_answers_to_mouse_and_keyboard(lab):
    shutil.copy(LESSON, lab.folder / NAME)
    with lab.open(NAME) as notebook:
        notebook.run_all()
        assert notebook.errors() == []

        page = notebook.page
        answer = page.locator("details").first
        answer.locator("summary").click()
        assert answer.get_by_text("the gradient at").is_visible()

        family = notebook.explorer(0)
        family.root.get_by_role("button", name="Muon").click()
        family.says("Muon (2024) mends something in Momentum and Shampoo")
        assert not family.root.get_by_role("link").count()

        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        family.says("ADOPT (2024) mends something in Adam")
        assert family.root.get_by_role("link").get_attribute("href") == "https://arxiv.org/abs/2411.02853"
        assert notebook.problems == []
