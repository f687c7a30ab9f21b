"""The learning-rate dial: what training ends with at every learning rate, and the loss curve at the chosen one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from optlib import problems
from optlib.explore.controls import Control, Predict, Slider
from optlib.explore.explorer import Explorer
from optlib.explore.frame import Artists, Frame
from optlib.explore.steps import Make, checked_problem, known, looks, named, takes_momentum
from optlib.optimizers import SGD
from optlib.plots import GREY, INK
from optlib.training import minimize, sweep

#: Minibatch losses are shown as their mean over so many steps.
SMOOTH = 10

#: A landscape's loss is drawn as this when it is lower.
_FLOOR = 1e-9

#: Where the known landscapes are worth sweeping.
_RATES = {"bowl": (1e-3, 10), "Rosenbrock": (1e-5, 1e-2), "Himmelblau": (1e-4, 1)}


def ucurve(
    problem: problems.Problem | str | None = None,
    optimizers: Make | Mapping[str, Make] = SGD,
    *,
    lrs: Any = None,
    steps: int | None = None,
    seeds: int = 3,
    predict: bool = True,
) -> Explorer:
    """The loss after training against the learning rate, and a dial that shows the loss curve behind each point.

    On a landscape every frame trains 200 learning rates at once; a network is trained once, when the widget is made (a
    few seconds), and then looked at.

    Parameters
    ----------
    problem : Problem, "bowl", "Rosenbrock", "Himmelblau", or None
        None is the course's network on digits. "bowl" gets a slider for its condition.
    optimizers : optimizer class, function of lr (and momentum), or dict name -> one of these
        On a landscape, those that take ``momentum`` bring a slider for it.
    lrs : array, optional
        The learning rates, ascending. Default: 200 on a landscape, 36 from 1e-3 to 30 on a network.
    steps : int, optional
        Default: 500 on a landscape, 200 on a network.
    seeds : int
        Over which a network's losses are averaged.
    """
    chosen = _digits() if problem is None else checked_problem("ucurve", problem)
    live = isinstance(chosen, str | problems.Landscape)
    if lrs is None:
        lrs = np.geomspace(*_RATES.get(str(chosen), (1e-4, 10)), 200) if live else np.geomspace(1e-3, 30, 36)
    rates = tuple(float(lr) for lr in lrs)
    if len(rates) < 2 or min(rates) <= 0 or list(rates) != sorted(set(rates)):
        raise ValueError("ucurve: lrs must be at least two learning rates above 0, ascending")
    frame = UCurveFrame(chosen, named(optimizers), rates, steps or (500 if live else 200), seeds)
    return Explorer(frame, predict=predict)


@dataclass(frozen=True)
class UCurveFrame(Frame):
    """Loss after some steps against learning rate on the left, loss curves at the dial on the right."""

    problem: problems.Problem | str
    optimizers: tuple[tuple[str, Make], ...]
    lrs: tuple[float, ...]
    steps: int
    seeds: int = 3

    name = "ucurve"

    @property
    def live(self) -> bool:
        """Whether every frame trains anew."""
        return isinstance(self.problem, str | problems.Landscape)

    @property
    def controls(self) -> Mapping[str, Control]:
        low, high = self.lrs[0], self.lrs[-1]
        decades = np.log10(high / low) / (len(self.lrs) - 1)
        found: dict[str, Control] = {
            "lr": Slider("learning rate η", low, high, self.lrs[len(self.lrs) // 3], log=True, step=float(decades)),
            "steps": Slider("trained for", 1, self.steps, self.steps, whole=True, unit="steps"),
        }
        if self.live and any(takes_momentum(make) for _, make in self.optimizers):
            found["momentum"] = Slider("momentum β", 0.0, 0.99, 0.8, step=0.01)
        elif self.problem == "bowl":
            found["condition"] = Slider("condition κ", 1.0, 1000.0, 10**1.5, log=True, step=0.02)
        return found

    @property
    def predict(self) -> Predict | None:
        if len(self.optimizers) > 1:
            return None
        what = "this landscape" if self.live else "a network that learns to read digits"
        return Predict(
            question=f"One learning rate leaves {what} with the smallest loss after {self.steps} steps. Mark where you "
            "expect it.",
            control=Slider("my mark: η", self.lrs[0], self.lrs[-1], self.lrs[0], log=True, step=0.05),
            truth=self._best,
            because="Below it training crawls; a little above it, training breaks.",
            within=(1.5, 4.0),
        )

    def _best(self) -> float:
        return self.lrs[int(np.argmin(self.losses(**self._start())[0][self.steps]))]

    def _start(self) -> dict[str, Any]:
        """The settings that training depends on, as they stand at first."""
        return {name: control.value for name, control in self.controls.items() if name not in ("lr", "steps")}

    def losses(self, **controls: Any) -> tuple[np.ndarray, ...]:
        """For each optimizer the losses, (steps + 1, learning rates); +inf from where a run diverged."""
        if not self.live:
            return _trained(self)
        return _descended(self, controls.get("momentum"), controls.get("condition"))

    def draw(self, figure: Figure) -> Artists:
        left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
        low, high = _range(self.losses(**self._start()))
        low = _FLOOR / 2 if self.live else low
        left.set(xscale="log", yscale="log", xlim=(self.lrs[0], self.lrs[-1]), ylim=(low, high))
        left.set(xlabel="learning rate η", ylabel="loss after training")
        right.set(yscale="log", xlim=(0, self.steps), ylim=(low, high), xlabel="step", ylabel="loss")
        upright = blended_transform_factory(left.transData, left.transAxes)
        curves, bests, lost, chosen, dots, losses = [], [], [], [], [], []
        for (name, _), (color, marker) in zip(self.optimizers, looks(self.optimizers), strict=True):
            every = "" if len(self.lrs) > 60 else marker
            curves += left.plot([], [], color=color, marker=every, markersize=4, label=name)
            bests += left.plot([], [], "*", color=color, markeredgecolor="white", markersize=17, zorder=4)
            lost.append(left.axvspan(1, 2, color=color, alpha=0.13, linewidth=0))
            dots += left.plot([], [], marker, color=color, markeredgecolor="white", markersize=10, zorder=5)
            losses += right.plot([], [], color=color, label=name)
            chosen += right.plot(
                [], [], marker, color=color, markeredgecolor="white", markersize=9, zorder=5, clip_on=False
            )
        if len(self.optimizers) > 1:
            right.legend(loc="lower left", frameon=False)
        return Artists(
            title=left.set_title("", loc="left"),
            right_title=right.set_title("", loc="left"),
            lost=lost,
            lost_name=left.text(1, 0.97, "diverged", transform=upright, rotation=90, va="top", color=INK),
            dial=left.axvline(1, color=GREY, linewidth=1),
            curves=curves,
            bests=bests,
            dots=dots,
            now=right.axvline(1, color=GREY, linewidth=1),
            losses=losses,
            chosen=chosen,
            mark=left.axvline(1, color=INK, linestyle="--", linewidth=1.5),
            mark_label=left.text(1, 0.03, " your mark", transform=upright, color=INK),
        )

    def frame(self, artists: Artists, *, lr: float, steps: int, **controls: Any) -> str:
        rates = np.array(self.lrs)
        at = int(np.argmin(np.abs(np.log(rates / lr))))
        every = np.arange(self.steps + 1)
        edge, told = np.inf, []
        for i, ((name, _), losses) in enumerate(zip(self.optimizers, self.losses(**controls), strict=True)):
            losses = np.maximum(losses, _FLOOR)
            after = losses[steps]
            fine = np.isfinite(after)
            artists.curves[i].set_data(rates[fine], after[fine])
            best = int(np.argmin(after))
            artists.bests[i].set_data([rates[best]], [after[best]])
            beyond = _edge(rates, fine)
            artists.lost[i].set_bounds(beyond, 0, max(rates[-1] - beyond, 0), 1)
            edge = min(edge, beyond)
            curve = losses[:, at]
            alive = np.isfinite(curve)
            artists.dots[i].set_data([rates[at]], [after[at]])
            artists.losses[i].set_data(every[alive], curve[alive])
            artists.chosen[i].set_data([steps], [curve[steps]])
            told.append((name, best, after, beyond))
        artists.dial.set_xdata([rates[at], rates[at]])
        artists.now.set_xdata([steps, steps])
        artists.lost_name.set_visible(bool(edge < rates[-1]))
        artists.lost_name.set_x(edge * (rates[-1] / rates[0]) ** 0.01)
        artists.title.set_text(self._finding(told, at))
        artists.right_title.set_text(f"η = {rates[at]:.3g}")
        return self._words(told, at, steps, controls)

    def _finding(self, told: list[tuple[str, int, np.ndarray, float]], at: int) -> str:
        if len(told) > 1:
            first = min(told, key=lambda row: row[2][row[1]])
            return f"Best: {first[0]} at η = {self.lrs[first[1]]:.2g}"
        _, best, after, _ = told[0]
        if not np.isfinite(after[at]):
            return f"Diverged; the best η is {self.lrs[best]:.2g}"
        if at == best:
            return f"The best learning rate: η = {self.lrs[best]:.2g}"
        side = "Too small" if at < best else "Too large"
        return f"{side}: {_times(after[at] / after[best])} the best loss"

    def _words(
        self, told: list[tuple[str, int, np.ndarray, float]], at: int, steps: int, controls: dict[str, Any]
    ) -> str:
        settings = "".join(f", {name} {value:.3g}" for name, value in controls.items())
        parts = []
        for name, best, after, beyond in told:
            here = f"loss {after[at]:.2g}" if np.isfinite(after[at]) else "diverged"
            lost = f", diverged from about {beyond:.2g} on" if beyond < self.lrs[-1] else ", nothing diverged"
            parts.append(f"{name} {here}; its best is {after[best]:.2g} at {self.lrs[best]:.2g}{lost}")
        return f"After {steps} steps at learning rate {self.lrs[at]:.3g}{settings}: {'. '.join(parts)}."

    def mark(self, artists: Artists, guess: float | None) -> None:
        for artist in (artists.mark, artists.mark_label):
            artist.set_visible(guess is not None)
        if guess is not None:
            artists.mark.set_xdata([guess, guess])
            artists.mark_label.set_x(guess)


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio < 10 else f"{ratio:,.0f} times" if ratio < 1e5 else f"{ratio:.0e} times"


def _edge(rates: np.ndarray, fine: np.ndarray) -> float:
    """Where the region begins in which everything diverged: between the last good rate and the next."""
    last = int(np.flatnonzero(fine).max(initial=0))
    return float(rates[-1] if last == len(rates) - 1 else np.sqrt(rates[last] * rates[last + 1]))


def _range(every: Sequence[np.ndarray]) -> tuple[float, float]:
    """Limits that hold all losses from above and the lowest ones that matter from below."""
    losses = np.concatenate([losses[np.isfinite(losses)] for losses in every])
    start = max(float(losses[0][0]) for losses in every)
    return max(float(losses.min()) / 2, 1e-12), 30 * start


@lru_cache(maxsize=1)
def _digits() -> problems.Problem:
    return problems.Digits()


@lru_cache(maxsize=4)
def _trained(frame: UCurveFrame) -> tuple[np.ndarray, ...]:
    """A network at every learning rate, mean over seeds, smoothed. Kept: it takes seconds."""
    found = []
    for _, make in frame.optimizers:
        losses = sweep(
            frame.problem, make, {"lr": np.array(frame.lrs)}, seeds=frame.seeds, steps=frame.steps
        ).loss.mean(-1)
        found.append(_smoothed(losses))
    return tuple(found)


def _smoothed(losses: np.ndarray) -> np.ndarray:
    """Mean over the last steps, fewer at the beginning."""
    with np.errstate(invalid="ignore"):
        total = np.cumsum(losses, axis=0)
        total[SMOOTH:] = total[SMOOTH:] - total[:-SMOOTH]
    mean = total / np.minimum(np.arange(1, len(losses) + 1), SMOOTH)[:, None]
    return np.where(np.isfinite(losses), mean, np.inf)


@lru_cache(maxsize=4)
def _descended(frame: UCurveFrame, momentum: float | None, condition: float | None) -> tuple[np.ndarray, ...]:
    """A landscape at every learning rate. Kept, so that the dial and the steps cost nothing."""
    landscape = known(frame.problem, condition or 10.0) if isinstance(frame.problem, str) else frame.problem
    found = []
    for _, make in frame.optimizers:
        hyper: dict[str, Any] = {"lr": np.array(frame.lrs)}
        if takes_momentum(make):
            hyper["momentum"] = momentum
        found.append(minimize(landscape, make(**hyper), frame.steps, record="loss").loss)
    return tuple(found)
