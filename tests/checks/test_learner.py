"""What a learner meets: check, hint, progress, and what is kept of it."""

import json
import re
import sys

import pytest

import optlib.checks
from optlib.checks import Feedback, check, check_file, hint, learner, progress
from optlib.checks.feedback import Note
from optlib.checks.running import Runner

RIGHT = "def best_rate(L, mu):\n    return 2 / (L + mu)"


@pytest.fixture
def cells(monkeypatch):
    """The cells that were run in the learner's notebook."""
    executed = []
    monkeypatch.setattr(learner, "executed_cells", lambda: executed)
    monkeypatch.setattr(learner, "keep_spare", lambda: None)
    return executed


@pytest.fixture
def my(tmp_path, monkeypatch):
    folder = tmp_path / "my"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def best_rate(L, mu):
    return 2 / (L + mu)


def another_name(L, mu):
    return 1 / L


# ---- check


def test_the_latest_run_cell_that_defines_the_answer_is_checked(cells, one_process):
    cells += ["def best_rate(L, mu):\n    return 1 / L", RIGHT, 'check("99.3")']
    assert check("99.3").correct


def test_a_cell_that_python_cannot_read_is_checked_when_it_was_run_last(cells, one_process):
    cells += [RIGHT, "def best_rate(L, mu:\n    return"]
    assert check("99.3").status == "syntax_error"


def test_an_answer_that_was_not_run_is_told(cells):
    feedback = check("99.3")
    assert feedback.status == "missing"
    assert "Run the cell of your answer" in feedback.message


def test_an_answer_can_be_handed_over(one_process):
    assert check("99.3", best_rate).correct
    assert check("99.3", another_name).message.startswith("That is safe, not best")
    assert check("99.4", 0.25).correct


def test_without_a_notebook_check_asks_for_the_answer():
    assert 'check("99.3", best_rate)' in check("99.3").message


def test_what_has_no_source_is_told():
    assert check("99.3", abs).status == "missing"


def test_an_unknown_task_is_answered_with_the_known_ones():
    assert "99.1, 99.2" in str(check("99.9"))
    assert "99.1, 99.2" in str(hint("99.9"))


def test_an_essay_shows_what_it_is_read_for():
    feedback = check("99.5")
    assert feedback.status == "manual"
    assert "- names the curvature" in str(feedback)


def test_a_real_notebook_shell_finds_the_cell_and_keeps_a_process_ready():
    interactive = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell
    shell = interactive.instance()
    try:
        shell.run_cell("from optlib.checks import check", store_history=True)
        shell.run_cell("%%time\n" + RIGHT, store_history=True)
        result = shell.run_cell('check("99.3")', store_history=True).result
        assert result.correct, result
        assert isinstance(learner._spare, Runner)
    finally:
        learner.close_spare()
        interactive.clear_instance()


def test_stopping_a_check_ends_its_process(cells, monkeypatch):
    cells.append(RIGHT)
    runners = []

    class Stopped(Runner):
        def _exchange(self, request, oracles):
            runners.append(self)
            raise KeyboardInterrupt

    monkeypatch.setattr(learner, "take_runner", Stopped)
    with pytest.raises(KeyboardInterrupt):
        check("99.3")
    assert runners[0]._process is None


# ---- how it looks


def test_feedback_reads_as_text_and_as_html(one_process):
    feedback = check("99.3", lambda_free)
    assert str(feedback).startswith("◐ 99.3 The best rate: partly right (1 of 4 points)\n")
    assert repr(feedback) == str(feedback)
    html = feedback._repr_html_()
    assert "partly right" in html and "<th" in html and "expected" in html
    assert "color:" not in html.replace("color: inherit", "")  # the theme's colours, whichever they are


def lambda_free(L, mu):
    return 1 / 3


def test_what_a_learner_wrote_is_escaped():
    html = Note("<b>", "a `<script>` b", [("<i>", "<script>")], ["<u>"])._repr_html_()
    assert not re.search(r"<(b|i|u|script)>", html)
    assert "<code>&lt;script&gt;</code>" in html


def test_a_lonely_backquote_is_shown_as_it_is():
    assert "a ` b" in Note("", "a ` b")._repr_html_()


# ---- hints


def test_each_call_gives_the_next_hint_and_then_the_last_again():
    first, second, third = hint("99.1"), hint("99.1"), hint("99.1")
    assert "Which of the two arrays" in str(first) and "Hint 1 of 2" in str(first)
    assert "First `m`" in str(second) and "last one" in str(second)
    assert str(third) == str(second)


# ---- progress


def test_progress_is_kept_beside_the_notebooks_in_my(my, one_process):
    check("99.3", best_rate)
    hint("99.1")
    kept = json.loads((my / "progress.json").read_text())
    assert kept["tasks"]["99.3"] == {"status": "correct", "points": 4, "checks": 1, "hints": 0}
    assert kept["tasks"]["99.1"]["hints"] == 1
    assert [path.name for path in my.iterdir()] == ["progress.json"]


def test_progress_of_lessons_in_my_is_the_same(my, monkeypatch, one_process):
    check("99.3", best_rate)
    (my / "lessons").mkdir()
    monkeypatch.chdir(my / "lessons")
    monkeypatch.setattr(learner, "_record", learner.Record())
    assert learner._record.task("99.3")["status"] == "correct"


def test_elsewhere_nothing_is_written(tmp_path, one_process):
    check("99.3", best_rate)
    hint("99.1")
    progress()
    assert list(tmp_path.iterdir()) == []


def test_a_task_once_right_stays_right(my, one_process):
    check("99.3", best_rate)
    check("99.3", another_name)
    assert learner._record.task("99.3") == {"status": "correct", "points": 4, "checks": 2, "hints": 0}


def test_two_notebooks_open_at_once_do_not_forget_each_others_tasks(my, one_process):
    other = learner.Record()
    check("99.3", best_rate)
    other.hinted("99.1")
    assert set(json.loads((my / "progress.json").read_text())["tasks"]) == {"99.1", "99.3"}


DAMAGED = ["", "{", "[]", '{"tasks": {"99.3": 3}}', '{"tasks": {"99.3": {"status": "great"}}}']


@pytest.mark.parametrize("damaged", DAMAGED)
def test_a_damaged_file_is_kept_and_told_and_a_new_one_begun(my, damaged):
    (my / "progress.json").write_text(damaged)
    (my / "progress-damaged-1.json").write_text("an earlier one")
    assert "progress-damaged-2.json" in str(hint("99.1"))
    assert (my / "progress-damaged-2.json").read_text() == damaged
    assert (my / "progress-damaged-1.json").read_text() == "an earlier one"
    assert json.loads((my / "progress.json").read_text())["tasks"]["99.1"]["hints"] == 1


def test_a_folder_that_cannot_be_written_to_does_not_stop_a_learner(my, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("optlib.checks.record.os.replace", full)
    assert "No space left on device" in str(hint("99.1"))
    assert "Hint 2 of 2" in str(hint("99.1"))


def test_progress_shows_a_table_by_chapter_with_points(monkeypatch, one_process):
    monkeypatch.setattr("optlib.checks.catalogue.chapters", lambda: ["99"])
    check("99.3", best_rate)
    shown = progress()
    assert (shown.points, shown.max_points) == (4, 10)
    assert "99       1 of 5   4 of 10  99.1 ○, 99.2 ○, 99.3 ✓, 99.4 ○, 99.5 ✎" in str(shown)
    assert '<th scope="row"' in shown._repr_html_()


# ---- files


def test_a_file_is_checked_like_the_notebook_it_holds(tmp_path, one_process):
    cells = [{"cell_type": "code", "source": RIGHT, "metadata": {"optlib": {"task": "99.3"}}}]
    path = tmp_path / "99_example.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    feedback = check_file(path)
    assert all(isinstance(one, Feedback) for one in feedback)
    statuses = {one.id: one.status for one in feedback}
    assert statuses == dict.fromkeys(statuses, "missing") | {"99.3": "correct"}


def test_a_file_that_is_no_exercise_is_refused(tmp_path):
    path = tmp_path / "notes.ipynb"
    path.write_text('{"cells": []}')
    with pytest.raises(optlib.checks.Unreadable, match="no exercise of this course"):
        check_file(path)


def test_the_worked_example_in_the_documentation_holds(tmp_path, monkeypatch):
    source = re.search(r"```python\n(.*?)```", optlib.checks.__doc__, re.DOTALL)[1]
    (tmp_path / "chapter_03_example.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    from chapter_03_example import TASKS, in_place

    try:
        trial = learner.Trial(TASKS[0], 0)
        assert trial.judge({"cases": trial.attempt(in_place)}).status == "correct"
        for index, mistake in enumerate(TASKS[0].mistakes):
            assert trial.judge({"cases": trial.attempt(mistake.answer)}).mistake == index
    finally:
        sys.modules.pop("chapter_03_example", None)
