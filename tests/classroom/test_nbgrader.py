"""nbgrader itself on our notebooks: hand out, collect, grade, feedback, and our marks in its database."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from optlib import release
from optlib.grading import grade, write_marks

pytestmark = pytest.mark.classroom
ROOT = Path(__file__).resolve().parents[2]
NAME = "03_momentum"
WRONG = ("momentum * v + g", "momentum * v + (1 - momentum) * g")  # in the answer to 03.2, worth 3 points


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course directory in which one assignment was generated, handed in twice, graded, and given feedback on."""
    folder = tmp_path_factory.mktemp("class")
    release.nbgrader(ROOT, folder, ["03"])
    nbgrader(folder, "generate_assignment", NAME)
    solution = (ROOT / "solutions" / f"{NAME}.ipynb").read_text(encoding="utf-8")
    for student, text in {"ada": solution, "bob": solution.replace(*WRONG)}.items():
        place = folder / "submitted" / student / NAME
        place.mkdir(parents=True)
        (place / f"{NAME}.ipynb").write_text(text, encoding="utf-8")
    nbgrader(folder, "autograde", NAME)
    nbgrader(folder, "generate_feedback", NAME)
    return folder


def nbgrader(folder, *arguments):
    bin = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ | {"PATH": bin})
    assert done.returncode == 0, done.stderr


def exported(folder):
    nbgrader(folder, "export")
    with (folder / "grades.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_what_nbgrader_hands_out_is_our_exercise(course):
    theirs = json.loads((course / "release" / NAME / f"{NAME}.ipynb").read_text(encoding="utf-8"))
    ours = json.loads((ROOT / "exercises" / f"{NAME}.ipynb").read_text(encoding="utf-8"))
    assert ["".join(cell["source"]) for cell in theirs["cells"]] == ["".join(cell["source"]) for cell in ours["cells"]]


def test_nbgrader_gives_the_points_of_our_checks_and_shows_their_feedback(course):
    scores = {row["student_id"]: float(row["raw_score"]) for row in exported(course)}
    assert scores == {"ada": 14.0, "bob": 11.0}
    shown = (course / "feedback" / "bob" / NAME / f"{NAME}.html").read_text(encoding="utf-8")
    assert "You average the gradients" in shown


def test_marks_of_our_grader_go_into_nbgraders_database_and_come_out_in_one_form(course, tmp_path):
    report = grade([course / "submitted"], json=tmp_path / "report.json")
    done = release.marks(course, tmp_path / "report.json")
    assert (done.written, done.kept) == ([f"ada, {NAME}", f"bob, {NAME}"], [])
    write_marks(report, tmp_path / "ours.csv")
    with (tmp_path / "ours.csv").open(newline="") as file:
        ours = list(csv.DictReader(file))
    theirs = exported(course)
    assert list(ours[0]) == list(theirs[0])
    for one, other in zip(ours, theirs, strict=True):
        for column in ("assignment", "student_id"):
            assert one[column] == other[column]
        for column in ("raw_score", "score", "max_score"):
            assert float(one[column]) == float(other[column])


def test_marks_can_be_written_for_students_whom_nbgrader_has_not_graded(course, tmp_path):
    folder = tmp_path / "eve"
    folder.mkdir()
    (folder / f"{NAME}.ipynb").write_bytes((ROOT / "solutions" / f"{NAME}.ipynb").read_bytes())
    grade([folder], student="folder", json=tmp_path / "eve.json")
    release.marks(course, tmp_path / "eve.json")
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        assert book.find_submission(NAME, "eve").score == 14.0
