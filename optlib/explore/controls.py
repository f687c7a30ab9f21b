"""What a frame declares: the controls it moves with, the question it asks first, the challenge it sets."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Slider:
    """A number between ``low`` and ``high``.

    Parameters
    ----------
    label : str
        What the learner reads, such as ``"learning rate η"``.
    low, high, value : float
        The ends and the start.
    log : bool, default False
        Equal distances are equal ratios: for quantities that range over decades.
    step : float, optional
        What one arrow key adds; on a log slider, the decades it moves. Default: a 200th of the range.
    unit : str, default ""
        Written after the label.
    whole : bool, default False
        Integers only.
    """

    label: str
    low: float
    high: float
    value: float
    log: bool = False
    step: float | None = None
    unit: str = ""
    whole: bool = False

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            raise ValueError(
                f"Slider {self.label!r}: value must lie in [{self.low:g}, {self.high:g}], got {self.value:g}"
            )
        if self.log and self.low <= 0:
            raise ValueError(f"Slider {self.label!r}: a log slider starts above 0, got low={self.low:g}")

    @property
    def keyboard_step(self) -> float:
        """What one arrow key adds: in decades when ``log``."""
        if self.step is not None:
            return self.step
        if self.whole:
            return max(1, round((self.high - self.low) / 200))
        low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
        return (high - low) / 200

    def accept(self, value: Any) -> float:
        """The value as this slider holds it; raises ValueError outside its range."""
        slack = 1e-9 * (self.high - self.low)
        if isinstance(value, bool) or not self.low - slack <= value <= self.high + slack:
            raise ValueError(f"{self.label}: must lie in [{self.low:g}, {self.high:g}], got {value!r}")
        value = min(max(value, self.low), self.high)
        return round(value) if self.whole else float(value)


@dataclass(frozen=True)
class Choice:
    """One of a few named options."""

    label: str
    options: tuple[str, ...]
    value: str

    def accept(self, value: Any) -> str:
        if value not in self.options:
            raise ValueError(f"{self.label}: must be one of {', '.join(self.options)}, got {value!r}")
        return str(value)


@dataclass(frozen=True)
class Toggle:
    """On or off."""

    label: str
    value: bool = False

    def accept(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError(f"{self.label}: must be True or False, got {value!r}")
        return value


Control = Slider | Choice | Toggle


@dataclass(frozen=True)
class Predict:
    """A question asked before the picture is shown.

    Parameters
    ----------
    question : str
        What to mark, in one or two sentences.
    control : Slider or Choice
        What the learner marks it with.
    truth : callable
        Called without arguments once the learner has answered: the right value.
    because : str
        The sentence that explains the truth.
    shown : tuple of str
        Names of the moving artists that stay visible while the question is open.
    within : (float, float)
        By which factor a number may be off to be right, and to be close.
    """

    question: str
    control: Slider | Choice
    truth: Callable[[], Any]
    because: str
    shown: tuple[str, ...] = ("mark", "mark_label")
    within: tuple[float, float] = (1.05, 1.25)

    def score(self, guess: Any) -> tuple[float, str]:
        """1 for right, 0.5 for close, else 0; and what to say."""
        truth = self.truth()
        if isinstance(self.control, Choice):
            right = guess == truth
            return float(right), f"{'Right' if right else 'Not so'}: it is {truth}. {self.because}"
        told = f"You marked {guess:.3g}; it is {truth:.3g}."
        side, low, high = ("high", truth, guess) if guess > truth else ("low", guess, truth)
        off = high / low if low > 0 else float("inf")
        if off <= self.within[0]:
            return 1.0, f"Spot on. {told} {self.because}"
        if off <= self.within[1]:
            return 0.5, f"Close, a little {side}. {told} {self.because}"
        factor = "" if off == float("inf") else f", by a factor of {f'{off:.2g}' if off < 10 else f'{off:,.0f}'}"
        return 0.0, f"Too {side}{factor}. {told} {self.because}"


@dataclass(frozen=True)
class Challenge:
    """A target to reach by moving the controls.

    Parameters
    ----------
    task : str
        The target and its budget, such as ``"Reach a loss of 1e-6 in 100 steps."``
    reached : callable
        ``reached(**controls) -> bool``.
    """

    task: str
    reached: Callable[..., bool]
