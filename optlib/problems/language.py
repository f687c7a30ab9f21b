"""Language models."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike

from optlib.problems.datasets import words
from optlib.problems.problem import Problem

__all__ = ["Bigrams"]

_BALANCES = (None, "contexts", "targets", "both")


class Bigrams(Problem):
    r"""Which word follows which in Shakespeare: a row of scores for each context, softmax over the next word.

    .. math:: f(W) = -\sum_{a, b} c_{ab} \log \mathrm{softmax}(W_a)_b

    in nats, where :math:`c_{ab}` is how often word b follows word a among the `vocabulary` most frequent words, as a
    fraction of all pairs (0.05 is added to each count, so that every pair occurs and the minimum lies at a finite W).
    Convex, and the minimum is known: `floor`, the entropy of the next word given this one. Real text makes it hard: a
    frequent context has a hundred times the gradient of a rare one.

    The start is W = 0 (every word equally likely), whatever the seed: the loss is log(vocabulary).

    Parameters
    ----------
    vocabulary : int
        V words, the most frequent ones, 2 to 1000; V^2 parameters.
    batch_size : int or None
        None (default): all pairs, every step the same. Otherwise pairs a step, drawn from c.
    balance : None, "contexts", "targets" or "both"
        Rescale c until all contexts, or all next words, or both, are equally frequent, keeping the rest as it is: the
        control experiment for what rare words do.
    dtype : floating-point type

    Attributes
    ----------
    words : tuple of str
    floor : float
        The lowest loss.
    joint : array (V, V)
        c: rows are contexts, columns the next word.
    """

    def __init__(
        self,
        vocabulary: int = 200,
        batch_size: int | None = None,
        balance: str | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        ids, known = words()
        if not 2 <= vocabulary <= len(known):
            raise ValueError(f"Bigrams: vocabulary must lie in [2, {len(known)}], got {vocabulary}")
        if batch_size is not None and not batch_size >= 1:
            raise ValueError(f"Bigrams: batch_size must be at least 1, or None for all pairs, got {batch_size}")
        if balance not in _BALANCES:
            raise ValueError(f"Bigrams: balance must be one of {', '.join(map(repr, _BALANCES))}, got {balance!r}")
        super().__init__({"W": (vocabulary, vocabulary)}, dtype)
        self.vocabulary, self.batch_size, self.balance = vocabulary, batch_size, balance
        self.words = known[:vocabulary]
        joint = _pair_frequencies(ids, vocabulary)
        if balance is not None:
            uniform = np.full(vocabulary, 1 / vocabulary)
            joint = _with_marginals(
                joint,
                joint.sum(1) if balance == "targets" else uniform,
                joint.sum(0) if balance == "contexts" else uniform,
            )
        self.floor = float(-(joint * np.log(joint / joint.sum(1, keepdims=True))).sum())
        self.joint = joint.astype(self.dtype)
        self._cumulative = np.cumsum(joint)
        self._cumulative[-1] = 1.0

    def start(self, rng: np.random.Generator) -> np.ndarray:
        return np.zeros(self.size)

    def draw(self, rng: np.random.Generator) -> np.ndarray | None:
        """Pairs (B,), the pair (a, b) as the number V a + b."""
        if self.batch_size is None:
            return None
        return np.searchsorted(self._cumulative, rng.random(self.batch_size), side="right")

    def loss_and_grad(self, theta: np.ndarray, batch: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        theta = self.check(theta)
        g = np.empty(theta.shape, np.result_type(theta, self.joint))
        if theta.ndim == 1:
            return self._one(theta, self._frequencies(batch), g), g
        loss = np.empty(len(theta), g.dtype)
        for i, c in enumerate(self._each(batch, len(theta))):
            loss[i] = self._one(theta[i], c, g[i])
        return loss, g

    def hvp(self, theta: np.ndarray, v: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """The Hessian at theta times v, exactly.

        In row a it is r_a (diag(p) - p p^T) v_a, with r_a the weight of context a and p its softmax.
        """
        theta, v = self.check(theta), self.check(v)
        if theta.ndim == 2:
            return np.stack([self._hvp(*row) for row in zip(theta, v, self._each(batch, len(theta)), strict=True)])
        return self._hvp(theta, v, self._frequencies(batch))

    def evaluate(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """The exact loss over all pairs, and the gap between it and the floor, both in nats."""
        loss = self.loss_and_grad(theta)[0]
        return {"loss": loss, "gap": loss - self.floor}

    def _one(self, theta: np.ndarray, c: np.ndarray, g: np.ndarray) -> np.ndarray:
        """The loss of one run for pairs with frequencies c; its gradient r softmax(W) - c is written into g."""
        z, e, weight = self._softmax_parts(theta, c)
        total = e.sum(1)
        loss = weight @ np.log(total) - np.vdot(c, z)
        e *= (weight / total)[:, None]
        np.subtract(e, c, out=g.reshape(c.shape))
        return loss

    def _hvp(self, theta: np.ndarray, v: np.ndarray, c: np.ndarray) -> np.ndarray:
        _, p, weight = self._softmax_parts(theta, c)
        p /= p.sum(1, keepdims=True)
        u = v.reshape(c.shape)
        return (weight[:, None] * p * (u - (p * u).sum(1, keepdims=True))).ravel()

    def _softmax_parts(self, theta: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        W = theta.reshape(c.shape)
        z = W - W.max(1, keepdims=True)  # keeps exp from overflowing
        return z, np.exp(z), c.sum(1)

    def _each(self, batch: np.ndarray | None, runs: int) -> Iterator[np.ndarray]:
        """The frequencies of pairs for each run."""
        if batch is None or batch.ndim == 1:
            c = self._frequencies(batch)
            return (c for _ in range(runs))
        if len(batch) != runs:
            raise ValueError(f"{self}: {runs} runs need one batch (B,) or {runs}, got shape {batch.shape}")
        return (self._frequencies(row) for row in batch)

    def _frequencies(self, batch: np.ndarray | None) -> np.ndarray:
        if batch is None:
            return self.joint
        counts = np.bincount(batch, minlength=self.size).reshape(self.joint.shape)
        return (counts / len(batch)).astype(self.dtype)


def _pair_frequencies(ids: np.ndarray, vocabulary: int) -> np.ndarray:
    first, second = ids[:-1], ids[1:]
    known = (first < vocabulary) & (second < vocabulary)
    pairs = first[known] * vocabulary + second[known]
    counts = np.bincount(pairs, minlength=vocabulary**2).reshape(vocabulary, vocabulary) + 0.05
    return counts / counts.sum()


def _with_marginals(joint: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The nearest table with these sums: rescale rows and columns in turn (Deming and Stephan, 1940)."""
    for _ in range(300):
        joint = joint * (rows / joint.sum(1))[:, None]
        joint = joint * (columns / joint.sum(0))
    return joint / joint.sum()
