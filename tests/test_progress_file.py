import json

import pytest

from optlib import explore
from optlib.checks import hint
from optlib.progress_file import FILE, keep_widget


@pytest.fixture
def my(tmp_path, monkeypatch):
    folder = tmp_path / "my"
    (folder / "lessons").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def kept(folder):
    return json.loads((folder / FILE).read_text())


def test_a_prediction_in_a_lesson_is_kept_beside_the_notebooks(my, monkeypatch):
    monkeypatch.chdir(my / "lessons")
    widget = explore.bowl(4.0)
    widget.answer(0.6)
    (note,) = kept(my)["widgets"].values()
    assert note == {"widget": "bowl", "guess": 0.6, "truth": 0.5, "score": 0.5}
    assert next(iter(kept(my)["widgets"])).startswith("A ball rests")
    assert not (my / "lessons" / FILE).exists()


def test_a_challenge_that_was_met_is_kept_with_the_controls_that_met_it(my):
    explore.landscape("bowl").move(lr=1.5, condition=20.0)
    (note,) = kept(my)["widgets"].values()
    assert note["widget"] == "landscape" and note["controls"] == {"lr": 1.5, "condition": 20.0}


def test_tasks_and_widgets_leave_each_other_alone(my):
    keep_widget({"widget": "bowl", "question": "Where?", "score": 1.0})
    hint("01.1")
    keep_widget({"widget": "bowl", "question": "Where else?", "score": 0.0})
    hint("01.1")
    assert set(kept(my)["widgets"]) == {"Where?", "Where else?"}
    assert kept(my)["tasks"]["01.1"]["hints"] == 2


def test_the_last_answer_to_a_question_counts(my):
    for score in (0.0, 1.0):
        keep_widget({"widget": "bowl", "question": "Where?", "score": score})
    assert kept(my)["widgets"] == {"Where?": {"widget": "bowl", "score": 1.0}}


@pytest.mark.parametrize("damaged", ["{", "[]", '{"widgets": 3}', "null"])
def test_a_file_that_cannot_be_read_is_left_as_it_is(my, damaged):
    (my / FILE).write_text(damaged)
    keep_widget({"widget": "bowl", "question": "Where?", "score": 1.0})
    assert (my / FILE).read_text() == damaged


def test_outside_the_learners_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keep_widget({"widget": "bowl", "question": "Where?", "score": 1.0})
    assert list(tmp_path.iterdir()) == []
