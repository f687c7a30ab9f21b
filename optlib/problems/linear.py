"""Linear models on the digits: z = x W + b, with 64 pixels and 10 classes 650 parameters."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import DTypeLike

from optlib.problems.classification import CRITERIA, Classification
from optlib.problems.datasets import Dataset, digits

__all__ = ["LinearRegression", "LogisticRegression"]


class _Linear(Classification):
    """z = x W + b, W of shape (features, classes)."""

    def __init__(self, data: Dataset | None, batch_size: int | None, criterion: str, dtype: DTypeLike) -> None:
        data = digits() if data is None else data
        features, classes = data.x.shape[1], data.classes
        super().__init__({"W": (features, classes), "b": (classes,)}, data, batch_size, criterion, dtype)

    def start(self, rng: np.random.Generator) -> np.ndarray:
        features, classes = self.layout["W"]
        W = rng.standard_normal((features, classes)) / np.sqrt(features)
        return np.concatenate([W.ravel(), np.zeros(classes)])

    def scores(self, theta: np.ndarray, x: np.ndarray) -> np.ndarray:
        at = self.views(theta)
        z = x @ at["W"]
        z += at["b"][..., None, :]
        return z

    def learn(self, theta: np.ndarray, x: np.ndarray, target: np.ndarray, g: np.ndarray) -> np.ndarray:
        loss, dz = CRITERIA[self.criterion](self.scores(theta, x), target)
        self._back(x, dz, g)
        return loss

    def _back(self, x: np.ndarray, dz: np.ndarray, g: np.ndarray) -> None:
        into = self.views(g)
        np.matmul(x.swapaxes(-1, -2), dz, out=into["W"])
        into["b"][...] = np.ones(dz.shape[-2], dz.dtype) @ dz


class LinearRegression(_Linear):
    r"""Least squares on the digits: a real data set whose loss is exactly quadratic.

    .. math:: f(W, b) = \frac{1}{2N} \sum_i \| x_i W + b - e_{y_i} \|^2

    with :math:`e_y` the one-hot target of class y. With A = [x, 1] the Hessian is :math:`A^T A / N` once for each
    class, so that `curvature` gives its eigenvalues exactly. Some border pixels are blank in every image: mu = 0, and
    the minimum is not unique. The start has W ~ N(0, 1/features), b = 0.

    Parameters
    ----------
    batch_size : int or None
        None (default): the full training set of 1297 images, every step the same.
    data : Dataset, optional
        The digits unless given.
    dtype : floating-point type
    """

    def __init__(
        self, batch_size: int | None = None, data: Dataset | None = None, dtype: DTypeLike = np.float64
    ) -> None:
        super().__init__(data, batch_size, "squared", dtype)
        A = np.concatenate([self._x, np.ones_like(self._x[:, :1])], axis=1)
        self._hessian = A.T @ A / len(A)
        self._pull = A.T @ self._target / len(A)
        self._constant = 0.5 * float((self._target * self._target).sum()) / len(A)

    def loss_and_grad(self, theta: np.ndarray, batch: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        if batch is not None:
            return super().loss_and_grad(theta, batch)
        # The full loss is the quadratic 1/2 <V, H V> - <V, A^T T / N> + constant with V = [W; b], of H alone: the same
        # numbers as from all images, at a twentieth of the work.
        theta = self.check(theta)
        V = self._matrix(theta)
        G = self._hessian @ V - self._pull
        g = G.reshape(theta.shape)
        return 0.5 * (theta * (g - self._pull.ravel())).sum(-1) + self._constant, g

    def hvp(self, theta: np.ndarray, v: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """The Hessian times v, exactly; it is the same at every theta."""
        v = self.check(v)
        if batch is None:
            return (self._hessian @ self._matrix(v)).reshape(v.shape)
        x = self.examples(batch)[0]
        found = np.empty_like(v)
        self._back(x, self.scores(v, x) / x.shape[-2], found)
        return found

    def curvature(self) -> np.ndarray:
        """The eigenvalues of the Hessian of the full loss, ascending, (size,): the last is L."""
        values = np.linalg.eigvalsh(self._hessian).clip(min=0.0)
        return np.repeat(values, self.data.classes)

    @cached_property
    def optimum(self) -> np.ndarray:
        """The shortest of the minima, (size,)."""
        return (np.linalg.pinv(self._hessian, hermitian=True) @ self._pull).ravel()

    @property
    def floor(self) -> float:
        """The lowest value of the full loss."""
        return float(self.loss_and_grad(self.optimum)[0])

    def _matrix(self, theta: np.ndarray) -> np.ndarray:
        """theta as [W; b], (..., features + 1, classes)."""
        return theta.reshape(*theta.shape[:-1], -1, self.data.classes)


class LogisticRegression(_Linear):
    r"""Softmax regression on the digits: the simplest classifier with a probability for each class.

    .. math:: f(W, b) = -\frac{1}{N} \sum_i \log \mathrm{softmax}(x_i W + b)_{y_i}

    in nats; convex, without weight decay. The start has W ~ N(0, 1/features), b = 0.

    Parameters
    ----------
    batch_size : int or None
        Images a step; None is the full training set.
    data : Dataset, optional
        The digits unless given.
    dtype : floating-point type
    """

    def __init__(self, batch_size: int | None = 64, data: Dataset | None = None, dtype: DTypeLike = np.float64) -> None:
        super().__init__(data, batch_size, "cross-entropy", dtype)

    def hvp(self, theta: np.ndarray, v: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """The Hessian at theta times v, exactly: each image adds x^T (diag(p) - p p^T) (x v)."""
        theta, v = self.check(theta), self.check(v)
        x, target = self.examples(batch)
        p = CRITERIA[self.criterion](self.scores(theta, x), target)[1] * x.shape[-2] + target
        u = self.scores(v, x)
        u = p * (u - (p * u).sum(-1, keepdims=True)) / x.shape[-2]
        found = np.empty_like(v)
        self._back(x, u, found)
        return found
