"""A tune task with a counted budget: the grader serves losses and gradients, and the count cannot be forged."""

import ast
from pathlib import Path

import numpy as np
import pytest

import optlib
from optlib.checks import Task
from optlib.checks.learner import verdict
from optlib.checks.running import PLAIN, Runner
from optlib.checks.sandbox import SANDBOX
from optlib.checks.verdict import Trial
from optlib.checks.worker import course

BUDGET = 20


def search(oracle, theta):
    for _ in range(10):
        theta = theta - 0.25 * oracle(theta)[1]
    return theta


def hand_over(answer, oracle, theta):
    return answer(oracle, theta.copy())


def hidden_bowl(theta):
    curvature = np.linspace(1, 4, len(theta))
    return lambda x: (curvature @ (x - 3) ** 2 / 2, curvature * (x - 3))


def judge(found, evaluations, theta):
    return {"near": bool(np.abs(found - 3).max() < 1), "counted": 0 < evaluations <= BUDGET}


TASK = Task(
    id="99.6",
    title="Find the bottom with 20 looks",
    kind="tune",
    minutes=5,
    points=2,
    difficulty="medium",
    name="search",
    done="Every coordinate is within 1 of the bottom.",
    reference=search,
    cases=lambda rng: [{"label": f"{n} coordinates", "theta": rng.normal(size=n)} for n in (1, 3)],
    run=hand_over,
    oracle=hidden_bowl,
    budget=BUDGET,
    measure=judge,
    hints=["Look downhill."],
)
SEARCH = """def search(oracle, theta):
    loss, gradient = oracle(theta)
    for _ in range({steps}):
        theta = theta - 0.25 * gradient
        loss, gradient = oracle(theta)
    return theta
"""


@pytest.fixture(
    scope="module",
    params=[PLAIN, pytest.param(SANDBOX, marks=pytest.mark.sandbox)],
    ids=lambda backend: backend.isolation,
)
def runner(request):
    with Runner(request.param) as runner:
        yield runner


def run(source, runner):
    trial = Trial(TASK, 0)
    return verdict(trial, source, (), runner)


def test_an_answer_within_the_budget_is_correct(runner):
    assert run(SEARCH.format(steps=10), runner).status == "correct"
    assert run(SEARCH.format(steps=BUDGET - 1), runner).status == "correct"


def test_the_budget_ends_after_exactly_so_many_evaluations(runner):
    result = run(SEARCH.format(steps=BUDGET), runner)
    assert result.status == "error"
    assert "the budget of 20 evaluations is spent" in result.message


HOSTILE = {
    "the bottom without a look": ("def search(oracle, theta):\n    return theta * 0 + 3.0", "wrong"),
    "a count of its own": (
        "import __main__\ndef search(oracle, theta):\n    oracle.evaluations = oracle._evaluations = -10**9\n"
        "    for _ in range(21): oracle(theta)\n    return theta * 0 + 3.0",
        "error",
    ),
    "a count in the reply": (
        "import __main__\nreal = __main__.attempt\n"
        "__main__.attempt = lambda *a, **k: {**real(*a, **k), 'evaluations': 1}\n"
        "def search(oracle, theta):\n    return theta * 0 + 3.0",
        "wrong",
    ),
    "errors swallowed": (
        "def search(oracle, theta):\n    for _ in range(50):\n        try: oracle(theta)\n"
        "        except RuntimeError: pass\n    return theta * 0 - 3.0",
        "wrong",
    ),
    "a question about no case": (
        "def search(oracle, theta):\n    oracle._case = 99\n    oracle(theta)\n    return theta",
        "died",
    ),
    "theta of another shape": ("def search(oracle, theta):\n    oracle(np.zeros((2, 7)))\n    return theta", "error"),
    "questions without end": (
        "def search(oracle, theta):\n    while True:\n        try: oracle(theta)\n        except RuntimeError: pass",
        "timeout",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_the_count_cannot_be_forged(name, runner, monkeypatch):
    source, status = HOSTILE[name]
    if status == "timeout":
        object.__setattr__(TASK, "seconds", 0.5)
    try:
        result = run(source, runner)
    finally:
        object.__setattr__(TASK, "seconds", 5.0)
    assert result.status == status, result.message
    assert result.points == 0


def test_an_oracle_needs_a_budget_and_a_measure():
    fields = {name: getattr(TASK, name) for name in Task.__dataclass_fields__ if name != "harness"}
    for wrong in ({"budget": 0}, {"measure": None}):
        with pytest.raises(ValueError, match="an oracle needs a budget"):
            Task(**fields | wrong)


def test_modules_that_answers_may_use_import_no_others():
    package = Path(optlib.__file__).parent
    for name in course.MODULES:
        files = [package / f"{name}.py"] if (package / f"{name}.py").exists() else list((package / name).rglob("*.py"))
        for file in files:
            for node in ast.walk(ast.parse(file.read_text())):
                module = getattr(node, "module", None) if isinstance(node, ast.ImportFrom) else None
                if module and module.startswith("optlib."):
                    assert module.split(".")[1] in course.MODULES, f"{file} imports {module}"
