"""One step length for each layer, or one memory for each row and column: LARS, LAMB, Adafactor."""

from __future__ import annotations

import numpy as np

from optlib.optimizer import NONNEGATIVE, POSITIVE, Hyper, Optimizer


def norm(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The length of each layer, with axes of size 1 in place of its own."""
    return np.sqrt((x * x).sum(axes, keepdims=True))


def rms(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The root mean square of each layer."""
    return np.sqrt((x * x).mean(axes, keepdims=True))


def trust_ratio(theta: np.ndarray, u: np.ndarray, axes: tuple[int, ...], trust: float | np.ndarray = 1.0) -> np.ndarray:
    r""":math:`\tau \lVert\theta\rVert / \lVert u\rVert` of each layer, and 1 where either length is 0."""
    length, step = norm(theta, axes), norm(u, axes)
    return np.where((length > 0) & (step > 0), trust * length / np.where(step > 0, step, 1), 1)


class LARS(Optimizer):
    r"""Momentum whose steps are proportional to the length of each layer's weights, for very large batches.

    .. math:: u_t &= g_t + \lambda\,\theta_{t-1} \\
              m_t &= \mu\,m_{t-1} + \eta\,\tau\, \frac{\lVert\theta_{t-1}\rVert}{\lVert u_t\rVert}\, u_t \\
              \theta_t &= \theta_{t-1} - m_t

    with norms over one parameter of the layout; the ratio, :math:`\tau` included, is 1 where either norm is 0.

    Parameters
    ----------
    lr : Hyper, default 1
        :math:`\eta \ge 0`. One step without momentum moves each layer by the fraction :math:`\eta\tau` of its length.
    momentum : Hyper, default 0.9
        :math:`\mu \in [0, 1)`; lr stands inside it.
    trust : Hyper, default 1e-3
        :math:`\tau \ge 0`, the trust coefficient.
    weight_decay : Hyper, default 0
        :math:`\lambda \ge 0`, added to the gradient (L2).

    Notes
    -----
    optax is as here. The paper divides by :math:`\lVert g\rVert + \lambda\lVert\theta\rVert`. Biases and gains are
    commonly spared: give them another optimizer through `Groups`.

    References
    ----------
    Y. You, I. Gitman, B. Ginsburg, "Large Batch Training of Convolutional Networks", 2017, arXiv 1708.03888,
    Algorithm 1.
    """

    lr: Hyper = 1.0
    momentum: Hyper = 0.9
    trust: Hyper = 1e-3
    weight_decay: Hyper = 0.0

    slots = ("m",)
    elementwise = False
    ranges = {"trust": NONNEGATIVE}

    @staticmethod
    def rule(theta, g, m, *, axes, lr, momentum, trust, weight_decay):
        u = g + weight_decay * theta
        m[:] = momentum * m + lr * trust_ratio(theta, u, axes, trust) * u
        theta[:] = theta - m


class LAMB(Optimizer):
    r"""AdamW whose steps are proportional to the length of each layer's weights: large batches for transformers.

    .. math:: u_t &= \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon} + \lambda\,\theta_{t-1} \\
              \theta_t &= \theta_{t-1} - \eta\, \frac{\lVert\theta_{t-1}\rVert}{\lVert u_t\rVert}\, u_t

    with :math:`\hat m_t, \hat v_t` as in Adam and norms over one parameter of the layout; the ratio is 1 where either
    norm is 0. With ratio 1 everywhere it is AdamW.

    Parameters
    ----------
    lr : Hyper, default 1e-3
        :math:`\eta \ge 0`, exactly the fraction of its length by which a layer moves.
    beta1, beta2 : Hyper, default 0.9 and 0.999
        In [0, 1).
    eps : Hyper, default 1e-6
        :math:`\epsilon \ge 0`, outside the root.
    weight_decay : Hyper, default 0
        :math:`\lambda \ge 0`, inside the ratio.

    Notes
    -----
    optax is as here. keras applies weight decay before and outside the ratio; other libraries clip
    :math:`\lVert\theta\rVert` or the ratio at 10, which the paper leaves open as the function :math:`\phi`.

    References
    ----------
    Y. You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes", ICLR 2020,
    arXiv 1904.00962, Algorithm 2.
    """

    lr: Hyper = 1e-3
    beta1: Hyper = 0.9
    beta2: Hyper = 0.999
    eps: Hyper = 1e-6
    weight_decay: Hyper = 0.0

    slots = ("m", "v")
    elementwise = False

    @staticmethod
    def rule(theta, g, m, v, *, t, axes, lr, beta1, beta2, eps, weight_decay):
        m[:] = beta1 * m + (1 - beta1) * g
        v[:] = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        u = m_hat / (np.sqrt(v_hat) + eps) + weight_decay * theta
        theta[:] = theta - lr * trust_ratio(theta, u, axes) * u


class Adafactor(Optimizer):
    r"""Adam without momentum that remembers a matrix of second moments by the means of its rows and columns.

    .. math:: R_t &= \beta_t R_{t-1} + (1-\beta_t)\operatorname{mean}_{\text{columns}} g_t^2, \qquad
              C_t = \beta_t C_{t-1} + (1-\beta_t)\operatorname{mean}_{\text{rows}} g_t^2, \qquad \beta_t = 1 - t^c \\
              v_t &= R_t C_t / \max(\operatorname{mean} R_t, \epsilon_1) \\
              u_t &= g_t / \max(\sqrt{v_t}, \epsilon_1), \qquad u_t \leftarrow u_t / \max(1, \operatorname{rms}(u_t)/d)
              \\
              \theta_t &= (1-\eta\lambda)\,\theta_{t-1}
              - \min(\eta, 1/\sqrt t)\, \max(\epsilon_2, \operatorname{rms}(\theta_{t-1}))\, u_t

    A vector has :math:`v_t = \beta_t v_{t-1} + (1-\beta_t)\,g_t^2` for each of its coordinates. Of a parameter with
    more than two axes the last two are factored.

    Parameters
    ----------
    lr : Hyper, default 1e-2
        :math:`\eta \ge 0`, the largest step relative to the size of the parameter.
    beta2_decay : Hyper, default -0.8
        :math:`c \le 0`: the memory grows with t, so nothing needs correction for the start.
    eps1 : Hyper, default 2**-52
        :math:`\epsilon_1 \ge 0`.
    eps2 : Hyper, default 1e-3
        :math:`\epsilon_2 \ge 0`: as if parameters were at least this large, so that zeros can leave.
    d : Hyper, default 1
        > 0, the largest root mean square of an update.
    weight_decay : Hyper, default 0
        :math:`\lambda \ge 0`, decoupled.

    Notes
    -----
    torch is as here; its eps1 is the machine epsilon of theta's dtype, which is ours in float64. The paper and keras
    add :math:`\epsilon_1 = 10^{-30}` to :math:`g_t^2` instead. optax factors only axes of 128 and more, and has no
    :math:`1/\sqrt t`.

    References
    ----------
    N. Shazeer, M. Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", ICML 2018, arXiv 1804.04235,
    Algorithms 4 (matrices), 5 (vectors) and 6 (hyperparameters).
    """

    lr: Hyper = 1e-2
    beta2_decay: Hyper = -0.8
    eps1: Hyper = 2.0**-52
    eps2: Hyper = 1e-3
    d: Hyper = 1.0
    weight_decay: Hyper = 0.0

    slots = ("rows", "columns", "v")
    elementwise = False
    ranges = {
        "beta2_decay": ("(-inf, 0]", lambda x: (x > -np.inf) & (x <= 0)),
        "eps1": NONNEGATIVE,
        "eps2": NONNEGATIVE,
        "d": POSITIVE,
    }

    def slot_shape(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) < 2:
            return shape if name == "v" else (0,)
        return {"rows": (*shape[:-1], 1), "columns": (*shape[:-2], 1, shape[-1]), "v": (0,)}[name]

    @staticmethod
    def rule(theta, g, rows, columns, v, *, t, axes, lr, beta2_decay, eps1, eps2, d, weight_decay):
        beta2 = 1 - t**beta2_decay
        if len(axes) >= 2:
            rows[:] = beta2 * rows + (1 - beta2) * (g**2).mean(-1, keepdims=True)
            columns[:] = beta2 * columns + (1 - beta2) * (g**2).mean(-2, keepdims=True)
            v_hat = rows * columns / np.maximum(rows.mean(-2, keepdims=True), eps1)
        else:
            v[:] = beta2 * v + (1 - beta2) * g**2
            v_hat = v
        u = g / np.maximum(np.sqrt(v_hat), eps1)
        u = u / np.maximum(1, rms(u, axes) / d)
        size = np.maximum(eps2, rms(theta, axes))
        theta[:] = (1 - lr * weight_decay) * theta - np.minimum(lr * size, size / t**0.5) * u
