"""Every figure of the course, in one style.

Each function takes data and a title that states the finding, and returns a `Picture`: it shows itself in a notebook
with a text description for those who do not see it, and saves itself as PNG or SVG. Importing this module changes no
global setting of Matplotlib, and no figure is kept alive behind the caller's back: pyplot is not used.

Colour and marker belong to the optimizer and stay the same through the whole course (`COLORS`, `MARKERS`).
"""

from __future__ import annotations

import base64
import dataclasses
import html
import io
import re
import textwrap
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm, Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from optlib.intervals import mean_interval
from optlib.training import LARGER_IS_BETTER

if TYPE_CHECKING:
    from optlib.training import Run, Sweep

# The palette of Okabe and Ito (2008), which stays apart for every common kind of colour blindness. Its yellow is kept
# for marks with a dark edge: on white it cannot be seen.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
INK, GREY, PAPER = "#1a1a1a", "#595959", "#ffffff"

_LOOKS: dict[str, tuple[str, str]] = {
    "SGD": (BLUE, "o"),
    "Momentum": (ORANGE, "s"),
    "Nesterov": (GREEN, "^"),
    "Adagrad": (PURPLE, "v"),
    "RMSprop": (SKY, "D"),
    "Adam": (VERMILLION, "o"),
    "AdamW": (BLACK, "s"),
    "Rprop": (SKY, "<"),
    "Adadelta": (GREEN, "h"),
    "SignSGD": (BLUE, ">"),
    "Signum": (ORANGE, ">"),
    "Lion": (PURPLE, "P"),
    "AdaMax": (PURPLE, "d"),
    "AMSGrad": (BLACK, "X"),
    "NAdam": (GREEN, "v"),
    "RAdam": (SKY, "p"),
    "Yogi": (ORANGE, "p"),
    "AdaBelief": (BLUE, "h"),
    "ADOPT": (GREEN, "X"),
    "AdEMAMix": (BLACK, "d"),
    "LARS": (PURPLE, "o"),
    "LAMB": (GREEN, "P"),
    "Adafactor": (SKY, "s"),
    "Shampoo": (PURPLE, "s"),
    "SOAP": (SKY, "X"),
    "Muon": (GREEN, "D"),
    "ScheduleFreeSGD": (SKY, "o"),
    "ScheduleFreeAdamW": (PURPLE, "^"),
    "Prodigy": (GREEN, "p"),
    "LBFGS": (ORANGE, "^"),
    "Newton": (BLUE, "D"),
}
#: The colour of each optimizer, by class name.
COLORS: dict[str, str] = {name: color for name, (color, _) in _LOOKS.items()}
#: The marker of each optimizer, by class name. Colour and marker together are never shared.
MARKERS: dict[str, str] = {name: marker for name, (_, marker) in _LOOKS.items()}

#: Matplotlib settings of the course. The ground is opaque: a figure reads the same in a light and in a dark notebook.
STYLE: dict[str, Any] = {
    "figure.facecolor": PAPER,
    "figure.dpi": 100,
    "savefig.facecolor": PAPER,
    "savefig.transparent": False,
    "axes.facecolor": PAPER,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.labelsize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.limits": (-4, 5),
    "axes.formatter.use_mathtext": False,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "font.family": ["DejaVu Sans"],
    "font.size": 10.5,
    "mathtext.fontset": "dejavusans",
    "text.color": INK,
    "lines.linewidth": 2.0,
    "lines.markersize": 6,
    "image.cmap": "viridis",
    "svg.hashsalt": "optlib",
}

_TITLE_SIZE, _LABEL_SIZE = 12.5, 10.5
_DASHES = ("-", "--", "-.", ":")
_MOST_LABELS = 8  # of one array of runs: more lines than that are told by their shade
_HALO = [patheffects.withStroke(linewidth=3, foreground=PAPER)]

Curves = Mapping[str, tuple[Any, Any]]


@contextmanager
def style() -> Iterator[None]:
    """The course's Matplotlib settings for the length of a ``with`` block."""
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        yield


def blank(width: float = 6.4, height: float = 4.0, rows: int = 1, columns: int = 1) -> tuple[Figure, np.ndarray]:
    """An empty figure in the course's style, outside pyplot, and its axes as an array (rows, columns)."""
    with style():
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        return figure, figure.subplots(rows, columns, squeeze=False)


class Picture:
    """A finished figure and what it shows in words.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
    alt : str
        The text description, made from the data.
    """

    def __init__(self, figure: Figure, title: str, alt: str) -> None:
        self.figure = figure
        self.title = title
        self.alt = alt

    def save(self, path: str | Path) -> Path:
        """Write a .png or .svg file that carries its own text description; returns the path."""
        path = Path(path)
        if path.suffix not in (".png", ".svg"):
            raise ValueError(f"save: expected a name that ends in .png or .svg, got {path.name!r}")
        path.write_bytes(self._png() if path.suffix == ".png" else self._svg())
        return path

    def _png(self) -> bytes:
        target = io.BytesIO()
        with style():
            # twice the shown size: sharp on dense screens and when the page is magnified
            self.figure.savefig(
                target, format="png", dpi=200, metadata={"Title": _plain(self.title), "Description": self.alt}
            )
        return target.getvalue()

    def _svg(self) -> bytes:
        target = io.StringIO()
        with style():
            self.figure.savefig(target, format="svg", metadata={"Date": None})
        # a screen reader looks for <title> and <desc> as first children of an <svg> that calls itself an image
        key = f"{zlib.crc32(self.alt.encode()):08x}"
        head = (
            f'<title id="title-{key}">{html.escape(_plain(self.title))}</title>\n'
            f' <desc id="desc-{key}">{html.escape(self.alt)}</desc>\n '
        )
        role = f'<svg role="img" aria-labelledby="title-{key} desc-{key}" '
        return re.sub(r"<svg ([^>]*>\s*)", lambda found: role + found[1] + head, target.getvalue(), count=1).encode()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        # JupyterLab gives no alt text to image/png, whatever its metadata say; it keeps the one of an <img> in HTML
        width = round(self.figure.get_figwidth() * 100)
        data = base64.b64encode(self._png()).decode()
        image = (
            f'<img src="data:image/png;base64,{data}" alt="{html.escape(self.alt)}" width="{width}" '
            'style="max-width:100%;height:auto">'
        )
        return {"text/html": image, "text/plain": self.alt}

    def __repr__(self) -> str:
        return self.alt


# --------------------------------------------------------------------------------------------------- the figures


def loss(
    runs: Run | Mapping[str, Run],
    title: str,
    *,
    labels: Sequence[str] | None = None,
    floor: float | Mapping[str, float] | None = None,
    bound: Any = None,
    smooth: int = 1,
    logx: bool = False,
    logy: bool | None = None,
    xlabel: str = "step",
    ylabel: str = "loss",
) -> Picture:
    """Loss against step: of one run, of many runs (one per learning rate, say), or of several optimizers.

    Runs that differ only in their seed are shown as their mean with its 95 % interval.

    Parameters
    ----------
    runs : Run or dict name -> Run
    title : str
        The finding, as a sentence.
    labels : list of str, optional
        One per line, in order; made from names and hyperparameters when not given.
    floor : float or dict text -> float, optional
        A level that the loss cannot or should not pass, drawn dashed.
    bound : array (steps + 1,), callable of the step, or dict text -> one of these, optional
        A theoretical curve, drawn dotted.
    smooth : int
        Mean over so many steps (minibatch losses are noisy).
    logy : bool, optional
        Chosen from the data when not given.
    """
    lines = _relabelled("loss", _lines_of_runs("loss", runs), labels)
    if smooth < 1:
        raise ValueError(f"loss: smooth must be at least 1, got {smooth}")
    if smooth > 1:
        lines = [line.smoothed(smooth) for line in lines]
        ylabel = f"{ylabel} (mean of {smooth} steps)"
    steps = np.arange(max(len(line.x) for line in lines) + smooth - 1)
    references = []
    for text, curve in _named("bound", bound).items():
        values = np.asarray(curve(steps) if callable(curve) else curve, dtype=float)
        references.append((text, np.arange(len(values)), values))
    if logy is None:
        logy = _wants_log([line.y for line in lines])
    levels = _named("floor", floor)
    return _chart("loss", lines, title, xlabel, ylabel, logx, logy, references=references, levels=levels)


def paths(
    problem: Any,
    runs: Run | Mapping[str, Run],
    title: str,
    *,
    labels: Sequence[str] | None = None,
    bounds: tuple[tuple[float, float], tuple[float, float]] | None = None,
    xlabel: str = r"$\theta_1$",
    ylabel: str = r"$\theta_2$",
) -> Picture:
    """The way of each run over the contours of a landscape, with start, end and optimum.

    A run that leaves the frame or diverges ends in a cross at the frame.

    Parameters
    ----------
    problem : landscape
        Has ``loss(theta)``, ``bounds`` and ``optimum``.
    runs : Run or dict name -> Run
        With recorded theta of two coordinates.
    bounds : ((xlo, xhi), (ylo, yhi)), optional
        The frame; the problem's own when not given.
    """
    lines = _relabelled("paths", _lines_of_paths(runs), labels)
    (xlo, xhi), (ylo, yhi) = problem.bounds if bounds is None else bounds
    figure, axes = blank(6.4, 4.8)
    ax: Axes = axes[0, 0]
    with style():
        x, y = np.meshgrid(np.linspace(xlo, xhi, 161), np.linspace(ylo, yhi, 161))
        low, high = _contours(ax, x, y, np.asarray(problem.loss(np.stack([x, y], axis=-1)), dtype=float))
        told, ways = zip(*(_draw_path(ax, line, (xlo, xhi), (ylo, yhi)) for line in lines), strict=True)
        stops = np.unique(np.round([(line.x[0], line.y[0]) for line in lines], 12), axis=0)
        for point in stops:
            ax.plot(*point, "o", color=PAPER, markeredgecolor=INK, markersize=8, markeredgewidth=1.5, zorder=6)
        optimum = getattr(problem, "optimum", None)
        if optimum is not None:
            stops = np.vstack([stops, optimum])
            ax.plot(*stops[-1], "*", color=YELLOW, markeredgecolor=INK, markersize=15, zorder=7)
        ax.set(xlim=(xlo, xhi), ylim=(ylo, yhi), xlabel=xlabel, ylabel=ylabel)
        ax.grid(False)
        _finish(figure, title)
        _label_inside(ax, [(*way.T, line.label, line.color) for line, way in zip(lines, ways, strict=True)], stops)
    goal = "" if optimum is None else f" The optimum, a star, is at {_point(optimum)}."
    alt = (
        f"{_sentence(title)} Contour map of the loss ({_number(low)} to {_number(high)}) over "
        f"{_axis_words(xlabel, False, (xlo, xhi))} and {_axis_words(ylabel, False, (ylo, yhi))}, with "
        f"{_count(len(lines), 'trajectory', 'trajectories')}.{goal} {_listing(told)}"
    )
    return Picture(figure, title, alt)


def ucurve(
    sweeps: Sweep | Mapping[str, Sweep],
    title: str,
    *,
    metric: str = "loss",
    logy: bool | None = None,
    higher_is_better: bool | None = None,
    marks: Mapping[str, float] | None = None,
    xlabel: str = "",
    ylabel: str = "",
) -> Picture:
    """What training ends with against the hyperparameter that was swept: mean over seeds, 95 % band, best value marked.

    Values at which some seed diverged are shaded (one sweep) or marked by a bar along the top (several).

    Parameters
    ----------
    sweeps : Sweep or dict name -> Sweep
        Each over one hyperparameter, the same for all.
    metric : str
        A name in ``Sweep.final``.
    higher_is_better : bool, optional
        True for accuracies, False for the rest, when not given.
    marks : dict text -> value, optional
        Vertical lines, such as ``{"2/L": 2 / L}``.
    """
    named = _named_runs("ucurve", "sweeps", "Sweep", sweeps)
    axis = _swept("ucurve", named, metric)
    up = metric in LARGER_IS_BETTER if higher_is_better is None else higher_is_better
    looks = _looks([(name, getattr(sweep, "opt", None)) for name, sweep in named.items()])
    lines, shares = [], []
    for (name, sweep), (color, marker, dash) in zip(named.items(), looks, strict=True):
        x = np.asarray(sweep.grid[axis], dtype=float)
        mean, low, high = (np.asarray(a, dtype=float) for a in sweep.interval(metric))
        order = np.argsort(x)
        x, mean, low, high = x[order], mean[order], low[order], high[order]
        lines.append(_Line(name, x, mean, color, marker, dash, low, high))
        shares.append(np.asarray(sweep.diverged)[order].mean(axis=-1))
    logx = bool(min(line.x.min() for line in lines) > 0 and max(line.x.max() / line.x.min() for line in lines) > 5)
    if logy is None:
        logy = not up and _wants_log([line.y for line in lines], ratio=8)
    figure, axes = blank()
    ax: Axes = axes[0, 0]
    with style():
        _scale(ax, logx, logy)
        told = []
        for line in lines:
            _draw_line(ax, line, every_point=True)
        _frame(ax, lines, logx, logy)
        for row, (line, share) in enumerate(zip(lines, shares, strict=True)):
            best = int(np.nanargmax(line.y) if up else np.nanargmin(line.y))
            ax.plot(line.x[best], line.y[best], "*", color=line.color, markeredgecolor=PAPER, markersize=18, zorder=6)
            if np.any(share > 0):
                _shade_diverged(ax, line, share, None if len(lines) == 1 else row)
            told.append(_ucurve_words(line, best, share, axis, metric, up))
        ax.set_xlabel(xlabel or {"lr": "learning rate"}.get(axis, axis))
        ax.set_ylabel(ylabel or f"{metric} after training")
        _finish(figure, title)
        _label_at_end(ax, [(line.x, line.y, line.label, line.color) for line in lines] if len(lines) > 1 else [])
        _draw_marks(ax, marks, above=0.045 * len(lines) if len(lines) > 1 and any(np.any(s > 0) for s in shares) else 0)
    counts = sorted({len(sweep.seeds) for sweep in named.values()})
    averaged = "one seed" if counts == [1] else f"mean over {_and([str(c) for c in counts])} seeds, 95 % interval"
    alt = (
        f"{_sentence(title)} Curves of {_axis_words(ax.get_ylabel(), logy, *(line.y for line in lines))} against "
        f"{_axis_words(ax.get_xlabel(), logx, *(line.x for line in lines))}; {averaged}. {_listing(told)}"
        f"{_marks_words(marks)}"
    )
    return Picture(figure, title, alt)


def line(
    curves: Curves,
    title: str,
    *,
    xlabel: str,
    ylabel: str,
    logx: bool = False,
    logy: bool = False,
    band: Mapping[str, tuple[Any, Any]] | None = None,
    markers: bool = False,
    levels: Mapping[str, float] | None = None,
    marks: Mapping[str, float] | None = None,
) -> Picture:
    """Plain curves, labelled at their ends.

    Parameters
    ----------
    curves : dict label -> (x, y)
        A label that begins with the name of an optimizer takes that optimizer's colour and marker. ``y`` may have
        shape (points, samples): then the mean and its 95 % interval are drawn.
    band : dict label -> (low, high), optional
        A given band around the curve of that label.
    markers : bool
        Draw a marker at each point (for measurements).
    levels, marks : dict text -> value, optional
        Horizontal and vertical reference lines.
    """
    lines = _lines_of_curves("line", curves, band)
    return _chart("line", lines, title, xlabel, ylabel, logx, logy, levels=levels, marks=marks, every_point=markers)


def scatter(
    points: Curves,
    title: str,
    *,
    xlabel: str,
    ylabel: str,
    logx: bool = False,
    logy: bool = False,
    curves: Curves | None = None,
    levels: Mapping[str, float] | None = None,
    marks: Mapping[str, float] | None = None,
) -> Picture:
    """Measured points, and the curves of a law that they should follow.

    Parameters
    ----------
    points : dict label -> (x, y)
        Drawn as markers only.
    curves : dict label -> (x, y), optional
        Drawn as dotted lines.
    """
    lines = [dataclasses.replace(line, dash="none") for line in _lines_of_curves("scatter", points, None)]
    references = [(law.label, law.x, law.y) for law in _lines_of_curves("scatter", curves, None)] if curves else []
    return _chart(
        "scatter", lines, title, xlabel, ylabel, logx, logy,
        references=references, levels=levels, marks=marks, every_point=True,
    )  # fmt: skip


def stems(
    values: Curves,
    title: str,
    *,
    xlabel: str,
    ylabel: str,
    logx: bool = False,
    logy: bool = False,
    levels: Mapping[str, float] | None = None,
) -> Picture:
    """A stick for each value, such as the error that is left along each eigenvector.

    Parameters
    ----------
    values : dict label -> (x, y)
        Series stand side by side.
    """
    lines = [dataclasses.replace(line, dash="none") for line in _lines_of_curves("stems", values, None)]
    return _chart("stems", lines, title, xlabel, ylabel, logx, logy, levels=levels, every_point=True, sticks=True)


def bars(
    values: Mapping[str, Any],
    title: str,
    *,
    xlabel: str,
    reference: float = 0.0,
    reference_label: str = "no difference",
    logx: bool = False,
) -> Picture:
    """Differences (or ratios, with ``reference=1``) with their intervals, one row each.

    Parameters
    ----------
    values : dict label -> array of one value per seed, or a tuple (mean, low, high)
        Arrays are shown as mean with 95 % interval.
    """
    _need("bars", "values", values)
    rows = [_estimate("bars", name, value) for name, value in values.items()]
    looks = _looks([(name, None) for name in values])
    figure, axes = blank(6.4, 1.5 + 0.42 * len(rows))
    ax: Axes = axes[0, 0]
    right = blended_transform_factory(ax.transAxes, ax.transData)
    with style():
        if logx:
            ax.set_xscale("log")
        told = []
        for y, (name, (mean, low, high), (color, marker, _)) in enumerate(zip(values, rows, looks, strict=True)):
            ax.barh(y, mean - reference, left=reference, height=0.55, color=color, alpha=0.35)
            ax.plot([low, high], [y, y], color=_readable(color), linewidth=2.5, solid_capstyle="butt")
            ax.plot(mean, y, marker, color=_readable(color), markersize=8)
            words = _interval_words(mean, low, high)
            ax.text(1.02, y, words.replace("-", "−"), transform=right, va="center", fontsize=_LABEL_SIZE)
            told.append(f"{_plain(name)}: {words}{_side(low, high, reference)}")
        ax.axvline(reference, color=INK, linewidth=1.2, zorder=3)
        ax.set_yticks(range(len(rows)), list(values))
        ax.tick_params(axis="y", length=0)
        ax.set(xlabel=xlabel, ylim=(len(rows) - 0.4, -0.6))
        ax.grid(False, axis="y")
        ax.spines["left"].set_visible(False)
        if not logx:
            ax.margins(x=0.08)
        _finish(figure, title)
        _draw_marks(ax, {reference_label: reference} if reference_label else None, line=False)
    alt = (
        f"{_sentence(title)} Bars of {_axis_words(xlabel, logx, rows)} with 95 % intervals and a line at "
        f"{_number(reference)}{reference_label and f' ({_plain(reference_label)})'}. {_listing(told)}"
    )
    return Picture(figure, title, alt)


def images(
    pictures: Any,
    title: str,
    *,
    labels: Sequence[Any] | None = None,
    columns: int = 10,
) -> Picture:
    """Small grey pictures with a label under each: digits, filters, gradients.

    Values of both signs are shown around a neutral middle, all pictures on one scale.

    Parameters
    ----------
    pictures : array (count, height, width) or (count, pixels) with a square number of pixels
    labels : list, optional
        One per picture.
    """
    stack = np.asarray(pictures, dtype=float)
    if stack.ndim == 2 and round(stack.shape[1] ** 0.5) ** 2 == stack.shape[1]:
        stack = stack.reshape(len(stack), round(stack.shape[1] ** 0.5), -1)
    if stack.ndim != 3 or not len(stack):
        raise ValueError(
            f"images: expected shape (count, height, width) or (count, square number), got {np.shape(pictures)}"
        )
    if labels is not None and len(labels) != len(stack):
        raise ValueError(f"images: {len(stack)} pictures but {len(labels)} labels")
    signed = bool(stack.min() < 0)
    largest = float(np.abs(stack).max()) or 1.0
    norm = Normalize(-largest if signed else 0, largest)
    columns = min(columns, len(stack))
    rows = -(-len(stack) // columns)
    cell = 1.35 if labels is not None else 1.08
    side = min(0.9, 6.4 / columns)
    figure, axes = blank(max(3.2, side * columns), side * cell * rows + 0.5)
    ax: Axes = axes[0, 0]
    with style():
        for k, picture in enumerate(stack):
            left, top = 1.08 * (k % columns), cell * (k // columns)
            ax.imshow(
                picture, cmap="PuOr" if signed else "gray_r", norm=norm, extent=(left, left + 1, top + 1, top),
                interpolation="nearest",
            )  # fmt: skip
            if labels is not None:
                ax.text(left + 0.5, top + 1.04, str(labels[k]), ha="center", va="top", fontsize=_LABEL_SIZE)
        ax.set(xlim=(-0.04, 1.08 * columns), ylim=(cell * rows, -0.04), aspect="equal")
        ax.axis("off")
        _finish(figure, title)
    height, width = stack.shape[1:]
    shown = "" if labels is None else f", labelled {', '.join(str(label) for label in labels)}"
    kind = (
        f"orange for negative and purple for positive values, up to {_number(largest)} in size"
        if signed
        else "darker is larger"
    )
    alt = f"{_sentence(title)} {_count(len(stack), 'picture')} of {height} by {width} pixels ({kind}){shown}."
    return Picture(figure, title, alt)


def heat(
    x: Any,
    y: Any,
    z: Any,
    title: str,
    *,
    xlabel: str,
    ylabel: str,
    zlabel: str,
    logx: bool = False,
    logy: bool = False,
    logz: bool = False,
    contours: Sequence[float] | None = None,
    curves: Curves | None = None,
    points: Mapping[str, tuple[float, float]] | None = None,
    undefined: str = "diverged",
) -> Picture:
    """A map of z over x and y, with contour lines, curves (a boundary that theory predicts) and labelled points.

    Parameters
    ----------
    x, y : arrays, increasing
    z : array (len(y), len(x))
        Values that are not finite are left grey.
    contours : list of float, optional
        Levels to draw and label; an empty list draws none.
    undefined : str
        What a value that is not finite means.
    """
    x, y, z = (np.asarray(a, dtype=float) for a in (x, y, z))
    if x.ndim != 1 or y.ndim != 1 or z.shape != (len(y), len(x)) or min(z.shape) < 2:
        raise ValueError(
            f"heat: z must have shape (len(y), len(x)) = ({y.size}, {x.size}), at least 2 by 2, got {z.shape}"
        )
    finite = np.isfinite(z)
    if not finite.any():
        raise ValueError("heat: z holds no finite value")
    if logz and z[finite].min() <= 0:
        raise ValueError(f"heat: logz needs z > 0, got {z[finite].min():.3g}")
    low, high = float(z[finite].min()), float(z[finite].max())
    norm: Normalize = LogNorm(low, high) if logz and low < high else Normalize(low, high)
    figure, axes = blank(6.8, 4.8)
    ax: Axes = axes[0, 0]
    with style():
        _scale(ax, logx, logy)
        ax.set_facecolor("#d9d9d9")
        mesh = ax.pcolormesh(x, y, np.where(finite, z, np.nan), norm=norm, shading="nearest", rasterized=True)
        asked = _round_levels(low, high, logz) if contours is None else contours
        inside = sorted({float(level) for level in asked if low < level < high})
        if inside:
            lines = ax.contour(x, y, np.where(finite, z, np.nan), levels=inside, colors=PAPER, linewidths=1.0)
            texts = ax.clabel(lines, fmt=_number, fontsize=9, colors=PAPER)
            for text in texts or []:
                text.set_path_effects([patheffects.withStroke(linewidth=2, foreground=INK)])
        overlays = _lines_of_curves("heat", curves, None) if curves else []
        edge = [patheffects.withStroke(linewidth=4, foreground=INK)]
        for overlay, dash in zip(overlays, _DASHES * len(overlays), strict=False):
            ax.plot(overlay.x, overlay.y, dash, color=PAPER, linewidth=2.2, path_effects=edge)
        frame = (ax.get_xlim(), ax.get_ylim()) if not overlays else _edges(x, y, logx, logy)
        for place in (points or {}).values():
            ax.plot(*place, "o", color=YELLOW, markeredgecolor=INK, markersize=9, zorder=6)
        ax.set(xlim=frame[0], ylim=frame[1], xlabel=xlabel, ylabel=ylabel)
        ax.grid(False)
        bar = figure.colorbar(mesh, ax=ax, label=zlabel, format=FuncFormatter(_power) if logz else None)
        if logz:
            bar.ax.yaxis.set_minor_formatter(NullFormatter())
        bar.outline.set_visible(False)  # type: ignore[operator]
        _finish(figure, title)
        spots = [(np.array([px]), np.array([py]), text, INK) for text, (px, py) in (points or {}).items()]
        _label_inside(ax, [(o.x, o.y, o.label, INK) for o in overlays] + spots)
        lost = int((~finite).sum())
        if lost:
            _name_region(ax, x, y, ~finite, undefined)
    row, column = np.unravel_index(int(np.nanargmin(np.where(finite, z, np.nan))), z.shape)
    top_row, top_column = np.unravel_index(int(np.nanargmax(np.where(finite, z, np.nan))), z.shape)
    alt = (
        f"{_sentence(title)} Map of {_plain(zlabel)} over {_axis_words(xlabel, logx, (x[0], x[-1]))} and "
        f"{_axis_words(ylabel, logy, (y[0], y[-1]))}. Lowest {_number(low)} at {_point((x[column], y[row]))}, highest "
        f"{_number(high)} at {_point((x[top_column], y[top_row]))}."
        + (f" {_plain(undefined).capitalize()} in {lost} of {z.size} cells." if lost else "")
        + (f" Curves: {_and([_plain(o.label) for o in overlays])}." if overlays else "")
        + (f" Points: {_and([f'{_plain(t)} at {_point(p)}' for t, p in points.items()])}." if points else "")
    )
    return Picture(figure, title, alt)


# ---------------------------------------------------------------------------------------------- from data to lines


@dataclasses.dataclass(frozen=True)
class _Line:
    """One curve: what is drawn and what is told."""

    name: str
    x: np.ndarray
    y: np.ndarray
    color: str
    marker: str = "o"
    dash: str = "-"
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    diverged: str = ""  # when, in words; empty for never
    silent: bool = False  # one of many: drawn without its name

    @property
    def label(self) -> str:
        return "" if self.silent else self.name

    def smoothed(self, width: int) -> _Line:
        if width > len(self.y):
            raise ValueError(f"loss: smooth={width} is more than the {len(self.y)} steps of {self.name!r}")

        def mean(values: np.ndarray | None) -> np.ndarray | None:
            return None if values is None else np.convolve(values, np.full(width, 1 / width), mode="valid")

        y = np.convolve(self.y, np.full(width, 1 / width), mode="valid")
        return dataclasses.replace(self, x=self.x[width - 1 :], y=y, low=mean(self.low), high=mean(self.high))

    def end(self) -> int:
        """Index of the last point that can be drawn."""
        usable = np.flatnonzero(np.isfinite(self.x) & np.isfinite(self.y))
        return int(usable[-1]) if usable.size else 0


class _Look(NamedTuple):
    color: str
    marker: str
    dash: str


def _need(caller: str, argument: str, given: Any) -> None:
    if not isinstance(given, Mapping):
        raise TypeError(f"{caller}: {argument} must be a dict with a label for each entry, got {type(given).__name__}")
    if not given:
        raise ValueError(f"{caller}: {argument} is empty, there is nothing to draw")


def _named(name: str, given: Any) -> dict[str, Any]:
    """A reference given as one value or as several with their texts."""
    if given is None:
        return {}
    return dict(given) if isinstance(given, Mapping) else {name: given}


def _named_runs(caller: str, argument: str, kind: str, given: Any) -> dict[str, Any]:
    named = given
    if not isinstance(given, Mapping):
        optimizer = getattr(given, "opt", None)
        named = {"" if optimizer is None else type(optimizer).__name__: given}
    _need(caller, argument, named)
    for name, value in named.items():
        if not hasattr(value, "loss") or not hasattr(value, "diverged"):
            raise TypeError(
                f"{caller}: {argument} must be a {kind} or a dict name -> {kind}, "
                f"got {type(value).__name__} for {name!r}"
            )
    return dict(named)


def _looks(named: Iterable[tuple[str, Any]]) -> list[_Look]:
    """Colour, marker and dash of each: the optimizer's own, else a free colour. A colour's second line is dashed."""
    known = [_family(optimizer) or _known_name(name) for name, optimizer in named]
    taken = [COLORS[family] for family in known if family]
    free = [color for color in PALETTE if color not in taken] or list(PALETTE)
    looks: list[_Look] = []
    strangers = 0
    for family in known:
        if family:
            color, marker = _LOOKS[family]
        else:
            color, marker = free[strangers % len(free)], "osD^vPX"[strangers % 7]
            strangers += 1
        uses = sum(look.color == color for look in looks)
        looks.append(_Look(color, marker, _DASHES[uses % len(_DASHES)]))
    return looks


def _family(optimizer: Any) -> str | None:
    """The class name that decides the look: the optimizer's, a parent's, or that of the optimizer which it wraps."""
    if optimizer is None:
        return None
    for cls in type(optimizer).__mro__:
        if cls.__name__ in COLORS:
            return cls.__name__
    for value in vars(optimizer).values() if hasattr(optimizer, "__dict__") else ():
        if hasattr(value, "rule") or hasattr(value, "step"):
            return _family(value)
    return None


def _known_name(label: str) -> str | None:
    word = re.match(r"\w*", label)
    return word[0] if word and word[0] in COLORS else None


def _varied(settings: Any) -> dict[str, np.ndarray]:
    """Hyperparameters that differ between the runs of one optimizer, looking into schedules and wrapped optimizers."""
    found: dict[str, np.ndarray] = {}
    if dataclasses.is_dataclass(settings):
        for field in dataclasses.fields(settings):
            value = getattr(settings, field.name)
            if isinstance(value, np.ndarray) and value.ndim == 1:
                if np.unique(value).size > 1:
                    found[field.name] = value
            elif dataclasses.is_dataclass(value):
                # an array inside the schedule of lr is called lr
                inner = _varied(value)
                found |= {field.name: next(iter(inner.values()))} if callable(value) and len(inner) == 1 else inner
    return found


def _tints(color: str, count: int) -> list[str]:
    """Shades of one colour, light to dark, the colour itself in the middle."""
    if count == 1:
        return [color]
    tints = []
    base = np.array(to_rgb(color))
    for share in np.linspace(-0.5, 0.5, count):
        mixed = base + (np.ones(3) - base) * max(-share, 0) if share < 0 else base * (1 - share)
        if color == BLACK:
            mixed = np.full(3, 0.7 - 0.7 * (share + 0.5))
        tints.append("#" + "".join(f"{round(255 * part):02x}" for part in mixed))
    return tints


def _luminance(color: str) -> float:
    part = np.array(to_rgb(color))
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _readable(color: str) -> str:
    """The colour, darkened until text in it has a contrast of 4.5 on white (WCAG 2, level AA)."""
    part = np.array(to_rgb(color))
    while 1.05 / (_luminance(color) + 0.05) < 4.5:
        part = part * 0.95
        color = "#" + "".join(f"{int(255 * p):02x}" for p in part)
    return color


def _lines_of_runs(caller: str, runs: Any) -> list[_Line]:
    named = _named_runs(caller, "runs", "Run", runs)
    looks = _looks([(name, getattr(run, "opt", None)) for name, run in named.items()])
    single = not isinstance(runs, Mapping)
    lines: list[_Line] = []
    for (name, run), look in zip(named.items(), looks, strict=True):
        values = np.asarray(run.loss, dtype=float)
        steps = np.arange(len(values))
        if values.ndim == 1:
            lines.append(_Line(name, steps, values, *look, diverged=_when(run.diverged_at)))
            continue
        when = np.asarray(run.diverged_at)
        names = _run_names(run, values.shape[1], "" if single else name)
        if names is None:
            lines.append(_mean_line(name, values, look, int(np.sum(when >= 0))))
            continue
        shown = _worth_a_label(values[-1])
        for k, color in enumerate(_tints(look.color, len(names))):
            lines.append(
                _Line(
                    names[k], steps, values[:, k], color, look.marker, look.dash,
                    diverged=_when(when[k]), silent=k not in shown,
                )
            )  # fmt: skip
    return lines


def _run_names(run: Any, count: int, name: str) -> list[str] | None:
    """Names from the hyperparameters that differ; None when the runs differ only in their seed."""
    varied = {key: value for key, value in _varied(getattr(run, "opt", None)).items() if len(value) == count}
    if not varied:
        return None
    texts = [", ".join(f"{key} = {_number(value[k])}" for key, value in varied.items()) for k in range(count)]
    return [f"{name}, {text}" if name else text for text in texts]


def _worth_a_label(final: np.ndarray) -> set[int]:
    """All of a few runs; of many, the first, the last and the best."""
    if len(final) <= _MOST_LABELS:
        return set(range(len(final)))
    return {0, len(final) - 1, int(np.argmin(np.where(np.isfinite(final), final, np.inf)))}


def _mean_line(name: str, values: np.ndarray, look: _Look, diverged: int) -> _Line:
    # a diverged run counts with its initial loss: leaving it out would reward a method for losing its worst runs
    counted = np.where(np.isfinite(values), values, values[0])
    mean, low, high = mean_interval(counted)
    label = f"{name} ({diverged} of {values.shape[1]} diverged)" if diverged else name
    return _Line(label, np.arange(len(values)), mean, *look, low=low, high=high)


def _when(step: Any) -> str:
    return "" if step is None or int(step) < 0 else f"diverged at step {int(step)}"


def _relabelled(caller: str, lines: list[_Line], labels: Sequence[str] | None) -> list[_Line]:
    if labels is None:
        return lines
    if isinstance(labels, str) or len(labels) != len(lines):
        given = f"the text {labels!r}" if isinstance(labels, str) else _count(len(labels), "label")
        raise ValueError(f"{caller}: {_count(len(lines), 'line')} but {given}; give a list with one label per line")
    return [dataclasses.replace(line, name=label, silent=not label) for line, label in zip(lines, labels, strict=True)]


def _lines_of_paths(runs: Any) -> list[_Line]:
    named = _named_runs("paths", "runs", "Run", runs)
    looks = _looks([(name, getattr(run, "opt", None)) for name, run in named.items()])
    single = not isinstance(runs, Mapping)
    lines = []
    for (name, run), look in zip(named.items(), looks, strict=True):
        theta = getattr(run, "theta", None)
        if theta is None:
            raise ValueError(f"paths: theta was not recorded for {name!r}; run minimize(..., record='theta')")
        theta = np.asarray(theta, dtype=float)
        if theta.shape[-1] != 2:
            raise ValueError(f"paths: theta must have two coordinates, got {theta.shape[-1]} for {name!r}")
        if theta.ndim == 2:
            lines.append(_Line(name, theta[:, 0], theta[:, 1], *look, diverged=_when(run.diverged_at)))
            continue
        count = theta.shape[1]
        names = _run_names(run, count, "" if single else name)
        shown = _worth_a_label(np.asarray(run.loss, dtype=float)[-1])
        for k, color in enumerate(_tints(look.color, count) if names else [look.color] * count):
            silent = k not in shown if names else k > 0
            lines.append(
                _Line(
                    names[k] if names else name, theta[:, k, 0], theta[:, k, 1], color, look.marker, look.dash,
                    diverged=_when(np.asarray(run.diverged_at)[k]), silent=silent,
                )
            )  # fmt: skip
    return lines


def _lines_of_curves(caller: str, curves: Any, band: Mapping[str, tuple[Any, Any]] | None) -> list[_Line]:
    _need(caller, "curves", curves)
    unknown = set(band or {}) - set(curves)
    if unknown:
        raise ValueError(f"{caller}: band for {sorted(unknown)}, but the curves are {list(curves)}")
    lines = []
    for (label, pair), look in zip(curves.items(), _looks([(label, None) for label in curves]), strict=True):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ValueError(f"{caller}: {label!r} must be a pair (x, y)")
        x, y = (np.asarray(a, dtype=float) for a in pair)
        if x.ndim != 1 or y.ndim not in (1, 2) or len(x) != len(y) or not len(x):
            raise ValueError(
                f"{caller}: {label!r} has x of shape {x.shape} and y of shape {y.shape}; expected equal length"
            )
        low = high = None
        if y.ndim == 2:
            y, low, high = mean_interval(y)
        if band and label in band:
            low, high = (np.broadcast_to(np.asarray(edge, dtype=float), x.shape) for edge in band[label])
        lines.append(_Line(label, x, y, *look, low=low, high=high))
    return lines


def _estimate(caller: str, name: str, value: Any) -> tuple[float, float, float]:
    if isinstance(value, tuple):
        if len(value) != 3 or not value[1] <= value[0] <= value[2]:
            raise ValueError(f"{caller}: {name!r} must be an array of values or (mean, low, high), got {value}")
        return float(value[0]), float(value[1]), float(value[2])
    values = np.asarray(value, dtype=float)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"{caller}: {name!r} must hold one value per seed, got shape {values.shape}")
    mean, low, high = mean_interval(values)
    return float(mean), float(low), float(high)


def _swept(caller: str, sweeps: Mapping[str, Any], metric: str) -> str:
    axes = {tuple(sweep.grid) for sweep in sweeps.values()}
    if len(axes) != 1 or len(next(iter(axes))) != 1:
        told = ", ".join(f"{name or 'sweep'}: {list(sweep.grid)}" for name, sweep in sweeps.items())
        raise ValueError(f"{caller}: needs sweeps over one and the same hyperparameter, got {told}")
    for name, sweep in sweeps.items():
        if metric not in sweep.final:
            raise ValueError(f"{caller}: no {metric!r} in sweep {name!r}; there is {sorted(sweep.final)}")
    return next(iter(axes))[0]


# ------------------------------------------------------------------------------------------------ drawing


def _chart(
    kind: str,
    lines: list[_Line],
    title: str,
    xlabel: str,
    ylabel: str,
    logx: bool,
    logy: bool,
    *,
    references: Sequence[tuple[str, np.ndarray, np.ndarray]] = (),
    levels: Mapping[str, float] | None = None,
    marks: Mapping[str, float] | None = None,
    every_point: bool = False,
    sticks: bool = False,
) -> Picture:
    """What loss, line, scatter and stems have in common: axes, lines, references, labels, description."""
    named = [line for line in lines if line.label]
    figure, axes = blank(height=max(4.0, 0.8 + 0.24 * (len(named) + len(references) + len(levels or {}))))
    ax: Axes = axes[0, 0]
    with style():
        _scale(ax, logx, logy)
        if sticks:
            _draw_sticks(ax, lines, logy)
        else:
            for line in lines:
                _draw_line(ax, line, every_point, thin=len(lines) > _MOST_LABELS)
        for _, x, y in references:
            ax.plot(x, y, ":", color=GREY, linewidth=1.8, zorder=2.5)
        for level in (levels or {}).values():
            ax.axhline(level, color=GREY, linestyle="--", linewidth=1.2, zorder=1.5)
        _frame(ax, lines, logx, logy, [y for _, _, y in references] + [np.array([y]) for y in (levels or {}).values()])
        if sticks:
            ax.margins(x=0.05)
        ax.set(xlabel=xlabel, ylabel=ylabel)
        _finish(figure, title)
        right = ax.get_xlim()[1]
        ends = [(line.x, line.y, _with_fate(line), line.color) for line in named]
        ends += [(x, y, text, GREY) for text, x, y in references]
        ends += [(np.array([right]), np.array([level]), text, GREY) for text, level in (levels or {}).items()]
        _label_at_end(ax, ends)
        _draw_marks(ax, marks)
    what = {"loss": "Lines", "line": "Lines", "scatter": "Points", "stems": "Sticks"}[kind]
    others = [
        f"{_plain(text)} ends at {_number(y[-1])}" if np.ptp(y) else _level(text, y[-1]) for text, _, y in references
    ]
    others += [_level(text, value) for text, value in (levels or {}).items()]
    alt = (
        f"{_sentence(title)} {what} of {_axis_words(ylabel, logy, *(line.y for line in lines))} against "
        f"{_axis_words(xlabel, logx, *(line.x for line in lines))}. {_listing(_line_words(lines))}"
        + (_lowest_words(lines) if kind in ("loss", "line") else "")
        + (f" For reference: {'; '.join(others)}." if others else "")
        + _marks_words(marks)
    )
    return Picture(figure, title, alt)


def _scale(ax: Axes, logx: bool, logy: bool) -> None:
    if logx:
        ax.set_xscale("log")
        _log_ticks(ax.xaxis)
    if logy:
        ax.set_yscale("log", nonpositive="clip")
        _log_ticks(ax.yaxis)


def _log_ticks(axis: Axis) -> None:
    """Powers of ten as plain text (formulas take half of the drawing time), more numbers within one decade."""

    def between(value: float, _: Any) -> str:
        low, high = axis.get_view_interval()
        return _number(value) if high < 10 * low else ""

    axis.set_major_formatter(FuncFormatter(_power))
    axis.set_minor_formatter(FuncFormatter(between))
    axis.set_tick_params(which="minor", labelsize=9, labelcolor=INK)


def _wants_log(values: Iterable[np.ndarray], ratio: float = 30.0) -> bool:
    together = np.concatenate([np.ravel(v) for v in values])
    together = together[np.isfinite(together)]
    positive = together[together > 0]
    return bool(positive.size and not np.any(together < 0) and positive.max() / positive.min() > ratio)


def _frame(ax: Axes, lines: list[_Line], logx: bool, logy: bool, others: Sequence[np.ndarray] = ()) -> None:
    """Limits that show every curve, and of a band on a log axis not more than a decade below its curve."""
    ax.margins(x=0.02)
    seen = np.concatenate([line.y for line in lines] + [line.high for line in lines if line.high is not None])
    seen = np.concatenate([seen, *others])
    seen = seen[np.isfinite(seen)]
    if not logy or not np.any(seen > 0):
        return
    high = seen.max()
    low = max(seen[seen > 0].min(), high * 1e-30)
    edges = [line.low[line.low > low / 10] for line in lines if line.low is not None]
    low = min([low, *(edge.min() for edge in edges if edge.size)])
    room = (high / low) ** 0.05
    ax.set_ylim(low / room, high * room)


def _draw_line(ax: Axes, line: _Line, every_point: bool = False, thin: bool = False) -> None:
    x, y = line.x, np.where(np.isfinite(line.y), line.y, np.nan)
    if line.dash == "none":
        ax.plot(x, y, line.marker, color=line.color, markeredgecolor=PAPER, markeredgewidth=0.6, markersize=8)
    else:
        marker = line.marker if every_point and len(x) <= 60 else ""
        ax.plot(x, y, line.dash, color=line.color, linewidth=1.1 if thin else 2.0, marker=marker, markersize=5)
    if line.low is not None and line.high is not None and np.any(np.isfinite(line.low)):
        if line.dash == "none":
            error = np.abs([line.y - line.low, line.high - line.y])
            ax.errorbar(x, y, error, fmt="none", ecolor=line.color, elinewidth=1.5)
        else:
            ax.fill_between(x, line.low, line.high, color=line.color, alpha=0.2, linewidth=0)
    if line.diverged:
        end = line.end()
        ax.plot(x[end], y[end], "x", color=line.color, markersize=9, markeredgewidth=2.5, zorder=5, clip_on=False)


def _draw_sticks(ax: Axes, lines: list[_Line], logy: bool) -> None:
    values = np.concatenate([line.y for line in lines])
    values_x = np.concatenate([line.x for line in lines])
    positive = values[np.isfinite(values) & (values > 0)]
    ground = positive.min() / 10 if logy and positive.size else 0.0
    for k, line in enumerate(lines):
        shift = 5.0 * (k - (len(lines) - 1) / 2)
        moved = ax.transData + _points_right(ax, shift)
        ax.vlines(line.x, ground, line.y, color=line.color, linewidth=2, transform=moved)
        ax.plot(line.x, line.y, line.marker, color=line.color, markeredgecolor=PAPER, transform=moved)
        ax.update_datalim(np.column_stack([line.x, line.y]))
    ax.update_datalim([(values_x.min(), ground), (values_x.max(), ground)])
    ax.xaxis.set_major_locator(MaxNLocator(integer=bool(np.all(values_x == np.round(values_x)))))
    ax.autoscale_view()
    if not logy:
        ax.axhline(0, color=GREY, linewidth=1)


def _points_right(ax: Axes, points: float) -> Any:
    return ScaledTranslation(points / 72, 0, ax.get_figure(root=True).dpi_scale_trans)  # type: ignore[union-attr]


def _contours(ax: Axes, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[float, float]:
    """Contours with log-spaced levels above the lowest value: equal ratios, so that valley and wall both show."""
    finite = z[np.isfinite(z)]
    low, high = float(finite.min()), float(finite.max())
    levels = low + (high - low) * np.geomspace(1e-4, 1, 13)
    greys = [str(shade) for shade in np.linspace(1.0, 0.88, len(levels))]
    ax.contourf(x, y, z, levels=[low, *levels], colors=greys)
    ax.contour(x, y, z, levels=levels, colors="#a0a0a0", linewidths=0.6, linestyles="solid")
    return low, high


def _draw_path(ax: Axes, line: _Line, xlim: tuple[float, float], ylim: tuple[float, float]) -> tuple[str, np.ndarray]:
    """Draw one trajectory up to where it leaves for good; return where it ends, in words, and what was drawn."""
    low, high = np.array([xlim[0], ylim[0]]), np.array([xlim[1], ylim[1]])
    way = np.column_stack([line.x, line.y])
    far = ~np.all(np.isfinite(way), axis=1) | np.any(np.abs(way - (low + high) / 2) > 50 * (high - low), axis=1)
    if far.any():
        way = way[: max(int(np.argmax(far)), 1)]
    inside = np.all((way >= low) & (way <= high), axis=1)
    gone = line.diverged or far.any() or not inside[-1]
    last = len(way) - 1
    exit_point = way[-1]
    if gone:
        stays = np.flatnonzero(inside)
        last = int(stays[-1]) if stays.size else 0
        ahead = way[min(last + 1, len(way) - 1)] - way[last]
        with np.errstate(divide="ignore", invalid="ignore"):
            walls = np.where(ahead > 0, (high - way[last]) / ahead, (low - way[last]) / ahead)
        reach = np.clip(np.min(walls[ahead != 0], initial=1), 0, 1)
        exit_point = np.clip(way[last] + ahead * reach, low, high)
    drawn = np.vstack([way[: last + 1], exit_point])
    ax.plot(
        *drawn.T, line.dash, color=line.color, linewidth=1.8, marker=line.marker, markersize=4,
        markevery=(0, max(1, len(drawn) // 30)), zorder=4,
    )  # fmt: skip
    start = f"{_plain(line.name)}: from {_point(way[0])}"
    if gone:
        ax.plot(*exit_point, "x", color=line.color, markersize=13, markeredgewidth=3.5, zorder=6, clip_on=False)
        return f"{start}, leaves the frame after step {last}" + (f", {line.diverged}" if line.diverged else ""), drawn
    ax.plot(*way[-1], line.marker, color=line.color, markeredgecolor=INK, markeredgewidth=1.2, markersize=9, zorder=5)
    return f"{start} to {_point(way[-1])} in {_count(len(line.x) - 1, 'step')}", drawn


def _shade_diverged(ax: Axes, line: _Line, share: np.ndarray, row: int | None) -> None:
    """Where runs diverged: the whole height for one sweep, a bar along the top (in its row) for one of several."""
    log = ax.get_xscale() == "log"
    x = np.log(line.x) if log else line.x
    edges = np.concatenate([[x[0]], (x[1:] + x[:-1]) / 2, [x[-1]]])
    edges = np.exp(edges) if log else edges
    top = blended_transform_factory(ax.transData, ax.transAxes)
    lost = share > 0
    starts = np.flatnonzero(lost & ~np.concatenate([[False], lost[:-1]]))
    stops = np.flatnonzero(lost & ~np.concatenate([lost[1:], [False]]))
    for start, stop in zip(starts, stops, strict=True):
        a, b = edges[start], edges[stop + 1]
        middle = np.sqrt(a * b) if log else (a + b) / 2
        text = "diverged" if share[start : stop + 1].min() == 1 else "some seeds diverged"
        if row is None:
            ax.axvspan(a, b, color=GREY, alpha=0.15, linewidth=0, zorder=0.5)
            ends = ax.transData.transform([(a, 1), (b, 1)])[:, 0]
            upright = ends[1] - ends[0] < 9 * len(text)
            ax.text(
                middle, 0.5, text, transform=top, ha="center", va="center", rotation=90 if upright else 0,
                path_effects=_HALO,
            )  # fmt: skip
        else:
            height = 1.02 + 0.045 * row
            ax.plot([a, b], [height, height], color=line.color, linewidth=5, transform=top, clip_on=False)
            ax.annotate(
                f"{line.label}: {text}", (a, height), (-4, 0), xycoords=top, textcoords="offset points", ha="right",
                va="center", fontsize=8.5, color=_readable(line.color),
            )  # fmt: skip


def _round_levels(low: float, high: float, log: bool) -> np.ndarray:
    if log and high / low > 100:
        return np.asarray(LogLocator(subs=(1.0, 3.0) if high / low < 1e4 else (1.0,)).tick_values(low, high))
    return np.asarray(MaxNLocator(7).tick_values(low, high))


def _edges(x: np.ndarray, y: np.ndarray, logx: bool, logy: bool) -> tuple[tuple[float, float], tuple[float, float]]:
    """The outer edges of the cells whose centres are x and y."""

    def ends(values: np.ndarray, log: bool) -> tuple[float, float]:
        v = np.log(values) if log else values
        low, high = v[0] - (v[1] - v[0]) / 2, v[-1] + (v[-1] - v[-2]) / 2
        return (float(np.exp(low)), float(np.exp(high))) if log else (float(low), float(high))

    return ends(x, logx), ends(y, logy)


def _name_region(ax: Axes, x: np.ndarray, y: np.ndarray, region: np.ndarray, text: str) -> None:
    rows, columns = np.nonzero(region)
    middle = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
    ax.text(x[columns[middle]], y[rows[middle]], text, ha="center", va="center", color=INK)


def _draw_marks(ax: Axes, marks: Mapping[str, float] | None, *, line: bool = True, above: float = 0.0) -> None:
    """Vertical lines with their texts above the frame, moved apart where they would overlap."""
    if not marks:
        return
    figure = ax.figure
    for value in marks.values() if line else ():
        ax.axvline(value, color=INK, linestyle="--", linewidth=1.2, zorder=1.5)
    top = blended_transform_factory(ax.transData, ax.transAxes)
    texts = [
        ax.text(
            value, 1.015 + above, text, transform=top, ha="center", va="bottom", fontsize=_LABEL_SIZE, clip_on=False
        )
        for text, value in marks.items()
    ]
    figure.draw_without_rendering()  # type: ignore[union-attr]
    box = ax.get_window_extent()
    places = [ax.transData.transform((value, ax.get_ylim()[0]))[0] for value in marks.values()]
    widths = [text.get_window_extent().width + 10 for text in texts]
    for text, place in zip(texts, _spread(places, widths, box.x0 - 40, box.x1 + 40), strict=True):
        text.set_x(ax.transData.inverted().transform((place, box.y0))[0])


# ------------------------------------------------------------------------------------------------ titles and labels


def _finish(figure: Figure, title: str) -> None:
    if not title.strip():
        raise ValueError("a figure needs a title that states its finding")
    letters = int(figure.get_figwidth() * 72 / (_TITLE_SIZE * 0.62))
    lines = textwrap.wrap(title, letters, break_long_words=False)
    while letters > 1 and len(shorter := textwrap.wrap(title, letters - 1, break_long_words=False)) == len(lines):
        lines, letters = shorter, letters - 1  # lines of equal length, no word left alone
    figure.suptitle("\n".join(lines), x=0.012, ha="left", fontsize=_TITLE_SIZE, fontweight="bold", linespacing=1.25)


def _spread(places: Sequence[float], sizes: Sequence[float], low: float, high: float) -> np.ndarray:
    """The least movement (in squares) of labels that keeps them apart, in order and, if they fit, within the limits."""
    if not len(places):
        return np.empty(0)
    order = np.argsort(places, kind="stable")
    size = np.asarray(sizes, dtype=float)[order]
    offset = np.concatenate([[0.0], np.cumsum((size[1:] + size[:-1]) / 2)])
    # without the offsets, "apart" reads "in order": the nearest ordered numbers are means of pooled blocks
    blocks: list[list[float]] = []
    for value in np.asarray(places, dtype=float)[order] - offset:
        blocks.append([value, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, m), (b, n) = blocks[-2:]
            blocks[-2:] = [[(a * m + b * n) / (m + n), m + n]]
    pooled = np.concatenate([np.full(int(n), value) for value, n in blocks])
    top = max(high - size[-1] / 2 - offset[-1], low + size[0] / 2)
    result = np.empty(len(order))
    result[order] = np.clip(pooled, low + size[0] / 2, top) + offset
    return result


def _with_fate(line: _Line) -> str:
    return f"{line.label}, {line.diverged}" if line.diverged else line.label


def _label_at_end(ax: Axes, curves: Sequence[tuple[np.ndarray, np.ndarray, str, str]]) -> None:
    """Write each label in the colour of its curve: in the right margin, or beside a curve that stops early."""
    figure = ax.figure
    figure.draw_without_rendering()  # type: ignore[union-attr]
    box = ax.get_window_extent()
    gap = _LABEL_SIZE * 1.32 / 72 * figure.dpi
    early: list[Any] = []
    late: list[Any] = []
    for x, y, text, color in curves:
        usable = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        if not text or not usable.size:
            continue
        # the rightmost point; of several equally far right (samples of one size), the last
        end = usable[np.flatnonzero(x[usable] == x[usable].max())[-1]]
        lowest, highest = ax.get_ylim()
        point = (float(x[end]), min(max(float(y[end]), lowest), highest))
        place = ax.transData.transform(point)
        beside = ax.annotate(
            text, point, (9, 0), textcoords="offset points", va="center", fontsize=_LABEL_SIZE,
            color=_readable(color), path_effects=_HALO, zorder=7, annotation_clip=False,
        )  # fmt: skip
        if beside.get_window_extent().x1 < box.x1 and place[0] < box.x0 + 0.9 * box.width:
            early.append((beside, point))
        else:
            beside.remove()
            late.append((text.replace(", diverged", "\ndiverged"), point, place, _readable(color)))
    ends = [place[1] for _, _, place, _ in late]
    sizes = [gap * (1 + text.count("\n")) for text, *_ in late]
    spread = _spread(ends, sizes, box.y0 - gap / 2, box.y1 + gap / 2)
    for (text, point, place, color), end, height in zip(late, ends, spread, strict=True):
        leader = {"arrowstyle": "-", "color": color, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0, "relpos": (0, 0.5)}
        ax.annotate(
            text,
            point,
            (1.025, (height - box.y0) / box.height),
            textcoords="axes fraction",
            va="center",
            fontsize=_LABEL_SIZE,
            color=color,
            arrowprops=leader if abs(height - end) > gap / 3 or place[0] < box.x1 - 0.04 * box.width else None,
            annotation_clip=False,
        )
    if early:
        figure.draw_without_rendering()  # type: ignore[union-attr]  # the margin labels have narrowed the frame
        box = ax.get_window_extent()
        ends = [ax.transData.transform(point)[1] for _, point in early]
        for (note, _), end, height in zip(early, ends, _spread(ends, [gap] * len(early), box.y0, box.y1), strict=True):
            note.set_position((9, (height - end) * 72 / figure.dpi))


def _label_inside(ax: Axes, curves: Sequence[tuple[np.ndarray, np.ndarray, str, str]], keep_clear: Any = ()) -> None:
    """Write each label beside its curve, far from other curves, labels and points, rather at its end than its start."""
    figure = ax.figure
    figure.draw_without_rendering()  # type: ignore[union-attr]
    box = ax.get_window_extent()
    lower, upper = np.array([box.x0, box.y0]), np.array([box.x1, box.y1])
    drawn = []
    for x, y, _, _ in curves:
        spots = ax.transData.transform(_dense(np.column_stack([x, y])))
        drawn.append(spots[np.all((spots >= lower) & (spots <= upper), axis=1)])
    points = ax.transData.transform(np.reshape(keep_clear, (-1, 2)))
    written: list[tuple[np.ndarray, np.ndarray]] = []  # centre and half size of each label
    turns = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    for k, (_, _, text, color) in enumerate(curves):
        if not text or not len(drawn[k]):
            continue
        note = ax.text(
            0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", fontsize=_LABEL_SIZE,
            color=_readable(color), path_effects=_HALO, zorder=8,
        )  # fmt: skip
        size = note.get_window_extent()
        half = np.array([size.width, size.height]) / 2
        own = drawn[k][:: max(1, len(drawn[k]) // 40)]
        around = np.column_stack([np.cos(turns), np.sin(turns)]) * (half + 7)
        centres = np.clip((own[:, None, :] + around).reshape(-1, 2), lower + half, upper - half)
        others = np.concatenate([spots for j, spots in enumerate(drawn) if j != k] + [np.empty((0, 2))])
        score = np.repeat(np.linspace(0, 16, len(own)), len(turns))
        score += np.minimum(_clearance(centres, half, others), 40)
        score += 2 * np.minimum(_clearance(centres, half, drawn[k]), 7)
        score += 3 * np.minimum(_clearance(centres, half, points), 14)
        for centre, extent in written:
            score += 5 * np.minimum(_clearance(centres, half + extent, centre[None]), 12)
        best = centres[int(np.argmax(score))]
        written.append((best, half))
        place = ax.transAxes.inverted().transform(best)
        note.set_position((float(place[0]), float(place[1])))


def _clearance(centres: np.ndarray, half: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distance from boxes of one size around ``centres`` to the nearest of ``points``, 0 inside."""
    away = np.maximum(np.abs(centres[:, None, :] - points) - half, 0)
    return np.min(np.hypot(away[..., 0], away[..., 1]), axis=1, initial=60.0)


def _dense(way: np.ndarray) -> np.ndarray:
    """A polyline with points along its segments, so that distances to it can be taken from points alone."""
    way = way[np.all(np.isfinite(way), axis=1)]
    if len(way) < 2:
        return way
    way = way[:: max(1, len(way) // 100)]
    share = np.linspace(0, 1, 5)[:-1, None]
    return np.concatenate([(way[:-1, None] * (1 - share) + way[1:, None] * share).reshape(-1, 2), way[-1:]])


# ------------------------------------------------------------------------------------------------ words


def _number(value: Any, _: Any = None) -> str:
    """Three digits, as one would write it: 0.02, 1e-5, 1,797."""
    value = float(value)
    if abs(value) < 1e5 and value == int(value):
        return f"{int(value):,}" if abs(value) >= 1e4 else str(int(value))
    if 1e3 <= abs(value) < 1e5:
        return _number(float(f"{value:.3g}"))
    text = f"{value:.3g}"
    return re.sub(r"e([+-])0*(\d)", lambda m: f"e{'-' if m[1] == '-' else ''}{m[2]}", text)


def _power(value: float, _: Any = None) -> str:
    """The words of a tick on a log axis: 0.01, 1, 1000, but 10⁻⁵."""
    exponent = round(np.log10(value)) if value > 0 else 0
    if -3 <= exponent <= 3 or not np.isclose(value, 10.0**exponent, rtol=1e-6):
        return _number(value)
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _point(place: Any) -> str:
    return f"({', '.join(_number(p) for p in np.asarray(place, dtype=float))})"


def _plain(text: str) -> str:
    """Text without the marks of formulas, for those who hear it."""
    text = re.sub(r"\\sqrt\s*\{?([^{}$]*)\}?", r"the square root of \1", text)
    text = re.sub(r"\\(?:mathrm|text|mathbf|,)", " ", text)
    text = re.sub(r"[$\\{}_\n]", " ", text) if "$" in text else text.replace("\n", " ")
    return re.sub(r"\s+", " ", text).strip()


def _sentence(title: str) -> str:
    title = _plain(title).strip()
    return title if title[-1:] in ".!?" else title + "."


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def _and(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def _listing(items: Sequence[str]) -> str:
    return "; ".join(items) + "." if items else ""


def _axis_words(label: str, log: bool, *values: Any) -> str:
    together = np.concatenate([np.ravel(np.asarray(v, dtype=float)) for v in values])
    together = together[np.isfinite(together)]
    scale = "log scale, " if log else ""
    return f"{_plain(label)} ({scale}{_number(together.min())} to {_number(together.max())})"


def _level(text: str, value: float) -> str:
    return f"{_plain(text)} at {_number(value)}"


def _marks_words(marks: Mapping[str, float] | None) -> str:
    return f" Marked: {_and([_level(text, value) for text, value in marks.items()])}." if marks else ""


def _line_words(lines: list[_Line]) -> list[str]:
    told = []
    for line in lines:
        if not line.label:
            continue
        first, last = _number(line.y[np.argmax(np.isfinite(line.y))]), _number(line.y[line.end()])
        words = f"{_plain(line.name) or 'the curve'}: "
        words += first if len(line.y) == 1 else f"from {first} to {last}"
        if line.low is not None and line.high is not None and np.isfinite(line.low[-1]):
            words += f" (interval {_number(line.low[-1])} to {_number(line.high[-1])})"
        told.append(words + (f", {line.diverged}" if line.diverged else ""))
    if len(told) < len(lines):
        told.insert(0, f"{len(lines)} curves, of which {len(told)} are labelled")
        lost = sum(bool(line.diverged) for line in lines)
        if lost:
            told[0] += f" and {lost} diverged"
    return told


def _lowest_words(lines: list[_Line]) -> str:
    alive = [line for line in lines if not line.diverged and np.isfinite(line.y[-1])]
    if len(lines) < 2 or not alive:
        return ""
    return f" Lowest at the end: {_plain(min(alive, key=lambda line: float(line.y[-1])).name)}."


def _ucurve_words(line: _Line, best: int, share: np.ndarray, axis: str, metric: str, up: bool) -> str:
    words = f"{_plain(line.name) or 'the curve'}: {'highest' if up else 'lowest'} {metric} {_number(line.y[best])}"
    if line.low is not None and line.high is not None and np.isfinite(line.low[best]):
        words += f" (interval {_number(line.low[best])} to {_number(line.high[best])})"
    words += f" at {axis} {_number(line.x[best])}"
    if np.any(share > 0):
        words += f", some or all seeds diverge at {_span(line.x[share > 0])}"
    return words


def _span(values: np.ndarray) -> str:
    return f"{_number(values[0])} to {_number(values[-1])}" if len(values) > 2 else _and([_number(v) for v in values])


def _interval_words(mean: float, low: float, high: float) -> str:
    """Mean and interval with as many decimals as the interval's width bears."""
    if np.isnan(low):
        return _number(mean)
    decimals = int(np.clip(1 - np.floor(np.log10(high - low or 1)), 0, 12))
    return f"{mean:.{decimals}f} [{low:.{decimals}f}, {high:.{decimals}f}]"


def _side(low: float, high: float, reference: float) -> str:
    if np.isnan(low):
        return ""
    if low > reference:
        return ", all above"
    return ", all below" if high < reference else ", includes the line"
