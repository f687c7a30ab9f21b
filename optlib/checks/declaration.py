"""What a task is: everything that is known about one exercise, declared in one place and validated there."""

from __future__ import annotations

import builtins
import dis
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import CodeType, FunctionType
from typing import Any

import numpy as np

import optlib.optimizers

__all__ = ["DIFFICULTIES", "KINDS", "MINUTES", "Mistake", "Task"]

KINDS = ("derive", "implement", "find_the_bug", "diagnose", "predict", "tune", "explain")
DIFFICULTIES = ("easy", "medium", "hard")
MINUTES = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 45, 60)
POINTS = range(1, 11)
RESERVED = ("label", "rtol", "weight")  # keys of a case that are not passed to the harness
LEAST_MISTAKES = 3  # of an implement task


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that a learner may well give, and what a teacher would say to it.

    Parameters
    ----------
    answer : what the learner would have written, called as the reference is.
    sentence : one or two sentences that point at the mistake and leave the mending to the learner.
    """

    answer: Any
    sentence: str

    def __post_init__(self) -> None:
        if not isinstance(self.sentence, str) or not self.sentence.strip():
            raise ValueError("Mistake: the sentence that a teacher would say is empty")


@dataclass(frozen=True)
class Task:
    """One exercise; `optlib.checks` explains the fields with a complete example.

    Raises
    ------
    ValueError
        When declared with an unknown kind, too few mistakes or hints, a harness that does not stand on its own, ...
    """

    id: str
    title: str
    kind: str
    minutes: int
    points: int
    difficulty: str
    name: str = ""
    done: str = ""
    reference: Any = None
    cases: Callable[[np.random.Generator], list[dict[str, Any]]] | None = None
    run: Callable[..., Any] | None = None
    rtol: float = 1e-9
    atol: float = 1e-12
    mistakes: Sequence[Mistake] = ()
    right: Sequence[Any] = ()
    hints: Sequence[str] = ()
    measure: Callable[..., Any] | None = None
    oracle: Callable[..., Any] | None = None
    budget: int = 0
    may_change: Sequence[str] = ()
    partial: bool = False
    seconds: float = 5.0
    rubric: Sequence[str] = ()
    keep: str = ""  # of an implement task: the library's optimizer whose rule the answer is
    harness: str = field(init=False, default="", repr=False)  # the source of `run`, sent to the learner's process

    def __post_init__(self) -> None:
        for name in ("mistakes", "right", "hints", "may_change", "rubric"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise ValueError(f"Task {self.id}: {name} must be a list, got the string {value!r}")
            object.__setattr__(self, name, tuple(value))
        for problem in self._problems():
            raise ValueError(f"Task {self.id}: {problem}")
        if self.run is not None:  # taken now, while the file is what was imported
            object.__setattr__(self, "harness", textwrap.dedent(inspect.getsource(self.run)))

    def _problems(self) -> Iterator[str]:
        """Yield what is wrong with the declaration. The first is raised: later lines may rely on earlier ones."""
        if not re.fullmatch(r"\d\d\.\d+", str(self.id)):
            yield "the id must look like '03.2': two digits of the chapter, a dot, a number"
        for name, known in (
            ("kind", KINDS),
            ("difficulty", DIFFICULTIES),
            ("minutes", MINUTES),
            ("points", POINTS),
        ):
            if getattr(self, name) not in known:
                yield f"{name} must be one of {', '.join(map(str, known))}; got {getattr(self, name)!r}"
        if not self.title.strip() or not self.done.strip():
            yield "title and done (what the finished answer does) must not be empty"
        if not self.hints or not all(isinstance(hint, str) and hint.strip() for hint in self.hints):
            yield "at least one hint is needed, and none may be empty"
        if self.kind == "explain":
            if not self.rubric:
                yield "an explain task needs a rubric to grade it by"
            return
        if not self.name.isidentifier():
            yield f"name must be what the learner defines, a Python name; got {self.name!r}"
        if self.reference is None or not callable(self.cases) or not isinstance(self.run, FunctionType):
            yield "reference, cases and run (a plain function) are needed"
        if not all(isinstance(mistake, Mistake) for mistake in self.mistakes):
            yield "mistakes must be a list of Mistake(answer, sentence)"
        if self.kind == "implement" and len(self.mistakes) < LEAST_MISTAKES:
            yield f"an implement task needs at least {LEAST_MISTAKES} known mistakes, got {len(self.mistakes)}"
        if self.keep and (self.kind != "implement" or self.keep not in optlib.optimizers.__all__):
            yield f"keep must name an optimizer of the library, in an implement task; got {self.keep!r}"
        if len({mistake.sentence for mistake in self.mistakes}) < len(self.mistakes):
            yield "two mistakes have the same sentence"
        if not 0 <= self.rtol < 1 or self.atol < 0 or self.seconds <= 0:
            yield "rtol must lie in [0, 1), atol must not be negative, seconds must be positive"
        if self.oracle is not None and (self.measure is None or self.budget < 1):
            yield "an oracle needs a budget (how often an answer may ask it) and a measure of what came out"
        assert self.run is not None
        if self.run.__name__ == "<lambda>" or self.run.__closure__:
            yield "run is sent as source: it must be a function written with def at the top level of the file"
        for name in sorted(set(_globals(self.run.__code__))):
            if name != "np" and not hasattr(builtins, name):
                yield f"run is sent as source and must stand on its own: import or define {name!r} inside it"

    @property
    def chapter(self) -> str:
        """The two digits of the chapter."""
        return self.id[:2]

    def draw(self, rng: np.random.Generator) -> list[dict[str, Any]]:
        """Draw the cases and see that they are well formed."""
        assert self.cases is not None
        cases = self.cases(rng)
        if not cases:
            raise ValueError(f"Task {self.id}: cases(rng) gave none")
        for case in cases:
            if not isinstance(case, dict) or next(iter(case), None) != "label":
                raise ValueError(f"Task {self.id}: every case is a dict whose first key is 'label'")
        return cases


def _globals(code: CodeType) -> Iterator[str]:
    """Yield the names that a function looks up outside itself, the functions inside it included."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals(constant)
