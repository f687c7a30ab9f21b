"""Each parameter its own step: Adagrad, Adadelta, RMSprop."""

from __future__ import annotations

import numpy as np

from optlib.optimizer import Hyper, Layout, Optimizer, State


class Adagrad(Optimizer):
    r"""One learning rate for rare and common features: divide by the root of the sum of squared gradients.

    .. math:: s_t &= s_{t-1} + g_t^2 \\
              \theta_t &= \theta_{t-1} - \eta\, \frac{g_t}{\sqrt{s_t} + \epsilon}

    Parameters
    ----------
    lr : Hyper, default 1e-2
        :math:`\eta \ge 0`.
    eps : Hyper, default 1e-10
        :math:`\epsilon \ge 0`, outside the root.
    initial_accumulator : float, default 0
        :math:`s_0 \ge 0`.

    Notes
    -----
    torch is as here. optax and keras put eps inside the root (1e-7) and start at :math:`s_0 = 0.1`.

    References
    ----------
    J. Duchi, E. Hazan, Y. Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
    Journal of Machine Learning Research 12, 2011, equation (1).
    """

    lr: Hyper = 1e-2
    eps: Hyper = 1e-10
    initial_accumulator: Hyper = 0.0

    slots = ("s",)

    def init(self, theta: np.ndarray, layout: Layout | None = None) -> State:
        state = super().init(theta, layout)
        state["s"] += np.asarray(self.initial_accumulator, theta.dtype)[..., None]
        return state

    @staticmethod
    def rule(theta, g, s, *, lr, eps):
        s[:] = s + g**2
        theta[:] = theta - lr * g / (np.sqrt(s) + eps)


class Adadelta(Optimizer):
    r"""Adagrad that forgets and needs no learning rate: the step gets the units of theta from past steps.

    .. math:: s_t &= \rho\,s_{t-1} + (1-\rho)\,g_t^2 \\
              \Delta_t &= \sqrt{d_{t-1} + \epsilon}\; g_t / \sqrt{s_t + \epsilon} \\
              d_t &= \rho\,d_{t-1} + (1-\rho)\,\Delta_t^2 \\
              \theta_t &= \theta_{t-1} - \eta\,\Delta_t

    Parameters
    ----------
    lr : Hyper, default 1
        :math:`\eta \ge 0`, not in the paper.
    rho : Hyper, default 0.9
        :math:`\rho \in [0, 1)`.
    eps : Hyper, default 1e-6
        :math:`\epsilon \ge 0`; decides the size of the first steps.

    Notes
    -----
    keras: lr 0.001, rho 0.95, eps 1e-7, with which it barely moves.

    References
    ----------
    M. D. Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012, arXiv 1212.5701, Algorithm 1.
    """

    lr: Hyper = 1.0
    rho: Hyper = 0.9
    eps: Hyper = 1e-6

    slots = ("s", "d")

    @staticmethod
    def rule(theta, g, s, d, *, lr, rho, eps):
        s[:] = rho * s + (1 - rho) * g**2
        delta = np.sqrt(d + eps) / np.sqrt(s + eps) * g
        d[:] = rho * d + (1 - rho) * delta**2
        theta[:] = theta - lr * delta


class RMSprop(Optimizer):
    r"""Adagrad that forgets: divide by the root of a moving average of squared gradients.

    .. math:: v_t &= \rho\,v_{t-1} + (1-\rho)\,g_t^2 \\
              b_t &= \mu\,b_{t-1} + \frac{g_t}{\sqrt{v_t} + \epsilon} \\
              \theta_t &= \theta_{t-1} - \eta\,b_t

    Parameters
    ----------
    lr : Hyper, default 1e-2
        :math:`\eta \ge 0`.
    rho : Hyper, default 0.99
        :math:`\rho \in [0, 1)` (torch calls it alpha; optax and keras take 0.9).
    eps : Hyper, default 1e-8
        :math:`\epsilon \ge 0`.
    momentum : Hyper, default 0
        :math:`\mu \in [0, 1)`.
    centered : bool, default False
        Divide by the root of the variance :math:`v_t - \bar g_t^2`, with :math:`\bar g` a moving average of g.
    eps_inside_root : bool, default False
        :math:`\sqrt{v_t + \epsilon}`, as in optax and keras; it decides everything when gradients are as small as
        :math:`\sqrt\epsilon`.

    References
    ----------
    T. Tieleman, G. Hinton, "Lecture 6.5: RMSProp", COURSERA Neural Networks for Machine Learning, 2012.
    Centered form: A. Graves, "Generating Sequences With Recurrent Neural Networks", 2013, arXiv 1308.0850, equations
    (38)-(41).
    """

    lr: Hyper = 1e-2
    rho: Hyper = 0.99
    eps: Hyper = 1e-8
    momentum: Hyper = 0.0
    centered: bool = False
    eps_inside_root: bool = False

    slots = ("v", "g_bar", "b")

    @staticmethod
    def rule(theta, g, v, g_bar, b, *, lr, rho, eps, momentum, centered, eps_inside_root):
        v[:] = rho * v + (1 - rho) * g**2
        variance = v
        if centered:
            g_bar[:] = rho * g_bar + (1 - rho) * g
            variance = np.maximum(v - g_bar**2, 0)
        root = np.sqrt(variance + eps) if eps_inside_root else np.sqrt(variance) + eps
        b[:] = momentum * b + g / root
        theta[:] = theta - lr * b
