"""A task that could not work is refused where it is declared."""

import numpy as np
import pytest

from optlib.checks import Mistake, Task, catalogue, task, tasks

HELPER = 2.0


def run(answer, x):
    return answer(x)


def run_with_a_helper(answer, x):
    return answer(HELPER * x)


def wrong(x):
    return -x


SOUND = {
    "id": "01.1",
    "title": "A title",
    "kind": "derive",
    "minutes": 5,
    "points": 2,
    "difficulty": "easy",
    "name": "f",
    "done": "It is right.",
    "reference": abs,
    "cases": lambda rng: [{"label": "one", "x": 1.0}],
    "run": run,
    "hints": ["Look again."],
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "1.1"}, "must look like '03.2'"),
        ({"kind": "essay"}, "kind must be one of derive, implement"),
        ({"minutes": 7}, "minutes must be one of"),
        ({"points": 0}, "points must be one of"),
        ({"difficulty": "insane"}, "difficulty must be one of easy, medium, hard"),
        ({"done": " "}, "title and done"),
        ({"hints": []}, "at least one hint"),
        ({"hints": "Look again."}, "hints must be a list"),
        ({"name": "two words"}, "name must be what the learner defines"),
        ({"reference": None}, "reference, cases and run"),
        ({"mistakes": [wrong]}, "list of Mistake"),
        ({"kind": "implement", "mistakes": [Mistake(wrong, "No.")]}, "at least 3 known mistakes, got 1"),
        ({"mistakes": [Mistake(wrong, "No."), Mistake(abs, "No.")]}, "two mistakes have the same sentence"),
        ({"run": lambda answer, x: answer(x)}, "written with def"),
        ({"run": run_with_a_helper}, "import or define 'HELPER' inside it"),
        ({"seconds": 0}, "seconds must be positive"),
        ({"kind": "explain"}, "needs a rubric"),
    ],
)
def test_a_faulty_declaration_is_refused_with_the_reason(change, message):
    with pytest.raises(ValueError, match=message):
        Task(**SOUND | change)


def test_a_mistake_without_a_sentence_is_refused():
    with pytest.raises(ValueError, match="sentence"):
        Mistake(wrong, " ")


def test_a_case_begins_with_its_label():
    faulty = Task(**SOUND | {"cases": lambda rng: [{"x": 1.0, "label": "late"}]})
    with pytest.raises(ValueError, match="first key is 'label'"):
        faulty.draw(np.random.default_rng(0))


def test_tasks_are_found_by_id_and_by_chapter():
    assert task("99.2").name == "diverges"
    assert [found.id for found in tasks("99")] == ["99.1", "99.2", "99.3", "99.4", "99.5"]
    assert tasks("98") == []


def test_an_unknown_id_lists_the_known_ones():
    with pytest.raises(KeyError, match=r"this chapter has 99\.1, 99\.2"):
        task("99.9")
    with pytest.raises(KeyError, match="chapters with tasks are"):
        task("nonsense")


def test_a_chapter_without_tasks_is_refused(monkeypatch):
    catalogue._load.cache_clear()
    monkeypatch.setattr(catalogue.importlib, "import_module", lambda name: catalogue)
    with pytest.raises(TypeError, match="exports no list TASKS"):
        catalogue._load("01")


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ([{"id": "02.1"}], "belongs into another chapter"),
        ([{}, {}], "two tasks have the id 01.1"),
        ([{}, {"id": "01.2"}], "two tasks ask for the name 'f'"),
    ],
)
def test_a_chapter_with_conflicting_tasks_is_refused(monkeypatch, others, message):
    class Module:
        __name__ = "chapter_01"
        TASKS = [Task(**SOUND | change) for change in others]

    catalogue._load.cache_clear()
    monkeypatch.setattr(catalogue.importlib, "import_module", lambda name: Module)
    with pytest.raises(ValueError, match=message):
        catalogue._load("01")
