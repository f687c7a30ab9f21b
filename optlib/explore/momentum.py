"""Memory: the phase diagram of the heavy ball, and the error in each eigendirection."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from optlib import problems
from optlib.explore.controls import Challenge, Control, Predict, Slider
from optlib.explore.explorer import Explorer
from optlib.explore.frame import Artists, Frame
from optlib.optimizers import SGD, Momentum
from optlib.plots import BLUE, COLORS, GREEN, GREY, INK, MARKERS, ORANGE, VERMILLION
from optlib.training import Run, minimize

MOST = 4.2


def momentum_phase(*, steps: int = 60, predict: bool = True) -> Explorer:
    """The heavy ball in a bowl with one curvature: which step sizes and momenta roll, ripple, jump or diverge.

    Two sliders move a point through the diagram; its trajectory stands beside it. Asks first where the cliff stands
    once there is momentum.
    """
    return Explorer(PhaseFrame(steps), predict=predict)


def eigen_errors(*, size: int = 12, steps: int = 150, predict: bool = True) -> Explorer:
    """The error left along each eigendirection of a quadratic, gradient descent beside the heavy ball.

    Both take the learning rate that is best for them (the heavy ball with its best momentum), times the factor of the
    slider. Asks first how many steps the heavy ball needs where gradient descent needs hundreds.
    """
    return Explorer(EigenFrame(size, steps), predict=predict)


def regime(product: float, momentum: float) -> str:
    """What the heavy ball does at ηλ = ``product``: "rolls", "ripples", "jumps" or "diverges".

    A step multiplies (θ_t, θ_{t−1}) by [[1 + β − ηλ, −β], [1, 0]], whose eigenvalues solve z² − (1 + β − ηλ) z + β = 0.
    """
    if product >= 2 * (1 + momentum):
        return "diverges"
    middle = 1 + momentum - product
    if middle**2 < 4 * momentum:
        return "ripples"
    return "rolls" if middle >= 0 else "jumps"


def rate(product: float, momentum: float) -> float:
    """The size of the larger eigenvalue: what the distance shrinks by a step, in the long run."""
    return float(np.abs(np.roots([1, -(1 + momentum - product), momentum])).max())


_REGIMES = {
    "rolls": ("rolls in, no swing", GREEN, "Both eigenvalues are real and positive: it rolls in without swinging."),
    "ripples": ("ripples", BLUE, "The eigenvalues are a complex pair of size √β: it swings, and the swings shrink."),
    "jumps": (
        "jumps across each step",
        ORANGE,
        "Both eigenvalues are real and negative: it changes side every step.",
    ),
    "diverges": ("diverges", VERMILLION, "An eigenvalue is 1 or more in size: the swings do not shrink."),
}


@dataclass(frozen=True)
class PhaseFrame(Frame):
    """Regimes over (ηλ, β) with a movable point, and the trajectory at that point."""

    steps: int = 60

    name = "momentum_phase"

    @property
    def controls(self) -> Mapping[str, Control]:
        return {
            "product": Slider("step size × curvature ηλ", 0.02, MOST, 0.5, step=0.02),
            "momentum": Slider("momentum β", 0.0, 0.99, 0.6, step=0.01),
        }

    @property
    def predict(self) -> Predict:
        return Predict(
            question="Without momentum the cliff stands at ηλ = 2. Mark where it stands with momentum β = 0.8.",
            control=Slider("my mark: ηλ", 0.02, MOST, 2.0, step=0.02),
            truth=lambda: 2 * (1 + 0.8),
            because="The cliff stands at ηλ = 2(1 + β): memory lets the ball take larger steps, not smaller ones.",
        )

    @property
    def challenge(self) -> Challenge:
        return Challenge(
            "With ηλ at 0.1 or less, bring the ball within 1 % of its first distance by step 20, and keep it there.",
            lambda **controls: (
                controls["product"] <= 0.1 and bool((_distance(self.steps, **controls)[20:] <= 0.01).all())
            ),
        )

    def draw(self, figure: Figure) -> Artists:
        left, right = figure.subplots(1, 2, width_ratios=(1.05, 1))
        left.grid(False)
        left.set(xlim=(0, MOST), ylim=(0, 1), xlabel="step size × curvature ηλ", ylabel="momentum β")
        right.set(xlim=(0, self.steps), ylim=(-1.6, 1.6), xlabel="step", ylabel="parameter θ")
        product = np.linspace(0, MOST, 421)
        critical = (1 - np.sqrt(product)) ** 2
        cliff = product / 2 - 1
        small, large = product <= 1, product >= 1
        names = {"rolls": (0.06, 0.06), "ripples": (1.2, 0.6), "jumps": (1.5, 0.012), "diverges": (2.9, 0.2)}
        return Artists(
            title=left.set_title("", loc="left"),
            right_title=right.set_title("", loc="left"),
            still=[
                _region(left, product, critical, 1.0, "ripples"),
                _region(left, product[small], 0.0, critical[small], "rolls"),
                _region(left, product[large], np.maximum(cliff, 0)[large], critical[large], "jumps"),
                _region(left, product, 0.0, np.maximum(cliff, 0), "diverges"),
                *(left.text(*names[name], name, color=INK, fontsize=9.5) for name in _REGIMES),
                left.plot(product, critical, color=INK, linewidth=1.2, linestyle="--")[0],
                left.text(0.33, 0.2, "critical damping\nβ = (1 − √(ηλ))²", color=INK, fontsize=9),
                left.plot(product, cliff, color=VERMILLION, linewidth=2)[0],
                left.text(3.2, 0.45, "ηλ = 2(1 + β)", color=VERMILLION, fontsize=9),
            ],
            point=left.plot([], [], "o", color=INK, markersize=11, markeredgecolor="white", zorder=5)[0],
            envelope=[right.plot([], [], color=GREY, linewidth=1, linestyle=":")[0] for _ in range(2)],
            path=right.plot([], [], "-o", color=COLORS["Momentum"], linewidth=1.3, markersize=4)[0],
            mark=left.axvline(2, color=INK, linestyle="--", linewidth=1.5),
            mark_point=left.plot([], [], "D", color=INK, markersize=8)[0],
            mark_label=left.text(0, 0.87, "your mark, at β = 0.8", color=INK),
        )

    def frame(self, artists: Artists, *, product: float, momentum: float) -> str:
        short, color, sentence = _REGIMES[regime(product, momentum)]
        shrink = rate(product, momentum)
        run = _trajectory(self.steps, product=product, momentum=momentum)
        assert run.theta is not None
        last = self.steps if run.diverged_at is None else run.diverged_at
        steps = np.arange(self.steps + 1)
        path = run.theta[: last + 1, 0]
        decay = np.maximum(shrink**steps, 1e-12)
        # the least multiple of rate^t that holds the whole path
        envelope = np.minimum(decay * (np.abs(path) / decay[: last + 1]).max(), 1e3)
        artists.title.set_text(f"ηλ = {product:.2f}, β = {momentum:.2f}: {short}")
        artists.right_title.set_text(f"in the long run × {shrink:.3f} a step")
        artists.point.set_data([product], [momentum])
        artists.point.set_color(color)
        artists.path.set_data(steps[: last + 1], path)
        for line, sign in zip(artists.envelope, (1, -1), strict=True):
            line.set_data(steps, sign * envelope)
        return (
            f"Step size times curvature {product:.3g}, momentum {momentum:.2g}. {sentence} "
            f"In the long run each step multiplies the distance by {shrink:.3f}."
        )

    def mark(self, artists: Artists, guess: float | None) -> None:
        for artist in (artists.mark, artists.mark_point, artists.mark_label):
            artist.set_visible(guess is not None)
        if guess is not None:
            artists.mark.set_xdata([guess, guess])
            artists.mark_point.set_data([guess], [0.8])
            artists.mark_label.set_x(guess + 0.05 if guess < 2.6 else guess - 0.05)
            artists.mark_label.set_horizontalalignment("left" if guess < 2.6 else "right")


def _region(axes: Any, product: np.ndarray, low: Any, high: Any, name: str) -> Any:
    return axes.fill_between(product, low, high, color=_REGIMES[name][1], alpha=0.2, linewidth=0)


def _distance(steps: int, **controls: float) -> np.ndarray:
    run = _trajectory(steps, **controls)
    assert run.theta is not None
    return np.abs(run.theta[:, 0])


@lru_cache(maxsize=8)
def _trajectory(steps: int, *, product: float, momentum: float) -> Run:
    """The heavy ball from rest at 1, in a bowl of curvature 1."""
    return minimize(problems.Quadratic(size=1), Momentum(lr=product, momentum=momentum), steps)


_FLOOR, _CEILING = 1e-8, 1e2


@dataclass(frozen=True)
class EigenFrame(Frame):
    """A pair of bars for each eigendirection, and the losses they add up to."""

    directions: int = 12
    steps: int = 150

    name = "eigen_errors"

    @property
    def controls(self) -> Mapping[str, Control]:
        return {
            "step": Slider("steps taken", 0, self.steps, 30, whole=True, step=1),
            "condition": Slider("condition κ", 1.0, 1000.0, 100.0, log=True, step=0.02),
            "factor": Slider("learning rate ÷ best", 0.05, 1.1, 1.0, step=0.005),
        }

    @property
    def predict(self) -> Predict:
        condition, small = 100.0, 1e-3
        slow, quick = (_first_below(run, small) for run in _descents(self.directions, 400, condition, 1.0))
        return Predict(
            question=f"At condition κ = {condition:g} gradient descent, at its best learning rate, needs {slow} steps "
            f"until every error is below {small:g} of what it was. Mark how many the heavy ball needs.",
            control=Slider("my mark: steps", 1, 400, 200, whole=True, step=1),
            truth=lambda: quick,
            because="Gradient descent needs about κ/2 steps for each factor of e, the heavy ball about √κ/2.",
            shown=(),
            within=(1.25, 1.6),
        )

    def draw(self, figure: Figure) -> Artists:
        left, right = figure.subplots(1, 2, width_ratios=(1.3, 1))
        places = np.arange(self.directions)
        left.set(yscale="log", ylim=(_FLOOR, _CEILING), xlim=(-0.7, self.directions - 0.3))
        left.set(xlabel="eigendirection, by its curvature", ylabel="error ÷ error at the start")
        left.set_xticks([0, self.directions - 1], ["flattest, μ = L/κ", "steepest, L"])
        left.get_xticklabels()[0].set_horizontalalignment("left")
        left.get_xticklabels()[1].set_horizontalalignment("right")
        left.grid(False, axis="x")
        left.axhline(1, color=GREY, linewidth=1)
        right.set(yscale="log", ylim=(1e-12, _CEILING), xlim=(0, self.steps), xlabel="step", ylabel="loss")
        looks = {"gradient descent": "SGD", "heavy ball": "Momentum"}
        bars, losses, dots = [], [], []
        for side, (label, optimizer) in zip((-0.2, 0.2), looks.items(), strict=True):
            color = COLORS[optimizer]
            bars += left.bar(places + side, 1, width=0.38, bottom=_FLOOR, color=color, label=label).patches
            losses += right.plot([], [], color=color)
            dots += right.plot([], [], MARKERS[optimizer], color=color, markersize=8)
        left.legend(loc="upper right", frameon=False, ncols=2)
        return Artists(
            title=left.set_title("", loc="left"),
            bars=bars,
            losses=losses,
            dots=dots,
            now=right.axvline(0, color=GREY, linewidth=1),
        )

    def frame(self, artists: Artists, *, step: int, condition: float, factor: float) -> str:
        runs = _descents(self.directions, self.steps, condition, factor)
        errors = [_errors(run)[step] for run in runs]
        for bar, error in zip(artists.bars, np.concatenate(errors), strict=True):
            bar.set_height(np.clip(error, _FLOOR, 1e3) - _FLOOR)
        steps = np.arange(self.steps + 1)
        for line, dot, run in zip(artists.losses, artists.dots, runs, strict=True):
            loss = np.clip(run.loss, 1e-30, 1e30)
            line.set_data(steps, loss)
            dot.set_data([step], [loss[step]])
        artists.now.set_xdata([step, step])
        worst = [float(error.max()) for error in errors]
        slow, quick = (_told(error) for error in worst)
        artists.title.set_text(_closer(step, *worst))
        flattest = [_told(float(error[0])) for error in errors]
        steepest = [_told(float(error[-1])) for error in errors]
        cliff = 1 + 1 / condition
        where = (
            f"beyond the cliff, which stands at {cliff:.3g}" if factor > cliff else f"the cliff stands at {cliff:.3g}"
        )
        return (
            f"Condition {condition:.3g}, learning rate {factor:.3g} times the best ({where} times the best, for both). "
            f"After {step} steps the largest error left is {slow} with gradient descent and {quick} with the heavy "
            f"ball; in the flattest direction {flattest[0]} and {flattest[1]}, in the steepest {steepest[0]} and "
            f"{steepest[1]}."
        )


def _closer(step: int, slow: float, quick: float) -> str:
    if step == 0:
        return "At the start every error is 1"
    if min(slow, quick) > 1:
        return f"After {step} steps both are farther away"
    if max(slow, quick) < _FLOOR:
        return f"After {step} steps both have arrived"
    slow, quick = max(slow, _FLOOR), max(quick, _FLOOR)
    name, times = ("heavy ball", slow / quick) if quick <= slow else ("gradient descent", quick / slow)
    return f"After {step} steps: {name} {times:.2g} times closer"


def _told(error: float) -> str:
    return "> 100" if error > 100 else f"{error:.2g}"


def _errors(run: Run) -> np.ndarray:
    """The error in each direction as a fraction of its start, (steps + 1, directions)."""
    assert run.theta is not None
    return np.abs(run.theta / run.theta[0])


def _first_below(run: Run, small: float) -> int:
    return int(np.argmax((_errors(run) < small).all(-1)))


@lru_cache(maxsize=8)
def _descents(directions: int, steps: int, condition: float, factor: float) -> tuple[Run, Run]:
    """Gradient descent and heavy ball, each at the learning rate that is best for it, times ``factor``."""
    problem = problems.Quadratic(condition, size=directions)
    largest, smallest = problem.largest, problem.largest / condition
    root = math.sqrt(condition)
    slow = SGD(lr=factor * 2 / (largest + smallest))
    quick = Momentum(
        lr=factor * 4 / (math.sqrt(largest) + math.sqrt(smallest)) ** 2, momentum=((root - 1) / (root + 1)) ** 2
    )
    never = math.inf
    return (
        minimize(problem, slow, steps, record="theta", diverged_above=never),
        minimize(problem, quick, steps, record="theta", diverged_above=never),
    )
