"""Networks, with backpropagation written by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import DTypeLike

from optlib.problems.classification import CRITERIA, Classification
from optlib.problems.datasets import Dataset, digits

__all__ = ["MLP", "Digits"]

_ACTIVATIONS = ("relu", "tanh")


class MLP(Classification):
    r"""A multilayer perceptron: :math:`h_{i+1} = \phi(h_i W_i + b_i)` from :math:`h_0 = x`, and scores from the last h.

    The layout names the hidden layers "blocks.0.W", "blocks.0.b", "blocks.1.W", ... and the last layer "head.W",
    "head.b"; W has shape (in, out). The start has b = 0 and W ~ N(0, gain/in), with gain 2 before a ReLU (He et al.,
    arXiv 1502.01852) and 1 before a tanh or the scores, so that signals keep their size from layer to layer.

    Parameters
    ----------
    hidden : sequence of int
        Units in each hidden layer.
    activation : "tanh" or "relu"
    batch_size : int or None
        Examples a step, drawn with replacement; None is the full training set.
    criterion : "cross-entropy" or "squared"
        Mean over the batch, in nats; or half the mean squared distance of the scores to one-hot targets.
    data : Dataset, optional
        The digits unless given.
    dtype : floating-point type
    """

    def __init__(
        self,
        hidden: Sequence[int] = (32,),
        activation: str = "tanh",
        batch_size: int | None = 64,
        criterion: str = "cross-entropy",
        data: Dataset | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        name = type(self).__name__
        if activation not in _ACTIVATIONS:
            raise ValueError(f"{name}: activation must be 'tanh' or 'relu', got {activation!r}")
        if not all(units >= 1 for units in hidden):
            raise ValueError(f"{name}: hidden must list layer sizes of at least 1, got {hidden!r}")
        data = digits() if data is None else data
        sizes = [data.x.shape[1], *hidden, data.classes]
        names = [*(f"blocks.{i}" for i in range(len(hidden))), "head"]
        layout: dict[str, tuple[int, ...]] = {}
        self._layers = []  # (where W lies in theta, its shape, where b lies), from the input to the scores
        begin = 0
        for layer, shape in zip(names, pairwise(sizes), strict=True):
            layout |= {f"{layer}.W": shape, f"{layer}.b": shape[1:]}
            middle, end = begin + math.prod(shape), begin + math.prod(shape) + shape[1]
            self._layers.append((slice(begin, middle), shape, slice(middle, end)))
            begin = end
        super().__init__(layout, data, batch_size, criterion, dtype)
        self.hidden, self.activation = tuple(hidden), activation
        self.width = max(sizes)

    def start(self, rng: np.random.Generator) -> np.ndarray:
        theta = np.zeros(self.size)
        for i, (at_W, (fan_in, fan_out), _) in enumerate(self._layers):
            gain = 2.0 if self.activation == "relu" and i < len(self.hidden) else 1.0
            theta[at_W] = rng.standard_normal(fan_in * fan_out) * np.sqrt(gain / fan_in)
        return theta

    def scores(self, theta: np.ndarray, x: np.ndarray) -> np.ndarray:
        return self._forward(theta, x)[-1]

    def learn(self, theta: np.ndarray, x: np.ndarray, target: np.ndarray, g: np.ndarray) -> np.ndarray:
        hs = self._forward(theta, x)
        loss, dz = CRITERIA[self.criterion](hs.pop(), target)
        ones = np.ones(dz.shape[-2], dz.dtype)
        for i in reversed(range(len(self._layers))):
            h, (at_W, shape, at_b) = hs[i], self._layers[i]
            np.matmul(h.swapaxes(-1, -2), dz, out=g[..., at_W].reshape(*g.shape[:-1], *shape))
            g[..., at_b] = ones @ dz
            if i > 0:  # through the weights, then through the activation, whose slope its output h tells
                W = theta[..., at_W].reshape(*theta.shape[:-1], *shape)
                dz = dz @ W.swapaxes(-1, -2)
                dz *= h > 0 if self.activation == "relu" else 1 - h * h
        return loss

    def _forward(self, theta: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
        """The input, the output of every hidden layer, and the scores."""
        hs = [x]
        for i, (at_W, shape, at_b) in enumerate(self._layers):
            z = hs[-1] @ theta[..., at_W].reshape(*theta.shape[:-1], *shape)
            z += theta[..., None, at_b]
            if i < len(self.hidden):
                z = np.maximum(z, 0, out=z) if self.activation == "relu" else np.tanh(z, out=z)
            hs.append(z)
        return hs


class Digits(MLP):
    """The course's standard network: 64-64-32-10 with ReLU (6,570 parameters) on digits, batches of 64."""

    def __init__(
        self,
        hidden: Sequence[int] = (64, 32),
        activation: str = "relu",
        batch_size: int | None = 64,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__(hidden, activation, batch_size, dtype=dtype)
