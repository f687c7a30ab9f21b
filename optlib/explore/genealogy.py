"""The family of optimizers: who mends what in whom, as a picture that can be asked."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import ipywidgets
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path

from optlib import optimizers
from optlib.explore.controls import Choice, Control
from optlib.explore.explorer import Explorer
from optlib.explore.frame import Artists, Frame
from optlib.plots import GREY, INK, PAPER

EVERYONE = "the whole family"

#: What the columns of the picture hold, and the first column of the modern half.
PERIODS = ("1951–64", "1983–93", "2011–12", "2014–16", "2017", "2018", "2019–20", "2023–24")
MODERN = 4

#: What the rows of the picture have in common: text and the rows it stands beside.
LINES = {
    "averages,\nflatness,\nno schedule": (0, 1),
    "a step size\nfor each\nparameter": (5, 7),
    "layers and\nmatrices": (8, 10),
}


@dataclass(frozen=True)
class Method:
    """One optimizer of the family.

    Attributes
    ----------
    year : int
        Of its first publication, preprint or not.
    parents : tuple of str
        The predecessors in which it mends something.
    idea : str
        What it does, in a few words.
    fixes : str
        What it mends, in one or two sentences.
    source : str
        Authors and where; ``arxiv`` is the id when there is one.
    chapter : str
        Where the course teaches it.
    place : (column, row)
        Where it stands in the picture.
    built : str
        Its class in optlib, when that is not its name.
    """

    name: str
    year: int
    parents: tuple[str, ...]
    idea: str
    fixes: str
    source: str
    chapter: str
    place: tuple[int, int]
    arxiv: str = ""
    built: str = ""

    @property
    def here(self) -> bool:
        """Whether optlib has it."""
        return hasattr(optimizers, self.built or self.name)


FAMILY = (
    Method(
        "SGD", 1951, (), "small steps against noisy gradients",
        "It needs no exact gradient, only one that is right on average. Everything else here mends something in it.",
        "H. Robbins, S. Monro, Annals of Mathematical Statistics 22(3), 1951", "01 and 02", (0, 4),
    ),
    Method(
        "Momentum", 1964, ("SGD",), "a velocity that remembers",
        "SGD zig-zags across narrow valleys. A velocity lets the zig-zag cancel and the steady progress add up.",
        "B. T. Polyak, USSR Computational Mathematics and Mathematical Physics 4(5), 1964", "03", (0, 3),
    ),
    Method(
        "Nesterov", 1983, ("Momentum",), "momentum that looks ahead",
        "Momentum asks for the slope where it stands. This asks where the velocity is about to carry it, and reaches "
        "the best rate that gradients allow on smooth convex losses.",
        "Y. Nesterov, Soviet Mathematics Doklady 27(2), 1983", "03", (1, 3),
    ),
    Method(
        "L-BFGS", 1989, (), "curvature from the last few steps",
        "Newton's method needs the whole matrix of curvatures. This reads them off its last few steps and gradients, "
        "as long as these carry no noise.",
        "D. C. Liu, J. Nocedal, Mathematical Programming 45, 1989", "13", (1, 10), built="LBFGS",
    ),
    Method(
        "Averaging", 1992, ("SGD",), "report the mean of the path",
        "SGD's last point rattles with the noise. The average of its points does not.",
        "B. T. Polyak, A. B. Juditsky, SIAM Journal on Control and Optimization 30(4), 1992", "15", (1, 0), built="EMA",
    ),
    Method(
        "Rprop", 1993, ("SGD",), "only the sign of each gradient",
        "The size of a gradient says little about how far to go. Each parameter's step grows while the sign of its "
        "gradient holds, and shrinks when it flips. It needs full batches.",
        "M. Riedmiller, H. Braun, IEEE International Conference on Neural Networks, 1993", "05", (1, 4),
    ),
    Method(
        "Adagrad", 2011, ("SGD",), "a step size for each parameter",
        "One learning rate serves frequent and rare features badly. Each parameter's step is divided by the root of "
        "the sum of its squared gradients.",
        "J. Duchi, E. Hazan, Y. Singer, Journal of Machine Learning Research 12, 2011", "05", (2, 6),
    ),
    Method(
        "Adadelta", 2012, ("Adagrad",), "Adagrad that forgets, in the right units",
        "Adagrad's steps shrink for ever. Here the sum becomes a moving average, and a second one gives the step the "
        "units of the parameter.",
        "M. D. Zeiler, 2012", "05", (2, 5), arxiv="1212.5701",
    ),
    Method(
        "RMSprop", 2012, ("Adagrad", "Rprop"), "Adagrad that forgets",
        "Adagrad never forgets, and Rprop fails on minibatches. A moving average of squared gradients mends both.",
        "T. Tieleman, G. Hinton, lecture 6.5 of Neural Networks for Machine Learning, 2012", "05", (2, 7),
    ),
    Method(
        "Adam", 2014, ("Momentum", "RMSprop"), "momentum with RMSprop's scale",
        "RMSprop scales its steps but does not remember a direction, and its average starts too small. Adam adds "
        "momentum and corrects both averages for starting at zero.",
        "D. P. Kingma, J. Ba, ICLR 2015", "06", (3, 6), arxiv="1412.6980",
    ),
    Method(
        "AdaMax", 2014, ("Adam",), "the largest gradient sets the scale",
        "Adam's root of averaged squares becomes a decaying maximum. It needs no correction, and no step is larger "
        "than the learning rate.",
        "D. P. Kingma, J. Ba, ICLR 2015, section 7.1", "07", (3, 7), arxiv="1412.6980",
    ),
    Method(
        "NAdam", 2016, ("Adam", "Nesterov"), "Adam that looks ahead",
        "The momentum inside Adam is the heavy ball's. This one looks ahead, as Nesterov's does.",
        "T. Dozat, ICLR workshop, 2016", "07", (3, 5),
    ),
    Method(
        "AdamW", 2017, ("Adam",), "weight decay outside the gradient",
        "In Adam an L2 penalty is divided by the root as well, so weights with large gradients hardly decay. AdamW "
        "shrinks all weights at the same rate.",
        "I. Loshchilov, F. Hutter, ICLR 2019", "08", (4, 6), arxiv="1711.05101",
    ),
    Method(
        "LARS", 2017, ("Momentum",), "a step size for each layer",
        "At the learning rates of very large batches some layers break first. Each layer's step is scaled to the size "
        "of its weights.",
        "Y. You, I. Gitman, B. Ginsburg, 2017", "14", (4, 8), arxiv="1708.03888",
    ),
    Method(
        "AMSGrad", 2018, ("Adam",), "a scale that never falls",
        "Adam can forget a rare large gradient and fail to converge. AMSGrad keeps the largest scale it has seen.",
        "S. J. Reddi, S. Kale, S. Kumar, ICLR 2018", "07", (5, 6), arxiv="1904.09237",
    ),
    Method(
        "signSGD", 2018, ("SGD", "Rprop"), "one bit for each parameter",
        "Workers that exchange whole gradients wait for the network. Their signs are enough. With momentum it is "
        "called Signum.",
        "J. Bernstein and others, ICML 2018", "07", (5, 4), arxiv="1802.04434", built="SignSGD",
    ),
    Method(
        "Adafactor", 2018, ("Adam",), "rows and columns instead of every weight",
        "Adam remembers two numbers for each weight. Of the squared gradients this keeps one number for each row and "
        "each column.",
        "N. Shazeer, M. Stern, ICML 2018", "16", (5, 7), arxiv="1804.04235",
    ),
    Method(
        "Shampoo", 2018, ("Adagrad",), "one matrix for rows, one for columns",
        "Adagrad scales each weight alone and cannot see that weights act together. Shampoo scales the rows and the "
        "columns of a gradient by a matrix each.",
        "V. Gupta, T. Koren, Y. Singer, ICML 2018", "13", (5, 9), arxiv="1802.09568",
    ),
    Method(
        "SWA", 2018, ("Averaging",), "the mean of late points",
        "The average of a whole path holds its bad beginning too. This averages points from the end of training, where "
        "the learning rate is kept high or cycles.",
        "P. Izmailov and others, UAI 2018", "15", (5, 0), arxiv="1803.05407",
    ),
    Method(
        "LAMB", 2019, ("LARS", "AdamW"), "LARS around Adam's step",
        "LARS scales momentum's step, which suits ConvNets better than attention. LAMB scales Adam's.",
        "Y. You and others, ICLR 2020", "14", (6, 8), arxiv="1904.00962",
    ),
    Method(
        "RAdam", 2019, ("Adam",), "no scaling until the scale is known",
        "Adam's scale rests on few gradients at first, which is why it needs a warmup. RAdam steps without the scale "
        "until it can be trusted, then brings it in by degrees.",
        "L. Liu and others, ICLR 2020", "07", (6, 5), arxiv="1908.03265",
    ),
    Method(
        "Lookahead", 2019, ("Averaging",), "slow weights behind fast ones",
        "The weights of any optimizer wander. Every few steps slow weights go half the way to the fast ones, which "
        "start again from there.",
        "M. R. Zhang and others, NeurIPS 2019", "15", (6, 0), arxiv="1907.08610",
    ),
    Method(
        "AdaBelief", 2020, ("Adam",), "scale by surprise",
        "A large gradient that was expected is no reason for a small step. The scale is the distance of each gradient "
        "from the average of the last ones.",
        "J. Zhuang and others, NeurIPS 2020", "07", (6, 6), arxiv="2010.07468",
    ),
    Method(
        "SAM", 2020, ("SGD",), "the gradient at the worst point nearby",
        "A low loss may lie in a narrow pit. SAM takes the gradient a little uphill, and so looks for places whose "
        "whole neighbourhood is low. It pays two gradients a step.",
        "P. Foret and others, ICLR 2021", "15", (6, 1), arxiv="2010.01412",
    ),
    Method(
        "Lion", 2023, ("signSGD", "AdamW"), "the sign of two averages mixed",
        "Adam remembers two arrays. Lion, found by a search over programs, remembers one and steps by a sign.",
        "X. Chen and others, NeurIPS 2023", "07", (7, 4), arxiv="2302.06675",
    ),
    Method(
        "Prodigy", 2023, ("Adam",), "finds its own learning rate",
        "The learning rate has to be searched for. Prodigy estimates on its way how far the solution is, and sets the "
        "rate from that.",
        "K. Mishchenko, A. Defazio, ICML 2024", "15", (7, 1), arxiv="2306.06101",
    ),
    Method(
        "Schedule-Free", 2024, ("Averaging", "Momentum"), "an average in place of a schedule",
        "A schedule must know when training ends. Here the average of the path takes its place, and gradients are "
        "taken between that average and the newest point.",
        "A. Defazio and others, NeurIPS 2024", "15", (7, 0), arxiv="2405.15682", built="ScheduleFreeSGD",
    ),
    Method(
        "AdEMAMix", 2024, ("AdamW",), "a fast and a slow momentum",
        "One average cannot remember the last ten gradients and the last ten thousand. AdEMAMix keeps two.",
        "M. Pagliardini, P. Ablin, D. Grangier, 2024", "07", (7, 5), arxiv="2409.03137",
    ),
    Method(
        "SOAP", 2024, ("Shampoo", "Adam"), "Adam in Shampoo's axes",
        "Shampoo's matrices are too dear to decompose at every step, and stale in between. SOAP runs Adam along their "
        "eigenvectors, so that the scale stays fresh.",
        "N. Vyas and others, ICLR 2025", "13", (7, 9), arxiv="2409.11321",
    ),
    Method(
        "ADOPT", 2024, ("Adam",), "divide by the scale of yesterday",
        "Adam's scale holds the very gradient that it divides, so it converges only for a well chosen beta2. ADOPT "
        "divides by the previous scale, before the momentum.",
        "S. Taniguchi and others, NeurIPS 2024", "07", (7, 6), arxiv="2411.02853",
    ),
    Method(
        "Muon", 2024, ("Momentum", "Shampoo"), "all directions of a matrix alike",
        "A few directions dominate the momentum of a weight matrix. Muon makes all its singular values about one, "
        "with a few matrix products where Shampoo needs roots.",
        "K. Jordan and others, kellerjordan.github.io/posts/muon, 2024", "13", (7, 10),
    ),
)  # fmt: skip


def genealogy() -> Explorer:
    """The family of optimizers from SGD to Muon: choose or click one to see what it mends, in whom, and who says so."""
    return FamilyTree(FamilyFrame())


def ancestors(name: str) -> set[str]:
    """The method, its predecessors, theirs, and so on."""
    method = BY_NAME[name]
    return {name}.union(*(ancestors(parent) for parent in method.parents))


BY_NAME = {method.name: method for method in FAMILY}

# inches: the head of the picture, and the size of a place in it
HEAD, WIDE, HIGH = 0.82, 1.125, 0.46
BOX = (0.94, 0.3)


@dataclass(frozen=True)
class FamilyFrame(Frame):
    """Boxes in columns of time; the line that leads to the chosen one is drawn on top."""

    name = "genealogy"
    size = (9.0, HEAD + 11 * HIGH)

    @property
    def controls(self) -> Mapping[str, Control]:
        return {"optimizer": Choice("optimizer", (EVERYONE, *BY_NAME), EVERYONE)}

    @cached_property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """(parent, child) of every arrow."""
        return tuple((parent, method.name) for method in FAMILY for parent in method.parents)

    def draw(self, figure: Figure) -> Artists:
        figure.set_layout_engine("none")  # the axes are the whole figure, so that buttons can be laid over the boxes
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, self.size[0]), ylim=(self.size[1], 0))
        axes.axis("off")
        border = MODERN * WIDE
        axes.fill_between([border, self.size[0]], HEAD - 0.5, self.size[1], color="#f4f4f4", linewidth=0, zorder=0)
        for column, period in enumerate(PERIODS):
            axes.text((column + 0.5) * WIDE, HEAD - 0.1, period, ha="center", color=GREY, fontsize=9)
        for x, half in ((border / 2, "the classic half"), ((border + self.size[0]) / 2, "the modern half")):
            axes.text(x, HEAD - 0.3, half, ha="center", color=INK, fontsize=9.5, style="italic")
        for text, (first, last) in LINES.items():
            y = HEAD + ((first + last) / 2 + 0.5) * HIGH
            axes.text(0.1, y, text, va="center", color=GREY, fontsize=9, style="italic")
        links = []
        for edge in self.edges:
            axes.add_patch(PathPatch(route(*edge), fill=False, edgecolor="#c4c4c4", linewidth=0.9, zorder=1))
            links.append(axes.add_patch(PathPatch(route(*edge), fill=False, edgecolor=INK, zorder=3)))
        boxes, names = [], []
        for method in FAMILY:
            x, y = middle(method.name)
            box = FancyBboxPatch(
                (x - BOX[0] / 2, y - BOX[1] / 2), *BOX, boxstyle="round,pad=0,rounding_size=0.08",
                linestyle="-" if method.here else (0, (3, 2)), zorder=4,
            )  # fmt: skip
            boxes.append(axes.add_patch(box))
            names.append(axes.text(x, y, method.name, ha="center", va="center_baseline", fontsize=8.5, zorder=5))
        title = axes.text(0.1, 0.26, "", fontsize=12.5, fontweight="bold", color=INK)
        return Artists(title=title, links=links, boxes=boxes, names=names)

    def frame(self, artists: Artists, *, optimizer: str) -> str:
        chosen = BY_NAME.get(optimizer)
        line = ancestors(optimizer) if chosen else set()
        children = {child for parent, child in self.edges if parent == optimizer}
        for link, (parent, child) in zip(artists.links, self.edges, strict=True):
            link.set_visible(child in line or parent == optimizer)
            link.set_linewidth(2.2 if child in line else 1.2)
        for method, box, name in zip(FAMILY, artists.boxes, artists.names, strict=True):
            itself, related = method is chosen, method.name in line | children
            box.set_facecolor(INK if itself else PAPER)
            box.set_edgecolor(INK if itself or related else GREY)
            box.set_linewidth(2.2 if method.name in line else 1.0)
            name.set_color(PAPER if itself else INK if related or not chosen else GREY)
        if chosen is None:
            artists.title.set_text("Each optimizer mends something in the one before it")
            return overview()
        artists.title.set_text(f"{chosen.name}, {chosen.year}: {chosen.idea}")
        return story(chosen, sorted(children, key=list(BY_NAME).index))


def middle(name: str) -> tuple[float, float]:
    """The centre of a method's box, in inches from the top left."""
    column, row = BY_NAME[name].place
    return (column + 0.5) * WIDE, HEAD + (row + 0.5) * HIGH


def route(parent: str, child: str) -> Path:
    """The line between two boxes. It keeps to the gaps between columns and rows, so that it passes no other box."""
    (c0, r0), (c1, r1) = BY_NAME[parent].place, BY_NAME[child].place
    (x0, y0), (x1, y1) = middle(parent), middle(child)
    if c0 == c1:
        side = BOX[1] / 2 if r1 > r0 else -BOX[1] / 2
        return Path([(x0, y0 + side), (x1, y1 - side)])
    # lines of different parents that share a gap run side by side
    shift = 0.022 * (list(BY_NAME).index(parent) % 5 - 2)
    out, into = (c0 + 1) * WIDE + shift, c1 * WIDE + shift
    start, end = (x0 + BOX[0] / 2, y0), (x1 - BOX[0] / 2, y1)
    if c1 == c0 + 1:
        return rounded([start, (out, y0), (out, y1), end])
    gap = HEAD + (r1 + (r1 < r0)) * HIGH + shift
    return rounded([start, (out, y0), (out, gap), (into, gap), (into, y1), end])


def rounded(points: list[tuple[float, float]], radius: float = 0.06) -> Path:
    """Straight pieces with rounded corners."""
    path, codes = [points[0]], [Path.MOVETO]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        for end in (before, after):
            length = math.dist(corner, end)
            share = min(radius, length / 2) / length if length else 0
            path.append((corner[0] + share * (end[0] - corner[0]), corner[1] + share * (end[1] - corner[1])))
        path.insert(-1, corner)
        codes += [Path.LINETO, Path.CURVE3, Path.CURVE3]
    return Path([*path, points[-1]], [*codes, Path.LINETO])


def overview() -> str:
    """The whole picture in words."""
    last = max(method.year for method in FAMILY)
    adam = sum("Adam" in ancestors(method.name) - {method.name} for method in FAMILY)
    missing = ", ".join(method.name for method in FAMILY if not method.here)
    return (
        f"{len(FAMILY)} optimizers from SGD (1951) to those of {last}, in columns of time. A line leads from each to "
        f"those that mend something in it; {adam} of them descend from Adam. "
        + (f"Not in optlib yet, with a dashed frame: {missing}. " if missing else "All of them are in optlib. ")
        + "Choose one, or click it, to see what it mends."
    )


def story(method: Method, children: list[str]) -> str:
    """One method in words."""
    after = f"mends something in {' and '.join(method.parents)}" if method.parents else "begins a line of its own"
    arxiv = f", arXiv {method.arxiv}" if method.arxiv else ""
    later = f" Mended later by {', '.join(children)}." if children else ""
    return (
        f"{method.name} ({method.year}) {after}: {method.idea}. {method.fixes}{later} "
        f"Source: {method.source}{arxiv}. Chapter {method.chapter}."
    )


class FamilyTree(Explorer):
    """The picture with a button over each box, and a link to the source of the chosen one.

    The buttons serve the mouse and the keyboard alike, in the order of time: JupyterLab keeps the arrow keys for itself
    when a drop-down list has the focus.
    """

    def _build(self) -> None:
        super()._build()
        self._link = ipywidgets.HTML()
        self._image.layout = ipywidgets.Layout(width="100%", grid_area="1 / 1 / -1 / -1")
        buttons = []
        for method in FAMILY:
            column, row = method.place
            place = ipywidgets.Layout(
                grid_area=f"{row + 2} / {column + 1} / {row + 3} / {column + 2}",
                width="auto",
                height="auto",
                margin="0",
            )
            tooltip = f"{method.name}, {method.year}"
            button = ipywidgets.Button(description=method.name, tooltip=tooltip, layout=place)
            button.style.button_color = button.style.text_color = "transparent"
            button.on_click(lambda _, name=method.name: self.move(optimizer=name))
            buttons.append(button)
        picture = ipywidgets.GridBox(
            [self._image, *buttons],
            layout=ipywidgets.Layout(
                grid_template_columns=f"repeat({len(PERIODS)}, 1fr)",
                grid_template_rows=f"{HEAD / HIGH:.4f}fr repeat(11, 1fr)",
            ),
        )
        self._parts += [self._link, picture, *buttons]
        shown = [picture if part is self._image else part for part in self.widget.children]
        self.widget.children = (self._panel, *(part for part in shown if part is not self._panel), self._link)

    def _show(self) -> None:
        super()._show()
        method = BY_NAME.get(self.controls["optimizer"])
        arxiv = html.escape(method.arxiv) if method else ""
        self._link.value = (
            f'<a href="https://arxiv.org/abs/{arxiv}" target="_blank" rel="noopener">Read it: arXiv {arxiv}</a>'
            if arxiv
            else ""
        )
