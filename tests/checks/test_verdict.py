"""Verdicts: what is wrong, in the words of a teacher, and what already works."""

from dataclasses import replace

import numpy as np
import pytest

from optlib.checks import Mistake, task
from optlib.checks.verdict import STATUSES, Trial, defines


def judge(id, answer, source="", seed=0, **changes):
    trial = Trial(replace(task(id), **changes), seed)
    return trial.judge({"cases": trial.attempt(answer)}, source)


def rate(factor):
    return lambda L, mu: factor / (L + mu)


def test_a_right_answer_earns_all_points():
    verdict = judge("99.3", rate(2))
    assert (verdict.status, verdict.points) == ("correct", 4)


def test_a_known_mistake_is_answered_with_its_sentence():
    verdict = judge("99.1", task("99.1").mistakes[2].answer)
    assert (verdict.status, verdict.message, verdict.mistake) == ("wrong", "Which way is down?", 2)


def test_a_known_mistake_is_recognised_where_it_shows_and_the_right_cases_are_named():
    verdict = judge("99.1", task("99.1").mistakes[0].answer)
    assert (verdict.status, verdict.points) == ("partly", 0)
    assert verdict.message.startswith("You average")
    assert verdict.message.endswith("sum. Right already: “one step from rest, beta = 0”.")


def test_an_unknown_mistake_is_answered_with_the_first_case_that_differs():
    verdict = judge("99.3", rate(3))
    assert verdict.message == "In the case “a round bowl”, expected 0.333333, got 0.5."
    assert verdict.case.inputs == {"L": "3", "mu": "3"}
    assert (verdict.case.expected, verdict.case.given) == ("0.333333", "0.5")


def test_partial_tasks_pay_by_weight_and_others_all_or_nothing():
    def half(L, mu):
        return 2 / (L + mu) if mu == L else 0.0

    assert judge("99.3", half).points == 1.0
    assert judge("99.3", half, partial=False).points == 0
    assert judge("99.3", half, partial=False).status == "partly"


def test_a_changed_input_is_found_although_the_values_are_right():
    def greedy(theta, g, m, lr, beta):
        m = beta * m + g
        g[:] = 0
        return theta - lr * m, m

    verdict = judge("99.1", greedy)  # also changes the gradient, but not as the known mistake does
    assert verdict.status == "wrong"
    assert "the values are right, but your code changes its input `gradients`" in verdict.message
    assert judge("99.1", greedy, may_change=["gradients"]).status == "correct"


def test_a_mistake_that_changes_an_input_is_told_from_one_that_does_not():
    verdict = judge("99.1", task("99.1").mistakes[3].answer)
    assert verdict.message == "The gradient belongs to the caller, and you scale it in place."


def test_a_mistake_that_raises_is_recognised_by_its_error():
    def careless(L, mu):
        return {}["rate"]

    verdict = judge("99.3", careless, mistakes=[Mistake(careless, "There is no such key.")])
    assert (verdict.status, verdict.message) == ("wrong", "There is no such key.")
    assert judge("99.3", careless).status == "error"


def test_a_mistake_that_gives_nan_is_recognised_while_nan_is_never_right():
    def lost(L, mu):
        return float("nan")

    assert judge("99.3", lost, mistakes=[Mistake(lost, "Zero by zero.")]).message == "Zero by zero."


def test_a_form_is_compared_before_any_value():
    verdict = judge("99.1", lambda theta, g, m, lr, beta: (theta + 1, np.zeros(4)))
    assert "`m`: expected an array of shape (1, 3), got an array of shape (1, 4)" in verdict.message


def test_an_error_is_told_without_a_traceback():
    verdict = judge("99.3", lambda L: 1 / L)
    assert "does not take the arguments that the task gives it (TypeError" in verdict.message


def test_what_cannot_be_unpacked_is_told():
    verdict = judge("99.1", lambda theta, g, m, lr, beta: theta)
    assert "cannot be used here (ValueError: too many values to unpack" in verdict.message


@pytest.mark.parametrize("lr", [0.25, 0.2, 0.3])
def test_where_many_answers_are_right_what_they_reach_is_compared(lr):
    assert judge("99.4", lr).status == "correct"


@pytest.mark.parametrize("lr", [0.01, float("nan"), None, "a lot", np.array([0.25])])
def test_what_does_not_reach_the_target_or_cannot_be_measured_is_wrong(lr):
    assert judge("99.4", lr).status == "wrong"


def test_what_a_measure_refuses_is_told():
    def strict(lr, curvature):
        if lr > 0.5:
            raise ValueError("a rate above the threshold")
        return True

    assert "this cannot be used: a rate above the threshold" in judge("99.4", 0.7, measure=strict).message


def test_a_left_over_stub_is_not_attempted_unless_the_answer_is_right_all_the_same():
    source = "def best_rate(L, mu):\n    ...  # your code here\n    return 2 / (L + mu)"
    assert judge("99.3", rate(3), source).status == "not_attempted"
    assert judge("99.3", rate(2), source).status == "correct"


@pytest.mark.parametrize("status", ["timeout", "memory", "died", "output_limit", "missing", "syntax_error", "error"])
def test_every_status_of_a_process_has_a_sentence(status):
    verdict = Trial(task("99.3"), 0).judge({"status": status, "error": {"type": "Oops", "message": "no"}})
    assert verdict.status == status
    assert verdict.message[0].isupper() and verdict.message.endswith((".", "?"))
    assert status in STATUSES


def test_a_name_that_another_cell_defines_is_told():
    error = {"type": "NameError", "message": "no helper", "name": "helper", "line": 2, "text": "helper(1)"}
    reply = {"status": "error", "error": error}
    verdict = Trial(task("99.3"), 0).judge(reply, elsewhere=["def helper(x):\n    return x"])
    assert verdict.message == (
        "Line 2 of your cell, `helper(1)`: `helper` is not defined inside the task's cell; "
        "the grader runs this cell alone. Move its definition into the cell."
    )
    assert "typing error" in Trial(task("99.3"), 0).judge(reply).message


def test_a_message_does_nothing_to_a_terminal():
    reply = {"status": "error", "error": {"type": "Bad", "message": "\x1b[31m\x07\ud800" + "x" * 10**6}}
    message = Trial(task("99.3"), 0).judge(reply).message
    assert "\x1b" not in message and "\x07" not in message and len(message) < 1000
    message.encode()


def test_the_inputs_depend_on_the_seed_and_the_task_alone():
    one, again, other = Trial(task("99.3"), 5), Trial(task("99.3"), 5), Trial(task("99.3"), 6)
    assert one.inputs == again.inputs != other.inputs


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def f(x): pass", True),
        ("async def f(x): pass", True),
        ("class f:\n    pass", True),
        ("f = 3", True),
        ("f: float = 3", True),
        ("import numpy as f", True),
        ("from numpy import e, f", True),
        ("f, g = 1, 2", True),
        ("(e, f) = 1, 2", True),
        ("e, *f = 1, 2", True),
        ("import numpy  # f", False),
        ("g = [f, 1]", False),
        ("h, g = f, 1", False),
        ("def f(", True),
        ("def f2(x): pass", False),
        ("    def f(x): pass", False),
        ("f == 3", False),
        ("g = f", False),
        ("print(f)", False),
    ],
)
def test_what_a_cell_defines_is_seen_without_running_it(source, found):
    assert defines("x = 1\n" + source, "f") is found
