"""Landscapes: losses that can be drawn, with everything about them known exactly.

Each one states its loss, gradient and Hessian in closed form, its start point and its minimum. All are float64 and
deterministic; with ``noise`` s, a batch z of standard normal numbers makes the gradient g + s z (the loss stays
exact, so that its curve can be drawn on a logarithmic axis).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from optlib.problems.problem import Problem

__all__ = ["Chain", "Himmelblau", "Landscape", "Quadratic", "Rosenbrock", "Saddle"]

# Found by Newton's method from the usual six digits, to the last bit of float64.
_HIMMELBLAU_MINIMA = (
    (3.0, 2.0),
    (-2.805118086952745, 3.131312518250573),
    (-3.779310253377747, -3.2831859912861696),
    (3.5844283403304917, -1.8481265269644034),
)


class Landscape(Problem):
    """A loss in closed form, on `size` coordinates.

    Attributes
    ----------
    bounds : tuple of (low, high), one a coordinate
        The part worth drawing.
    optimum : array (n,) or None
        Where the (or one) minimum lies; None where there is none.
    """

    bounds: tuple[tuple[float, float], ...]
    optimum: np.ndarray | None
    _most_axes = 64  # as many as NumPy has: a grid of points is as good as a row of runs

    def __init__(self, size: int, noise: float) -> None:
        super().__init__({"theta": (size,)})
        if not (noise >= 0 and math.isfinite(noise)):
            raise ValueError(f"{type(self).__name__}: noise must be a number >= 0, got {noise!r}")
        self.noise = noise

    def exact(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Loss (...) and gradient (..., n), without noise, at theta (..., n)."""
        raise NotImplementedError(f"{type(self).__name__} must define exact(theta)")

    def hessian(self, theta: ArrayLike) -> np.ndarray:
        """The matrix of second derivatives (..., n, n) at theta (..., n)."""
        raise NotImplementedError(f"{type(self).__name__} must define hessian(theta)")

    def loss(self, theta: ArrayLike) -> np.ndarray:
        """The loss, over any leading axes: (..., n) to (...). For contours."""
        return self.exact(self.check(theta))[0]

    def loss_and_grad(self, theta: np.ndarray, batch: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        loss, g = self.exact(self.check(theta))
        if batch is not None:
            g += self.noise * batch
        return loss, g

    def draw(self, rng: np.random.Generator) -> np.ndarray | None:
        return rng.standard_normal(self.size) if self.noise else None

    def hvp(self, theta: np.ndarray, v: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """The Hessian at theta times v, exactly (noise in the gradient does not change it)."""
        return (self.hessian(theta) @ self.check(v)[..., None])[..., 0]


class Quadratic(Landscape):
    r"""The bowl :math:`f(\theta) = \frac12 \theta^T H \theta`, its minimum 0 at the origin.

    The curvatures (eigenvalues of H) lie evenly on a logarithmic scale from mu = largest / condition to L = largest.
    L stays put while the condition changes: the learning rate at which gradient descent breaks, 2/L, stays the same,
    and only the wait grows. Unrotated, the first coordinate is the flattest and the last the steepest.

    The start is 1 in every eigendirection, whatever the seed, and turns with the bowl: a rotated bowl is the same
    problem seen from another angle, and the error in each eigendirection can be read as a fraction of what it was.

    Parameters
    ----------
    condition : float
        kappa = L / mu, at least 1. A bowl of size 1 has the one curvature `largest`.
    rotation : float
        Degrees, counter-clockwise, in the plane of the flattest and the steepest direction.
    noise : float
        Standard deviation of the noise in each coordinate of the gradient.
    size : int
        Number of coordinates.
    largest : float
        The largest curvature L.
    """

    def __init__(
        self,
        condition: float = 10.0,
        rotation: float = 0.0,
        noise: float = 0.0,
        size: int = 2,
        largest: float = 1.0,
    ) -> None:
        if not (condition >= 1 and math.isfinite(condition)):
            raise ValueError(f"Quadratic: condition must be a number >= 1, got {condition!r}")
        if not (largest > 0 and math.isfinite(largest)):
            raise ValueError(f"Quadratic: largest must be a number > 0, got {largest!r}")
        if size < 1:
            raise ValueError(f"Quadratic: size must be at least 1, got {size!r}")
        super().__init__(size, noise)
        self.condition, self.rotation, self.largest = condition, rotation, largest
        self.bounds = ((-1.5, 1.5),) * size
        self.optimum = np.zeros(size)
        self._curvature = largest * (np.geomspace(1 / condition, 1.0, size) if size > 1 else np.ones(1))
        self._directions = np.eye(size)
        if size > 1:
            angle = math.radians(rotation)
            self._directions[np.ix_([0, -1], [0, -1])] = [
                [math.cos(angle), -math.sin(angle)],
                [math.sin(angle), math.cos(angle)],
            ]
        self._hessian = (self._directions * self._curvature) @ self._directions.T
        self._half = np.full(size, 0.5)

    def curvature(self) -> np.ndarray:
        """The eigenvalues of the Hessian, ascending, (n,): mu first, L last."""
        return self._curvature.copy()

    def directions(self) -> np.ndarray:
        """The eigenvectors of the Hessian, (n, n): column i belongs to curvature i."""
        return self._directions.copy()

    def start(self, rng: np.random.Generator) -> np.ndarray:
        return self._directions.sum(1)

    def exact(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        g = theta @ self._hessian if self.rotation else theta * self._curvature
        return (g * theta) @ self._half, g

    def hessian(self, theta: ArrayLike) -> np.ndarray:
        n = self.size
        return np.broadcast_to(self._hessian, (*self.check(theta).shape[:-1], n, n)).copy()

    def hvp(self, theta: np.ndarray, v: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        return self.check(v) @ self._hessian


class Rosenbrock(Landscape):
    r"""The banana valley :math:`f(x, y) = (a - x)^2 + b (y - x^2)^2`, its minimum 0 at (a, a^2).

    The valley is easy to find and hard to follow: at the minimum the curvatures differ by a factor of about 2500. The
    start is (-1.2, 1), whatever the seed. H. H. Rosenbrock, The Computer Journal 3 (1960), 175-184.
    """

    bounds = ((-2.0, 2.0), (-1.0, 3.0))

    def __init__(self, a: float = 1.0, b: float = 100.0, noise: float = 0.0) -> None:
        super().__init__(2, noise)
        self.a, self.b = a, b
        self.optimum = np.array([a, a * a])

    def start(self, rng: np.random.Generator) -> np.ndarray:
        return np.array([-1.2, 1.0])

    def exact(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y = theta[..., 0], theta[..., 1]
        across = y - x * x
        along = x - self.a
        slope = (2 * self.b) * across
        g = np.empty_like(theta)
        g[..., 0] = 2 * (along - slope * x)
        g[..., 1] = slope
        return along * along + 0.5 * (slope * across), g

    def hessian(self, theta: ArrayLike) -> np.ndarray:
        theta = self.check(theta)
        x, y = theta[..., 0], theta[..., 1]
        mixed = -4 * self.b * x
        return _matrices(2 - 4 * self.b * (y - 3 * x * x), mixed, np.full_like(x, 2 * self.b))


class Himmelblau(Landscape):
    r"""Four equal minima: :math:`f(x, y) = (x^2 + y - 11)^2 + (x + y^2 - 7)^2`.

    Which minimum a run finds depends on where it starts and on how large its steps are. The start is the origin,
    whatever the seed: near the hilltop between the four, from where small steps lead to (3, 2). D. M. Himmelblau,
    Applied Nonlinear Programming (1972).

    Attributes
    ----------
    optima : array (4, 2)
        All minima, each with loss 0; `optimum` is the first, (3, 2).
    """

    bounds = ((-5.0, 5.0), (-5.0, 5.0))

    def __init__(self, noise: float = 0.0) -> None:
        super().__init__(2, noise)
        self.optima = np.array(_HIMMELBLAU_MINIMA)
        self.optimum = self.optima[0].copy()

    def start(self, rng: np.random.Generator) -> np.ndarray:
        return np.zeros(2)

    def exact(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y = theta[..., 0], theta[..., 1]
        p = x * x + (y - 11)
        q = y * y + (x - 7)
        g = np.empty_like(theta)
        g[..., 0] = 4 * (x * p) + 2 * q
        g[..., 1] = 4 * (y * q) + 2 * p
        return p * p + q * q, g

    def hessian(self, theta: ArrayLike) -> np.ndarray:
        theta = self.check(theta)
        x, y = theta[..., 0], theta[..., 1]
        return _matrices(12 * x * x + 4 * y - 42, 4 * (x + y), 12 * y * y + 4 * x - 26)


class Saddle(Landscape):
    r"""A pass between two valleys: :math:`f(x, y) = \frac12 (x^2 - s y^2)`, flat at the origin, with no minimum.

    Along x it is a bowl, along y a hill of curvature -s. The start is (1, delta), whatever the seed: a run that
    begins on the ridge (delta = 0) never leaves it, and one that begins beside it, at distance delta, needs time to
    notice. Gradient descent escapes (\|y\| >= 1) after about ln(1/delta) / ln(1 + lr s) steps.

    Parameters
    ----------
    delta : float
        The start's distance from the ridge.
    slope : float
        s, the size of the negative curvature, above 0.
    noise : float
        Standard deviation of the noise in each coordinate of the gradient.
    """

    bounds = ((-1.25, 1.25), (-1.25, 1.25))
    optimum = None

    def __init__(self, delta: float = 0.01, slope: float = 0.1, noise: float = 0.0) -> None:
        if not (slope > 0 and math.isfinite(slope)):
            raise ValueError(f"Saddle: slope must be a number > 0, got {slope!r}")
        super().__init__(2, noise)
        self.delta, self.slope = delta, slope
        self._curvature = np.array([1.0, -slope])
        self._half = np.full(2, 0.5)

    def start(self, rng: np.random.Generator) -> np.ndarray:
        return np.array([1.0, self.delta])

    def exact(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        g = theta * self._curvature
        return (g * theta) @ self._half, g

    def hessian(self, theta: ArrayLike) -> np.ndarray:
        return np.broadcast_to(np.diag(self._curvature), (*self.check(theta).shape[:-1], 2, 2)).copy()


class Chain(Landscape):
    r"""A chain of springs between posts at heights 1 and 0: the quadratic on which every method is slow.

    .. math:: f(\theta) = \frac{L}{8} \sum_{i=0}^{n} (\theta_i - \theta_{i+1})^2 - f_{\min},
              \qquad \theta_0 = 1, \quad \theta_{n+1} = 0

    At the minimum the beads lie on a straight line. The start is 0, whatever the seed: only the first bead feels the
    post, and each step tells the news to one bead more. So t steps of any method that combines gradients leave beads
    t + 1, ..., n where they are, and no such method gets below `floor`. Y. Nesterov, Introductory Lectures on Convex
    Optimization (2004), section 2.1.2.

    Parameters
    ----------
    size : int
        Number of beads n.
    largest : float
        L, which no curvature exceeds: the largest is L cos^2(pi / (2 n + 2)).
    noise : float
        Standard deviation of the noise in each coordinate of the gradient.
    """

    def __init__(self, size: int = 64, largest: float = 1.0, noise: float = 0.0) -> None:
        if size < 1:
            raise ValueError(f"Chain: size must be at least 1, got {size!r}")
        if not (largest > 0 and math.isfinite(largest)):
            raise ValueError(f"Chain: largest must be a number > 0, got {largest!r}")
        super().__init__(size, noise)
        self.largest = largest
        self.bounds = ((-0.5, 1.5),) * size
        self.optimum = 1 - np.arange(1, size + 1) / (size + 1)

    def curvature(self) -> np.ndarray:
        """The eigenvalues of the Hessian, ascending, (n,): mu first, the largest last."""
        angles = np.arange(1, self.size + 1) * (np.pi / (2 * (self.size + 1)))
        return self.largest * np.sin(angles) ** 2

    def floor(self, steps: ArrayLike) -> np.ndarray:
        """The lowest loss that can be reached in so many gradient steps from the start."""
        return self.largest / 8 * (1 / (1 + np.minimum(steps, self.size)) - 1 / (1 + self.size))

    def start(self, rng: np.random.Generator) -> np.ndarray:
        return np.zeros(self.size)

    def exact(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # the loss from the distance to the minimum, where it does not cancel; the gradient from the stretched springs,
        # where beads that nothing has reached feel exactly nothing
        missing = np.diff(theta - self.optimum, axis=-1, prepend=0.0, append=0.0)
        stretched = np.diff(theta, axis=-1, prepend=1.0, append=0.0)
        return self.largest / 8 * (missing * missing).sum(-1), -self.largest / 4 * np.diff(stretched, axis=-1)

    def hessian(self, theta: ArrayLike) -> np.ndarray:
        n = self.size
        matrix = self.largest / 4 * (2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1))
        return np.broadcast_to(matrix, (*self.check(theta).shape[:-1], n, n)).copy()


def _matrices(xx: np.ndarray, xy: np.ndarray, yy: np.ndarray) -> np.ndarray:
    """Symmetric 2 x 2 matrices [[xx, xy], [xy, yy]], shape (..., 2, 2)."""
    return np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2)
