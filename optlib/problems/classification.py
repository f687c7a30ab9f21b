"""Learning to put examples into classes: what linear models and networks on a data set have in common.

A model turns examples x (B, features) into scores z (B, classes), a criterion turns scores and targets into a loss
and the gradient dz of the loss with respect to the scores, and the model takes dz back to the gradient with respect
to theta.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import DTypeLike

from optlib.problems.datasets import Dataset, digits
from optlib.problems.problem import Problem

__all__ = ["CRITERIA", "Classification", "cross_entropy", "squared_error"]

# Runs are taken in groups whose largest temporary stays about this size, so that all of them lie in the second-level
# cache: 32 networks of 64-64-32-10 at a time. Groups of 16 to 64 take as long, of 4 a third more.
_BYTES = 512 * 1024


def cross_entropy(z: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Softmax and cross-entropy: loss = mean over the batch of -log p(true class), with p = softmax(z), in nats.

    Parameters
    ----------
    z : array (..., B, classes)
    target : array (..., B, classes)
        One-hot rows.

    Returns
    -------
    loss : array (...)
    dz : array (..., B, classes)
        (p - target) / B.
    """
    # classes before examples: sums along a short last axis are slow
    z, target = (np.ascontiguousarray(np.swapaxes(a, -1, -2)) for a in (z, target))
    z = z - z.max(-2, keepdims=True)  # changes nothing but keeps exp from overflowing
    e = np.exp(z)
    total = e.sum(-2, keepdims=True)
    loss = (np.log(total[..., 0, :]) - (z * target).sum(-2)).mean(-1)
    e /= total
    e -= target
    e /= z.shape[-1]
    return loss, np.swapaxes(e, -1, -2)


def squared_error(z: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Half the squared distance to the target, mean over the batch: dz = (z - target) / B.

    Shapes as in `cross_entropy`.
    """
    distance = z - target
    loss = 0.5 * (distance * distance).sum((-2, -1)) / z.shape[-2]
    distance /= z.shape[-2]
    return loss, distance


CRITERIA = {"cross-entropy": cross_entropy, "squared": squared_error}


class Classification(Problem):
    """A model on a `Dataset`; subclasses define `start`, `scores` and `learn`.

    Attributes
    ----------
    data : Dataset
    batch_size : int or None
        Examples a step, drawn with replacement; None is the full training set, every step the same.
    criterion : str
        "cross-entropy" or "squared".
    width : int
        The most numbers that the model keeps for one example in one array.
    """

    def __init__(
        self,
        layout: Mapping[str, tuple[int, ...]],
        data: Dataset | None = None,
        batch_size: int | None = None,
        criterion: str = "cross-entropy",
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__(layout, dtype)
        name = type(self).__name__
        if batch_size is not None and not batch_size >= 1:
            raise ValueError(f"{name}: batch_size must be at least 1, or None for all examples, got {batch_size}")
        if criterion not in CRITERIA:
            raise ValueError(f"{name}: criterion must be one of {', '.join(map(repr, CRITERIA))}, got {criterion!r}")
        self.data = digits() if data is None else data
        self.batch_size, self.criterion = batch_size, criterion
        self.width = max(self.data.x.shape[1], self.data.classes)
        one_hot = np.eye(self.data.classes, dtype=self.dtype)
        self._x, self._target = self.data.x.astype(self.dtype, copy=False), one_hot[self.data.y]
        self._x_test, self._target_test = self.data.x_test.astype(self.dtype, copy=False), one_hot[self.data.y_test]

    def scores(self, theta: np.ndarray, x: np.ndarray) -> np.ndarray:
        """One number a class, (runs?, B, classes), for examples x (B, features) or (runs, B, features)."""
        raise NotImplementedError(f"{type(self).__name__} must define scores(theta, x)")

    def learn(self, theta: np.ndarray, x: np.ndarray, target: np.ndarray, g: np.ndarray) -> np.ndarray:
        """The loss on these examples; their gradient is written into g, shaped like theta."""
        raise NotImplementedError(f"{type(self).__name__} must define learn(theta, x, target, g)")

    def predict(self, theta: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The class with the highest score: int array (B,) or (runs, B)."""
        return self.scores(self.check(theta), x).argmax(-1)

    def draw(self, rng: np.random.Generator) -> np.ndarray | None:
        return None if self.batch_size is None else rng.integers(0, len(self._x), self.batch_size)

    def loss_and_grad(self, theta: np.ndarray, batch: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        theta = self.check(theta)
        g = np.empty(theta.shape, np.result_type(theta, self._x))
        if theta.ndim == 1:
            return self.learn(theta, *self.examples(batch), g), g
        if batch is not None and batch.ndim == 2 and len(batch) != len(theta):
            raise ValueError(f"{self}: {len(theta)} runs need one batch (B,) or {len(theta)}, got shape {batch.shape}")
        loss = np.empty(len(theta), g.dtype)
        rows = len(self._x) if batch is None else batch.shape[-1]
        shared = batch is None or batch.ndim == 1
        x, target = self.examples(batch) if shared else (self._x, self._target)
        for some in self._groups(len(theta), rows):
            if not shared:
                x, target = self.examples(batch[some])  # type: ignore[index]
            loss[some] = self.learn(theta[some], x, target, g[some])
        return loss, g

    def evaluate(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Loss and accuracy (a fraction) on the held-out examples."""
        theta = self.check(theta)
        if theta.ndim == 1:
            z = self.scores(theta, self._x_test)
            return {"loss": CRITERIA[self.criterion](z, self._target_test)[0], "accuracy": self._right(z)}
        loss, accuracy = np.empty(len(theta), theta.dtype), np.empty(len(theta))
        for some in self._groups(len(theta), len(self._x_test)):
            z = self.scores(theta[some], self._x_test)
            loss[some] = CRITERIA[self.criterion](z, self._target_test)[0]
            accuracy[some] = self._right(z)
        return {"loss": loss, "accuracy": accuracy}

    def examples(self, batch: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """The examples of a batch and their one-hot targets: (runs?, B, features) and (runs?, B, classes)."""
        if batch is None:
            return self._x, self._target
        return self._x.take(batch, axis=0), self._target.take(batch, axis=0)

    def _right(self, z: np.ndarray) -> np.ndarray:
        return (z.argmax(-1) == self.data.y_test).mean(-1)

    def _groups(self, runs: int, rows: int) -> Iterator[slice]:
        size = max(1, _BYTES // (rows * self.width * self.dtype.itemsize))
        return (slice(begin, begin + size) for begin in range(0, runs, size))
