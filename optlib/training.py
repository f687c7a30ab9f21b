"""Run an optimizer on a problem: ``minimize`` for one run or many, ``sweep`` for a grid over seeds."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from optlib.intervals import mean_interval
from optlib.optimizer import Optimizer, State, all_finite

#: A run has diverged when its loss exceeds this many times its first loss.
DIVERGED_ABOVE = 1e3

#: ``record="auto"`` keeps the path of theta up to this many parameters.
AUTO_RECORD_SIZE = 64

#: A sweep trains this many parameters at once, so that activations of its runs stay in the cache.
CHUNK_PARAMETERS = 100_000

#: Metrics of ``problem.evaluate`` that are better when larger.
LARGER_IS_BETTER = ("accuracy",)


class EdgeOfGrid(ValueError):
    """The best value lies at the end of its grid, so the optimum may lie outside."""


@dataclass(frozen=True, eq=False)
class Run:
    """What ``minimize`` saw.

    Attributes
    ----------
    loss : array (steps + 1,) or (steps + 1, runs)
        ``loss[t]`` after t updates, on batch t; +inf from the step at which a run diverged.
    theta : array (steps + 1, n) or (steps + 1, runs, n), or None
        The path, when it was recorded.
    final : array (n,) or (runs, n)
        Where the loss is reported at the end: theta, or the average for methods that keep one.
    diverged_at : int or None, or int array (runs,)
        The step at which the run was frozen; None, or -1 among many runs, for never.
    state : dict
        The optimizer's state at the end: hand it back with ``theta`` to go on.
    gradient_evaluations : int
        Gradients computed, per run.
    """

    problem: Any
    opt: Optimizer
    loss: np.ndarray
    theta: np.ndarray | None
    final: np.ndarray
    diverged_at: Any
    state: State = field(repr=False)
    gradient_evaluations: int

    @property
    def diverged(self) -> Any:
        """Whether the run diverged: bool, or bool array (runs,)."""
        if isinstance(self.diverged_at, np.ndarray):
            return self.diverged_at >= 0
        return self.diverged_at is not None


def minimize(
    problem,
    opt: Optimizer,
    steps: int,
    seed: int = 0,
    *,
    theta: np.ndarray | None = None,
    record: str = "auto",
    diverged_above: float | None = None,
    callback: Callable[[int, np.ndarray, Any, np.ndarray, State], None] | None = None,
    progress: bool = False,
) -> Run:
    """Minimise a problem: one run, or one run per value of an array hyperparameter, all at once.

    Parameters
    ----------
    problem : Problem
    opt : Optimizer
        With array hyperparameters of shape (runs,), all runs share start and batches.
    steps : int
        Number of updates.
    seed : int
        Decides start and batches.
    theta : array (n,) or (runs, n), optional
        A start of your own; it is copied.
    record : {"auto", "theta", "loss"}
        Keep the path of theta too, or the losses only. "auto" keeps it for problems of at most 64 parameters.
    diverged_above : float, optional
        A run whose loss exceeds this, or is not finite, is frozen. Default: 1000 times its first loss.
    callback : callable, optional
        Called as ``callback(t, theta, loss, g, state)`` before update t + 1; it must not change them.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Run
    """
    _check_count("steps", steps)
    if record not in ("auto", "theta", "loss"):
        raise ValueError(f"minimize: record must be 'auto', 'theta' or 'loss', got {record!r}")
    theta = problem.init(seed, runs=opt.runs) if theta is None else np.array(theta, dtype=problem.dtype)
    if theta.ndim == 1 and opt.runs is not None:
        theta = np.tile(theta, (opt.runs, 1))
    if theta.ndim not in (1, 2) or theta.shape[-1] != problem.size:
        raise ValueError(
            f"minimize: theta must have shape ({problem.size},) or (runs, {problem.size}), got {theta.shape}"
        )
    keep = record == "theta" or (record == "auto" and problem.size <= AUTO_RECORD_SIZE)
    batches = problem.batches(seed, steps + 1)
    if progress:
        from tqdm.auto import tqdm

        batches = tqdm(batches, total=steps + 1)
    return _descend(problem, opt, theta, batches, steps, keep, diverged_above, callback)


def _descend(
    problem,
    opt: Optimizer,
    theta: np.ndarray,
    batches: Iterator[Any],
    steps: int,
    keep: bool,
    diverged_above: float | None = None,
    callback: Callable | None = None,
) -> Run:
    """Update theta in place for ``steps`` of the ``steps + 1`` batches; the last one only measures the loss."""
    many = theta.ndim == 2
    losses = np.empty((steps + 1, *theta.shape[:-1]))
    path = np.empty((steps + 1, *theta.shape), theta.dtype) if keep else None
    state = opt.init(theta, problem.layout)
    diverged_at = np.full(theta.shape[:-1], -1)
    frozen = np.zeros(theta.shape[:-1], bool)
    any_frozen = False
    rows, rest = np.empty(0, int), theta[:0]
    extra_evaluations = 0
    batch = None

    def grad(at: np.ndarray) -> np.ndarray:
        nonlocal extra_evaluations
        extra_evaluations += 1
        return problem.loss_and_grad(at, batch)[1]

    with np.errstate(all="ignore"):
        for t, batch in enumerate(batches):
            loss, g = problem.loss_and_grad(theta, batch)
            point = opt.evaluation_point(theta, state)
            losses[t] = loss if point is theta else problem.loss_and_grad(point, batch)[0]
            if path is not None:
                path[t] = theta
            if t == 0:
                bound = _divergence_bound(losses[0], diverged_above)
            fine = losses[t] <= bound
            if any_frozen:
                # frozen runs stay where they are and feed their neighbours nothing but zeros
                losses[t, rows] = np.inf
                g[rows] = 0
                fine[rows] = True
            # one comparison and one pass over g a step: runs are told apart only when something new is wrong
            if not fine.all() or not all_finite(g):
                new = (~fine | ~np.isfinite(g).all(-1)) & ~frozen
                diverged_at[new] = t
                frozen |= new
                losses[t, frozen] = np.inf
                theta[frozen] = np.nan_to_num(theta[frozen])
                if path is not None:
                    path[t] = theta
                if frozen.all():
                    losses[t:] = np.inf
                    if path is not None:
                        path[t:] = theta
                    break
                any_frozen = True
                rows = np.flatnonzero(frozen)
                rest = theta[rows]
                g[rows] = 0
            if t == steps:
                break
            if callback is not None:
                callback(t, theta, loss, g, state)
            opt.step(theta, g, state, loss=loss, grad=grad, check_finite=False)
            if any_frozen:
                theta[rows] = rest
    return Run(
        problem=problem,
        opt=opt,
        loss=losses,
        theta=path,
        final=opt.evaluation_point(theta, state),
        diverged_at=diverged_at if many else (int(diverged_at) if frozen else None),
        state=state,
        gradient_evaluations=min(t, steps) + extra_evaluations,
    )


def _divergence_bound(first: np.ndarray, given: float | None) -> Any:
    if given is not None:
        return given
    # a run that starts at loss 0 has no scale of its own
    return np.where(first == 0, np.finfo(float).max, DIVERGED_ABOVE * np.abs(first))


@dataclass(frozen=True, eq=False)
class Sweep:
    """Results of every grid point and seed. Axes: one per swept hyperparameter, in the order of ``grid``, then seeds.

    Attributes
    ----------
    grid : dict of name -> array
    seeds : tuple of int
    loss : array (steps + 1, *grid, seeds)
        Losses on the batches seen; +inf from where a run diverged.
    final : dict of name -> array (*grid, seeds)
        ``problem.evaluate`` at the end; a diverged run counts with its value at the start.
    diverged : bool array (*grid, seeds)
    opt : Optimizer
        With one value per grid point and seed.
    """

    problem: Any
    grid: dict[str, np.ndarray]
    seeds: tuple[int, ...]
    steps: int
    loss: np.ndarray
    final: dict[str, np.ndarray]
    diverged: np.ndarray
    opt: Optimizer | None = None

    def interval(self, metric: str = "loss") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean over seeds and the two ends of its 95 % interval, each of the shape of the grid."""
        return mean_interval(self._values(metric))

    def best(self, metric: str = "loss", *, allow_edge: bool = False) -> Best:
        """The grid point with the best mean over seeds.

        Raises
        ------
        EdgeOfGrid
            When it lies at an end of a swept axis; the message says which way to extend.
        """
        mean, low, high = self.interval(metric)
        score = -mean if metric in LARGER_IS_BETTER else mean
        index = tuple(int(i) for i in np.unravel_index(np.argmin(score), score.shape))
        for (name, values), i in zip(self.grid.items(), index, strict=True):
            if len(values) > 1 and i in (0, len(values) - 1) and not allow_edge:
                end, way = ("lower", "downwards") if i == np.argmin(values) else ("upper", "upwards")
                raise EdgeOfGrid(
                    f"sweep: the best {name}={values[i]:.3g} lies on the {end} edge of its grid "
                    f"[{values.min():.3g}, {values.max():.3g}]; extend it {way}"
                )
        return Best(
            values={name: float(values[i]) for (name, values), i in zip(self.grid.items(), index, strict=True)},
            index=index,
            metric=metric,
            per_seed=self._values(metric)[index],
            mean=float(mean[index]),
            low=float(low[index]),
            high=float(high[index]),
        )

    def sensitivity(self, tolerance: float, metric: str = "loss", name: str = "lr") -> float:
        """Width in decades of the window of ``name`` in which the mean stays within ``tolerance`` of the best.

        The window is the unbroken stretch around the best point, its ends interpolated on the logarithm; other swept
        hyperparameters stand at their best values.
        """
        if name not in self.grid:
            raise ValueError(f"sensitivity: {name!r} was not swept; swept are {list(self.grid)}")
        best = self.best(metric, allow_edge=True)
        axis = list(self.grid).index(name)
        line = tuple(slice(None) if a == axis else i for a, i in enumerate(best.index))
        mean = self.interval(metric)[0][line]
        order = np.argsort(self.grid[name])
        x = np.log10(self.grid[name][order])
        gap = np.abs(mean[order] - best.mean) - tolerance
        centre = int(np.flatnonzero(order == best.index[axis])[0])

        def end(direction: int) -> float:
            i = centre
            while 0 <= i + direction < len(x) and gap[i + direction] <= 0:
                i += direction
            j = i + direction
            if not 0 <= j < len(x):
                return x[i]
            return x[i] + (x[j] - x[i]) * gap[i] / (gap[i] - gap[j])

        return float(end(1) - end(-1))

    def _values(self, metric: str) -> np.ndarray:
        if metric not in self.final:
            raise ValueError(f"sweep: no metric {metric!r}; this problem reports {list(self.final)}")
        return self.final[metric]


@dataclass(frozen=True, eq=False)
class Best:
    """The best point of a sweep: hyperparameter values, its index in the grid, and the metric over seeds."""

    values: dict[str, float]
    index: tuple[int, ...]
    metric: str
    per_seed: np.ndarray
    mean: float
    low: float
    high: float


def sweep(
    problem,
    make: Callable[..., Optimizer],
    grid: Mapping[str, Any],
    seeds: int | Sequence[int] = 10,
    *,
    steps: int,
    executor: concurrent.futures.Executor | None = None,
    progress: bool = False,
) -> Sweep:
    """Train every combination of the grid from every seed, as rows of one array.

    Runs of one seed share start and batches, so that two grid points are compared pair by pair.

    Parameters
    ----------
    problem : Problem
    make : callable
        Turns grid values into an optimizer: a class, or a function such as
        ``lambda lr: Adam(lr=Cosine(lr, 400))``. Called once, with one array (runs,) per name.
    grid : dict of name -> sequence of numbers
    seeds : int or sequence of int
        How many (0, 1, ...), or which.
    steps : int
    executor : concurrent.futures.Executor, optional
        Where to train the chunks; none trains them here. The numbers are the same.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Sweep
        After Ctrl-C with what had finished; the rest is NaN.
    """
    _check_count("steps", steps)
    seeds = tuple(range(seeds)) if isinstance(seeds, int) else tuple(int(seed) for seed in seeds)
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"sweep: seeds must be a number >= 1 or different integers, got {seeds}")
    axes = {name: np.atleast_1d(np.asarray(values, dtype=float)) for name, values in grid.items()}
    for name, values in axes.items():
        if values.ndim != 1 or values.size == 0:
            raise ValueError(f"sweep: grid[{name!r}] must be a list of numbers, got shape {values.shape}")
    shape = (*(len(values) for values in axes.values()), len(seeds))
    mesh = np.meshgrid(*axes.values(), np.arange(len(seeds)), indexing="ij")
    columns = {name: values.ravel() for name, values in zip(axes, mesh, strict=False)}
    run_seeds = np.asarray(seeds)[mesh[-1].ravel()]
    opt = make(**columns)
    if not isinstance(opt, Optimizer):
        raise TypeError(f"sweep: make must return an Optimizer, got {type(opt).__name__}")
    if opt.runs not in (None, len(run_seeds)):
        raise ValueError(f"sweep: make must use arrays of {len(run_seeds)} runs, but its optimizer has {opt.runs}")

    total = len(run_seeds)
    size = max(1, CHUNK_PARAMETERS // problem.size)
    chunks = [slice(start, min(start + size, total)) for start in range(0, total, size)]
    losses = np.full((steps + 1, total), np.nan)
    diverged = np.zeros(total, bool)
    final: dict[str, np.ndarray] = {}
    jobs = ((problem, opt.select(rows) if opt.runs else opt, run_seeds[rows], steps) for rows in chunks)
    for rows, result in _completed(_train_chunk, jobs, chunks, executor, progress):
        losses[:, rows], diverged[rows], values = result
        for name, value in values.items():
            final.setdefault(name, np.full(total, np.nan))[rows] = value
    return Sweep(
        problem=problem,
        grid=axes,
        seeds=seeds,
        steps=steps,
        loss=losses.reshape(steps + 1, *shape),
        final={name: values.reshape(shape) for name, values in final.items()},
        diverged=diverged.reshape(shape),
        opt=opt,
    )


def _train_chunk(problem, opt: Optimizer, seeds: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray, dict]:
    """Losses, diverged runs and final metrics of one chunk: one run per entry of ``seeds``."""
    different, which = np.unique(seeds, return_inverse=True)
    start = problem.init([int(seed) for seed in different])[which]
    batches = (
        batch if batch is None else batch[which]
        for batch in problem.batches([int(seed) for seed in different], steps + 1)
    )
    run = _descend(problem, opt, start.copy(), batches, steps, keep=False)
    values = {name: np.array(value, dtype=float) for name, value in problem.evaluate(run.final).items()}
    if run.diverged.any():
        for name, value in problem.evaluate(start[run.diverged]).items():
            values[name][run.diverged] = value
    return run.loss, run.diverged, values


def _completed(work, jobs, labels, executor, progress) -> Iterator[tuple[Any, Any]]:
    """``(label, result)`` of each job as it finishes, here or on the executor; Ctrl-C ends it early."""
    bar: Any = None
    if progress:
        from tqdm.auto import tqdm

        bar = tqdm(total=len(labels))
    futures: dict[concurrent.futures.Future, Any] = {}
    try:
        if executor is None:
            for label, job in zip(labels, jobs, strict=True):
                yield label, work(*job)
                if bar is not None:
                    bar.update()
        else:
            futures = {executor.submit(work, *job): label for label, job in zip(labels, jobs, strict=True)}
            for future in concurrent.futures.as_completed(futures):
                yield futures[future], future.result()
                if bar is not None:
                    bar.update()
    except KeyboardInterrupt:
        for future in futures:
            future.cancel()
    finally:
        if bar is not None:
            bar.close()


def _check_count(name: str, value: Any) -> None:
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a whole number >= 1, got {value!r}")
