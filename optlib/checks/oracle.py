"""Losses and gradients that an answer asks for, computed and counted on the trusted side of the pipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["Oracle", "counted", "reply_to"]


class Oracle:
    """A function of theta that gives loss and gradient, so many times.

    Attributes
    ----------
    evaluations : how often it was asked.
    """

    def __init__(self, function: Callable[[np.ndarray], tuple[Any, Any]], budget: int) -> None:
        self._function, self._budget = function, budget
        self.evaluations = 0

    def __call__(self, theta: Any) -> tuple[float, np.ndarray]:
        if self.evaluations >= self._budget:
            raise RuntimeError(f"the budget of {self._budget} evaluations is spent")
        self.evaluations += 1
        with np.errstate(all="ignore"):
            loss, gradient = self._function(np.array(theta, dtype=float))
        return float(loss), np.array(gradient, dtype=float)


def reply_to(question: dict[str, Any], oracles: Sequence[Oracle]) -> dict[str, Any]:
    """Answer a question from an untrusted process.

    Raises
    ------
    ValueError
        When it is none that our worker would have asked.
    """
    case, theta = question["oracle"], question.get("theta")
    if type(case) is not int or not 0 <= case < len(oracles) or not isinstance(theta, np.ndarray):
        raise ValueError("not a question")
    try:
        loss, gradient = oracles[case](theta)
    except Exception as error:  # such as a theta of the wrong shape: the learner's to mend
        return {"error": str(error)}
    return {"loss": loss, "grad": gradient}


def counted(cases: list[dict[str, Any]], oracles: Sequence[Oracle]) -> list[dict[str, Any]]:
    """Write into the outcomes how often each oracle was asked, whatever they say themselves."""
    for case, oracle in zip(cases, oracles, strict=True):
        case["evaluations"] = oracle.evaluations
    return cases
