"""The learner's desk: nothing of theirs is ever overwritten, and links lead where they led."""

import json
import os
import sys
import threading
from pathlib import Path

import pytest
from jupyter_server.services.config.manager import ConfigManager
from jupyterlab.labapp import LabApp

from optlib import lab as desk
from optlib.lab import Copies, CourseError, checkout, copy_notebooks


def notebook(*cells):
    """Cells are code, or Markdown where they begin with #."""
    return {
        "cells": [
            {"cell_type": "markdown" if text.startswith("#") else "code", "metadata": {}, "source": [text]}
            for text in cells
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def write(file, *cells):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(notebook(*cells)), encoding="utf-8")


def sources(file):
    return ["".join(cell["source"]) for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]]


@pytest.fixture
def root(tmp_path):
    """A course of one lesson and one exercise."""
    write(tmp_path / "notebooks/00_start_here.ipynb", "# Start", "1 + 1")
    write(tmp_path / "exercises/01_down.ipynb", "# Task", "...")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "optlib"\n')
    return tmp_path


def test_missing_notebooks_are_copied_and_nothing_happens_the_second_time(root):
    first = copy_notebooks(root)
    assert first == Copies(new=["my/lessons/00_start_here.ipynb", "my/01_down.ipynb"])
    assert sources(root / "my/01_down.ipynb") == ["# Task", "..."]
    assert copy_notebooks(root) == Copies()


def test_an_edited_exercise_is_never_overwritten_and_is_named_when_the_course_moves_on(root):
    copy_notebooks(root)
    write(root / "my/01_down.ipynb", "# Task", "my answer")
    assert copy_notebooks(root) == Copies()
    write(root / "exercises/01_down.ipynb", "# Task, reworded", "...")
    assert copy_notebooks(root) == Copies(outdated=["my/01_down.ipynb"])
    assert sources(root / "my/01_down.ipynb") == ["# Task", "my answer"]


def test_an_exercise_that_was_there_before_the_first_lab_is_left_alone(root):
    write(root / "my/01_down.ipynb", "# mine")
    copies = copy_notebooks(root)
    assert copies.outdated == ["my/01_down.ipynb"]
    assert sources(root / "my/01_down.ipynb") == ["# mine"]


def test_a_lesson_that_was_only_run_follows_the_course(root):
    copy_notebooks(root)
    copy = root / "my/lessons/00_start_here.ipynb"
    run = json.loads(copy.read_text())
    run["cells"][1] |= {"execution_count": 3, "outputs": [{"output_type": "stream", "name": "stdout", "text": "2"}]}
    run["metadata"]["language_info"] = {"name": "python"}
    copy.write_text(json.dumps(run))
    assert copy_notebooks(root) == Copies()
    assert json.loads(copy.read_text()) == run  # its outputs stay as long as the course does
    write(root / "notebooks/00_start_here.ipynb", "# Start", "1 + 2")
    assert copy_notebooks(root) == Copies(refreshed=["my/lessons/00_start_here.ipynb"])
    assert sources(copy) == ["# Start", "1 + 2"]
    assert copy_notebooks(root) == Copies()


def test_an_edited_lesson_is_left_and_named_each_time(root):
    copy_notebooks(root)
    write(root / "my/lessons/00_start_here.ipynb", "# Start", "1 + 100")
    write(root / "notebooks/00_start_here.ipynb", "# Start", "1 + 2")
    for _ in range(2):
        assert copy_notebooks(root) == Copies(outdated=["my/lessons/00_start_here.ipynb"])
    assert sources(root / "my/lessons/00_start_here.ipynb") == ["# Start", "1 + 100"]


def test_a_copy_that_already_says_what_the_course_says_is_up_to_date(root):
    copy_notebooks(root)
    for file in ("notebooks/00_start_here.ipynb", "my/lessons/00_start_here.ipynb"):
        write(root / file, "# Start", "1 + 2")
    assert copy_notebooks(root) == Copies()


@pytest.mark.parametrize("text", ["", "not json", "[]", '{"cells": 3}'])
def test_a_copy_that_is_no_notebook_any_more_is_left_and_named(root, text):
    copy_notebooks(root)
    (root / "my/lessons/00_start_here.ipynb").write_text(text)
    write(root / "notebooks/00_start_here.ipynb", "# Start", "1 + 2")
    assert copy_notebooks(root) == Copies(outdated=["my/lessons/00_start_here.ipynb"])
    assert (root / "my/lessons/00_start_here.ipynb").read_text() == text


@pytest.mark.parametrize("record", [None, "", "[1]", '{"my/lessons/00_start_here.ipynb": 3}'])
def test_without_a_readable_record_nothing_is_refreshed(root, record):
    copy_notebooks(root)
    (root / desk.RECORD).unlink()
    if record is not None:
        (root / desk.RECORD).write_text(record)
    write(root / "notebooks/00_start_here.ipynb", "# Start", "1 + 2")
    assert copy_notebooks(root) == Copies(outdated=["my/lessons/00_start_here.ipynb"])


def test_labs_started_at_once_write_each_copy_once(root):
    for number in range(30):
        write(root / f"exercises/{number:02}_x.ipynb", f"# {number}")
    start, done = threading.Barrier(4), []

    def copy():
        start.wait()
        done.append(copy_notebooks(root).new)

    threads = [threading.Thread(target=copy) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = [name for names in done for name in names]
    assert len(written) == len(set(written)) == 32
    assert [sources(root / f"my/{number:02}_x.ipynb") for number in range(30)] == [[f"# {n}"] for n in range(30)]


@pytest.mark.parametrize(
    ("folder", "written", "copied"),
    [
        ("notebooks", "[x](../exercises/01_down.ipynb)", "[x](../01_down.ipynb)"),
        ("notebooks", "[x](../exercises/01_down.ipynb#Task-01.2)", "[x](../01_down.ipynb#Task-01.2)"),
        ("notebooks", "[x](<../solutions/01_down.ipynb>)", "[x](<../../solutions/01_down.ipynb>)"),
        ("notebooks", '![x](../docs/images/x.png "title")', '![x](../../docs/images/x.png "title")'),
        ("notebooks", '<img alt="x" src="../docs/x.png">', '<img alt="x" src="../../docs/x.png">'),
        ("notebooks", "\n[errata]: ../docs/errata.md\n", "\n[errata]: ../../docs/errata.md\n"),
        ("notebooks", "[a](../README.md), [b](../exercises/b.ipynb)", "[a](../../README.md), [b](../b.ipynb)"),
        ("notebooks", "[x](00_start_here.ipynb)", "[x](00_start_here.ipynb)"),
        ("notebooks", "[x](https://a.b/../c)", "[x](https://a.b/../c)"),
        ("notebooks", "walk ../exercises/ up", "walk ../exercises/ up"),
        ("exercises", "[x](../notebooks/00_start_here.ipynb)", "[x](lessons/00_start_here.ipynb)"),
        ("exercises", "[x](../solutions/01_down.ipynb)", "[x](../solutions/01_down.ipynb)"),
        ("exercises", "[x](01_down.ipynb)", "[x](01_down.ipynb)"),
    ],
)
def test_links_lead_from_the_copy_to_where_they_led(root, folder, written, copied):
    write(root / folder / "02_links.ipynb", f"# {written}", f"print('{written.strip()}')")
    copy_notebooks(root)
    assert sources(root / desk.DESKS[folder] / "02_links.ipynb") == [f"# {copied}", f"print('{written.strip()}')"]


def test_the_course_is_found_from_any_folder_inside_it(root, monkeypatch):
    copy_notebooks(root)
    monkeypatch.chdir(root / "my/lessons")
    assert checkout() == root


def test_another_project_is_not_taken_for_the_course(root, monkeypatch):
    inner = root / "my/project"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text('[project]\nname = "optlib-notes"\n')
    monkeypatch.chdir(inner)
    assert checkout() == root


def test_outside_the_course_one_is_told_where_to_go(tmp_path, monkeypatch):
    monkeypatch.setattr(desk, "__file__", str(tmp_path / "site-packages/optlib/lab.py"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CourseError, match=r"is not inside the course: go to the folder that holds its README\.md"):
        checkout()


@pytest.fixture
def launched(monkeypatch):
    """The options JupyterLab would have been started with."""
    calls = []
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "")  # lab() changes it
    monkeypatch.setattr(LabApp, "launch_instance", calls.append)
    return calls


def test_lab_opens_the_learners_copy_of_the_start_page(root, launched, monkeypatch, capsys):
    monkeypatch.chdir(root)
    desk.lab()
    (options,) = launched
    assert f"--ServerApp.root_dir={root}" in options
    assert "--LabApp.default_url=/lab/tree/my/lessons/00_start_here.ipynb" in options
    assert "--no-browser" not in options
    assert capsys.readouterr().out == "my/lessons/00_start_here.ipynb is new\nmy/01_down.ipynb is new\n"


def test_lab_passes_further_options_last_so_that_they_win(root, launched, monkeypatch):
    monkeypatch.chdir(root)
    desk.lab(browser=False, port=9999, options=["--LabApp.default_url=/lab"])
    (options,) = launched
    assert "--no-browser" in options
    assert "--ServerApp.port=9999" in options
    assert options[-1] == "--LabApp.default_url=/lab"


def test_jupyterlab_neither_fetches_news_nor_asks_about_them(root, launched, monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/somewhere")
    monkeypatch.chdir(root)
    desk.lab()
    assert os.environ["JUPYTER_CONFIG_PATH"].endswith(f"{os.pathsep}/somewhere")
    overrides = ConfigManager(config_dir_name="labconfig").get("default_setting_overrides")  # as JupyterLab reads it
    notification = overrides["@jupyterlab/apputils-extension:notification"]
    assert notification == {"fetchNews": "false", "checkForUpdates": False}


def test_lab_without_a_start_page_says_how_to_make_it(root, launched, monkeypatch):
    (root / "notebooks/00_start_here.ipynb").unlink()
    monkeypatch.chdir(root)
    with pytest.raises(CourseError, match="has no start page: run `optlib build`"):
        desk.lab()
    assert launched == []


@pytest.mark.parametrize(("user", "allowed"), [(0, True), (1000, False)])
def test_lab_runs_as_root_only_where_root_started_it(root, launched, monkeypatch, user, allowed):
    monkeypatch.chdir(root)
    monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)
    desk.lab()
    assert ("--allow-root" in launched[0]) is allowed


def test_without_jupyterlab_one_is_told_what_to_install(root, monkeypatch):
    monkeypatch.chdir(root)
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", None)
    with pytest.raises(CourseError, match=r"JupyterLab is not installed here \(.*\): run `pip install -e \.`"):
        desk.lab()
    assert not Path("my").exists()
