"""Learning-rate schedules: pure functions of ``t``, the number of updates already done (0 for the first).

Every schedule is frozen and vectorised: ``schedule(t)`` has the shape ``t.shape + peak.shape``, is defined for every
``t >= 0``, and holds its last value after its end. Any hyperparameter of an optimizer can follow one:

    Adam(lr=Warmup(100).then(Cosine(0.01, 400)))
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, dataclass_transform

import numpy as np

#: A number, or one value per run with shape ``(runs,)``.
Level = float | np.ndarray


@dataclass_transform(eq_default=False, frozen_default=True)
class Schedule:
    """Base class. A subclass declares its fields, becomes a frozen dataclass by itself, and writes ``value(t)``."""

    def __init_subclass__(cls, **keywords) -> None:
        super().__init_subclass__(**keywords)
        dataclasses.dataclass(frozen=True, eq=False)(cls)

    def __post_init__(self) -> None:
        for name, value in _fields(self).items():
            if isinstance(value, Schedule):
                continue
            array = np.asarray(value)
            if isinstance(value, bool) or array.dtype.kind not in "iuf" or array.ndim > 1:
                expected = "a number or an array (runs,)"
                raise TypeError(f"{type(self).__name__}: {name} must be {expected}, got {value!r}")
            counts_steps = name in ("steps", "every")
            if not np.all(array > 0 if counts_steps else (array >= 0) & (array < np.inf)):
                expected = "greater than 0" if counts_steps else "at least 0 and finite"
                raise ValueError(f"{type(self).__name__}: {name} must be {expected}, got {value!r}")
            object.__setattr__(self, name, array if array.ndim else array.item())

    def __call__(self, t):
        """The value after ``t`` updates: a float for one t and one peak, else an array ``t.shape + peak.shape``."""
        t = np.asarray(t, dtype=float)
        if np.any(t < 0):
            raise ValueError(f"{type(self).__name__}: t counts the updates done and must be >= 0, got {t.min():g}")
        shape = t.shape + _runs_shape(self)
        value = self.value(t[..., None] if len(shape) > t.ndim else t)
        return np.broadcast_to(value, shape).copy() if shape else float(value)

    def value(self, t):
        """The closed form, for an array of ``t >= 0`` that broadcasts against the fields."""
        raise TypeError(f"{type(self).__name__} must define value(self, t)")

    @property
    def duration(self) -> float:
        """After how many updates the schedule has ended; infinite when it has no end."""
        return getattr(self, "steps", math.inf)

    def then(self, following: Schedule) -> Schedule:
        """This schedule until its end, then ``following``, whose own time starts at 0."""
        if self.duration == math.inf:
            raise ValueError(f"{type(self).__name__} has no end, so nothing can follow it")
        return Then(self, following)


def _fields(schedule: Schedule) -> dict[str, Any]:
    return {field.name: getattr(schedule, field.name) for field in dataclasses.fields(schedule)}  # type: ignore[arg-type]


def _runs_shape(schedule: Schedule) -> tuple[int, ...]:
    """() when every field is a number, (runs,) when some hold one value per run."""
    values = _fields(schedule).values()
    return np.broadcast_shapes(*(_runs_shape(v) if isinstance(v, Schedule) else np.shape(v) for v in values))


class Constant(Schedule):
    r""":math:`\eta_t = \eta`. Give ``steps`` when another schedule shall follow."""

    peak: Level
    steps: float = math.inf

    def value(self, t):
        return self.peak + 0 * t


class Step(Schedule):
    r""":math:`\eta_t = \eta\,\gamma^{\lfloor t/k \rfloor}`: times ``factor`` every ``every`` updates (torch StepLR)."""

    peak: Level
    every: float
    factor: Level = 0.1

    def value(self, t):
        return self.peak * self.factor ** np.floor(t / self.every)


class Exponential(Schedule):
    r""":math:`\eta_t = \eta\,\gamma^t` (torch ExponentialLR)."""

    peak: Level
    factor: Level

    def value(self, t):
        return self.peak * self.factor**t


class Cosine(Schedule):
    r"""Half a cosine from ``peak`` to ``final``, where it stays (torch's ``CosineAnnealingLR`` would rise again).

    .. math:: \eta_t = \eta_{\min} + \tfrac12(\eta - \eta_{\min})\Bigl(1 + \cos\frac{\pi \min(t, T)}{T}\Bigr)

    I. Loshchilov, F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017, arXiv 1608.03983,
    equation (5), one period.
    """

    peak: Level
    steps: float
    final: Level = 0.0

    def value(self, t):
        done = np.minimum(t / self.steps, 1)
        return self.final + (self.peak - self.final) * (1 + np.cos(np.pi * done)) / 2


class Warmup(Schedule):
    r"""A straight line up to ``peak``: :math:`\eta_t = \eta \min(1, (t+1)/W)`.

    The first update already moves: libraries that start at ``t/W`` waste a step at rate 0. Followed by another schedule
    it rises to that schedule's first value, so the peak is written once: ``Warmup(100).then(Cosine(0.01, 400))``.
    """

    steps: float
    peak: Level = 1.0

    def value(self, t):
        return self.peak * np.minimum((t + 1) / self.steps, 1)

    def then(self, following: Schedule) -> Schedule:
        return Then(Warmup(self.steps, peak=following(0)), following)


class Then(Schedule):
    """One schedule, then another: what ``first.then(second)`` makes."""

    first: Schedule
    second: Schedule

    @property
    def duration(self) -> float:
        return self.first.duration + self.second.duration

    def value(self, t):
        end = self.first.duration
        return np.where(t < end, self.first.value(t), self.second.value(np.maximum(t - end, 0)))
