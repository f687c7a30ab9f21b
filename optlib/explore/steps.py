"""How big a step? The 1-D bowl, and landscapes in two dimensions."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from contourpy import contour_generator
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from optlib import problems
from optlib.explore.controls import Challenge, Choice, Control, Predict, Slider
from optlib.explore.explorer import Explorer
from optlib.explore.frame import Artists, Frame
from optlib.optimizer import Optimizer
from optlib.optimizers import SGD
from optlib.plots import COLORS, GREY, INK, MARKERS, PALETTE, VERMILLION, YELLOW
from optlib.training import Run, minimize

Make = Callable[..., Optimizer]


def bowl(curvature: float = 4.0, *, predict: bool = True) -> Explorer:
    """Gradient descent in a bowl with one curvature: each step as a jump, and what it multiplies the distance by.

    Asks first where the cliff is: the largest learning rate that still comes home.
    """
    return Explorer(BowlFrame(curvature), predict=predict)


def landscape(
    problem: problems.Landscape | str | None = None,
    optimizers: Make | Mapping[str, Make] = SGD,
    *,
    steps: int = 100,
    target: float = 1e-6,
) -> Explorer:
    """Trajectories over contours, and their losses, at a learning rate.

    Parameters
    ----------
    problem : landscape, "bowl", "Rosenbrock", "Himmelblau", or None
        "bowl" gets a slider for its condition; None lets the learner choose among the three.
    optimizers : optimizer class, function of lr (and momentum), or dict name -> one of these
        Those that take ``momentum`` bring a slider for it.
    steps : int
        The budget.
    target : float
        The loss to reach; drawn, and on the bowl the challenge.
    """
    return Explorer(LandscapeFrame(checked_problem("landscape", problem), named(optimizers), steps, target))


@dataclass(frozen=True)
class BowlFrame(Frame):
    """Steps in f(θ) = ½ λ θ², and the factor 1 − ηλ."""

    curvature: float = 4.0
    start: float = -1.25
    steps: int = 30

    name = "bowl"

    def __post_init__(self) -> None:
        if not self.curvature > 0:
            raise ValueError(f"bowl: curvature must be above 0, got {self.curvature:g}")

    @property
    def controls(self) -> Mapping[str, Control]:
        return {"lr": self._slider("learning rate η", 0.4)}

    def _slider(self, label: str, product: float) -> Slider:
        """A learning rate whose steps hit 1/λ and 2/λ exactly."""
        unit = 1 / self.curvature
        return Slider(label, 0.02 * unit, 3 * unit, product * unit, step=0.02 * unit)

    @property
    def predict(self) -> Predict:
        return Predict(
            question=f"A ball rests at θ = {_signed(self.start)} in a bowl of curvature λ = {self.curvature:g}, and "
            "takes gradient steps. Mark the largest learning rate with which it still comes home.",
            control=self._slider("my mark: η", 0.02),
            truth=lambda: 2 / self.curvature,
            because="A step multiplies θ by 1 − ηλ, which is smaller than 1 in size as long as η < 2/λ.",
        )

    def draw(self, figure: Figure) -> Artists:
        left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
        reach = 1.35 * abs(self.start)
        theta = np.linspace(-reach, reach, 200)
        left.plot(theta, self._loss(theta), color=GREY, linewidth=1.5)
        left.plot(self.start, self._loss(self.start), "o", color="white", markeredgecolor=INK, markersize=9, zorder=4)
        left.set(xlim=(-reach, reach), ylim=(-0.06 * self._loss(reach), self._loss(reach)))
        left.set(xlabel="parameter θ", ylabel="loss ½ λ θ²")
        lr = self.controls["lr"]
        assert isinstance(lr, Slider)
        right.set(xlim=(0, lr.high), ylim=(-2.1, 1.25), xlabel="learning rate η", ylabel="each step multiplies θ by")
        rates = np.array([0, lr.high])
        return Artists(
            title=left.set_title("", loc="left"),
            steps=left.plot([], [], "-o", color=COLORS["SGD"], linewidth=1.2, markersize=5)[0],
            still=[
                right.axhspan(-1, 1, color=COLORS["SGD"], alpha=0.12, linewidth=0),
                right.text(0.02 * lr.high, -0.97, "comes home", va="bottom", color=COLORS["SGD"]),
                right.text(0.02 * lr.high, -1.06, "lands farther out", va="top", color=VERMILLION),
                right.plot(rates, 1 - rates * self.curvature, color=GREY, linewidth=1.5)[0],
            ],
            factor=right.plot([], [], "o", color=COLORS["SGD"], markersize=10)[0],
            value=right.text(0, 0, "", fontweight="bold"),
            mark=right.axvline(0, color=INK, linestyle="--", linewidth=1.5),
            mark_label=right.text(0, 1.12, "your mark", color=INK),
        )

    def frame(self, artists: Artists, *, lr: float) -> str:
        factor = 1 - lr * self.curvature
        theta = self.start * np.clip(factor ** np.arange(self.steps + 1.0), -1e3, 1e3)
        product = lr * self.curvature
        regime, sentence = _regime(product)
        color = COLORS["SGD"] if abs(factor) <= 1 + 1e-9 else VERMILLION
        artists.title.set_text(f"ηλ = {product:.2f}: {regime}")
        artists.steps.set_data(theta, self._loss(theta))
        artists.steps.set_color(color)
        artists.factor.set_data([lr], [factor])
        artists.factor.set_color(color)
        artists.value.set_text(f"{_signed(round(factor, 2))}")
        artists.value.set_position((lr + 0.05 / self.curvature, factor + 0.05))
        left = abs(factor) ** 10
        return (
            f"Learning rate {lr:.3g}, curvature {self.curvature:g}, ηλ = {product:.3g}. Each step multiplies θ by "
            f"{_signed(round(factor, 3))}. {sentence} After 10 steps the distance is {left:.2g} times what it was."
        )

    def mark(self, artists: Artists, guess: float | None) -> None:
        for artist in (artists.mark, artists.mark_label):
            artist.set_visible(guess is not None)
        if guess is not None:
            artists.mark.set_xdata([guess, guess])
            artists.mark_label.set_x(guess + 0.03 / self.curvature)

    def _loss(self, theta: Any) -> Any:
        return 0.5 * self.curvature * theta**2


def _regime(product: float) -> tuple[str, str]:
    if math.isclose(product, 1):
        return "home in one step", "The first step lands in the minimum."
    if math.isclose(product, 2):
        return "to and fro for ever", "It jumps between two points and never gets closer."
    if product < 1:
        return "rolls in from one side", "It comes home from one side."
    if product < 2:
        return "jumps across, comes home", "It jumps across the valley each time and still comes home."
    return "each jump lands higher", "It jumps across the valley and each jump lands higher: it diverges."


def _signed(number: float) -> str:
    return f"{number:g}".replace("-", "−")


#: What a learner may choose among, with a learning rate at which something is to be seen.
_CHOICES: dict[str, Callable[..., problems.Landscape]] = {
    "bowl": problems.Quadratic,
    "Rosenbrock": problems.Rosenbrock,
    "Himmelblau": problems.Himmelblau,
}
_STARTING_RATES = {"Rosenbrock": 1e-3, "Himmelblau": 1e-2, "Quadratic": 10**-0.5}


@lru_cache(maxsize=16)
def known(name: str, condition: float = 10.0) -> problems.Landscape:
    """The landscape of this name; the same object each time, so that its contours are found again."""
    return problems.Quadratic(condition=condition) if name == "bowl" else _CHOICES[name]()


def checked_problem(widget: str, problem: Any) -> Any:
    """A name as it is written here, anything else as it is; raises ValueError for an unknown name."""
    if not isinstance(problem, str):
        return problem
    for name in _CHOICES:
        if name.lower() == problem.lower():
            return name
    raise ValueError(f"{widget}: problem must be a problem or one of {', '.join(_CHOICES)}, got {problem!r}")


def named(optimizers: Make | Mapping[str, Make]) -> tuple[tuple[str, Make], ...]:
    if isinstance(optimizers, Mapping):
        return tuple(optimizers.items())
    return ((getattr(optimizers, "__name__", "optimizer"), optimizers),)


def takes_momentum(make: Make) -> bool:
    """Whether an optimizer can be given ``momentum``."""
    return "momentum" in inspect.signature(make).parameters


def looks(optimizers: tuple[tuple[str, Make], ...]) -> list[tuple[str, str]]:
    """Colour and marker of each: those of its class through the whole course, else of the palette in turn."""
    classes = [getattr(make, "__name__", "") for _, make in optimizers]
    return [
        (COLORS[name], MARKERS[name]) if name in COLORS else (PALETTE[i % len(PALETTE)], "o")
        for i, name in enumerate(classes)
    ]


@dataclass(frozen=True)
class LandscapeFrame(Frame):
    """Contours with trajectories on the left, losses on the right."""

    problem: problems.Landscape | str | None = None
    optimizers: tuple[tuple[str, Make], ...] = (("SGD", SGD),)
    steps: int = 100
    target: float = 1e-6

    name = "landscape"

    def __post_init__(self) -> None:
        landscape = self._landscape()
        if landscape.size != 2:
            raise ValueError(f"landscape: the problem must have 2 coordinates to be drawn, got {landscape.size}")

    @property
    def controls(self) -> Mapping[str, Control]:
        found: dict[str, Control] = {}
        if self.problem is None:
            found["problem"] = Choice("landscape", tuple(_CHOICES), "bowl")
        start = _STARTING_RATES.get(type(self._landscape()).__name__, 1e-2)
        found["lr"] = Slider("learning rate η", 1e-4, 10.0, start, log=True, step=0.02)
        if any(takes_momentum(make) for _, make in self.optimizers):
            found["momentum"] = Slider("momentum β", 0.0, 0.99, 0.8, step=0.01)
        if self.problem == "bowl":
            found["condition"] = Slider("condition κ", 1.0, 1000.0, 10.0, log=True, step=0.02)
        return found

    @property
    def challenge(self) -> Challenge | None:
        if self.problem != "bowl":
            return None
        condition = 100 if "momentum" in self.controls else 20
        return Challenge(
            f"Reach a loss of {self.target:g} in {self.steps} steps, at condition {condition} or more.",
            lambda **controls: (
                controls["condition"] >= 0.99 * condition  # what the slider shows is rounded to its steps
                and any(run.loss[-1] <= self.target for run in self.runs(**controls))
            ),
        )

    def _landscape(self, problem: str | None = None, condition: float | None = None) -> problems.Landscape:
        if isinstance(self.problem, problems.Landscape):
            return self.problem
        return known(problem or self.problem or "bowl", condition or 10.0)

    def runs(self, **controls: Any) -> tuple[Run, ...]:
        """One run an optimizer."""
        return _runs(self, tuple(sorted(controls.items())))

    def draw(self, figure: Figure) -> Artists:
        left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
        left.grid(False)
        left.set(xlabel="θ₁", ylabel="θ₂")
        right.set(yscale="log", ylim=(1e-9, 1e4), xlim=(0, self.steps), xlabel="step", ylabel="loss")
        right.axhline(self.target, color=GREY, linewidth=1, linestyle=":")
        right.text(0.01 * self.steps, self.target * 0.8, f"target {self.target:g}", va="top", color=GREY)
        paths, losses = [], []
        for (name, _), (color, marker) in zip(self.optimizers, looks(self.optimizers), strict=True):
            style = {"color": color, "marker": marker, "label": name}
            paths += left.plot([], [], "-", markersize=3, linewidth=1.3, **style)
            losses += right.plot([], [], "-", linewidth=2, markevery=(0, 10), markersize=5, **style)
        if len(self.optimizers) > 1:
            right.legend(loc="upper right", frameon=False)
        contours = LineCollection([], cmap="Greys", linewidths=1.0, zorder=0.5)
        left.add_collection(contours, autolim=False)
        return Artists(
            title=left.set_title("", loc="left"),
            contours=contours,
            paths=paths,
            start=left.plot([], [], "o", color="white", markeredgecolor=INK, markersize=9, zorder=4)[0],
            optimum=left.plot([], [], "*", color=YELLOW, markeredgecolor=INK, markersize=15, zorder=3)[0],
            losses=losses,
        )

    def frame(self, artists: Artists, **controls: Any) -> str:
        landscape = self._landscape(controls.get("problem"), controls.get("condition"))
        (xlow, xhigh), (ylow, yhigh) = landscape.bounds
        axes = artists.contours.axes
        if axes.get_xlim() != (xlow, xhigh) or axes.get_ylim() != (ylow, yhigh):
            axes.set(xlim=(xlow, xhigh), ylim=(ylow, yhigh))
        segments, shades = _contours(landscape)
        artists.contours.set_segments(segments)
        artists.contours.set_array(shades)
        artists.contours.set_clim(-0.6, 1.6)
        told = []
        for (name, _), run, path, loss in zip(
            self.optimizers, self.runs(**controls), artists.paths, artists.losses, strict=True
        ):
            assert run.theta is not None
            last = self.steps if run.diverged_at is None else run.diverged_at
            # far outside the frame a point is as good as on its far edge, and pixels have no such numbers
            path.set_data(*np.clip(run.theta[: last + 1], -1e3, 1e3).T)
            loss.set_data(np.arange(last), run.loss[:last]) if run.diverged else loss.set_data(
                np.arange(last + 1), np.maximum(run.loss, 1e-30)
            )
            told.append((name, run))
        start = landscape.init(0)
        artists.start.set_data(start[:1], start[1:])
        goal = landscape.optimum
        artists.optimum.set_data(*((goal[:1], goal[1:]) if goal is not None else ([], [])))
        artists.title.set_text(_finding(told, self.steps, self.target))
        return self._words(landscape, controls, told)

    def _words(self, landscape: problems.Landscape, controls: dict[str, Any], told: list[tuple[str, Run]]) -> str:
        where = f"{type(landscape).__name__}".replace("Quadratic", "Bowl")
        if isinstance(landscape, problems.Quadratic):
            where += f" of condition {landscape.condition:.3g} and largest curvature {landscape.largest:g}"
        rates = f"learning rate {controls['lr']:.3g}"
        if "momentum" in controls:
            rates += f", momentum {controls['momentum']:.2g}"
        results = [f"{name} {_outcome(run, self.steps, self.target)}" for name, run in told]
        return f"{where}, {rates}: {'; '.join(results)}."


def _outcome(run: Run, steps: int, target: float) -> str:
    if run.diverged:
        return f"diverges at step {run.diverged_at}"
    assert run.theta is not None
    below = np.flatnonzero(run.loss <= target)
    reached = f" and reaches {target:g} at step {below[0]}" if len(below) else ""
    end = ", ".join(f"{x:.3f}" for x in run.theta[-1].round(3) + 0.0)
    return f"ends at ({end}) with loss {run.loss[-1]:.2g} after {steps} steps{reached}"


def _finding(told: list[tuple[str, Run]], steps: int, target: float) -> str:
    if len(told) == 1:
        run = told[0][1]
        if run.diverged:
            return f"Too large: it leaves at step {run.diverged_at}"
        below = np.flatnonzero(run.loss <= target)
        return f"Target reached at step {below[0]}" if len(below) else f"Loss {run.loss[-1]:.2g} after {steps} steps"
    ends = [np.inf if run.diverged else run.loss[-1] for _, run in told]
    if not np.isfinite(ends).any():
        return "Too large: all of them leave"
    best = int(np.argmin(ends))
    return f"{told[best][0]} ends lowest: {ends[best]:.2g}"


@lru_cache(maxsize=8)
def _runs(frame: LandscapeFrame, controls: tuple[tuple[str, Any], ...]) -> tuple[Run, ...]:
    """The runs behind a frame. Kept, because the picture, the challenge and the text all ask for the same ones."""
    given = dict(controls)
    landscape = frame._landscape(given.get("problem"), given.get("condition"))
    runs = []
    for _, make in frame.optimizers:
        hyper = {name: given[name] for name in ("lr", "momentum") if name == "lr" or takes_momentum(make)}
        runs.append(minimize(landscape, make(**hyper), frame.steps, record="theta"))
    return tuple(runs)


@lru_cache(maxsize=16)
def _contours(landscape: problems.Landscape) -> tuple[list[np.ndarray], np.ndarray]:
    """Lines of equal loss, evenly spaced on a logarithmic scale, and the shade of each: 0 lowest, 1 highest."""
    (xlow, xhigh), (ylow, yhigh) = landscape.bounds
    x, y = np.meshgrid(np.linspace(xlow, xhigh, 121), np.linspace(ylow, yhigh, 121))
    loss = landscape.loss(np.stack([x, y], -1))
    lowest = loss.min()
    height = loss - lowest
    levels = np.geomspace(max(np.quantile(height, 0.01), 1e-12), np.quantile(height, 0.97), 11)
    generator: Any = contour_generator(x, y, height)
    segments: list[np.ndarray] = []
    shades: list[float] = []
    for shade, level in zip(np.linspace(0, 1, len(levels)), levels, strict=True):
        lines = generator.lines(level)
        segments += lines
        shades += [shade] * len(lines)
    return segments, np.array(shades)
