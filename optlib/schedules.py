"""Learning-rate schedules: pure functions of ``t``, the number of updates already done (0 for the first).

Every schedule is frozen and vectorised: ``schedule(t)`` has the shape ``t.shape + peak.shape``, is defined for every
``t >= 0``, and holds its last value after its end. Any hyperparameter of an optimizer can follow one:

    Adam(lr=Warmup(100).then(Cosine(0.01, 400)))
"""

from __future__ import annotations

import dataclasses
import itertools
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
            if name in _CHOICES:
                if value not in _CHOICES[name]:
                    raise ValueError(f"{type(self).__name__}: {name} must be one of {_CHOICES[name]}, got {value!r}")
            elif name == "milestones":
                steps = tuple(value)
                if not steps or steps[0] < 0 or any(a >= b for a, b in itertools.pairwise(steps)):
                    raise ValueError(f"{type(self).__name__}: milestones must be increasing steps >= 0, got {value!r}")
                object.__setattr__(self, name, steps)
            elif not isinstance(value, Schedule):
                object.__setattr__(self, name, _checked_level(type(self).__name__, name, value))

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


_CHOICES = {"shape": ("cosine", "linear", "sqrt"), "mode": ("triangular", "triangular2", "exponential")}
_COUNTS = ("steps", "every", "warmup", "up", "down")


def _checked_level(who: str, name: str, value: Any) -> Any:
    array = np.asarray(value)
    if isinstance(value, bool) or array.dtype.kind not in "iuf" or array.ndim > 1:
        raise TypeError(f"{who}: {name} must be a number or an array (runs,), got {value!r}")
    if not np.all(array > 0 if name in _COUNTS else (array >= 0) & (array < np.inf)):
        expected = "greater than 0" if name in _COUNTS else "at least 0 and finite"
        raise ValueError(f"{who}: {name} must be {expected}, got {value!r}")
    return array if array.ndim else array.item()


def _fields(schedule: Schedule) -> dict[str, Any]:
    return {field.name: getattr(schedule, field.name) for field in dataclasses.fields(schedule)}  # type: ignore[arg-type]


def _runs_shape(schedule: Schedule) -> tuple[int, ...]:
    """() when every field is a number, (runs,) when some hold one value per run."""
    values = [v for v in _fields(schedule).values() if isinstance(v, (Schedule, np.ndarray))]
    return np.broadcast_shapes(*(_runs_shape(v) if isinstance(v, Schedule) else v.shape for v in values))


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


class MultiStep(Schedule):
    r""":math:`\eta_t = \eta\,\gamma^{k}` after k of the ``milestones`` have been reached (torch MultiStepLR)."""

    peak: Level
    milestones: tuple[int, ...]
    factor: Level = 0.1

    def value(self, t):
        return self.peak * self.factor ** np.searchsorted(self.milestones, t, side="right")


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


class CosineRestarts(Schedule):
    r"""Cosine that starts again from ``peak``, each period ``growth`` times as long as the last.

    .. math:: \eta_t = \eta_{\min} + \tfrac12(\eta - \eta_{\min})\Bigl(1 + \cos\frac{\pi\,T_{cur}}{T_i}\Bigr)

    Loshchilov, Hutter, ICLR 2017, arXiv 1608.03983, equation (5).
    """

    peak: Level
    every: float
    growth: float = 1.0
    final: Level = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.growth < 1:
            raise ValueError(f"CosineRestarts: growth must be at least 1, got {self.growth!r}")

    def value(self, t):
        if self.growth == 1:
            done = t % self.every / self.every
        else:
            # the period that t lies in; rounding of the logarithm is mended by comparing with the starts themselves
            period = np.floor(np.log1p(t / self.every * (self.growth - 1)) / np.log(self.growth))
            start, after = (self.every * (self.growth**p - 1) / (self.growth - 1) for p in (period, period + 1))
            start, length = np.where(t >= after, after, start), self.every * self.growth ** (period + (t >= after))
            done = (t - start) / length
        return self.final + (self.peak - self.final) * (1 + np.cos(np.pi * done)) / 2


class Polynomial(Schedule):
    r""":math:`\eta_t = \eta_{\min} + (\eta - \eta_{\min})(1 - t/T)^p` until T, then ``final`` (torch PolynomialLR)."""

    peak: Level
    steps: float
    power: float = 1.0
    final: Level = 0.0

    def value(self, t):
        return self.final + (self.peak - self.final) * (1 - np.minimum(t / self.steps, 1)) ** self.power


class Linear(Schedule):
    r"""A straight line from ``peak`` to ``final`` in ``steps`` updates, then ``final``."""

    peak: Level
    steps: float
    final: Level = 0.0

    def value(self, t):
        return self.peak + (self.final - self.peak) * np.minimum(t / self.steps, 1)


class OneCycle(Schedule):
    r"""Up from ``peak / div`` to ``peak`` in the first part of the run, down to almost nothing in the rest.

    As torch's OneCycleLR: the peak is reached at ``up_part * steps - 1`` updates, the end at ``steps - 1``, along half
    cosines or straight lines. ``momentum()`` gives the momentum that moves the other way.

    L. N. Smith, N. Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates", 2017,
    arXiv 1708.07120.
    """

    peak: Level
    steps: float
    up_part: float = 0.3
    div: float = 25.0
    final_div: float = 1e4
    shape: str = "cosine"

    def value(self, t):
        low = self.peak / self.div
        return self._up_and_down(t, low, self.peak, low / self.final_div)

    def momentum(self, low: float = 0.85, high: float = 0.95) -> Schedule:
        """The companion for momentum (or beta1): high where lr is low, low at the peak."""
        return OneCycleMomentum(low, self.steps, high, self.up_part, self.shape)

    def _up_and_down(self, t, start, middle, end):
        top, last = self.up_part * self.steps - 1, self.steps - 1
        rising, falling = t / top, (np.minimum(t, last) - top) / (last - top)
        return np.where(
            t <= top, _between(start, middle, rising, self.shape), _between(middle, end, falling, self.shape)
        )


class OneCycleMomentum(Schedule):
    """What ``OneCycle.momentum()`` makes: from ``high`` down to ``low`` at the peak of the learning rate, and back."""

    low: Level
    steps: float
    high: Level = 0.95
    up_part: float = 0.3
    shape: str = "cosine"

    def value(self, t):
        cycle = OneCycle(self.low, self.steps, self.up_part, shape=self.shape)
        return cycle._up_and_down(t, self.high, self.low, self.high)


def _between(start, end, part, shape):
    """From start to end as part goes from 0 to 1."""
    part = np.clip(part, 0, 1)
    return end + (start - end) * ((1 + np.cos(np.pi * part)) / 2 if shape == "cosine" else 1 - part)


class Cyclic(Schedule):
    r"""A triangle wave between ``low`` and ``peak``: ``up`` updates up, ``down`` updates down.

    ``mode``: "triangular" keeps its height, "triangular2" halves it every cycle, "exponential" shrinks it by
    ``factor`` every update (torch CyclicLR).

    L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017, arXiv 1506.01186.
    """

    peak: Level
    low: Level
    up: float
    down: float
    mode: str = "triangular"
    factor: float = 1.0

    def value(self, t):
        cycle, place = np.divmod(t, self.up + self.down)
        height = np.where(place <= self.up, place / self.up, (self.up + self.down - place) / self.down)
        shrink = {"triangular": 1.0, "triangular2": 0.5**cycle, "exponential": self.factor**t}[self.mode]
        return self.low + (self.peak - self.low) * height * shrink


class InverseSqrt(Schedule):
    r""":math:`\eta_t = \eta \min\bigl(s/W, \sqrt{W/s}\bigr)`, :math:`s = t+1`: up a line, down like :math:`1/\sqrt{s}`.

    The schedule of the transformer ("Noam"), there with :math:`\eta = 1/\sqrt{d\,W}`: A. Vaswani et al., "Attention Is
    All You Need", NeurIPS 2017, arXiv 1706.03762, equation (3).
    """

    peak: Level
    warmup: float

    def value(self, t):
        s = t + 1
        return self.peak * np.minimum(s / self.warmup, np.sqrt(self.warmup / s))


class WSD(Schedule):
    r"""Warm-up, stable, decay: a line up, a plateau that can be as long as you like, a short way down.

    With u the done part of the decay it falls as :math:`1-\sqrt u` ("sqrt"), :math:`1-u` ("linear") or half a cosine.

    S. Hu et al., "MiniCPM: Unveiling the Potential of Small Language Models with Scalable Training Strategies", 2024,
    arXiv 2404.06395; the square root: A. Hägele et al., NeurIPS 2024, arXiv 2405.18392.
    """

    peak: Level
    steps: float
    warmup: float
    down: float
    shape: str = "sqrt"
    final: Level = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.warmup + self.down > self.steps:
            parts = f"warmup + down = {self.warmup + self.down:g}"
            raise ValueError(f"WSD: {parts} must not exceed steps = {self.steps:g}")

    def value(self, t):
        u = np.clip((t - (self.steps - self.down)) / self.down, 0, 1)
        left = {"sqrt": 1 - np.sqrt(u), "linear": 1 - u, "cosine": (1 + np.cos(np.pi * u)) / 2}[self.shape]
        return np.minimum((t + 1) / self.warmup, 1) * (self.final + (self.peak - self.final) * left)


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
