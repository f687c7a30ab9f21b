"""Tasks as data: what `check` needs in a copy of the course that is handed out without references and mistakes.

`record` runs reference and known mistakes on the inputs that `check` uses, and keeps what came out; `load` makes tasks
of it. The grader's inputs cannot be had from it: it draws them with functions that stay with the instructor.
"""

from __future__ import annotations

import ast
import inspect
import zlib
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from optlib.checks.declaration import Mistake, Task
from optlib.checks.worker import worker

__all__ = ["Recorded", "load", "record"]

PLAIN: tuple[str, ...] = (
    "id",
    "title",
    "kind",
    "minutes",
    "points",
    "difficulty",
    "name",
    "done",
    "rtol",
    "atol",
    "hints",
    "budget",
)
PLAIN += ("may_change", "partial", "seconds", "keep", "harness")
BY_HAND = "what the task asks for"  # instead of the rubric, which is close to a solution


@dataclass(frozen=True)
class Recorded:
    """An answer of which only the outcomes are known."""

    cases: Sequence[dict[str, Any]]

    def replies(self, inputs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """What a worker would reply on the recorded inputs."""
        whole = zip(self.cases, inputs, strict=True)
        return [deepcopy(case) if "error" in case else deepcopy({"inputs": given, **case}) for case, given in whole]


def record(tasks: Sequence[Task], trials: Sequence[Any]) -> bytes:
    """Write tasks as data.

    Parameters
    ----------
    tasks : of one chapter.
    trials : the `Trial` of each on the inputs of `check`; None for explain tasks.
    """
    data = [as_data(task, trial) for task, trial in zip(tasks, trials, strict=True)]
    return zlib.compress(worker.pack(data))


def as_data(task: Task, trial: Any) -> dict[str, Any]:
    data = {name: getattr(task, name) for name in PLAIN}
    if trial is None:
        return data
    answers = [task.reference, *(mistake.answer for mistake in task.mistakes)]
    data["sentences"] = [mistake.sentence for mistake in task.mistakes]
    data["function"] = task.run.__name__  # type: ignore[union-attr]
    data["cases"] = trial.cases
    data["outcomes"] = [
        [shortened(*pair) for pair in zip(trial.attempt(a), trial.inputs, strict=True)] for a in answers
    ]
    secret = {answer.__name__ for answer in [*answers, *task.right, task.cases] if hasattr(answer, "__name__")}
    for name in ("measure", "oracle"):
        if function := getattr(task, name):
            data[name] = [function.__name__, source_with_helpers(function, secret)]
    return data


def shortened(reply: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
    """A reply without the inputs, unless they were changed."""
    same = "error" not in reply and worker.pack(reply["inputs"]) == worker.pack(inputs)
    return {key: value for key, value in reply.items() if key != "inputs" or not same}


def source_with_helpers(function: Callable[..., Any], secret: set[str]) -> str:
    """The source of a function and of all that it uses of its file.

    Raises
    ------
    ValueError
        When it uses a reference or a mistake: then it cannot be handed out.
    """
    file = Path(inspect.getsourcefile(function) or "")
    text = file.read_text(encoding="utf-8")
    defined = {name: node for node in ast.parse(text).body for name in names_bound(node)}
    wanted, open_ = set(), {function.__name__}
    while open_:
        name = open_.pop()
        wanted.add(name)
        used = {part.id for part in ast.walk(defined[name]) if isinstance(part, ast.Name)}
        open_ |= (used & defined.keys()) - wanted
    if found := sorted(wanted & secret):
        raise ValueError(
            f"{function.__name__} uses {', '.join(found)}, which is not handed out: move what both need into a function"
        )
    nodes = {id(defined[name]): defined[name] for name in wanted}.values()
    return "\n\n\n".join(ast.get_source_segment(text, node) or "" for node in sorted(nodes, key=lambda n: n.lineno))


def names_bound(node: ast.stmt) -> set[str]:
    """The names that a statement of a module defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


def load(file: str | Path) -> list[Task]:
    """The tasks that are recorded beside a chapter's file."""
    frame = zlib.decompress(Path(file).with_suffix(".recorded").read_bytes())
    text, _ = worker.HEADER.unpack(frame[: worker.HEADER.size])
    start = worker.HEADER.size
    return [as_task(data) for data in worker.unpack(frame[start : start + text], frame[start + text :])]


def as_task(data: dict[str, Any]) -> Task:
    """A task that was validated when it was recorded, and whose answers are outcomes."""
    values: dict[str, Any] = {"rubric": (BY_HAND,), "mistakes": (), "right": (), "reference": None, "cases": None}
    values |= {"run": None, "measure": None, "oracle": None} | {name: data[name] for name in PLAIN}
    if "cases" in data:
        cases = data["cases"]
        reference, *mistakes = map(Recorded, data["outcomes"])
        values["reference"], values["cases"] = reference, lambda rng: deepcopy(cases)
        values["mistakes"] = tuple(map(Mistake, mistakes, data["sentences"]))
        values["run"] = SimpleNamespace(__name__=data["function"])
        values |= {name: defined(*data[name]) for name in ("measure", "oracle") if name in data}
    task = object.__new__(Task)
    for field in fields(Task):
        object.__setattr__(task, field.name, values[field.name])
    return task


def defined(name: str, source: str) -> Any:
    space: dict[str, Any] = {"np": np, "__name__": __name__}
    exec(compile(source, f"<{name}>", "exec"), space)
    return space[name]
