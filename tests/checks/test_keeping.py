"""The learner's own library: what passes is kept, nothing of the learner's is lost, and it works like the course's."""

import pickle
import sys

import numpy as np
import pytest

import optlib
from optlib import Momentum, cli, mine, minimize, plots, problems, sweep
from optlib.checks import catalogue, check, keeping, learner
from optlib.checks.keeping import keep
from optlib.mine import NotYours

RULE = catalogue.task("03.2")
STEP = catalogue.task("00.1")
RIGHT = '''\
def rule(theta, g, v, *, t, lr, momentum):
    """One step of the heavy ball, in place."""
    v[:] = momentum * v + g
    theta[:] = theta - lr * v
'''
LOOP = """\
print("not kept")
factor = 1.0  # not needed


# adds to the velocity
def push(v, g, momentum):
    for i in range(len(v)):
        v[i] = momentum * v[i] + g[i]


def rule(theta, g, v, *, t, lr, momentum):
    push(v, g, momentum)
    theta -= lr * v
"""


@pytest.fixture
def my(tmp_path, monkeypatch):
    folder = tmp_path / "my"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(mine, "_loaded", None)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "my_optlib", raising=False)
    yield folder
    sys.modules.pop("my_optlib", None)


def text(my):
    return (my / "my_optlib.py").read_text(encoding="utf-8")


# ---- keeping


def test_a_passed_check_keeps_the_answer_as_an_optimizer(my, monkeypatch, one_process):
    monkeypatch.setattr(learner, "executed_cells", lambda: [RIGHT])
    monkeypatch.setattr(learner, "keep_spare", lambda: None)
    assert "from optlib.mine import Momentum" in str(check("03.2"))
    assert 'class Momentum(Optimizer):\n    """Write the rule (task 03.2)."""\n' in text(my)
    assert '        """One step of the heavy ball, in place."""\n        v[:] = momentum * v + g\n' in text(my)
    assert set(mine.optimizers()) == {"Momentum"}
    assert sorted(path.name for path in my.iterdir()) == ["my_optlib.py", "progress.json"]


def test_a_wrong_answer_is_not_kept(my, monkeypatch, one_process):
    monkeypatch.setattr(learner, "executed_cells", lambda: [RIGHT.replace("- lr", "+ lr")])
    monkeypatch.setattr(learner, "keep_spare", lambda: None)
    check("03.2")
    assert not (my / "my_optlib.py").exists()


def test_outside_my_nothing_is_kept(tmp_path):
    assert keep(RULE, RIGHT) == ""
    assert list(tmp_path.iterdir()) == []


def test_only_what_the_answer_needs_is_kept_of_its_cell(my):
    keep(RULE, "%matplotlib inline\nimport numpy as np\n" + LOOP)
    assert "# adds to the velocity\ndef push" in text(my)
    assert "print" not in text(my) and "factor" not in text(my) and "%" not in text(my)
    assert text(my).count("import numpy as np") == 1


@pytest.mark.parametrize(
    "source",
    [
        "rule = lambda theta, g, v, *, t, lr, momentum: (np.add(momentum * v, g, v), np.add(theta, -lr * v, theta))",
        RIGHT.replace("def rule", "def heavy_ball") + "\n\nrule = heavy_ball\n",
        RIGHT.replace("    v[:]", '    note = """first\nsecond"""\n    assert len(note) == 12\n    v[:]'),
    ],
    ids=["lambda", "another name", "a text over two lines"],
)
def test_answers_of_every_form_become_optimizers(my, source):
    assert "Momentum" in keep(RULE, source)
    (row,) = mine.compare().rows
    assert row.difference < 1e-12, row


def test_every_reference_that_is_kept_equals_the_library(my):
    import inspect

    tasks = [task for task in catalogue.tasks() if task.keep]
    for task in tasks:
        assert "Kept in" in keep(task, inspect.getsource(task.reference)), task.id
    rows = {row.name: row for row in mine.compare().rows}
    assert {task.keep for task in tasks} == rows.keys()
    assert all(row.difference < 1e-9 and not row.error for row in rows.values()), rows


def test_no_two_kept_answers_of_the_course_share_a_name():
    names = [task.keep or task.name for task in catalogue.tasks() if task.kind == "implement"]
    assert len(names) == len(set(names)), sorted(names)


# ---- what is there already


def test_the_same_answer_again_changes_nothing_and_says_nothing(my):
    keep(RULE, RIGHT)
    before = (my / "my_optlib.py").stat().st_mtime_ns
    assert keep(RULE, RIGHT) == ""
    assert (my / "my_optlib.py").stat().st_mtime_ns == before
    assert not (my / "my_optlib_versions").exists()


def test_another_answer_replaces_its_own_section_and_the_earlier_one_is_kept(my):
    keep(STEP, "def descend(theta, g, lr):\n    return theta - lr * g")
    keep(RULE, RIGHT)
    own = text(my).replace("\n\n\n# ---- 03.2", "\n\n\nmine = 3\n\n\n# ---- 03.2") + "\n\nalso_mine = 4\n"
    (my / "my_optlib.py").write_text(own)
    told = keep(RULE, LOOP)
    assert "my_optlib_versions/03_2_Momentum_1.py" in told
    assert "def push" in text(my) and "v[:] = momentum" not in text(my)
    assert "mine = 3" in text(my) and text(my).endswith("also_mine = 4\n") and "def descend" in text(my)
    assert "v[:] = momentum * v + g" in (my / "my_optlib_versions/03_2_Momentum_1.py").read_text()
    keep(RULE, RIGHT)
    assert {path.name for path in (my / "my_optlib_versions").iterdir()} == {
        "03_2_Momentum_1.py",
        "03_2_Momentum_2.py",
    }
    assert set(mine.optimizers()) == {"Momentum"} and mine.functions() == ["descend"]


def test_a_section_edited_by_hand_is_left_alone(my):
    keep(RULE, RIGHT)
    edited = text(my).replace("momentum * v + g", "momentum * v + 1.0 * g")
    (my / "my_optlib.py").write_text(edited)
    assert "edited by hand and stays" in keep(RULE, LOOP)
    assert text(my) == edited


def test_a_section_whose_marks_were_edited_is_left_alone(my):
    keep(RULE, RIGHT)
    edited = text(my).replace("# ---- end of 03.2 ----\n", "")
    (my / "my_optlib.py").write_text(edited)
    assert "were edited" in keep(RULE, LOOP)
    assert text(my) == edited


@pytest.mark.parametrize("own", ["class Momentum:\n    pass\n", "def broken(:\n", "Momentum = 3\n"])
def test_a_file_that_cannot_take_an_answer_is_left_alone(my, own):
    (my / "my_optlib.py").write_text(own)
    assert keep(RULE, RIGHT).startswith("Not kept in my_optlib.py: ")
    assert text(my) == own


def test_a_file_of_the_learners_own_gets_the_imports_that_a_section_needs(my):
    (my / "my_optlib.py").write_text("x = 1\n")
    keep(RULE, RIGHT)
    assert mine.Momentum and text(my).startswith("x = 1\n")
    assert keep(RULE, RIGHT) == ""


def test_a_full_disk_does_not_stop_a_check_and_leaves_the_file_whole(my, monkeypatch):
    keep(RULE, RIGHT)
    before = text(my)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("optlib.progress_file.os.replace", full)
    assert "No space left" in keep(RULE, LOOP)
    assert text(my) == before


def test_an_answer_that_cannot_stand_alone_is_not_kept(my, monkeypatch):
    monkeypatch.setattr(keeping, "class_attributes", lambda *_: iter(["slots = ()"]))
    assert "stops with TypeError" in keep(RULE, RIGHT)
    assert not (my / "my_optlib.py").exists()


# ---- using it


def test_a_kept_optimizer_works_wherever_the_librarys_does(my):
    keep(RULE, RIGHT)
    valley = problems.Rosenbrock()
    runs = {"Momentum": minimize(valley, Momentum(), 20), "mine": minimize(valley, mine.Momentum(), 20)}
    assert np.array_equal(runs["mine"].theta, runs["Momentum"].theta)
    plots.paths(valley, runs, title="The same path")
    assert sweep(valley, mine.Momentum, {"lr": np.array([1e-4, 1e-3])}, seeds=2, steps=5).loss.shape == (6, 2, 2)
    optlib.explore.landscape("bowl", {"mine": mine.Momentum}).close()
    copied = pickle.loads(pickle.dumps(mine.Momentum(lr=0.5)))
    assert type(copied) is mine.Momentum and copied.lr == 0.5


def test_an_edit_of_the_file_is_seen_at_once(my):
    keep(RULE, RIGHT)
    assert mine.Momentum().lr == 1e-3
    (my / "my_optlib.py").write_text(text(my).replace("0.001", "0.002"))
    assert mine.Momentum().lr == 2e-3


def test_as_long_as_nothing_is_kept_that_is_said(my, capsys):
    assert mine.optimizers() == {}
    with pytest.raises(NotYours, match="Nothing is kept yet"):
        from optlib.mine import Momentum  # noqa: F401
    assert cli.main(["mine"]) == 0
    assert "Nothing of yours is kept yet" in capsys.readouterr().out


def test_a_broken_file_is_told_with_its_line(my, capsys):
    (my / "my_optlib.py").write_text("x = 1\n1 / 0\n")
    with pytest.raises(NotYours, match=r"line 2: ZeroDivisionError"):
        mine.optimizers()
    assert cli.main(["mine"]) == 2
    (my / "my_optlib.py").write_text("def f(:\n")
    assert cli.main(["mine"]) == 2
    assert "line 1: " in capsys.readouterr().err


def test_the_command_compares_trajectories_and_speed_from_the_course_folder(my, monkeypatch, capsys):
    keep(RULE, RIGHT)
    keep(STEP, "def descend(theta, g, lr):\n    return theta - lr * g")
    with (my / "my_optlib.py").open("a") as file:
        file.write("\n\nclass Odd(Optimizer):\n    @staticmethod\n    def rule(theta, g):\n        theta -= g\n")
    monkeypatch.chdir(my.parent)
    assert cli.main(["mine"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(my / "my_optlib.py")
    assert any(line.startswith("Momentum   none") for line in lines)
    assert any(line.startswith("Odd        the library has none of this name") for line in lines)
    assert lines[-1] == "also kept: descend"


def test_a_rule_that_was_edited_into_something_else_is_told(my):
    keep(RULE, RIGHT)
    (my / "my_optlib.py").write_text(text(my).replace("lr * v", "2 * lr * v"))
    assert mine.compare().rows[0].difference > 1e-3
    (my / "my_optlib.py").write_text(text(my).replace("2 * lr * v", "nothing * v"))
    assert "NameError" in str(mine.compare())
