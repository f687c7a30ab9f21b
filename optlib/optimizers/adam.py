"""Adam, and AdamW, which takes weight decay out of the gradient."""

from __future__ import annotations

import numpy as np

from optlib.optimizer import Hyper, Optimizer


class Adam(Optimizer):
    r"""Momentum with RMSprop's scale for each parameter, both corrected for starting at zero.

    .. math:: m_t &= \beta_1 m_{t-1} + (1-\beta_1)\,g_t \\
              v_t &= \beta_2 v_{t-1} + (1-\beta_2)\,g_t^2 \\
              \hat m_t &= m_t / (1-\beta_1^t), \quad \hat v_t = v_t / (1-\beta_2^t) \\
              \theta_t &= \theta_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}

    Parameters
    ----------
    lr : Hyper, default 1e-3
        :math:`\eta \ge 0`, about the size of one step of each coordinate.
    beta1, beta2 : Hyper, default 0.9 and 0.999
        Decay rates in [0, 1) of the averages of g and of g squared.
    eps : Hyper, default 1e-8
        :math:`\epsilon \ge 0`, outside the root.
    weight_decay : Hyper, default 0
        :math:`\lambda \ge 0`, added to the gradient (L2), so it is divided by the root too; see AdamW.

    Notes
    -----
    torch and optax are as here. keras uses the paper's shorter form with :math:`\hat\epsilon = 10^{-7}` outside
    :math:`\sqrt{v_t}`, which differs when gradients are tiny.

    References
    ----------
    D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, arXiv 1412.6980, Algorithm 1.
    """

    lr: Hyper = 1e-3
    beta1: Hyper = 0.9
    beta2: Hyper = 0.999
    eps: Hyper = 1e-8
    weight_decay: Hyper = 0.0

    slots = ("m", "v")

    @staticmethod
    def rule(theta, g, m, v, *, t, lr, beta1, beta2, eps, weight_decay):
        g = g + weight_decay * theta
        m[:] = beta1 * m + (1 - beta1) * g
        v[:] = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        theta[:] = theta - lr * m_hat / (np.sqrt(v_hat) + eps)


class AdamW(Optimizer):
    r"""Adam with decoupled weight decay: every weight shrinks at the same rate, whatever its gradients.

    .. math:: \theta_t = (1 - \eta\lambda)\,\theta_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}

    with :math:`\hat m_t, \hat v_t` as in Adam, computed from the gradient alone.

    Parameters
    ----------
    lr, beta1, beta2, eps : Hyper
        As in Adam.
    weight_decay : Hyper, default 1e-2
        :math:`\lambda \ge 0`, multiplied by lr as in every library. The paper multiplies it only by the schedule, so
        its :math:`\lambda` is our ``lr * weight_decay``.

    Notes
    -----
    torch: 1e-2; optax: 1e-4; keras: 0.004.

    References
    ----------
    I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, arXiv 1711.05101, Algorithm 2,
    line 12.
    """

    lr: Hyper = 1e-3
    beta1: Hyper = 0.9
    beta2: Hyper = 0.999
    eps: Hyper = 1e-8
    weight_decay: Hyper = 1e-2

    slots = ("m", "v")

    @staticmethod
    def rule(theta, g, m, v, *, t, lr, beta1, beta2, eps, weight_decay):
        m[:] = beta1 * m + (1 - beta1) * g
        v[:] = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        theta[:] = (1 - lr * weight_decay) * theta - lr * m_hat / (np.sqrt(v_hat) + eps)
