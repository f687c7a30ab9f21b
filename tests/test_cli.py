"""The command line: exit statuses, messages, and a light start."""

import json
import os
import subprocess
import sys
import types

import pytest

from optlib import cli, doctor
from optlib.doctor import Diagnosis, Finding
from optlib.grading import Report, Submission, TaskResult


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A folder that is recognised as the course, and is the current one."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "optlib"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_starting_the_command_loads_neither_jupyter_nor_matplotlib_nor_numpy_heavy_parts():
    code = (
        "import sys; from optlib import cli; cli.command_line();"
        "print([m for m in ('matplotlib', 'ipywidgets', 'jupyterlab', 'nbformat', 'IPython') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_installed_command_lists_its_subcommands():
    result = subprocess.run([sys.executable, "-m", "optlib", "--help"], capture_output=True, text=True, check=True)
    for name in ("lab", "build", "check", "grade", "release", "mine", "bench", "doctor"):
        assert f"\n    {name} " in result.stdout


@pytest.mark.parametrize("arguments", [[], ["dance"], ["doctor", "--loud"], ["lab", "--port", "door"]])
def test_a_wrong_command_line_is_refused_with_status_2(arguments):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2


# ---- lab, build --------------------------------------------------------------------------------------------------


def test_lab_takes_its_own_options_and_passes_on_the_others(monkeypatch):
    calls = []
    monkeypatch.setattr("optlib.lab.lab", lambda **options: calls.append(options))
    assert cli.main(["lab", "--no-browser", "--port", "9000", "--ServerApp.token=x", "--debug"]) == 0
    assert calls == [{"browser": False, "port": 9000, "options": ["--ServerApp.token=x", "--debug"]}]


def test_an_impossible_request_is_one_line_on_stderr_and_status_2(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("optlib.lab.__file__", str(tmp_path / "site-packages/optlib/lab.py"))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["build"]) == 2
    assert capsys.readouterr().err.startswith(f"optlib build: {tmp_path} is not inside the course: ")


def test_a_missing_package_is_named_with_the_command_that_installs_it(course, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "optlib.authoring", raising=False)
    monkeypatch.setitem(sys.modules, "jupytext", None)
    assert cli.main(["build"]) == 2
    assert capsys.readouterr().err == 'optlib build: needs jupytext: run `pip install -e ".[test]"`\n'


@pytest.mark.parametrize(("problems", "status"), [([], 0), (["a:0: stale", "b:0: wrong"], 1)])
def test_build_prints_each_problem_and_says_so_in_its_status(course, monkeypatch, capsys, problems, status):
    calls = []

    def build(root, check):
        calls.append((root, check))
        return problems

    monkeypatch.setitem(sys.modules, "optlib.authoring", types.SimpleNamespace(build=build))
    assert cli.main(["build", "--check"]) == status
    assert calls == [(course, True)]
    assert capsys.readouterr().out.splitlines() == (problems or ["The notebooks are what course/ says."])


# ---- check, grade ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statuses", "status"), [(["correct", "manual"], 0), (["correct", "wrong"], 1), (["not_attempted"], 1)]
)
def test_check_prints_every_verdict_and_succeeds_when_all_is_right(monkeypatch, capsys, statuses, status):
    class Verdict(str):
        status = property(str)

    monkeypatch.setattr("optlib.checks.check_file", lambda file: [Verdict(text) for text in statuses])
    assert cli.main(["check", "my/01_down.ipynb"]) == status
    assert capsys.readouterr().out == "\n\n".join(statuses) + "\n"


def test_check_says_why_a_file_cannot_be_checked(tmp_path, capsys):
    (tmp_path / "notes.ipynb").write_text("{")
    assert cli.main(["check", str(tmp_path / "notes.ipynb")]) == 2
    assert cli.main(["check", str(tmp_path / "absent.ipynb")]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"optlib check: {tmp_path / 'notes.ipynb'}: ")
    assert second.startswith(f"optlib check: {tmp_path / 'absent.ipynb'}: ")


def test_grade_hands_over_its_options_prints_the_report_and_writes_it(monkeypatch, tmp_path, capsys):
    calls = []

    def grade(files, **options):
        calls.append((files, options))
        submission = Submission("a.ipynb", "ada", "00", "ok", 3, 4, (TaskResult("01.1", "correct", 3, 4, ""),))
        return Report("0.1.0", "none", 7, (submission,))

    monkeypatch.setattr("optlib.grading.grade", grade)
    command = ["--seed", "7", "--timeout", "2.5", "--jobs", "2", "--chapter", "01", "--student", "(.+)_"]
    assert cli.main(["grade", "a.ipynb", "b", *command, "--json", str(tmp_path / "report.json")]) == 0
    ((files, options),) = calls
    assert files == ["a.ipynb", "b"]
    wanted = {"seed": 7, "timeout": 2.5, "jobs": 2, "chapter": "01", "student": "(.+)_", "progress": False}
    wanted |= {"memory": 1 << 30, "resume": False, "require_sandbox": False, "json": str(tmp_path / "report.json")}
    assert options == wanted
    assert "ada  a.ipynb  3 of 4 points" in capsys.readouterr().out
    assert json.loads((tmp_path / "report.json").read_text())["submissions"][0]["score"] == 3


def test_grade_fails_when_a_file_could_not_be_graded(tmp_path, capsys):
    (tmp_path / "notes.ipynb").write_text("{")
    assert cli.main(["grade", str(tmp_path)]) == 1
    assert "unreadable" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--timeout", "0"], ["--jobs", "0"], ["--student", "("], ["--chapter", "99"]])
def test_options_that_cannot_be_meant_are_refused_before_grading(tmp_path, capsys, arguments):
    assert cli.main(["grade", str(tmp_path), *arguments]) == 2
    assert capsys.readouterr().err.startswith("optlib grade: ")


def test_what_cannot_be_written_is_told_and_the_report_is_still_printed(tmp_path, capsys):
    assert cli.main(["grade", str(tmp_path / "x.ipynb"), "--csv", str(tmp_path / "absent/marks.csv")]) == 2
    printed = capsys.readouterr()
    assert "0 of 1 graded" in printed.out
    assert printed.err.startswith("optlib grade: ")


def test_a_report_that_cannot_be_written_is_refused_before_grading(tmp_path, capsys):
    assert cli.main(["grade", str(tmp_path / "x.ipynb"), "--json", str(tmp_path / "absent/report.json")]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("optlib grade: ")


def test_grade_without_files_needs_a_report_to_merge_into(capsys):
    assert cli.main(["grade"]) == 2
    assert "name the files to grade" in capsys.readouterr().err


def test_a_terminal_without_the_signs_gets_question_marks():
    code = "import sys; from optlib import cli; cli.doctor = lambda options: print('\u2713') or 0; cli.main(['doctor'])"
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (result.stdout, result.stderr) == ("?\n", "")


# ---- bench -------------------------------------------------------------------------------------------------------


@pytest.fixture
def benchmarks(course):
    folder = course / "benchmarks"
    folder.mkdir()
    (folder / "measure.py").write_text('"""Shared."""\nraise SystemExit(9)\n')
    (folder / "fast.py").write_text(
        '"""W1: fast."""\nimport os\nopen("fast", "w").write(os.environ["OMP_NUM_THREADS"])\n'
    )
    (folder / "broken.py").write_text('"""W2: broken."""\nopen("broken", "w")\nraise SystemExit(3)\n')
    return course


@pytest.mark.parametrize(
    ("arguments", "ran", "status"),
    [([], {"fast", "broken"}, 1), (["W1"], {"fast"}, 0), (["fast"], {"fast"}, 0), (["W2"], {"broken"}, 1)],
)
def test_bench_runs_the_named_script_or_all(benchmarks, arguments, ran, status):
    assert cli.main(["bench", *arguments]) == status
    assert {name for name in ("fast", "broken") if (benchmarks / name).exists()} == ran


def test_benchmarks_run_on_one_thread(benchmarks):
    cli.main(["bench", "W1"])
    assert (benchmarks / "fast").read_text() == "1"


def test_an_unknown_benchmark_is_answered_with_those_there_are(benchmarks, capsys):
    assert cli.main(["bench", "W9"]) == 2
    assert "no benchmark W9 in " in (message := capsys.readouterr().err)
    assert message.endswith("; there are W2 (broken), W1 (fast)\n")


# ---- doctor ------------------------------------------------------------------------------------------------------


def test_the_doctor_finds_this_environment_healthy():
    diagnosis = doctor.doctor()
    assert diagnosis.healthy, diagnosis
    assert [finding for finding in diagnosis.findings if finding.what.startswith("numpy ")]


@pytest.mark.parametrize(
    ("verdict", "status", "last"),
    [
        ("good", 0, "Everything the course needs is here."),
        ("note", 0, "Everything the course needs is here."),
        ("bad", 1, "1 to mend, marked WRONG."),
    ],
)
def test_the_doctor_says_what_to_do_and_fails_only_on_what_is_needed(monkeypatch, capsys, verdict, status, last):
    diagnosis = Diagnosis((Finding("good", "Python"), Finding(verdict, "numpy is absent", "Install it.")))
    monkeypatch.setattr(doctor, "doctor", lambda: diagnosis)
    assert cli.main(["doctor"]) == status
    out = capsys.readouterr().out
    assert "       Install it.\n" in out
    assert out.splitlines()[-1] == last


def dependencies(monkeypatch, requires, installed):
    def version(name):
        if name not in installed:
            raise doctor.importlib.metadata.PackageNotFoundError(name)
        return installed[name]

    metadata = types.SimpleNamespace(
        requires=lambda _: requires,
        version=version,
        PackageNotFoundError=doctor.importlib.metadata.PackageNotFoundError,
    )
    monkeypatch.setattr(doctor.importlib, "metadata", metadata)
    return list(doctor.look_at_dependencies())


def test_the_doctor_tells_missing_and_old_dependencies(monkeypatch):
    requires = ["numpy>=2.0", "tqdm>=4.66", "matplotlib>=3.9"]
    found = dependencies(monkeypatch, requires, {"numpy": "2.10.1", "tqdm": "4.9"})
    assert [(finding.verdict, finding.what) for finding in found[:3]] == [
        ("good", "numpy 2.10.1 (at least 2.0)"),
        ("bad", "tqdm 4.9 (at least 4.66)"),
        ("bad", "matplotlib is absent (at least 3.9)"),
    ]
    assert found[1].advice == "Run `uv sync`, or `pip install 'tqdm>=4.66'`."


def test_the_doctor_only_notes_what_building_and_testing_need(monkeypatch):
    requires = ['ruff>=0.6; extra == "test"', 'pytest>=8.0; extra == "test"']
    (found,) = dependencies(monkeypatch, requires, {"pytest": "9.0"})
    assert (found.verdict, found.what) == ("note", "absent or too old: ruff>=0.6")


@pytest.mark.parametrize(
    ("version", "bound", "enough"),
    [("2.0", "2", True), ("2", "2.0", True), ("1.9.9", "2.0", False), ("2.10rc1", "2.9", True), ("", "1", False)],
)
def test_versions_are_compared_number_by_number(version, bound, enough):
    assert doctor.reaches(version, bound) is enough


def test_the_doctor_sees_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "my").write_text("a file where the folder should be")
    finding = doctor.look_at_desk(tmp_path / "my")
    assert finding.verdict == "bad"
    assert "cannot be written to" in finding.what


def test_the_doctor_notes_stale_notebooks(course):
    (course / "notebooks").mkdir()
    (course / "notebooks/01_x.ipynb").write_text(json.dumps({"metadata": {}}))
    finding = doctor.look_at_notebooks(course)
    assert finding.verdict == "note"
    assert "problems with the notebooks, the first: " in finding.what


def test_the_doctor_notices_another_copy_of_the_library(course):
    findings = list(doctor.look_at_course())
    assert findings[0].verdict == "bad"
    assert "but optlib is used from" in findings[0].what
