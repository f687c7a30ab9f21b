"""What is handed out: nothing in it gives an answer away, and it works where it goes."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import yaml

from optlib import checks, cli, release
from optlib.authoring import marked_lines, read_course, secrets, squeeze
from optlib.checks.learner import SEED
from optlib.checks.recorded import load, record, source_with_helpers
from optlib.checks.verdict import Trial
from optlib.lab import CourseError

ROOT = Path(__file__).resolve().parents[2]
CODE = [task for task in checks.tasks() if task.kind != "explain"]


def run(*command, cwd, **variables):
    """Run a command on nothing but the copy of optlib that was released."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | variables
    return subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, timeout=120
    )


# ---- the hand-out for students


@pytest.fixture(scope="module")
def hand_out(tmp_path_factory):
    """The unpacked zip."""
    folder = tmp_path_factory.mktemp("students")
    done = release.students(ROOT, folder)
    with zipfile.ZipFile(*done.written) as archive:
        archive.extractall(folder)
    return folder / "optimizers"


def texts(folder):
    """Every file of a folder as text; recorded tasks unpacked into what they hold."""
    for file in sorted(folder.rglob("*")):
        if file.suffix == ".recorded":
            yield file, zlib.decompress(file.read_bytes()).decode("utf-8", errors="replace")
        elif file.is_file():
            yield file, file.read_bytes().decode("utf-8", errors="replace")


def is_the_courses_text(file):
    """The library's rules and the lessons are published: a task may ask for what a lesson shows."""
    return "notebooks" in file.parts or ("optlib" in file.parts and "checks" not in file.parts)


def test_no_line_of_a_solution_is_in_the_hand_out(hand_out):
    found = [(file, squeeze(text)) for file, text in texts(hand_out) if not is_the_courses_text(file)]
    given = {}
    for source in read_course(ROOT)[0]:
        if source.kind == "exercise":
            for cell in source.cells:
                if "given" in cell.metadata:
                    given.setdefault(source.name, []).append(squeeze(cell.source))
            for cell in source.cells:
                for secret in secrets(cell):
                    if any(secret in text for text in given.get(source.name, ())):
                        continue  # the broken code of a "find the bug"
                    where = [file.name for file, text in found if secret in text.replace("\\n", " ")]
                    assert not where, f"{source.name}: {secret!r} is in {where}"


def test_no_solution_stands_as_a_whole_anywhere_in_the_hand_out(hand_out):
    found = [(file, squeeze(text.replace("\\n", " "))) for file, text in texts(hand_out)]
    for source in read_course(ROOT)[0]:
        for cell in source.cells if source.kind == "exercise" else ():
            solution = squeeze("\n".join(line for line, role in marked_lines(cell) if role == "solution"))
            if len(solution) > 80:
                assert not [file.name for file, text in found if solution in text], solution


def test_no_function_of_a_chapters_file_is_in_the_hand_out_but_the_harness(hand_out):
    kept = [text for file, text in texts(hand_out) if "checks" in file.parts]
    there = {name for text in kept for name in re.findall(r"\bdef (\w+)\(", text)}
    allowed = {task.run.__name__ for task in CODE} | {name for task in CODE for name in helpers(task)}
    for file in (ROOT / "optlib/checks").glob("chapter_*.py"):
        defined = {node.name for node in ast.parse(file.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)}
        assert not (defined - allowed) & there, file


def helpers(task):
    """The names of functions that are handed out with what a task measures."""
    for function in filter(None, (task.measure, task.oracle)):
        yield from re.findall(r"^def (\w+)", source_with_helpers(function, set()), re.MULTILINE)


def test_neither_grader_nor_solutions_nor_sources_are_in_the_hand_out(hand_out):
    names = {file.relative_to(hand_out).as_posix() for file in hand_out.rglob("*")}
    assert not [
        name for name in names if re.match(r"(solutions|course|tests|my|optlib/(grading|release|authoring))\b", name)
    ]
    assert "exercises/03_momentum.ipynb" in names and "README.md" in names


def test_rubrics_are_not_in_the_hand_out(hand_out):
    everything = " ".join(text for _, text in texts(hand_out))
    rubrics = [point for task in checks.tasks() for point in task.rubric]
    assert rubrics and not [point for point in rubrics if point in everything]


def test_the_check_of_the_hand_out_agrees_with_the_courses(hand_out, tmp_path):
    mistaken = tmp_path / "03_momentum.ipynb"
    solution = (ROOT / "solutions/03_momentum.ipynb").read_text(encoding="utf-8")
    mistaken.write_text(solution.replace("momentum * v + g", "momentum * v + (1 - momentum) * g"))
    for file in (ROOT / "solutions/01_gradient_descent.ipynb", ROOT / "exercises/03_momentum.ipynb", mistaken):
        ours = "\n\n".join(map(str, checks.check_file(file)))
        theirs = run(sys.executable, "-m", "optlib", "check", file, cwd=hand_out)
        assert theirs.stdout.strip() == ours, theirs.stderr
    assert "You average the gradients" in theirs.stdout


def test_commands_of_instructors_say_that_the_hand_out_does_without(hand_out):
    for command in (["grade", "x"], ["release", "x"]):
        told = run(sys.executable, "-m", "optlib", *command, cwd=hand_out)
        assert (told.returncode, told.stdout) == (2, "")
        assert told.stderr == f"optlib {command[0]}: this copy is the hand-out for students and does without\n"


def test_a_lesson_of_a_chapter_that_is_not_handed_out_yet_stays_readable(tmp_path):
    with zipfile.ZipFile(*release.students(ROOT, tmp_path, ["01"]).written) as archive:
        names = set(archive.namelist())
    assert {"optimizers/exercises/01_gradient_descent.ipynb", "optimizers/notebooks/03_momentum.ipynb"} <= names
    assert not [name for name in names if "exercises/03" in name or "chapter_03" in name]
    assert "optimizers/optlib/checks/chapter_00.recorded" in names  # its task is in the lesson


# ---- recorded tasks


@pytest.mark.parametrize("task", CODE, ids=lambda task: task.id)
def test_a_recorded_task_judges_like_the_task(task, tmp_path):
    trial = Trial(task, SEED)
    (tmp_path / "chapter.recorded").write_bytes(record([task], [trial]))
    (kept,) = load(tmp_path / "chapter.py")
    copy = Trial(kept, SEED)
    for answer in [task.reference, *task.right, *(mistake.answer for mistake in task.mistakes)]:
        replies = {"cases": trial.attempt(answer)}
        assert copy.judge(replies) == trial.judge(replies)
    assert copy.request("", 5)["harness"] == task.harness


def test_the_recorded_inputs_are_the_same_whatever_the_seed(tmp_path):
    (tmp_path / "chapter.recorded").write_bytes(record([CODE[0]], [Trial(CODE[0], SEED)]))
    (kept,) = load(tmp_path / "chapter.py")
    assert kept.draw(np.random.default_rng(1))[0]["label"] == CODE[0].draw(np.random.default_rng(2))[0]["label"]
    assert str(kept.draw(np.random.default_rng(1))) == str(kept.draw(np.random.default_rng(2)))


def test_a_measure_is_recorded_with_its_helpers_and_refused_when_it_uses_the_reference(tmp_path, monkeypatch):
    (tmp_path / "measured.py").write_text(
        "import numpy as np\n\nSCALE = 2.0\n\n\ndef twice(x):\n    return SCALE * x\n\n\n"
        "def reference(x):\n    return x\n\n\ndef measure(output, x):\n    return twice(output)\n\n\n"
        "def leaking(output, x):\n    return reference(x)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import measured

    source = source_with_helpers(measured.measure, {"reference"})
    assert (
        source
        == "SCALE = 2.0\n\n\ndef twice(x):\n    return SCALE * x\n\n\ndef measure(output, x):\n    return twice(output)"
    )
    with pytest.raises(ValueError, match="leaking uses reference"):
        source_with_helpers(measured.leaking, {"reference"})


# ---- Gradescope


@pytest.fixture(scope="module")
def autograder(tmp_path_factory):
    """Laid out as Gradescope documents it: source/, results/, submission/, and a copy of run_autograder."""
    folder = tmp_path_factory.mktemp("autograder")
    (file,) = release.gradescope(ROOT, folder, ["03"], visibility="after_due_date").written
    with zipfile.ZipFile(file) as archive:
        assert {"run_autograder", "setup.sh"} <= set(archive.namelist())
        archive.extractall(folder / "source")
        for name in ("run_autograder", "setup.sh"):
            assert archive.getinfo(name).external_attr >> 16 & 0o111
    shutil.copy(folder / "source/run_autograder", folder)
    (folder / "results").mkdir()
    return folder


def autograde(folder, *notebooks):
    shutil.rmtree(folder / "submission", ignore_errors=True)
    (folder / "submission").mkdir()
    for number, text in enumerate(notebooks):
        (folder / "submission" / f"{number}.ipynb").write_text(text, encoding="utf-8")
    (folder / "submission_metadata.json").write_text('{"users": [{"name": "Ada", "email": "ada@x.org"}]}')
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = run("bash", folder / "run_autograder", cwd=folder, AUTOGRADER=str(folder), PATH=path)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "results/results.json").read_text(encoding="utf-8"))


def test_gradescope_gets_points_and_messages_for_each_task(autograder):
    solution = (ROOT / "solutions/03_momentum.ipynb").read_text(encoding="utf-8")
    mistaken = solution.replace("momentum * v + g", "momentum * v + (1 - momentum) * g")
    results = autograde(autograder, mistaken)
    tests = {test["name"]: test for test in results["tests"]}
    assert tests["Task 03.1"]["score"] == tests["Task 03.1"]["max_score"] == 2
    assert tests["Task 03.1"]["status"] == "passed"
    assert tests["Task 03.2"]["score"] == 0
    assert tests["Task 03.2"]["output"].startswith("You average the gradients")
    assert "max_score" not in tests["Task 03.6"]  # a person reads it
    assert results["score"] == sum(test.get("score", 0) for test in results["tests"])
    assert {test["visibility"] for test in results["tests"]} == {"after_due_date"} == {results["visibility"]}
    assert {"seed", "isolation", "sha256"} <= results["extra_data"].keys()


@pytest.mark.parametrize("notebooks", [[], ["{", '{"cells": []}']])
def test_gradescope_gets_a_sentence_where_there_is_nothing_to_grade(autograder, notebooks):
    results = autograde(autograder, *notebooks)
    assert (results["score"], results["tests"]) == (0, [])
    assert "There is not one notebook that can be graded." in results["output"]


def test_the_image_is_built_from_the_zip_and_pinned_packages(autograder):
    setup = (autograder / "source/setup.sh").read_text()
    assert run("bash", "-n", autograder / "source/setup.sh", cwd=autograder).returncode == 0
    assert '-r "$root/source/requirements.txt"' in setup
    lines = (autograder / "source/requirements.txt").read_text().splitlines()
    assert [line.split("==")[0] for line in lines] == ["numpy", "tqdm"]


# ---- GitHub Classroom


@pytest.fixture(scope="module")
def classroom(tmp_path_factory):
    folder = tmp_path_factory.mktemp("github")
    release.github(ROOT, folder, ["03"])
    shutil.copytree(folder / "optlib-grader", folder / "template/grader")
    return folder / "template"


def test_the_workflow_turns_tasks_into_exit_codes_and_points(classroom):
    job = yaml.safe_load((classroom / ".github/workflows/classroom.yml").read_text())["jobs"]["autograding"]
    steps = {step["id"]: step["with"] for step in job["steps"] if "id" in step}
    assert {name: step["max-score"] for name, step in steps.items()} == {
        f"task-{task.id.replace('.', '-')}": task.points for task in CODE if task.chapter == "03"
    }
    reporter = job["steps"][-1]
    assert reporter["with"]["runners"] == ",".join(steps)
    assert list(reporter["env"]) == [f"{name.upper()}_RESULTS" for name in steps]
    solution = (ROOT / "solutions/03_momentum.ipynb").read_text(encoding="utf-8")
    (classroom / "my").mkdir(exist_ok=True)
    mistaken = solution.replace("momentum * v + g", "momentum * v + (1 - momentum) * g")
    (classroom / "my/03_momentum.ipynb").write_text(mistaken)
    (grade,) = [step["run"] for step in job["steps"] if step.get("name") == "Grade"]
    assert act(classroom, grade).returncode == 0
    assert act(classroom, steps["task-03-1"]["command"]).returncode == 0
    wrong = act(classroom, steps["task-03-2"]["command"])
    assert wrong.returncode == 1
    assert wrong.stdout.startswith("0 of 3 points. You average the gradients")


def act(folder, command):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return run("bash", "-c", command, cwd=folder, PYTHONPATH="grader", PATH=path)


def test_a_repository_without_a_notebook_earns_nothing(classroom, tmp_path):
    (tmp_path / "report.json").write_text('{"submissions": [{"tasks": []}]}')
    shutil.copytree(classroom / "grader", tmp_path / "grader")
    assert act(tmp_path, "python -m optlib.grading.github passed task-03-1").returncode == 1


def test_the_template_holds_the_hand_out(classroom, hand_out):
    there = {file.relative_to(classroom).as_posix() for file in classroom.rglob("*") if "grader" not in file.parts}
    assert "optlib/checks/chapter_03.recorded" in there
    assert not [name for name in there if name.startswith(("solutions", "course", "optlib/grading"))]


# ---- the command


def test_what_is_there_already_and_differs_is_kept_and_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert cli.main(["release", str(tmp_path), "--chapter", "03"]) == 0
    source = tmp_path / "source/03_momentum/03_momentum.ipynb"
    assert cli.main(["release", str(tmp_path), "--chapter", "03"]) == 0
    source.write_text("mine")
    assert cli.main(["release", str(tmp_path), "--chapter", "03"]) == 1
    assert f"kept, as it differs (delete it to have it written): {source}" in capsys.readouterr().out
    assert source.read_text() == "mine"


def test_an_unknown_chapter_or_visibility_is_refused(tmp_path):
    with pytest.raises(CourseError, match="no exercise of chapter 98; there are 01"):
        release.nbgrader(ROOT, tmp_path, ["98"])
    with pytest.raises(CourseError, match="visibility is one of visible, after_due_date"):
        release.gradescope(ROOT, tmp_path, visibility="never")


def test_the_same_course_gives_the_same_zip(tmp_path):
    first, second = (release.students(ROOT, tmp_path / name, ["03"]).written[0] for name in "ab")
    assert Path(first).read_bytes() == Path(second).read_bytes()
