"""Grading: the right status and points for each file, whatever state it is in."""

import hashlib
import importlib
import json
import pickle
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from optlib import __version__
from optlib.checks import catalogue, sandbox
from optlib.checks.running import PLAIN, Backend
from optlib.grading import grade

grade_module = importlib.import_module("optlib.grading.grade")
Settings, grade_notebook = grade_module.Settings, grade_module.grade_notebook

RIGHT = {
    "99.1": "def momentum_step(theta, g, m, lr, beta):\n    m *= beta\n    m += g\n    theta -= lr * m",
    "99.2": "def diverges(lr, L):\n    return lr * L > 2",
    "99.3": "def best_rate(L, mu):\n    return 2 / (L + mu)",
    "99.4": "lr = 0.25",
    "99.5": "Because the steepest direction decides.",
}
STUBS = {
    "99.1": "def momentum_step(theta, g, m, lr, beta):\n    ...  # your code here",
    "99.2": "def diverges(lr, L):\n    answer = ...  # your code here\n    ...  # your code here\n    return answer",
    "99.3": 'def best_rate(L, mu):\n    """The rate."""\n    ...  # your code here',
    "99.4": "lr = ...",
    "99.5": "*Your answer here.*",
}


def statuses(submission):
    return {task.id: task.status for task in submission.tasks}


def test_a_right_notebook_earns_all_points_but_those_given_by_hand(submit):
    (submission,) = grade(submit(RIGHT)).submissions
    assert (submission.status, submission.score, submission.max_score) == ("ok", 10, 15)
    assert statuses(submission) == dict.fromkeys(RIGHT, "correct") | {"99.5": "manual"}


def test_an_untouched_notebook_is_not_attempted_everywhere(submit):
    (submission,) = grade(submit(STUBS)).submissions
    assert statuses(submission) == dict.fromkeys(STUBS, "not_attempted")
    assert submission.score == 0


def test_the_report_has_exactly_the_documented_form(submit, tmp_path):
    path = submit(RIGHT | {"99.3": "def best_rate(L, mu):\n    return 1 / L"})
    report = grade([path], seed=7, json=tmp_path / "report.json", backend=PLAIN)
    data = json.loads((tmp_path / "report.json").read_text())
    assert data == report.as_dict()
    assert list(data) == ["grader", "isolation", "seed", "submissions"]
    assert (data["grader"], data["isolation"], data["seed"]) == (__version__, "none", 7)
    (submission,) = data["submissions"]
    assert list(submission) == ["file", "student", "sha256", "status", "score", "max_score", "tasks"]
    assert submission["file"] == str(path)
    assert submission["student"] == "ada"
    assert submission["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    task = submission["tasks"][2]
    assert list(task) == ["id", "status", "points", "max_points", "message"]
    assert (task["id"], task["status"], task["max_points"]) == ("99.3", "partly", 4)
    assert task["message"].startswith("That is safe, not best: the slowest direction could go faster.")


def test_the_same_seed_gives_the_same_report_and_each_run_draws_its_own(submit):
    path = submit({"99.3": "def best_rate(L, mu):\n    return 3 / (L + mu)"})
    one, again, fresh, another = grade(path, seed=3), grade(path, seed=3), grade(path), grade(path)
    assert one == again
    assert fresh.seed != another.seed


def test_each_submission_is_graded_alone_in_any_number_of_jobs(submit):
    right, wrong = submit(RIGHT, "ada"), submit(RIGHT | {"99.1": "import os\nos._exit(0)"}, "bob")
    together = grade([wrong, right, wrong], seed=1, jobs=2)
    apart = [grade(path, seed=1).submissions[0] for path in (wrong, right, wrong)]
    assert list(together.submissions) == apart
    assert [submission.score for submission in apart] == [7, 10, 7]
    assert statuses(apart[0])["99.1"] == "died"


def test_answers_are_found_without_metadata(submit):
    (submission,) = grade(submit(RIGHT, marked=False)).submissions
    assert submission.score == 10


def test_deleted_duplicated_and_unreadable_answers_have_their_own_status(submit):
    path = submit(
        {
            "99.1": "def momentum_step(theta, g, m, lr, beta:\n    return",
            "99.2": "# nothing left",
            "99.3": RIGHT["99.3"],
            "99.4": "lr = 0.1",
        }
    )
    notebook = json.loads(path.read_text())
    copied = next(cell for cell in notebook["cells"] if "lr = 0.1" in cell["source"])
    notebook["cells"].append(copied | {"source": "lr = 0.2"})
    path.write_text(json.dumps(notebook))
    (submission,) = grade(path).submissions
    assert statuses(submission) == {
        "99.1": "syntax_error",
        "99.2": "missing",
        "99.3": "correct",
        "99.4": "duplicate",
        "99.5": "missing",
    }


def test_what_cannot_be_read_is_reported_and_does_not_stop_the_others(submit, tmp_path):
    right = submit(RIGHT)
    truncated = tmp_path / "truncated.ipynb"
    truncated.write_bytes(right.read_bytes()[:100])
    picture = tmp_path / "picture.ipynb"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    notes = tmp_path / "notes.ipynb"
    notes.write_text('{"cells": [{"cell_type": "code", "source": "x = 1"}]}')
    files = [truncated, picture, tmp_path / "absent.ipynb", notes, right]
    report = grade(files)
    found = [(submission.status, submission.tasks == ()) for submission in report.submissions]
    assert found == [("unreadable", True)] * 3 + [("wrong_file", True), ("ok", False)]
    assert report.exit_code == 1
    assert grade(right).exit_code == 0


def test_the_wrong_exercise_is_told_when_one_is_expected(submit, monkeypatch):
    monkeypatch.setattr(catalogue, "chapters", lambda: ["98", "99"])
    monkeypatch.setattr(catalogue, "tasks", lambda chapter=None: [])
    (submission,) = grade(submit(RIGHT), chapter="98").submissions
    assert submission.status == "wrong_file"
    assert "chapter 99" in submission.reason


def test_a_fault_of_the_grader_costs_nobody_else_their_marks(submit, monkeypatch):
    right, other = submit(RIGHT, "ada"), submit(RIGHT, "bob")
    exhausted = Backend("none", lambda: (_ for _ in ()).throw(OSError("no more processes")))
    report = grade([right, other], backend=exhausted)
    assert [submission.status for submission in report.submissions] == ["unreadable", "unreadable"]
    assert "the grader failed on it, please report" in str(report)


def test_a_process_that_does_not_start_is_told(submit):
    broken = Backend("none", lambda: ["false"])
    assert "did not start" in str(grade(submit(RIGHT), backend=broken))


def test_the_student_is_the_folder_a_pattern_or_a_function(submit):
    path = submit({"99.5": STUBS["99.5"]}, "carol", "hw1_dave_late.ipynb")
    student = {
        "folder": "carol",
        r"hw1_(?P<student>\w+?)_": "dave",
        r"hw1_([a-z]+)": "dave",
        r"essay_(.*)": "",
        (lambda path: path.stem[:3]): "hw1",
    }
    for rule, expected in student.items():
        assert grade(path, student=rule).submissions[0].student == expected
    assert "student unknown" in str(grade(path, student=r"essay_(.*)"))


def test_a_folder_is_searched_for_notebooks(submit, tmp_path):
    submit({"99.5": STUBS["99.5"]}, "ada")
    submit({"99.5": STUBS["99.5"]}, "bob")
    (tmp_path / "ada" / ".ipynb_checkpoints").mkdir()
    (tmp_path / "ada" / ".ipynb_checkpoints" / "99-checkpoint.ipynb").write_text("{}")
    assert [submission.student for submission in grade(tmp_path).submissions] == ["ada", "bob"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"timeout": 0}, "timeout must be positive"),
        ({"jobs": 0}, "jobs at least 1"),
        ({"chapter": "77"}, "no tasks for chapter '77'"),
        ({"student": "hw1"}, "needs a group"),
        ({"resume": True}, "say where the report is written"),
        ({"backend": PLAIN, "require_sandbox": True}, "a sandbox is required"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(submit, wrong, message):
    with pytest.raises(ValueError, match=message):
        grade(submit(STUBS), **wrong)


def test_the_table_shows_every_task_with_its_message(submit):
    path = submit(RIGHT | {"99.2": "def diverges(lr, L):\n    return lr > 1 / L"})
    table = str(grade(path, seed=5, backend=PLAIN))
    assert re.search(r"ada  .*99_example\.ipynb  8 of 15 points, 5 more to be given by hand", table)
    assert "99.2    0/2  partly right  Above 1/L it overshoots." in table
    assert "99.5    0/5  graded by hand  A person reads" in table
    assert table.endswith("1 of 1 graded, isolation: none, seed 5")


def test_a_sandbox_that_is_required_and_does_not_work_is_told(submit, monkeypatch):
    monkeypatch.setattr(sandbox, "reason_against", lambda: "bwrap is not installed")
    with pytest.raises(ValueError, match="a sandbox is required, but bwrap is not installed"):
        grade(submit(STUBS), require_sandbox=True)
    assert grade(submit(STUBS)).isolation == "none"


def test_the_sandbox_is_used_where_it_works(submit):
    expected = "none" if sandbox.reason_against() else "bubblewrap"
    assert grade(submit(STUBS)).isolation == expected


def test_any_executor_grades_with_the_same_marks(submit):
    paths = [submit(RIGHT, "ada"), submit(STUBS, "bob"), submit({"99.4": "lr = 3.0"}, "eve")]
    with ThreadPoolExecutor(2) as executor:
        assert grade(paths, seed=1, executor=executor) == grade(paths, seed=1)
        assert executor.submit(int).result() == 0  # it is left open


def test_what_is_sent_to_an_executor_can_be_pickled():
    for backend in (PLAIN, sandbox.SANDBOX):
        settings = Settings(1, 10.0, None, backend, 1 << 30)
        assert pickle.loads(pickle.dumps((grade_notebook, settings))) == (grade_notebook, settings)
