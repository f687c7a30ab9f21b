"""Judge an answer: run the reference and the known mistakes on the same inputs, compare, and find words for it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from optlib.checks.compare import difference, short
from optlib.checks.declaration import RESERVED, Task
from optlib.checks.oracle import Oracle, counted
from optlib.checks.recorded import Recorded
from optlib.checks.worker import worker

__all__ = ["STATUSES", "Case", "Trial", "Verdict", "defines"]

STATUSES = {  # what each status is called before a learner
    "correct": "correct",
    "partly": "partly right",
    "wrong": "not right yet",
    "not_attempted": "not attempted yet",
    "syntax_error": "Python cannot read it",
    "error": "stops with an error",
    "timeout": "takes too long",
    "memory": "needs too much memory",
    "died": "ended Python itself",
    "output_limit": "prints or returns too much",
    "missing": "no answer found",
    "duplicate": "more than one answer",
    "manual": "graded by hand",
}
UNTOUCHED = "the values are right"
LEFT_OVER = re.compile(r"^\s*\.\.\.\s*#\s*your code here", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """The first case in which an answer differs, as texts to show."""

    label: str
    inputs: dict[str, str]
    expected: str
    given: str


@dataclass(frozen=True)
class Verdict:
    """What became of one answer.

    Attributes
    ----------
    status : one of `STATUSES`.
    points : what it earns.
    message : one or more sentences for the learner.
    case : where it first differs, when no known mistake explains it.
    mistake : the index of the known mistake, in the task's list.
    """

    status: str
    points: float
    message: str
    case: Case | None = None
    mistake: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What one case led to: a value or an error; the inputs that were changed; what is wrong with the value's form."""

    value: Any = None
    error: dict[str, Any] | None = None
    changed: dict[str, Any] = field(default_factory=dict)
    form: str | None = None


@dataclass
class Trial:
    """The cases of a task, drawn from a seed, and everything that answers are judged by on them."""

    task: Task
    seed: int
    cases: list[dict[str, Any]] = field(init=False)
    inputs: list[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.cases = self.task.draw(np.random.default_rng([self.seed, zlib.crc32(self.task.id.encode())]))
        self.inputs = [{key: value for key, value in case.items() if key not in RESERVED} for case in self.cases]
        self._raw: list[Any] | None = None
        self._expected: list[Outcome] | None = None
        self._mistakes: list[list[Outcome]] | None = None

    def prepare(self) -> None:
        """Compute what answers are compared with now, rather than when the first one is judged."""
        _ = self.expected, self.mistakes

    def request(self, source: str, seconds: float) -> dict[str, Any]:
        """What the worker needs in order to run an answer."""
        assert self.task.run is not None
        return {
            "source": source,
            "name": self.task.name,
            "harness": self.task.harness,
            "function": self.task.run.__name__,
            "cases": self.inputs,
            "oracle": self.task.oracle is not None,
            "seconds": seconds,
        }

    def oracles(self) -> list[Oracle]:
        """For each case, what an answer asks for losses and gradients; none where the task has no oracle."""
        if self.task.oracle is None:
            return []
        return [Oracle(self.task.oracle(**deepcopy(inputs)), self.task.budget) for inputs in self.inputs]

    def attempt(self, answer: Any) -> list[dict[str, Any]]:
        """Run an answer that we trust, in this process; the result is like the cases of a worker's reply."""
        assert self.task.run is not None
        if isinstance(answer, Recorded):
            return answer.replies(self.inputs)
        if self.task.oracle is None:
            return [worker.attempt(self.task.run, answer, deepcopy(inputs)) for inputs in self.inputs]
        oracles = self.oracles()
        pairs = zip(self.inputs, oracles, strict=True)
        replies = [worker.attempt(self.task.run, answer, deepcopy(inputs), oracle=oracle) for inputs, oracle in pairs]
        return counted(replies, oracles)

    @property
    def expected(self) -> list[Outcome]:
        """The outcomes of the reference."""
        if self._expected is None:
            replies = self.attempt(self.task.reference)
            for case, reply in zip(self.cases, replies, strict=True):
                if "error" in reply:
                    what = f"the reference fails on {case['label']!r}: {reply['error']}"
                    raise RuntimeError(f"Task {self.task.id}: {what}")
            self._raw = [reply["value"] for reply in replies]
            self._expected = self.outcomes(replies)
        return self._expected

    @property
    def mistakes(self) -> list[list[Outcome]]:
        """The outcomes of each known mistake."""
        if self._mistakes is None:
            self._mistakes = [self.outcomes(self.attempt(mistake.answer)) for mistake in self.task.mistakes]
        return self._mistakes

    def outcomes(self, replies: Sequence[dict[str, Any]]) -> list[Outcome]:
        """Turn the cases of a reply into outcomes."""
        if len(replies) != len(self.cases):
            raise ValueError("a reply has another number of cases than the request")
        return [self._outcome(index, reply) for index, reply in enumerate(replies)]

    def _outcome(self, index: int, reply: dict[str, Any]) -> Outcome:
        if "error" in reply:
            return Outcome(error=dict(reply["error"]))
        value, inputs, after = reply["value"], self.inputs[index], reply["inputs"]
        changed = {
            name: after.get(name)
            for name in inputs
            if name not in self.task.may_change and worker.pack(inputs[name]) != worker.pack(after.get(name))
        }
        if self.task.measure is None:
            return Outcome(value, changed=changed)
        if self._raw is None:
            _ = self.expected
        assert self._raw is not None
        form = difference(self._raw[index], value, 0, 0, values=False)
        if form:
            return Outcome(value, changed=changed, form=form)
        try:
            with np.errstate(all="ignore"):
                count = {"evaluations": reply["evaluations"]} if self.task.oracle else {}
                measured = self.task.measure(deepcopy(value), **count, **deepcopy(inputs))
        except Exception as error:
            return Outcome(value, changed=changed, form=f"this cannot be used: {error}")
        return Outcome(measured, changed=changed)

    def differs(self, index: int, expected: Outcome, given: Outcome, *, nan_equal: bool = False) -> str | None:
        """Say how an outcome differs from another one; None when it does not."""
        if given.error or expected.error:
            one, other = expected.error or {}, given.error or {}
            same = one.get("type") == other.get("type") and one.get("message") == other.get("message")
            return None if same else "one of them stops with an error."
        if given.form or expected.form:
            return None if given.form == expected.form else given.form or "another form was expected."
        rtol = self.cases[index].get("rtol", self.task.rtol)
        one, other = expected.value, given.value
        found = difference(one, other, 0, 0, values=False)  # the form of everything before any value
        found = found or difference(one, other, rtol, self.task.atol, nan_equal=nan_equal)
        if difference(expected.changed, given.changed, rtol, self.task.atol, nan_equal=True) is None:
            return found
        names = ", ".join(f"`{name}`" for name in given.changed)
        changed = f"your code changes its input {names}, which belongs to the caller. Work on a copy."
        return f"{found} Besides, {changed}" if found else f"{UNTOUCHED}, but {changed}"

    def judge(self, reply: dict[str, Any], source: str = "", elsewhere: Iterable[str] = ()) -> Verdict:
        """Judge what a worker sent back.

        Parameters
        ----------
        reply : `{"cases": [...]}`, or a `status` that says why there are none, and perhaps an `error`.
        source : the learner's cell, to see whether the stub is left in it.
        elsewhere : the learner's other cells, to see where a missing name may have been defined.
        """
        verdict = self._judge(reply, list(elsewhere))
        verdict = replace(verdict, message=printable(verdict.message))
        if verdict.status not in ("correct", "not_attempted") and LEFT_OVER.search(source):
            message = "The line `...  # your code here` is still in the cell; your code takes its place."
            return Verdict("not_attempted", 0, message)
        return verdict

    def _judge(self, reply: dict[str, Any], elsewhere: list[str]) -> Verdict:
        if "cases" not in reply:
            return Verdict(reply["status"], 0, self._explain(reply, elsewhere))
        expected = self.expected
        given = self.outcomes(reply["cases"])
        wrong = {
            index: how
            for index, pair in enumerate(zip(expected, given, strict=True))
            if (how := self.differs(index, *pair)) is not None
        }
        if not wrong:
            return Verdict("correct", self.task.points, "All cases agree.")
        first = next(iter(wrong))
        status, points, passed = self._score(wrong)
        error = given[first].error
        if status == "wrong" and error:
            status = "memory" if error.get("type") == "MemoryError" else "error"
        known = self._known_mistake(given, list(wrong))
        if known is not None:
            status = "partly" if status == "partly" else "wrong"
            return Verdict(status, points, self.task.mistakes[known].sentence + passed, mistake=known)
        label = self.cases[first]["label"]
        if error:
            return Verdict(status, points, f"In the case “{label}”: {explain_error(error, elsewhere)}{passed}")
        message = f"In the case “{label}”, {wrong[first]}{passed}"
        if wrong[first].startswith(UNTOUCHED):
            return Verdict(status, points, message)
        inputs = {key: short(value) for key, value in self.inputs[first].items()}
        case = Case(label, inputs, short(expected[first].value), printable(short(given[first].value)))
        return Verdict(status, points, message, case)

    def _score(self, wrong: dict[int, str]) -> tuple[str, float, str]:
        """Status, points and what to say about the cases that are right."""
        right = [index for index in range(len(self.cases)) if index not in wrong]
        if not right:
            return "wrong", 0, ""
        weights = [float(case.get("weight", 1.0)) for case in self.cases]
        share = sum(weights[index] for index in right) / sum(weights)
        labels = ", ".join(f"“{self.cases[index]['label']}”" for index in right)
        return "partly", round(share * self.task.points, 2) if self.task.partial else 0, f" Right already: {labels}."

    def _known_mistake(self, given: list[Outcome], wrong: list[int]) -> int | None:
        """Which mistake has the same outcomes: on all cases, or else on those where the answer is wrong."""
        for indices in (range(len(given)), wrong):
            for number, outcomes in enumerate(self.mistakes):
                if all(self.differs(i, outcomes[i], given[i], nan_equal=True) is None for i in indices):
                    return number
        return None

    def _explain(self, reply: dict[str, Any], elsewhere: list[str]) -> str:
        name, status = self.task.name, reply["status"]
        if status in ("syntax_error", "error"):
            text = explain_error(reply.get("error") or {}, elsewhere)
            return text[0].upper() + text[1:]
        return {
            "not_attempted": f"`{name}` has no body yet; your code takes the place of `...`.",
            "missing": f"The cell does not define `{name}`. Has it been renamed or deleted?",
            "timeout": f"It was stopped after {reply.get('seconds', 0):g} seconds. Does a loop never end?",
            "memory": "It asked for more memory than an answer may have. Is an array much larger than meant?",
            "died": f"It ended Python itself{exit_note(reply.get('exit'))}. Return a result instead of leaving.",
            "output_limit": "It prints or returns far more than needed. Remove prints; look at the size of the result.",
        }[status]


def explain_error(error: dict[str, Any], elsewhere: Iterable[str] = ()) -> str:
    """Say what Python said, and where, without a traceback."""
    kind, said = clean(error.get("type", "Error")), clean(error.get("message", ""))
    line, text = error.get("line"), clean(error.get("text", ""))
    where = f"line {line} of your cell, `{text}`: " if isinstance(line, int) and text else ""
    name = clean(error.get("name", ""))
    if kind == "NameError" and name:
        alone = "the grader runs this cell alone"
        if any(defines(source, name) for source in elsewhere):
            return f"{where}`{name}` is not defined inside the task's cell; {alone}. Move its definition into the cell."
        return f"{where}`{name}` is not defined inside the task's cell ({alone}). Is it a typing error?"
    if kind == "EOFError":
        return f"{where}`input()` has nobody to ask here. Use the arguments instead."
    what = f"{kind}: {said}" if said else kind
    if where or kind in ("SyntaxError", "IndentationError", "TabError"):
        return f"{where}{what}."
    if kind == "TypeError" and "argument" in said:
        return f"it does not take the arguments that the task gives it ({what})."
    return f"what your cell defines or returns cannot be used here ({what})."


def exit_note(code: Any) -> str:
    if not isinstance(code, int):
        return ""
    return f" (signal {-code})" if code < 0 else f" (exit code {code})"


def clean(text: Any) -> str:
    """A text from an untrusted process: one line, printable, bounded."""
    return printable(" ".join(str(text)[:400].split())).rstrip(".")


def printable(text: str) -> str:
    """A text that does nothing to a terminal or a file but show letters."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)


def defines(source: str, name: str) -> bool:
    """Whether the text of a cell defines `name` at its top level; it need not be correct Python."""
    word = re.escape(name)
    patterns = (
        rf"(?:async\s+)?def\s+{word}\b",
        rf"class\s+{word}\b",
        rf"{word}\s*(?::[^=\n]+)?=(?!=)",
        rf"\(?(?:\*?\w+\s*,\s*)*\*?{word}\s*(?:,\s*\*?\w+\s*)*,?\s*\)?\s*=(?!=)",
        rf"(?:from\s+\S+\s+)?import\b[^#\n]*\b{word}\b",
    )
    return re.search(rf"^(?:{'|'.join(patterns)})", source, re.MULTILINE) is not None
