"""Whose a file is: as platforms give it for download, zip included, and never a guess in silence."""

import io
import zipfile

import pytest

from optlib.checks.notebook import Unreadable
from optlib.grading import grade
from optlib.grading.collecting import collect

GRADESCOPE = """---
submission_101:
  :submitters:
  - :name: Ada Lovelace
    :sid: '1815'
    :email: ada@example.org
  :created_at: 2025-01-01
submission_102:
  :submitters:
  - :name: Bob Hopper
    :sid: ''
    :email: bob@example.org
  - :name: Eve
    :email: eve@example.org
"""
LAYOUTS = {
    "Canvas": {
        "lovelaceada_1234_56789_01_gradient_descent.ipynb": "lovelaceada_1234",
        "hopperbob_LATE_77_88_hw-1.ipynb": "hopperbob_77",
    },
    "Moodle": {
        "Ada Lovelace_1234_assignsubmission_file/hw.ipynb": "Ada Lovelace_1234",
        "Bob Hopper_77_assignsubmission_file_/deep/hw.ipynb": "Bob Hopper_77",
        "Eve_Mc Kay_5_assignsubmission_file_hw.ipynb": "Eve_Mc Kay_5",
    },
    "Gradescope": {
        "assignment_9_export/submission_101/hw.ipynb": "Ada Lovelace_1815",
        "assignment_9_export/submission_102/hw.ipynb": "Bob Hopper_bob@example.org and Eve_eve@example.org",
        "assignment_9_export/submission_103/hw.ipynb": "",
    },
    "nbgrader": {"submitted/ada/01/01_gradient_descent.ipynb": "ada"},
    "the folder": {"class/ada/hw.ipynb": "ada", "class/bob/hw.ipynb": "bob"},
}


def lay_out(files, folder, zipped):
    files = dict.fromkeys(files, b"{}")
    if any("submission_1" in name for name in files):
        files["assignment_9_export/submission_metadata.yml"] = GRADESCOPE.encode()
    if zipped:
        with zipfile.ZipFile(folder / "download.zip", "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return folder / "download.zip"
    for name, data in files.items():
        (folder / "download" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "download" / name).write_bytes(data)
    return folder / "download"


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_downloads_are_understood_as_they_come(layout, zipped, tmp_path):
    expected = LAYOUTS[layout]
    found = collect(lay_out(expected, tmp_path, zipped))
    assert {handed.student for handed in found} == set(expected.values())
    assert len(found) == len(expected)
    assert {handed.rule for handed in found} == {layout}
    assert all(handed.read() == b"{}" for handed in found)


def test_a_student_of_a_platform_who_handed_in_something_else_is_listed(tmp_path):
    root = lay_out(["lovelaceada_1_2_hw.ipynb", "hopperbob_3_4_hw.pdf"], tmp_path, zipped=True)
    ada, bob = sorted(collect(root), key=lambda handed: handed.student, reverse=True)
    assert (ada.student, bob.student) == ("lovelaceada_1", "hopperbob_3")
    with pytest.raises(Unreadable, match=r"no notebook was handed in, but hopperbob_3_4_hw\.pdf"):
        bob.read()


def test_a_zip_that_a_student_handed_in_is_searched_too(tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("homework/01.ipynb", "{}")
        archive.writestr("__MACOSX/homework/._01.ipynb", "x")
    with zipfile.ZipFile(tmp_path / "download.zip", "w") as archive:
        archive.writestr("lovelaceada_1_2_hw.zip", inner.getvalue())
        archive.writestr("hopperbob_3_4_hw.zip", b"PK broken")
    bob, ada = collect(tmp_path / "download.zip")
    assert (ada.student, ada.read()) == ("lovelaceada_1", b"{}")
    assert bob.student == "hopperbob_3"
    with pytest.raises(Unreadable, match="zip file is broken"):
        bob.read()


def test_in_a_zip_without_folders_nobody_is_guessed(tmp_path):
    (handed,) = collect(lay_out(["hw.ipynb"], tmp_path, zipped=True))
    assert (handed.student, handed.rule) == ("", "a zip file without folders")
    report = grade(tmp_path / "download.zip")
    assert "student unknown" in str(report)


def test_a_zip_that_unpacks_to_more_than_a_notebook_may_hold_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ada/hw.ipynb", bytes(30 << 20))
    (handed,) = collect(tmp_path / "bomb.zip")
    with pytest.raises(Unreadable, match="larger than 20 MB"):
        handed.read()


def test_a_pattern_is_looked_for_in_the_files_name_only(tmp_path):
    root = lay_out(["x/ada_hw.ipynb", "y/bob_hw.ipynb", "z/hw.ipynb"], tmp_path, zipped=False)
    assert [handed.student for handed in collect(root, r"^(\w+)_hw")] == ["ada", "bob", ""]


def test_the_report_says_how_students_were_found_and_who_handed_in_twice(submit):
    paths = [submit({"99.4": "lr = 0.25"}, "ada", f"{name}.ipynb") for name in ("one", "two")]
    text = str(grade(paths))
    assert "students by the folder (2)" in text
    assert "ada has handed in exercise 99 2 times: all are in the report" in text
