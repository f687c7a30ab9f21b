"""Answers are found in whatever state a notebook comes back."""

import json

import pytest

from optlib.checks import task
from optlib.checks.notebook import Unreadable, find_answer, parse, read
from optlib.checks.verdict import Verdict

STUB = "def best_rate(L, mu):\n    ...  # your code here"
RIGHT = "def best_rate(L, mu):\n    return 2 / (L + mu)"
OTHER = "def best_rate(L, mu):\n    return 1 / L"


def code(source, task="", **more):
    ours = {"optlib": {"task": task}} if task else {}
    return {"cell_type": "code", "source": source, "metadata": ours, **more}


def text(source, task=""):
    return code(source, task) | {"cell_type": "markdown"}


def notebook(*cells):
    return parse(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode())


def found(*cells, id="99.3"):
    answer = find_answer(notebook(*cells), task(id))
    return answer.status if isinstance(answer, Verdict) else answer


def test_the_marked_cell_is_found():
    assert found(code("x = 1"), code(RIGHT, "99.3")) == RIGHT


def test_an_answer_is_found_by_name_when_metadata_are_stripped():
    assert found(code("x = 1"), code(RIGHT)) == RIGHT


def test_an_answer_in_a_new_cell_counts_when_the_stub_was_left():
    assert found(code(STUB, "99.3"), code(RIGHT)) == RIGHT


def test_the_marked_cell_counts_when_an_attempt_was_left_elsewhere():
    assert found(code(OTHER), code(RIGHT, "99.3")) == RIGHT


def test_a_copy_that_says_the_same_is_no_problem():
    assert found(code(RIGHT, "99.3"), code(RIGHT + "\n", "99.3")) == RIGHT


def test_two_answers_that_differ_are_told_with_their_cells():
    answer = find_answer(notebook(text("# Title"), code(RIGHT, "99.3"), code(OTHER, "99.3")), task("99.3"))
    assert answer.status == "duplicate"
    assert "cells 2 and 3" in answer.message


def test_the_broken_code_that_a_task_gives_is_not_taken_for_the_answer():
    given = {"cell_type": "code", "source": OTHER, "metadata": {"optlib": {"given": "99.3"}}}
    assert found(given, code(RIGHT, "99.3")) == RIGHT


def test_a_renamed_answer_is_handed_on_so_that_its_cell_can_be_named():
    assert found(code("def best(L, mu):\n    return 2 / (L + mu)", "99.3")).startswith("def best(")


def test_a_cell_is_found_by_its_id_when_only_that_is_left():
    assert found(code("x = (", id="task-99-3")) == "x = ("


def test_a_deleted_or_emptied_answer_is_missing():
    assert found(code("x = 1")) == "missing"
    assert found(code("  \n", "99.3")) == "missing"


@pytest.mark.parametrize("empty", ["", "*Your answer here.*", "  your answer here\n"])
def test_an_essay_that_was_not_written_is_not_attempted(empty):
    assert found(text(empty, "99.5"), id="99.5") == "not_attempted"


def test_an_essay_is_graded_by_hand_also_when_its_cell_lost_its_mark():
    assert found(text("Because of the curvature.", "99.5"), id="99.5") == "manual"
    assert found(text("## Task 99.5  Say why"), text("Because."), id="99.5") == "manual"
    assert found(text("Because."), id="99.5") == "missing"


def test_the_chapter_is_known_by_marks_checks_or_names():
    assert notebook(code("x", "99.1")).chapter == "99"
    assert notebook(code('check("99.1")')).chapter == "99"
    assert notebook(code(RIGHT)).chapter == "99"
    assert notebook(code("x = 1")).chapter is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "JSON is broken"),
        (b'{"cells": [{"cell_type": "code", "sour', "JSON is broken"),
        (b"[" * 100_000, "JSON is broken"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
        (b"PK\x03\x04", "JSON is broken"),
        (b"[]", "no list of cells"),
        (b'{"worksheets": []}', "no list of cells"),
        (b'{"cells": 3}', "no list of cells"),
    ],
)
def test_what_is_no_notebook_is_told(data, reason):
    with pytest.raises(Unreadable, match=reason):
        parse(data)


@pytest.mark.parametrize(
    "cell",
    [
        None,
        3,
        {},
        {"cell_type": "code"},
        {"cell_type": "code", "source": None},
        {"cell_type": "code", "source": ["x = 1\n", 3, "y"], "metadata": None},
        {"cell_type": "code", "source": "x", "metadata": {"optlib": []}},
        {"cell_type": 3, "source": "x", "metadata": []},
        {"cell_type": "code", "source": "\ud800", "id": 5},
    ],
)
def test_a_damaged_cell_does_not_hide_the_others(cell):
    assert found(cell, code(RIGHT, "99.3")) == RIGHT


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    with pytest.raises(Unreadable, match="no such file"):
        read(tmp_path / "absent.ipynb")
    with pytest.raises(Unreadable, match="not a file"):
        read(tmp_path)
