"""Only the sign of the gradient: Rprop, SignSGD, Signum, Lion."""

from __future__ import annotations

import numpy as np

from optlib.optimizer import Hyper, Optimizer


class Rprop(Optimizer):
    r"""Each coordinate has its own step, which grows while the sign of its gradient stays and shrinks when it flips.

    .. math:: s_t &= \operatorname{clip}\bigl(s_{t-1}\cdot\{\eta^+ \text{ if } g_t g_{t-1} > 0,\ \eta^-
              \text{ if } < 0,\ 1 \text{ otherwise}\},\ s_{\min}, s_{\max}\bigr) \\
              \theta_t &= \theta_{t-1} - s_t \operatorname{sign}(g_t), \qquad g_t := 0 \text{ where the sign flipped}

    Parameters
    ----------
    lr : Hyper, default 1e-2
        The first step of every coordinate, :math:`s_0 \ge 0`.
    eta_minus, eta_plus : Hyper, default 0.5 and 1.2
        Factors on a flip and on agreement.
    step_min, step_max : Hyper, default 1e-6 and 50
        Limits of a step.

    Notes
    -----
    It needs full batches: minibatch noise flips signs. RMSprop was made to mend this. torch is as here (iRprop-); the
    step that optax 0.2.8 takes is one update old.

    References
    ----------
    M. Riedmiller, H. Braun, "A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP Algorithm", IEEE
    International Conference on Neural Networks, 1993.
    """

    lr: Hyper = 1e-2
    eta_minus: Hyper = 0.5
    eta_plus: Hyper = 1.2
    step_min: Hyper = 1e-6
    step_max: Hyper = 50.0

    slots = ("g_previous", "s")

    @staticmethod
    def rule(theta, g, g_previous, s, *, t, lr, eta_minus, eta_plus, step_min, step_max):
        if t == 1:
            s[:] = lr
        agreement = np.sign(g * g_previous)
        s[:] = s * np.where(agreement > 0, eta_plus, np.where(agreement < 0, eta_minus, 1))
        s[:] = np.clip(s, step_min, step_max)
        g_previous[:] = np.where(agreement < 0, 0, g)
        theta[:] = theta - s * np.sign(g_previous)


class SignSGD(Optimizer):
    r"""The sign of each coordinate of the gradient: steepest descent under the max norm.

    .. math:: \theta_t = \theta_{t-1} - \eta \operatorname{sign}(g_t)

    Parameters
    ----------
    lr : Hyper, default 1e-3
        :math:`\eta \ge 0`, exactly how far each coordinate moves.

    References
    ----------
    J. Bernstein, Y.-X. Wang, K. Azizzadenesheli, A. Anandkumar, "signSGD: Compressed Optimisation for Non-Convex
    Problems", ICML 2018, arXiv 1802.04434, Algorithm 1.
    """

    lr: Hyper = 1e-3

    @staticmethod
    def rule(theta, g, *, lr):
        theta[:] = theta - lr * np.sign(g)


class Signum(Optimizer):
    r"""SignSGD with memory: the sign of a moving average of gradients.

    .. math:: m_t &= \beta\,m_{t-1} + (1-\beta)\,g_t \\
              \theta_t &= \theta_{t-1} - \eta \operatorname{sign}(m_t)

    Parameters
    ----------
    lr : Hyper, default 1e-3
        :math:`\eta \ge 0`.
    momentum : Hyper, default 0.9
        :math:`\beta \in [0, 1)`.

    References
    ----------
    Bernstein et al., ICML 2018, arXiv 1802.04434, Algorithm 2.
    """

    lr: Hyper = 1e-3
    momentum: Hyper = 0.9

    slots = ("m",)

    @staticmethod
    def rule(theta, g, m, *, lr, momentum):
        m[:] = momentum * m + (1 - momentum) * g
        theta[:] = theta - lr * np.sign(m)


class Lion(Optimizer):
    r"""The sign of momentum that weighs the newest gradient more: half of Adam's memory.

    .. math:: u_t &= \operatorname{sign}(\beta_1 m_{t-1} + (1-\beta_1)\,g_t) \\
              m_t &= \beta_2 m_{t-1} + (1-\beta_2)\,g_t \\
              \theta_t &= \theta_{t-1} - \eta\,(u_t + \lambda\,\theta_{t-1})

    Parameters
    ----------
    lr : Hyper, default 1e-4
        :math:`\eta \ge 0`; 3 to 10 times smaller than Adam's.
    beta1, beta2 : Hyper, default 0.9 and 0.99
        In [0, 1): for the update, and for the memory.
    weight_decay : Hyper, default 0
        :math:`\lambda \ge 0`, decoupled.

    Notes
    -----
    optax: weight_decay 1e-3; keras: lr 1e-3.

    References
    ----------
    X. Chen et al., "Symbolic Discovery of Optimization Algorithms", NeurIPS 2023, arXiv 2302.06675, Program 1.
    """

    lr: Hyper = 1e-4
    beta1: Hyper = 0.9
    beta2: Hyper = 0.99
    weight_decay: Hyper = 0.0

    slots = ("m",)

    @staticmethod
    def rule(theta, g, m, *, lr, beta1, beta2, weight_decay):
        u = np.sign(beta1 * m + (1 - beta1) * g)
        m[:] = beta2 * m + (1 - beta2) * g
        theta[:] = theta - lr * (u + weight_decay * theta)
