"""Every task of the course does what it promises: right answers pass, each mistake meets its own sentence."""

import contextlib
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from optlib.checks import catalogue
from optlib.checks.verdict import Trial
from optlib.checks.worker import worker

sys.path.insert(0, str(Path(__file__).parent))
from mutations import EQUIVALENT, mutants

SEEDS = range(2)
TASKS = catalogue.tasks()
CHECKED = [task for task in TASKS if task.kind != "explain"]

every_task = pytest.mark.parametrize("task", CHECKED, ids=lambda task: task.id)


@contextlib.contextmanager
def at_most(seconds):
    """Interrupt what runs longer; the interruption counts as the error of an answer."""

    def stop(*_):
        raise TimeoutError("stopped by the test")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def judge(trial, answer):
    return trial.judge({"cases": trial.attempt(answer)})


@every_task
def test_the_reference_is_right_and_changes_no_input(task):
    for seed in SEEDS:
        trial = Trial(task, seed)
        assert not any(outcome.changed for outcome in trial.expected)
        assert judge(trial, task.reference).status == "correct"


@every_task
def test_every_right_answer_passes(task):
    for seed in SEEDS:
        trial = Trial(task, seed)
        for answer in task.right:
            verdict = judge(trial, answer)
            assert verdict.status == "correct", f"{answer}: {verdict.message}"


@every_task
def test_every_known_mistake_is_rejected_with_its_own_sentence(task):
    for seed in SEEDS:
        trial = Trial(task, seed)
        for index, mistake in enumerate(task.mistakes):
            verdict = judge(trial, mistake.answer)
            assert verdict.status != "correct", mistake.sentence
            assert verdict.mistake == index, f"expected {mistake.sentence!r}, got {verdict.message!r}"


@every_task
def test_no_mutation_of_the_reference_passes_unless_it_is_known_to_be_equivalent(task):
    trial = Trial(task, 0)
    known = EQUIVALENT.get(task.id, {})
    survivors, seen = [], set()
    for line, answer in mutants(task.reference):
        seen.add(line)
        if line in known:
            continue
        with at_most(2.0):
            replies = trial.attempt(answer)
        if trial.judge({"cases": replies}).status == "correct":
            survivors.append(line)
    assert not survivors, "sharpen the cases, or say in EQUIVALENT why these are right:\n" + "\n".join(survivors)
    assert set(known) <= seen, f"these are no mutations any more: {set(known) - seen}"


@every_task
def test_the_cases_travel_and_are_told_apart_by_their_labels(task):
    trial = Trial(task, 0)
    frame = worker.pack(trial.request("", task.seconds))
    assert b"foreign" not in frame
    labels = [case["label"] for case in trial.cases]
    assert len(set(labels)) == len(labels)


@every_task
def test_the_harness_stands_on_its_own(task):
    trial = Trial(task, 0)
    run = worker.harness(task.harness, task.run.__name__)
    replies = [worker.attempt(run, task.reference, inputs) for inputs in trial.inputs]
    assert not [reply["error"] for reply in replies if "error" in reply]


@every_task
def test_inputs_are_drawn_anew_from_each_seed_unless_nothing_is_random(task):
    class Counting:
        def __init__(self):
            self.rng, self.used = np.random.default_rng(0), False

        def __getattr__(self, name):
            self.used = True
            return getattr(self.rng, name)

    rng = Counting()
    task.draw(rng)
    one, other = (worker.pack(Trial(task, seed).inputs) for seed in (0, 1))
    assert (one != other) == rng.used


def test_mutations_are_called_equivalent_only_of_tasks_that_exist():
    assert set(EQUIVALENT) <= {task.id for task in CHECKED}
