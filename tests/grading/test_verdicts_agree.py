"""An answer meets the same verdict in the notebook, as a file, and with the grader."""

import importlib
import inspect
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optlib.checks import check, check_file, learner, task
from optlib.checks.running import Runner
from optlib.grading import grade

grading = importlib.import_module("optlib.grading.grade")


class Lasting(Runner):
    """A runner that stays open when a check is done with it: all answers run in children of one process."""

    def close(self):
        pass


@pytest.fixture(scope="module")
def lasting():
    runner = Lasting()
    yield runner
    Runner.close(runner)


def named(function, name):
    """The source of an example's function, as a learner would have written it."""
    return inspect.getsource(function).replace(f"def {function.__name__}(", f"def {name}(", 1)


MOMENTUM = "def momentum_step(theta, g, m, lr, beta):\n"
WRITTEN = {
    "99.1": [
        MOMENTUM + "    ...  # your code here",
        MOMENTUM + "    m = beta * m + g\n    ...  # your code here\n    return theta - lr * m, m",
        MOMENTUM + "    return theta",
        MOMENTUM + "    return helper(theta), m",
        MOMENTUM + "    return theta - lr * m, m[:2]",
        MOMENTUM + "    g *= 2\n    return theta - lr * g, m",
        MOMENTUM + "    print('at', theta)\n    m = beta * m + g\n    return theta - lr * m, m",
        "%%time\n" + MOMENTUM + "    m = beta * m + g\n    return theta - lr * m, m",
        "momentum_step = lambda theta, g, m, lr, beta: (theta - lr * (beta * m + g), beta * m + g)",
        "def momentum_step(theta, g",
        "import os\n" + MOMENTUM + "    os._exit(1)",
    ],
    "99.2": [
        "def diverges(lr, L):\n    return lr * L > 2",
        "def diverges(lr, L):\n    return lr > 1 / L",
        "def diverges(lr, L):\n    return 1",
        "def diverges(lr, L):\n    return undefined",
    ],
    "99.3": [
        "def best_rate(L, mu):\n    return 2 / (L + mu)",
        "def best_rate(L, mu):\n    return 1 / L",
        "def best_rate(L):\n    return 1 / L",
        "from optlib.checks import check\ndef best_rate(L, mu):\n    return 2 / (L + mu)\n\ncheck('99.3')",
        "best_rate = 3",
    ],
    "99.4": ["lr = 0.25", "lr = 0.6", "lr = ...", "lr: float = 0.2", "lr = '0.25'"],
}


@st.composite
def notebooks(draw):
    """Answers to some of the tasks, each in a cell, in the order in which they were run."""
    examples = [*task("99.1").mistakes, *task("99.1").right]
    functions = [getattr(example, "answer", example) for example in examples]
    momentum = WRITTEN["99.1"] + [named(function, "momentum_step") for function in functions]
    answers = {id: draw(st.sampled_from(momentum if id == "99.1" else sources)) for id, sources in WRITTEN.items()}
    kept = draw(st.lists(st.sampled_from(sorted(answers)), unique=True, min_size=2))
    helper = draw(st.sampled_from(["", "def helper(x):\n    return x"]))
    return {id: answers[id] for id in kept}, helper, draw(st.booleans())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_check_and_file_and_grader_agree(data, monkeypatch, submit, lasting):
    answers, helper, marked = data.draw(notebooks())
    path = submit(answers, marked=marked)
    notebook = json.loads(path.read_text())
    notebook["cells"].insert(1, {"cell_type": "code", "metadata": {}, "source": helper})
    path.write_text(json.dumps(notebook))
    executed = [cell["source"] for cell in notebook["cells"]]
    monkeypatch.setattr(learner, "executed_cells", lambda: executed)
    monkeypatch.setattr(learner, "take_runner", lambda: lasting)
    monkeypatch.setattr(learner, "keep_spare", lambda: None)
    monkeypatch.setattr(learner, "Runner", lambda *_: lasting)
    monkeypatch.setattr(grading, "Runner", lambda *_: lasting)

    seen = {id: check(id) for id in WRITTEN}
    in_file = {feedback.id: feedback for feedback in check_file(path)}
    graded = {found.id: found for found in grade(path, seed=learner.SEED, timeout=5.0).submissions[0].tasks}
    drawn_anew = {found.id: found for found in grade(path, timeout=5.0).submissions[0].tasks}

    for id in WRITTEN:
        verdict = (seen[id].status, seen[id].points)
        assert verdict == (in_file[id].status, in_file[id].points)
        assert verdict == (graded[id].status, graded[id].points)
        assert verdict == (drawn_anew[id].status, drawn_anew[id].points)
        if seen[id].status != "missing":  # where it was looked for is said differently
            assert seen[id].message == in_file[id].message == graded[id].message
