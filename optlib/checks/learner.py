"""The three words that a learner needs: check, hint, progress; and the same check for a file."""

from __future__ import annotations

import atexit
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from optlib.checks import catalogue
from optlib.checks.declaration import Task
from optlib.checks.feedback import Feedback, Hint, Note, Progress, Row
from optlib.checks.keeping import keep
from optlib.checks.notebook import Unreadable, executed_cells, find_answer, read, source_of
from optlib.checks.oracle import counted
from optlib.checks.record import Record
from optlib.checks.running import Runner
from optlib.checks.verdict import Trial, Verdict

__all__ = ["check", "check_file", "hint", "progress", "verdict"]

SEED = 0  # the same numbers at each check, so that a learner can follow them; the grader draws others

_record = Record()
_spare: Runner | None = None  # in a notebook one process waits for the next check, which then answers at once


def check(id: str, answer: Any = None) -> Note:
    """Say whether the answer to a task is right, and if not, what is wrong with it.

    The cell that defines the answer is run alone in another process, as the grader does.

    Parameters
    ----------
    id : the task, such as "03.2".
    answer : the function or value to check; found in the cells that were run when it is not given.

    Returns
    -------
    Feedback
        It displays in a notebook and prints in a terminal; `.status` and `.points` are what the grader reports.
    """
    try:
        task = catalogue.task(id)
    except KeyError as error:
        return unknown(error)
    if task.kind == "explain":
        rubric = [f"- {point}" for point in task.rubric]
        message = "A person reads and grades this text. It is read for:"
        return Feedback(task, Verdict("manual", 0, message), rubric)
    executed = executed_cells()
    found = source_of(task, answer, executed)
    if isinstance(found, Verdict):
        result = found
    else:
        runner = take_runner()
        try:
            result = verdict(Trial(task, SEED), found, executed or (), runner)
        finally:
            runner.close()
            keep_spare()
    _record.checked(task.id, result)
    kept = keep(task, found) if result.status == "correct" and isinstance(found, str) else ""
    return Feedback(task, result, [invitation(task, result), kept, _record.notice])


def verdict(trial: Trial, source: str, elsewhere: Iterable[str], runner: Runner, seconds: float = 0.0) -> Verdict:
    """Run the source of an answer and judge what comes back: the one way, for `check`, files and the grader.

    Parameters
    ----------
    trial : what is asked, and on which inputs.
    source : the learner's cell.
    elsewhere : the learner's other cells.
    runner : the process that it runs in.
    seconds : it may take so long, or as long as the task says if that is longer.
    """
    oracles = trial.oracles()
    reply = runner.run(trial.request(source, max(seconds, trial.task.seconds)), oracles)
    if oracles and "cases" in reply:
        counted(reply["cases"], oracles)
    return trial.judge(reply, source, elsewhere)


def check_file(path: str | Path) -> list[Feedback]:
    """Check all tasks of an exercise notebook, with the verdicts that `check` gives in it.

    Raises
    ------
    Unreadable
        (a ValueError) When the file is no exercise notebook; the message says why.
    """
    notebook = read(path)
    chapter = notebook.chapter
    if chapter is None:
        raise Unreadable("it is a notebook, but no exercise of this course")
    elsewhere = [cell.source for cell in notebook.code]
    feedback = []
    with Runner() as runner:
        for task in catalogue.tasks(chapter):
            found = find_answer(notebook, task)
            result = found if isinstance(found, Verdict) else verdict(Trial(task, SEED), found, elsewhere, runner)
            feedback.append(Feedback(task, result))
    return feedback


def hint(id: str) -> Note:
    """Give the next hint of a task."""
    try:
        task = catalogue.task(id)
    except KeyError as error:
        return unknown(error)
    taken = min(_record.hinted(task.id), len(task.hints) - 1)
    left = len(task.hints) - taken - 1
    more = f'`hint("{task.id}")` again gives the next.' if left else "That was the last one."
    return Hint(f"{task.id} Hint {taken + 1} of {len(task.hints)}", task.hints[taken], (), [more, _record.notice])


def progress() -> Progress:
    """Show what is solved, chapter by chapter."""
    rows = []
    for chapter in catalogue.chapters():
        tasks = catalogue.tasks(chapter)
        known = {task.id: _record.task(task.id) for task in tasks}
        states = [(task.id, "manual" if task.kind == "explain" else known[task.id]["status"]) for task in tasks]
        most = sum(task.points for task in tasks if task.kind != "explain")
        rows.append(Row(chapter, states, sum(known[task.id]["points"] for task in tasks), most))
    return Progress(rows, [_record.notice])


def invitation(task: Task, result: Verdict) -> str:
    """Where to go on, when the answer is not right yet."""
    if result.status in ("correct", "missing", "duplicate"):
        return ""
    return f'Stuck? `hint("{task.id}")` gives a hint.'


def unknown(error: KeyError) -> Note:
    return Note("✗ " + str(error.args[0]))


def take_runner() -> Runner:
    """The process that was kept waiting, or a new one."""
    global _spare
    runner, _spare = _spare or Runner(), None
    return runner


def keep_spare() -> None:
    """In a notebook, start the process of the next check; it ends with the notebook's kernel."""
    global _spare
    if _spare is None and executed_cells() is not None:
        _spare = Runner()
        _spare.start()


@atexit.register
def close_spare() -> None:
    """End the waiting process."""
    if _spare is not None:
        _spare.close()
