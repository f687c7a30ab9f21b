"""The learner's own optimizers: what passed its checks, read from `my/my_optlib.py`.

>>> from optlib.mine import Momentum                  # doctest: +SKIP
>>> from optlib import mine
>>> sorted(mine.optimizers())                         # doctest: +SKIP
['Momentum']

They are ordinary optimizers: `minimize`, `sweep`, plots and widgets take them. The file is read again when it has
changed. `compare` (and `optlib mine` on the command line) holds them against the library's.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import optlib.optimizers
from optlib import problems
from optlib.optimizer import Optimizer
from optlib.progress_file import home
from optlib.training import minimize

__all__ = ["Comparison", "NotYours", "compare", "file", "functions", "optimizers"]

MODULE = "my_optlib"
FILE = f"{MODULE}.py"
RATES = (0.1, 1.0, 10.0)  # times the default learning rate
STEPS = 200
SIZE = 20_000  # parameters of a timed step
ROUNDS = 5

_loaded: tuple[Path, int, int, ModuleType] | None = None


class NotYours(ImportError):
    """What was asked for is not in the learner's library, or that cannot be imported; the message says what to do."""


def file() -> Path | None:
    """Where the learner's library is, or would be; None outside the folder `my` and the one that holds it."""
    folder = home() or Path.cwd() / "my"
    return folder / FILE if folder.is_dir() else None


def optimizers() -> dict[str, type[Optimizer]]:
    """The learner's optimizers by name, none as long as nothing is kept.

    Raises
    ------
    NotYours
        When the file is there and cannot be imported.
    """
    return {name: value for name, value in own().items() if is_optimizer(value)}


def functions() -> list[str]:
    """The names of the functions that are kept beside the optimizers."""
    return [name for name, value in own().items() if callable(value) and not is_optimizer(value)]


def is_optimizer(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Optimizer)


def own() -> dict[str, Any]:
    """What the learner's module defines itself."""
    found = vars(module() or ModuleType(MODULE)).items()
    return {name: value for name, value in found if getattr(value, "__module__", "") == MODULE and name[0] != "_"}


def module() -> ModuleType | None:
    """The learner's module as the file is now; None when there is no file."""
    global _loaded
    path = file()
    if path is None or not path.is_file():
        return None
    stamp = path.stat()
    if _loaded and _loaded[:3] == (path, stamp.st_mtime_ns, stamp.st_size):
        return _loaded[3]
    new = ModuleType(MODULE)
    new.__file__ = str(path)
    before = sys.modules.get(MODULE)
    sys.modules[MODULE] = new  # under its own name, so that instances can be pickled
    try:
        # not `import`: its cached bytecode would hide a change made within the same second
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), new.__dict__)
    except Exception as error:
        del sys.modules[MODULE]
        if before is not None:
            sys.modules[MODULE] = before
        raise NotYours(f"{path} cannot be imported: {told(error, str(path))}. Mend it there.") from error
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # other processes find it there, too
    _loaded = (path, stamp.st_mtime_ns, stamp.st_size, new)
    return new


def told(error: Exception, path: str) -> str:
    """An error with the last line of the file that it passed through."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    line, trace = 0, error.__traceback__
    while trace is not None:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == path else line
        trace = trace.tb_next
    return f"{f'line {line}: ' if line else ''}{type(error).__name__}: {error}"


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module 'optlib.mine' has no attribute {name!r}")
    kept = own()
    if name in kept:
        return kept[name]
    has = f"It holds {', '.join(kept)}" if kept else "Nothing is kept yet"
    raise NotYours(
        f"your library has no {name}. {has}: what you write for a task is kept in my/{FILE} when its check is passed "
        "in a notebook in my/."
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *own()})


# ---- yours and the library's


@dataclass(frozen=True)
class Row:
    """One optimizer: the largest difference between trajectories, and how many times longer a step takes."""

    name: str
    difference: float = 0.0
    slower: float = 0.0
    error: str = ""

    @property
    def cells(self) -> tuple[str, str, str]:
        """The texts of the row."""
        if self.error:
            return self.name, self.error, ""
        return self.name, f"{self.difference:.1e}" if self.difference else "none", f"{self.slower:.2f}"


@dataclass(frozen=True)
class Comparison:
    """What `compare` found; prints as a table."""

    path: Path | None
    rows: tuple[Row, ...]
    others: tuple[str, ...]

    def __str__(self) -> str:
        if not self.rows and not self.others:
            return (
                f"Nothing of yours is kept yet. What you write is kept in my/{FILE} when it passes `check` in a "
                "notebook in my/."
            )
        lines = [str(self.path)]
        if self.rows:
            head = ("optimizer", "largest difference", "time of a step, yours / the library's")
            table = [head, *(row.cells for row in self.rows)]
            widths = [max(len(cells[i]) for cells in table) for i in range(3)]
            lines += ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table]
            lines.append(f"(over {STEPS} steps on a bowl with noise and on Rosenbrock's valley, at three rates)")
        if self.others:
            lines.append(f"also kept: {', '.join(self.others)}")
        return "\n".join(lines)

    __repr__ = __str__


def compare() -> Comparison:
    """Hold each of the learner's optimizers against the library's of the same name.

    The difference is relative where parameters are larger than 1. Times are taken in turns, in this process; each is
    the best of several.
    """
    rows = []
    for name, cls in optimizers().items():
        library = getattr(optlib.optimizers, name, None)
        if library is None:
            rows.append(Row(name, error="the library has none of this name"))
            continue
        try:
            rows.append(Row(name, difference(cls, library), slower(cls, library)))
        except Exception as error:  # it may have been edited since it was checked
            rows.append(Row(name, error=told(error, str(file()))))
    return Comparison(file(), tuple(rows), tuple(functions()))


def difference(one: type[Optimizer], other: type[Optimizer]) -> float:
    """The largest difference between the trajectories of two optimizers with the same settings."""
    largest = 0.0
    for problem in (problems.Quadratic(condition=10, size=5, noise=0.1), problems.Rosenbrock()):
        for settings in same_settings(one, other):
            a, b = (np.asarray(minimize(problem, cls(**settings), STEPS).theta) for cls in (one, other))
            apart = np.abs(a - b) / np.maximum(1, np.abs(b))
            largest = max(largest, float(apart.max()) if np.isfinite(apart).all() else np.inf)
    return largest


def same_settings(one: type[Optimizer], other: type[Optimizer]) -> list[dict[str, Any]]:
    """The library's defaults for all that both have, at three learning rates."""
    mine = {field.name for field in fields(one)}  # type: ignore[arg-type]
    shared: dict[str, Any] = {field.name: field.default for field in fields(other) if field.name in mine}  # type: ignore[arg-type]
    return [shared | {"lr": shared["lr"] * rate} for rate in RATES] if "lr" in shared else [shared]


def slower(one: type[Optimizer], other: type[Optimizer]) -> float:
    """How many times longer a step of the first takes."""
    g = np.random.default_rng(0).normal(size=SIZE)
    best = [np.inf, np.inf]
    settings = same_settings(one, other)[0]
    runs = [(cls(**settings), np.zeros(SIZE)) for cls in (one, other)]
    states = [opt.init(theta) for opt, theta in runs]
    for _ in range(ROUNDS):
        for i, (opt, theta) in enumerate(runs):
            start = time.perf_counter()
            opt.step(theta, g, states[i])
            best[i] = min(best[i], time.perf_counter() - start)
    return best[0] / best[1]
