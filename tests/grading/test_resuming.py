"""A run that was killed goes on where it stopped, and gives the report that it would have given."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from optlib.grading import grade

grading = importlib.import_module("optlib.grading.grade")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def graded(monkeypatch):
    """How many notebooks were really graded."""
    calls = []
    real = grading.grade_notebook

    def counting(data, settings):
        calls.append(data)
        return real(data, settings)

    monkeypatch.setattr(grading, "grade_notebook", counting)
    return calls


def test_what_is_graded_is_not_graded_again_unless_changed(submit, tmp_path, graded):
    paths = [submit({"99.4": f"lr = 0.2{n}"}, f"student{n}") for n in range(3)]
    report = tmp_path / "report.json"
    first = grade(paths, json=report)
    assert len(graded) == 3
    assert grade(paths, json=report, resume=True) == first
    assert len(graded) == 3
    submit({"99.4": "lr = 3.0"}, "student1")
    changed = grade(paths, json=report, resume=True)
    assert len(graded) == 4
    assert changed.seed == first.seed
    assert [one.score for one in changed.submissions] == [1, 0, 1]
    grade(paths, json=report, resume=True, seed=first.seed + 1)
    grade(paths, json=report)
    assert len(graded) == 10


def test_a_line_that_was_cut_off_is_graded_again(submit, tmp_path, graded):
    paths = [submit({"99.4": f"lr = 0.2{n}"}, f"student{n}") for n in range(3)]
    report = tmp_path / "report.json"
    first = grade(paths, json=report)
    journal = tmp_path / "report.json.journal"
    journal.write_bytes(journal.read_bytes()[:-20])
    assert grade(paths, json=report, resume=True) == first
    assert len(graded) == 4


def test_other_tasks_are_another_run(submit, tmp_path, graded, monkeypatch):
    path = submit({"99.4": "lr = 0.25"})
    grade(path, json=tmp_path / "report.json")
    monkeypatch.setattr(grading, "digest_of_tasks", lambda: "changed")
    grade(path, json=tmp_path / "report.json", resume=True)
    assert len(graded) == 2


@pytest.mark.skipif(os.name != "posix", reason="kills with a POSIX signal")
def test_a_killed_run_resumes_to_the_identical_report(tmp_path):
    solution = json.loads((ROOT / "solutions" / "01_gradient_descent.ipynb").read_text())
    for number in range(8):
        solution["cells"][0]["source"] = f"# student {number}"
        (tmp_path / f"s{number}").mkdir()
        (tmp_path / f"s{number}" / "hw.ipynb").write_text(json.dumps(solution))
    command = [sys.executable, "-m", "optlib", "grade", str(tmp_path), "--jobs", "1", "--seed", "4", "--json"]
    killed = subprocess.Popen([*command, str(tmp_path / "killed.json")], stdout=subprocess.DEVNULL)
    journal = tmp_path / "killed.json.journal"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (journal.exists() and journal.read_text().count("\n") >= 3):
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "killed.json").exists()
    report = grade(tmp_path, json=tmp_path / "killed.json", resume=True)
    assert report == grade(tmp_path, json=tmp_path / "whole.json", seed=4)
    assert (tmp_path / "killed.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
