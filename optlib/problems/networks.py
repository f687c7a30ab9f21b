"""Networks, with backpropagation written by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise

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
        for layer, shape in zip(names, pairwise(sizes), strict=True):
            layout |= {f"{layer}.W": shape, f"{layer}.b": shape[1:]}
        super().__init__(layout, data, batch_size, criterion, dtype)
        self.hidden, self.activation = tuple(hidden), activation
        self.width = max(sizes)
        shapes = [(fan_in + 1, fan_out) for fan_in, fan_out in pairwise(sizes)]
        ends = list(accumulate(map(math.prod, shapes)))
        self._layers = [(slice(*at), shape) for at, shape in zip(pairwise([0, *ends]), shapes, strict=True)]
        self._x = _with_ones(self._x)

    def start(self, rng: np.random.Generator) -> np.ndarray:
        theta = np.zeros(self.size)
        for i, layer in enumerate(self._matrices(theta)):
            fan_in, fan_out = len(layer) - 1, layer.shape[1]
            gain = 2.0 if self.activation == "relu" and i < len(self.hidden) else 1.0
            layer[:-1] = rng.standard_normal((fan_in, fan_out)) * np.sqrt(gain / fan_in)
        return theta

    def scores(self, theta: np.ndarray, x: np.ndarray) -> np.ndarray:
        return self._forward(self._matrices(theta), _with_ones(x))[-1]

    def learn(self, theta: np.ndarray, x: np.ndarray, target: np.ndarray, g: np.ndarray) -> np.ndarray:
        """As said there; every x ends with a 1."""
        layers, gradients = self._matrices(theta), self._matrices(g)
        hs = self._forward(layers, x)
        loss, dz = CRITERIA[self.criterion](hs.pop(), target)
        for i in reversed(range(len(layers))):
            h = hs[i]
            np.matmul(h.swapaxes(-1, -2), dz, out=gradients[i])
            if i > 0:  # through the weights, then through the activation, whose slope its output h tells
                dh = dz @ layers[i].swapaxes(-1, -2)
                dh *= h > 0 if self.activation == "relu" else 1 - h * h
                dz = dh[..., :-1]  # the 1 that bears b does not depend on theta
        return loss

    def _matrices(self, theta: np.ndarray) -> list[np.ndarray]:
        """Each layer as one matrix (runs?, in + 1, out), a view: b lies in theta as the last row of W."""
        return [theta[..., at].reshape(*theta.shape[:-1], *shape) for at, shape in self._layers]

    def _forward(self, layers: list[np.ndarray], x: np.ndarray) -> list[np.ndarray]:
        """The input, the output of every hidden layer, each with a 1 as its last feature, and the scores."""
        hs = [x]
        for layer in layers[:-1]:
            h = np.empty((*layer.shape[:-2], x.shape[-2], layer.shape[-1] + 1), np.result_type(x, layer))
            z = np.matmul(hs[-1], layer, out=h[..., :-1])
            h[..., -1] = 1
            if self.activation == "relu":
                np.maximum(h, np.zeros(h.shape[-2:], h.dtype), out=h)  # four times as fast as with the number 0
            else:
                np.tanh(z, out=z)
            hs.append(h)
        # (W^T h^T)^T: the criterion wants its memory ordered by classes
        hs.append((layers[-1].swapaxes(-1, -2) @ hs[-1].swapaxes(-1, -2)).swapaxes(-1, -2))
        return hs


def _with_ones(x: np.ndarray) -> np.ndarray:
    """x with one more feature that is always 1: its weights are the biases."""
    return np.concatenate([x, np.ones_like(x[..., :1])], axis=-1)


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
