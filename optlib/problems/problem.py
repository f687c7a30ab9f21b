"""What every problem offers to an optimizer, and nothing else.

A problem hands out one flat array ``theta`` of ``size`` numbers and answers one question: how large is the loss here,
and which way does it grow? Many runs are one more axis: wherever one run has shape ``(n,)``, ``runs`` of them have
``(runs, n)``.

A new problem needs a constructor that passes its ``layout`` to `Problem`, the method `Problem.start` and the method
`Problem.loss_and_grad`; a stochastic one also draws its batches in `Problem.draw`.
"""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

__all__ = ["Problem", "stream"]


def stream(seed: int, name: str) -> np.random.Generator:
    """The random generator called `name` of this seed.

    One seed spawns as many independent streams as there are names: two optimizers that share a seed share start and
    batches, and drawing more from one stream never shifts another.

    Examples
    --------
    >>> stream(0, "init").random() == stream(0, "init").random()
    True
    >>> stream(0, "init").random() == stream(0, "batches").random()
    False
    """
    return np.random.default_rng(np.random.SeedSequence(entropy=_seed(seed), spawn_key=(crc32(name.encode()),)))


class Problem:
    """Something to minimise.

    Attributes
    ----------
    layout : dict of str to tuple of int
        The named parameters and their shapes, in the order in which they lie in theta.
    size : int
        How many numbers theta has: n.
    dtype : numpy.dtype
        The floating-point type in which `init` makes theta.
    """

    _most_axes = 2  # runs and parameters

    def __init__(self, layout: Mapping[str, tuple[int, ...]], dtype: DTypeLike = np.float64) -> None:
        self.layout = {name: tuple(shape) for name, shape in layout.items()}
        self.size = sum(math.prod(shape) for shape in self.layout.values())
        self.dtype = np.dtype(dtype)
        if self.dtype.kind != "f":
            raise ValueError(f"{type(self).__name__}: dtype must be a floating-point type, got {self.dtype}")

    # What a problem defines

    def start(self, rng: np.random.Generator) -> np.ndarray:
        """One start point, shape (n,); `rng` is the seed's stream "init"."""
        raise NotImplementedError(f"{type(self).__name__} must define start(rng)")

    def draw(self, rng: np.random.Generator) -> np.ndarray | None:
        """One batch of one run; `rng` is the seed's stream "batches". None: the problem is deterministic."""
        return None

    def loss_and_grad(self, theta: np.ndarray, batch: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The loss and its gradient at theta.

        Parameters
        ----------
        theta : array (n,) or (runs, n)
        batch : None or array
            What `batches` yields: one batch for all runs, or one row a run. None means all data, without noise.

        Returns
        -------
        loss : number, or array (runs,)
        grad : array shaped like theta
            A new array: no later call changes it.
        """
        raise NotImplementedError(f"{type(self).__name__} must define loss_and_grad(theta, batch)")

    def evaluate(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """What counts in the end, name to number or array (runs,): held-out loss and accuracy where there are data."""
        return {"loss": self.loss_and_grad(theta)[0]}

    # What every problem has

    def init(self, seed: int | Sequence[int] | np.ndarray = 0, runs: int | None = None) -> np.ndarray:
        """Where the runs start.

        Parameters
        ----------
        seed : int or sequence of int
            An int gives one start point (n,); a sequence gives one row a seed, (len(seed), n).
        runs : int, optional
            With an int seed: this many copies of its start point, (runs, n).
        """
        seeds = _seeds(seed)
        if isinstance(seeds, int):
            theta = self._start(seeds)
            return theta if runs is None else np.tile(theta, (runs, 1))
        if runs is not None:
            raise ValueError(
                f"{self}: give init either a sequence of seeds (one run each) or one seed and runs, not both"
            )
        return np.stack([self._start(s) for s in seeds])

    def batches(self, seed: int | Sequence[int] | np.ndarray, steps: int) -> Iterator[np.ndarray | None]:
        """Yield `steps` batches.

        A batch is None where the problem is deterministic, and otherwise what `draw` makes: the rows of the data to
        use, an index array (B,), or the noise of the gradient, (n,). For a sequence of seeds there is one row a seed,
        the same as this seed's own batch; the first batches do not depend on `steps`.
        """
        seeds = _seeds(seed)
        if isinstance(seeds, int):
            rng = stream(seeds, "batches")
            return (self.draw(rng) for _ in range(steps))
        return self._rows([stream(s, "batches") for s in seeds], steps)

    def hvp(self, theta: np.ndarray, v: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """The Hessian at theta times v, shaped like theta, from a central difference of two gradients in float64."""
        theta, v = self.check(theta), self.check(v)
        at, along = theta.astype(np.float64), v.astype(np.float64)
        length = np.sqrt((along * along).sum(-1, keepdims=True))
        h = 1e-5 * (1.0 + np.sqrt((at * at).mean(-1, keepdims=True))) / np.where(length > 0, length, 1.0)
        difference = self.loss_and_grad(at + h * along, batch)[1] - self.loss_and_grad(at - h * along, batch)[1]
        return (difference / (2 * h)).astype(theta.dtype)

    def views(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """The named parameters as views into theta, (*shape) each, or (runs, *shape): writing to one changes theta."""
        found, begin = {}, 0
        for name, shape in self.layout.items():
            end = begin + math.prod(shape)
            found[name] = theta[..., begin:end].reshape(*theta.shape[:-1], *shape)
            begin = end
        return found

    def check(self, theta: ArrayLike) -> np.ndarray:
        """theta as a floating-point array; an error that says what was expected if its last axis is not n long."""
        theta = np.asarray(theta)
        if not 1 <= theta.ndim <= self._most_axes or theta.shape[-1] != self.size:
            parts = ", ".join(f"{name} {shape}" for name, shape in self.layout.items())
            raise ValueError(
                f"{self}: theta must have shape ({self.size},) or (runs, {self.size}): {parts}; got {theta.shape}"
            )
        if theta.dtype.kind in "biu":
            theta = theta.astype(self.dtype)
        elif theta.dtype.kind not in "fc":
            raise TypeError(f"{self}: theta must hold numbers, got dtype {theta.dtype}")
        return theta

    def __repr__(self) -> str:
        names = inspect.signature(type(self)).parameters
        shown = (f"{name}={getattr(self, name)!r}" for name in names if hasattr(self, name))
        return f"{type(self).__name__}({', '.join(shown)})"

    def _start(self, seed: int) -> np.ndarray:
        return np.asarray(self.start(stream(seed, "init")), dtype=self.dtype)

    def _rows(self, rngs: list[np.random.Generator], steps: int) -> Iterator[np.ndarray | None]:
        for _ in range(steps):
            rows = [self.draw(rng) for rng in rngs]
            yield None if rows[0] is None else np.stack([row for row in rows if row is not None])


def _seed(seed: int) -> int:
    try:
        number = operator.index(seed)
    except TypeError:
        raise TypeError(f"seed must be a whole number, got {seed!r}") from None
    if number < 0:
        raise ValueError(f"seed must not be negative, got {number}")
    return number


def _seeds(seeds: int | Sequence[int] | np.ndarray) -> int | list[int]:
    if np.ndim(seeds) == 0:
        return _seed(seeds)  # type: ignore[arg-type]
    found = [_seed(s) for s in seeds]  # type: ignore[union-attr]
    if not found:
        raise ValueError("seeds must hold at least one seed, got an empty sequence")
    return found
