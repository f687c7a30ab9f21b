"""No schedule to choose, or no learning rate: ScheduleFreeSGD, ScheduleFreeAdamW, Prodigy."""

from __future__ import annotations

from typing import Any

import numpy as np

from optlib.optimizer import NONNEGATIVE, Hyper, Layout, Optimizer, State


class ScheduleFree(Optimizer):
    """What the two schedule-free methods share: three sequences, and the weight of the newest one in the average.

    theta is y, where gradients are taken; z moves like plain SGD or Adam; x, the weighted average of z, is where the
    loss is reported.
    """

    ranges = {"r": NONNEGATIVE, "weight_lr_power": NONNEGATIVE}
    scalars = ("lr_max", "weight_sum")
    prepared = ("c",)

    def init(self, theta: np.ndarray, layout: Layout | None = None) -> State:
        return {**super().init(theta, layout), "z": theta.copy(), "x": theta.copy()}

    def prepare(self, values: dict[str, Any], theta: np.ndarray, g: np.ndarray, state: State) -> dict[str, Any]:
        state["lr_max"] = np.maximum(state["lr_max"], values["lr"])
        weight = values["t"] ** values["r"] * state["lr_max"] ** values["weight_lr_power"]
        state["weight_sum"] = state["weight_sum"] + weight
        return {"c": weight / np.where(state["weight_sum"] > 0, state["weight_sum"], 1)}

    def evaluation_point(self, theta: np.ndarray, state: State) -> np.ndarray:
        return state["x"]


class ScheduleFreeSGD(ScheduleFree):
    r"""SGD whose average is meant to match a decayed schedule at every moment, without knowing when it will stop.

    .. math:: z_t &= z_{t-1} - \eta\,(g_t + \lambda\,y_{t-1}), \qquad x_t = (1-c_t)\,x_{t-1} + c_t\,z_t \\
              y_t &= (1-\beta)\,z_t + \beta\,x_t, \qquad c_t = \frac{w_t}{\sum_{i \le t} w_i}, \quad
              w_t = t^r \max_{i \le t} \eta_i^2

    theta is y; the loss is reported at x.

    Parameters
    ----------
    lr : Hyper, default 1
        :math:`\eta \ge 0`; give ``Warmup(steps, peak)`` to warm up.
    momentum : Hyper, default 0.9
        :math:`\beta \in [0, 1)`; with 0 it is Polyak's averaging.
    weight_decay : Hyper, default 0
        :math:`\lambda \ge 0`, at y.
    r, weight_lr_power : Hyper, default 0 and 2
        Powers of t and of the largest lr so far in the weight.

    References
    ----------
    A. Defazio et al., "The Road Less Scheduled", NeurIPS 2024, arXiv 2405.15682, equations (3)-(5); the package
    schedulefree 1.4.1.
    """

    lr: Hyper = 1.0
    momentum: Hyper = 0.9
    weight_decay: Hyper = 0.0
    r: Hyper = 0.0
    weight_lr_power: Hyper = 2.0

    slots = ("z", "x")

    @staticmethod
    def rule(theta, g, z, x, *, lr, momentum, weight_decay, c):
        z[:] = z - lr * (g + weight_decay * theta)
        x[:] = (1 - c) * x + c * z
        theta[:] = (1 - momentum) * z + momentum * x


class ScheduleFreeAdamW(ScheduleFree):
    r"""Schedule-Free with Adam's scale: the second moment of the gradient, corrected, and no first moment.

    .. math:: v_t &= \beta_2 v_{t-1} + (1-\beta_2)\,g_t^2, \qquad
              u_t = \frac{g_t}{\sqrt{v_t/(1-\beta_2^t)} + \epsilon} + \lambda\,y_{t-1} \\
              z_t &= z_{t-1} - \eta\,u_t, \qquad x_t = (1-c_t)\,x_{t-1} + c_t\,z_t, \qquad
              y_t = (1-\beta_1)\,z_t + \beta_1\,x_t

    with :math:`c_t` as in ScheduleFreeSGD.

    Parameters
    ----------
    lr : Hyper, default 0.0025
        :math:`\eta \ge 0`.
    beta1, beta2 : Hyper, default 0.9 and 0.999
        In [0, 1); beta1 says how far y lies towards the average.
    eps : Hyper, default 1e-8
    weight_decay : Hyper, default 0
        :math:`\lambda \ge 0`, at y.
    r, weight_lr_power : Hyper, default 0 and 2

    Notes
    -----
    The paper's Algorithm 1 folds the correction of v into lr; since version 1.3 the authors' package does as here.

    References
    ----------
    A. Defazio et al., NeurIPS 2024, arXiv 2405.15682, Algorithm 1; the package schedulefree 1.4.1.
    """

    lr: Hyper = 0.0025
    beta1: Hyper = 0.9
    beta2: Hyper = 0.999
    eps: Hyper = 1e-8
    weight_decay: Hyper = 0.0
    r: Hyper = 0.0
    weight_lr_power: Hyper = 2.0

    slots = ("z", "x", "v")

    @staticmethod
    def rule(theta, g, z, x, v, *, t, lr, beta1, beta2, eps, weight_decay, c):
        v[:] = beta2 * v + (1 - beta2) * g**2
        u = g / (np.sqrt(v / (1 - beta2**t)) + eps) + weight_decay * theta
        z[:] = z - lr * u
        x[:] = (1 - c) * x + c * z
        theta[:] = (1 - beta1) * z + beta1 * x


class Prodigy(Optimizer):
    r"""Adam without a learning rate: the step is an estimate d of the distance to the solution, which only grows.

    .. math:: r_t &= \beta_3 r_{t-1} + \frac{d_t^2\,\gamma_t}{d_0} \langle g_t, \theta_0 - \theta_{t-1} \rangle, \qquad
              s_t = \beta_3 s_{t-1} + \frac{d_t^2\,\gamma_t}{d_0}\, g_t, \qquad
              d_{t+1} = \max\Bigl(d_t, \kappa \frac{r_t}{\lVert s_t \rVert_1}\Bigr) \\
              m_t &= \beta_1 m_{t-1} + (1-\beta_1)\,d_t g_t, \qquad v_t = \beta_2 v_{t-1} + (1-\beta_2)\,d_t^2 g_t^2 \\
              \theta_t &= \theta_{t-1} - \gamma_t d_t\Bigl(\frac{m_t}{\sqrt{v_t} + d_{t+1}\epsilon}
              + \lambda\,\theta_{t-1}\Bigr), \qquad \gamma_t = \eta\,\frac{\sqrt{1-\beta_2^t}}{1-\beta_1^t}

    It couples all parameters, so it sees theta as one vector.

    Parameters
    ----------
    lr : Hyper, default 1
        A factor :math:`\eta` for schedules.
    beta1, beta2 : Hyper, default 0.9 and 0.999
    beta3 : Hyper, default sqrt(beta2)
    eps : Hyper, default 1e-8
    d0 : Hyper, default 1e-6
        The first estimate, > 0: too small only costs a few steps.
    d_coef : Hyper, default 1
        :math:`\kappa`.
    weight_decay : Hyper, default 0
        :math:`\lambda \ge 0`, decoupled.

    Notes
    -----
    optax always corrects for the start, as here; the authors' code does so on request.

    References
    ----------
    K. Mishchenko, A. Defazio, "Prodigy: An Expeditiously Adaptive Parameter-Free Learner", ICML 2024, arXiv 2306.06101,
    Algorithm 4.
    """

    lr: Hyper = 1.0
    beta1: Hyper = 0.9
    beta2: Hyper = 0.999
    beta3: Hyper | None = None
    eps: Hyper = 1e-8
    d0: Hyper = 1e-6
    d_coef: Hyper = 1.0
    weight_decay: Hyper = 0.0

    slots = ("m", "v", "s", "theta0", "d", "r")
    elementwise = False

    def init(self, theta: np.ndarray, layout: Layout | None = None) -> State:
        state = {**super().init(theta), "theta0": theta.copy()}
        state["d"] += np.asarray(self.d0, theta.dtype)[..., None]
        return state

    def slot_shape(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (1,) if name in ("d", "r") else shape

    @staticmethod
    def rule(theta, g, m, v, s, theta0, d, r, *, t, lr, beta1, beta2, beta3, eps, d0, d_coef, weight_decay):
        beta3 = np.sqrt(beta2) if beta3 is None else beta3
        step = d * lr * np.sqrt(1 - beta2**t) / (1 - beta1**t)
        m[:] = beta1 * m + (1 - beta1) * d * g
        v[:] = beta2 * v + (1 - beta2) * (d * g) ** 2
        r[:] = beta3 * r + d / d0 * step * (g * (theta0 - theta)).sum(-1, keepdims=True)
        s[:] = beta3 * s + d / d0 * step * g
        length = np.abs(s).sum(-1, keepdims=True)
        d[:] = np.maximum(d, d_coef * r / np.where(length > 0, length, 1))
        theta[:] = theta - step * (m / (np.sqrt(v) + d * eps) + weight_decay * theta)
