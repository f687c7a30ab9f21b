"""Gradient descent and its memory: SGD, Momentum, Nesterov."""

from __future__ import annotations

from optlib.optimizer import Hyper, Optimizer


class SGD(Optimizer):
    r"""Gradient descent: a step against the gradient, whether of all data or of a minibatch.

    .. math:: \theta_t = \theta_{t-1} - \eta\,(g_t + \lambda\,\theta_{t-1})

    Parameters
    ----------
    lr : Hyper, default 1e-3
        Step size :math:`\eta \ge 0`.
    weight_decay : Hyper, default 0
        :math:`\lambda \ge 0`, added to the gradient (L2). For SGD the same as shrinking theta by
        ``1 - lr * weight_decay``.

    Notes
    -----
    torch: ``SGD(lr=1e-3)``; optax: ``sgd`` (no default lr); keras: ``SGD(0.01)``, whose weight_decay is decoupled.

    References
    ----------
    H. Robbins, S. Monro, "A Stochastic Approximation Method", Annals of Mathematical Statistics 22(3), 1951.
    """

    lr: Hyper = 1e-3
    weight_decay: Hyper = 0.0

    @staticmethod
    def rule(theta, g, *, lr, weight_decay):
        g = g + weight_decay * theta
        theta[:] = theta - lr * g


class Momentum(Optimizer):
    r"""Heavy ball: a velocity sums past gradients, so that zig-zag cancels and steady progress adds up.

    .. math:: v_t &= \mu\,v_{t-1} + (1-\tau)\,(g_t + \lambda\,\theta_{t-1}) \\
              \theta_t &= \theta_{t-1} - \eta\,v_t

    with :math:`\tau = 0` in the first step, as in torch.

    Parameters
    ----------
    lr : Hyper, default 1e-3
        Step size :math:`\eta \ge 0`. For a steady gradient the effective rate is ``lr / (1 - momentum)``.
    momentum : Hyper, default 0.9
        :math:`\mu \in [0, 1)`.
    dampening : Hyper, default 0
        :math:`\tau \in [0, 1]`.
    weight_decay : Hyper, default 0
        :math:`\lambda \ge 0`, added to the gradient (L2).

    Notes
    -----
    torch and optax keep lr outside the velocity, as here; keras puts it inside, ``v = mu * v - lr * g``. Both agree
    until lr changes.

    References
    ----------
    B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", USSR Computational Mathematics and
    Mathematical Physics 4(5), 1964. I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of initialization
    and momentum in deep learning", ICML 2013.
    """

    lr: Hyper = 1e-3
    momentum: Hyper = 0.9
    dampening: Hyper = 0.0
    weight_decay: Hyper = 0.0

    slots = ("v",)

    @staticmethod
    def rule(theta, g, v, *, t, lr, momentum, dampening, weight_decay):
        g = g + weight_decay * theta
        v[:] = momentum * v + (1 - dampening if t > 1 else 1) * g
        theta[:] = theta - lr * v


class Nesterov(Optimizer):
    r"""Momentum that looks ahead: the gradient is taken where the velocity is about to carry theta.

    .. math:: v_t &= \mu\,v_{t-1} + g_t + \lambda\,\theta_{t-1} \\
              \theta_t &= \theta_{t-1} - \eta\,(g_t + \lambda\,\theta_{t-1} + \mu\,v_t)

    Here theta *is* the look-ahead point: with constant lr and momentum the textbook form, which stands at x and takes
    the gradient at :math:`x - \eta\mu v`, takes it at the same points.

    Parameters
    ----------
    lr : Hyper, default 1e-3
        Step size :math:`\eta \ge 0`.
    momentum : Hyper, default 0.9
        :math:`\mu \in [0, 1)`.
    weight_decay : Hyper, default 0
        :math:`\lambda \ge 0`, added to the gradient (L2).

    References
    ----------
    Y. Nesterov, "A method of solving a convex programming problem with convergence rate O(1/k^2)", Soviet Mathematics
    Doklady 27(2), 1983. I. Sutskever et al., ICML 2013, section 2.
    """

    lr: Hyper = 1e-3
    momentum: Hyper = 0.9
    weight_decay: Hyper = 0.0

    slots = ("v",)

    @staticmethod
    def rule(theta, g, v, *, lr, momentum, weight_decay):
        g = g + weight_decay * theta
        v[:] = momentum * v + g
        theta[:] = theta - lr * (g + momentum * v)
