"""Steps that know how the slope itself changes: LBFGS from past gradients, Newton from gradients nearby.

Both see theta as one vector, whatever the layout, and are for full batches: the noise of minibatches hides curvature.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from optlib.optimizer import NONNEGATIVE, Hyper, Layout, Optimizer, State, check_count


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The inner product over the last axis, (..., 1)."""
    return (a * b).sum(-1, keepdims=True)


def remember(s: np.ndarray, y: np.ndarray, new_s: np.ndarray, new_y: np.ndarray) -> None:
    """Append a pair, (runs?, n), to the histories (runs?, history, n) and drop the oldest, where s.y > 1e-10."""
    keep = (dot(new_s, new_y) > 1e-10)[..., None]
    for history, new in ((s, new_s), (y, new_y)):
        history[:] = np.where(keep, np.concatenate([history[..., 1:, :], new[..., None, :]], -2), history)


class LBFGS(Optimizer):
    r"""Newton's method with an inverse Hessian guessed from the last few steps, in time and memory of order n.

    .. math:: s_t = \theta_t - \theta_{t-1}, \quad y_t = g_t - g_{t-1}, \quad \rho_t = 1 / s_t^\top y_t, \qquad
              \theta_{t+1} = \theta_t - \eta\,H_t\,g_t

    where :math:`H_t g_t` comes from the two loops over the remembered pairs, newest to oldest and back,

    .. math:: q &\leftarrow g_t; \quad \alpha_i = \rho_i s_i^\top q, \quad q \leftarrow q - \alpha_i y_i \\
              r &\leftarrow \frac{s^\top y}{y^\top y}\,q; \quad r \leftarrow r + (\alpha_i - \rho_i y_i^\top r)\,s_i

    A pair is kept if :math:`s^\top y > 10^{-10}`. Until one is, the step is :math:`\eta\min(1, 1/\lVert g\rVert_1)\,g`.

    Parameters
    ----------
    lr : Hyper, default 1
        :math:`\eta \ge 0`. There is no line search: far from a minimum of a function that is not quadratic take less.
    history : int, default 10
        Pairs remembered.

    Notes
    -----
    torch is as here with ``max_iter=1, history_size=10``, except that it has the short step at the first update only.
    optax: the first step is :math:`\min(1, 1/\lVert g\rVert_2)\,g`.

    References
    ----------
    D. C. Liu, J. Nocedal, "On the limited memory BFGS method for large scale optimization", Mathematical Programming
    45, 1989. J. Nocedal, S. J. Wright, "Numerical Optimization", 2nd edition, 2006, Algorithms 7.4 and 7.5.
    """

    lr: Hyper = 1.0
    history: int = 10

    slots = ("s", "y", "theta_previous", "g_previous")
    elementwise = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("LBFGS", "history", self.history)

    def init(self, theta: np.ndarray, layout: Layout | None = None) -> State:
        return super().init(theta)

    def slot_shape(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.history, *shape) if name in ("s", "y") else shape

    @staticmethod
    def rule(theta, g, s, y, theta_previous, g_previous, *, t, lr, history):
        if t > 1:
            remember(s, y, theta - theta_previous, g - g_previous)
        theta_previous[:], g_previous[:] = theta, g
        sy, yy = dot(s, y), dot(y, y)
        rho = np.where(sy > 0, 1 / np.where(sy > 0, sy, 1), 0)  # 0 where no pair is: such a place does nothing
        alpha = np.zeros_like(rho)
        q = g
        for i in reversed(range(history)):
            alpha[..., i, :] = rho[..., i, :] * dot(s[..., i, :], q)
            q = q - alpha[..., i, :] * y[..., i, :]
        newest_sy, newest_yy = sy[..., -1, :], yy[..., -1, :]
        short = 1 / np.maximum(1, np.abs(g).sum(-1, keepdims=True))
        r = np.where(newest_sy > 0, newest_sy / np.where(newest_yy > 0, newest_yy, 1), short) * q
        for i in range(history):
            r = r + (alpha[..., i, :] - rho[..., i, :] * dot(y[..., i, :], r)) * s[..., i, :]
        theta[:] = theta - lr * r


def hessian_times(v: np.ndarray, theta: np.ndarray, grad: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The Hessian at theta times v, by a central difference of two gradients."""
    length = np.sqrt(dot(v, v))
    h = 1e-5 * (1 + np.sqrt((theta * theta).mean(-1, keepdims=True))) / np.where(length > 0, length, 1)
    return (grad(theta + h * v) - grad(theta - h * v)) / (2 * h)


def conjugate_gradients(times: Callable[[np.ndarray], np.ndarray], g: np.ndarray, iterations: int) -> np.ndarray:
    """Solve H p = g for each run, ``times(v)`` being H v, in at most so many products.

    A run stops when it is exact to 1e-10, or where it meets a direction of no positive curvature: with the p it has by
    then, or g itself if it has none. Hence p always leads downhill.
    """
    p, residual, direction = np.zeros_like(g), g, g
    size = dot(g, g)
    active, enough = size > 0, 1e-20 * size
    for i in range(iterations):
        h_direction = times(direction)
        curvature = dot(direction, h_direction)
        if i == 0:
            p = np.where(curvature > 0, p, g)
        active = active & (curvature > 0)
        if not active.any():
            break
        alpha = size / np.where(active, curvature, 1)
        p = np.where(active, p + alpha * direction, p)
        residual = np.where(active, residual - alpha * h_direction, residual)
        size_before, size = size, dot(residual, residual)
        direction = np.where(active, residual + size / np.where(active, size_before, 1) * direction, direction)
        active = active & (size > enough)
    return p


class Newton(Optimizer):
    r"""To the minimum of the quadratic that fits here: one step solves a quadratic, whatever its condition.

    .. math:: (H_t + \delta I)\,p_t = g_t, \qquad \theta_t = \theta_{t-1} - \eta\,p_t

    with the Hessian :math:`H_t` at :math:`\theta_{t-1}`, which is never formed: the equation is solved by conjugate
    gradients, and each of their products :math:`Hv` is the difference of two gradients,
    :math:`(\nabla f(\theta + hv) - \nabla f(\theta - hv))/2h`, taken in float64.

    Parameters
    ----------
    lr : Hyper, default 1
        :math:`\eta \ge 0`.
    damping : Hyper, default 0
        :math:`\delta \ge 0`: the larger, the shorter the step and the nearer to the gradient.
    iterations : int, default 20
        Conjugate gradients at most; n solve an n-dimensional problem exactly. Each costs two gradients.

    Notes
    -----
    Where curvature is negative, Newton's own step climbs to the saddle. Conjugate gradients that stop there keep the
    step downhill; the first direction of all is the gradient.

    References
    ----------
    J. Nocedal, S. J. Wright, "Numerical Optimization", 2nd edition, 2006, Algorithm 7.1 (Newton-CG), with a fixed step
    in place of the line search.
    """

    lr: Hyper = 1.0
    damping: Hyper = 0.0
    iterations: int = 20

    elementwise = False
    ranges = {"damping": NONNEGATIVE}

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("Newton", "iterations", self.iterations)

    def init(self, theta: np.ndarray, layout: Layout | None = None) -> State:
        return super().init(theta)

    @staticmethod
    def rule(theta, g, *, lr, damping, iterations, grad):
        at = theta.astype(np.float64)

        def times(v):
            return hessian_times(v, at, grad) + damping * v

        theta[:] = theta - lr * conjugate_gradients(times, g, iterations)
