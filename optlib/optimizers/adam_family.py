"""What became of Adam: AdaMax, AMSGrad, NAdam, RAdam, Yogi, AdaBelief, ADOPT, AdEMAMix."""

from __future__ import annotations

from typing import Any

import numpy as np

from optlib.optimizer import Hyper, Layout, Optimizer, State


class AdaMax(Optimizer):
    r"""Adam with the largest recent gradient in place of the root mean square: it needs no second correction.

    .. math:: m_t &= \beta_1 m_{t-1} + (1-\beta_1)\,g_t \\
              u_t &= \max(\beta_2 u_{t-1},\ |g_t| + \epsilon) \\
              \theta_t &= \theta_{t-1} - \frac{\eta}{1-\beta_1^t}\, \frac{m_t}{u_t}

    Parameters
    ----------
    lr : Hyper, default 2e-3
        :math:`\eta \ge 0`.
    beta1, beta2 : Hyper, default 0.9 and 0.999
        In [0, 1).
    eps : Hyper, default 1e-8
        :math:`\epsilon \ge 0`; the paper has none, keras adds it to u.

    References
    ----------
    D. P. Kingma, J. Ba, ICLR 2015, arXiv 1412.6980, Algorithm 2.
    """

    lr: Hyper = 2e-3
    beta1: Hyper = 0.9
    beta2: Hyper = 0.999
    eps: Hyper = 1e-8

    slots = ("m", "u")

    @staticmethod
    def rule(theta, g, m, u, *, t, lr, beta1, beta2, eps):
        m[:] = beta1 * m + (1 - beta1) * g
        u[:] = np.maximum(beta2 * u, np.abs(g) + eps)
        theta[:] = theta - lr / (1 - beta1**t) * m / u


class AMSGrad(Optimizer):
    r"""Adam that never forgets its largest second moment, so that rare large gradients keep their weight.

    .. math:: v^{\max}_t = \max(v^{\max}_{t-1}, v_t), \qquad
              \theta_t = \theta_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{v^{\max}_t / (1-\beta_2^t)} + \epsilon}

    with :math:`m_t, v_t, \hat m_t` as in Adam.

    Parameters
    ----------
    lr, beta1, beta2, eps, weight_decay : Hyper
        As in Adam.
    variant : {"torch", "paper"}
        "torch" takes the maximum of the raw v and corrects for the start afterwards; "paper" corrects nothing,
        :math:`\theta_t = \theta_{t-1} - \eta\, m_t / (\sqrt{v^{\max}_t} + \epsilon)`. optax corrects first and then
        takes the maximum, which keeps the noisy first estimates for good.

    References
    ----------
    S. J. Reddi, S. Kale, S. Kumar, "On the Convergence of Adam and Beyond", ICLR 2018, arXiv 1904.09237, Algorithm 2.
    """

    lr: Hyper = 1e-3
    beta1: Hyper = 0.9
    beta2: Hyper = 0.999
    eps: Hyper = 1e-8
    weight_decay: Hyper = 0.0
    variant: str = "torch"

    slots = ("m", "v", "v_max")
    choices = {"variant": ("torch", "paper")}

    @staticmethod
    def rule(theta, g, m, v, v_max, *, t, lr, beta1, beta2, eps, weight_decay, variant):
        g = g + weight_decay * theta
        m[:] = beta1 * m + (1 - beta1) * g
        v[:] = beta2 * v + (1 - beta2) * g**2
        v_max[:] = np.maximum(v_max, v)
        m_hat, v_hat = (m, v_max) if variant == "paper" else (m / (1 - beta1**t), v_max / (1 - beta2**t))
        theta[:] = theta - lr * m_hat / (np.sqrt(v_hat) + eps)


class NAdam(Optimizer):
    r"""Adam with Nesterov's look-ahead, and a momentum that warms up.

    .. math:: \mu_t &= \beta_1 (1 - \tfrac12\, 0.96^{t\psi}), \qquad \Pi_t = \prod_{i=1}^{t} \mu_i \\
              \hat m_t &= \frac{\mu_{t+1}\, m_t}{1 - \Pi_{t+1}} + \frac{(1-\mu_t)\,g_t}{1 - \Pi_t} \\
              \theta_t &= \theta_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}

    Parameters
    ----------
    lr : Hyper, default 2e-3
        :math:`\eta \ge 0`.
    beta1, beta2, eps : Hyper
        As in Adam.
    psi : Hyper, default 4e-3
        How fast the momentum warms up; keras takes 1.

    Notes
    -----
    torch is as here. optax has no warm-up, :math:`\mu_t = \beta_1`.

    References
    ----------
    T. Dozat, "Incorporating Nesterov Momentum into Adam", ICLR 2016 workshop, Algorithm 2.
    """

    lr: Hyper = 2e-3
    beta1: Hyper = 0.9
    beta2: Hyper = 0.999
    eps: Hyper = 1e-8
    psi: Hyper = 4e-3

    slots = ("m", "v")
    scalars = ("mu_product",)
    prepared = ("mu", "mu_next", "mu_product")

    def init(self, theta: np.ndarray, layout: Layout | None = None) -> State:
        state = super().init(theta, layout)
        state["mu_product"] += 1
        return state

    def prepare(self, values: dict[str, Any], theta: np.ndarray, g: np.ndarray, state: State) -> dict[str, Any]:
        mu, mu_next = (
            values["beta1"] * (1 - 0.5 * 0.96 ** (t * values["psi"])) for t in (values["t"], values["t"] + 1)
        )
        state["mu_product"] = state["mu_product"] * mu
        return {"mu": mu, "mu_next": mu_next, "mu_product": state["mu_product"]}

    @staticmethod
    def rule(theta, g, m, v, *, t, lr, beta1, beta2, eps, mu, mu_next, mu_product):
        m[:] = beta1 * m + (1 - beta1) * g
        v[:] = beta2 * v + (1 - beta2) * g**2
        m_hat = mu_next * m / (1 - mu_product * mu_next) + (1 - mu) * g / (1 - mu_product)
        v_hat = v / (1 - beta2**t)
        theta[:] = theta - lr * m_hat / (np.sqrt(v_hat) + eps)


class RAdam(Optimizer):
    r"""Adam with a built-in warm-up: plain momentum until v is worth trusting, then a factor that grows to one.

    .. math:: \rho_\infty &= \frac{2}{1-\beta_2} - 1, \qquad \rho_t = \rho_\infty - \frac{2 t \beta_2^t}{1-\beta_2^t} \\
              r_t &= \sqrt{\frac{(\rho_t-4)(\rho_t-2)\,\rho_\infty}{(\rho_\infty-4)(\rho_\infty-2)\,\rho_t}} \\
              \theta_t &= \theta_{t-1} - \eta\, \hat m_t \cdot \begin{cases}
              r_t \sqrt{1-\beta_2^t}\,/\,(\sqrt{v_t} + \epsilon) & \rho_t > 5 \\ 1 & \text{otherwise} \end{cases}

    Parameters
    ----------
    lr : Hyper, default 1e-3
        :math:`\eta \ge 0`.
    beta1, beta2, eps : Hyper
        As in Adam.

    Notes
    -----
    torch is as here. The paper's threshold is 4, so it rectifies from the 5th update, the libraries from the 6th; optax
    adds eps after the correction.

    References
    ----------
    L. Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", ICLR 2020, arXiv 1908.03265, Algorithm 2.
    """

    lr: Hyper = 1e-3
    beta1: Hyper = 0.9
    beta2: Hyper = 0.999
    eps: Hyper = 1e-8

    slots = ("m", "v")

    @staticmethod
    def rule(theta, g, m, v, *, t, lr, beta1, beta2, eps):
        m[:] = beta1 * m + (1 - beta1) * g
        v[:] = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
        with np.errstate(invalid="ignore", divide="ignore"):  # where r is not used: at first, and for beta2 below 2/3
            r = np.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
        scale = np.where(rho > 5, r * np.sqrt(1 - beta2**t) / (np.sqrt(v) + eps), 1)
        theta[:] = theta - lr * m_hat * scale


class Yogi(Optimizer):
    r"""Adam whose second moment changes by steps of the size of g squared, so that it cannot collapse at once.

    .. math:: v_t = v_{t-1} - (1-\beta_2) \operatorname{sign}(v_{t-1} - g_t^2)\, g_t^2

    and the rest as in Adam.

    Parameters
    ----------
    lr : Hyper, default 1e-2
        :math:`\eta \ge 0`.
    beta1, beta2 : Hyper, default 0.9 and 0.999
        In [0, 1).
    eps : Hyper, default 1e-3
        :math:`\epsilon \ge 0`.
    initial_accumulator : Hyper, default 1e-6
        Where m and v start, as in optax.

    References
    ----------
    M. Zaheer, S. Reddi, D. Sachan, S. Kale, S. Kumar, "Adaptive Methods for Nonconvex Optimization", NeurIPS 2018,
    Algorithm 2.
    """

    lr: Hyper = 1e-2
    beta1: Hyper = 0.9
    beta2: Hyper = 0.999
    eps: Hyper = 1e-3
    initial_accumulator: Hyper = 1e-6

    slots = ("m", "v")

    def init(self, theta: np.ndarray, layout: Layout | None = None) -> State:
        state = super().init(theta, layout)
        for name in self.slots:
            state[name] += np.asarray(self.initial_accumulator, theta.dtype)[..., None]
        return state

    @staticmethod
    def rule(theta, g, m, v, *, t, lr, beta1, beta2, eps):
        m[:] = beta1 * m + (1 - beta1) * g
        v[:] = v - (1 - beta2) * np.sign(v - g**2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        theta[:] = theta - lr * m_hat / (np.sqrt(v_hat) + eps)


class AdaBelief(Optimizer):
    r"""Adam scaled by surprise: the second moment of the difference between the gradient and its own average.

    .. math:: s_t &= \beta_2 s_{t-1} + (1-\beta_2)\,(g_t - m_t)^2 + \epsilon \\
              \theta_t &= \theta_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{\hat s_t} + \epsilon}

    Parameters
    ----------
    lr : Hyper, default 1e-3
        :math:`\eta \ge 0`.
    beta1, beta2 : Hyper, default 0.9 and 0.999
        In [0, 1).
    eps : Hyper, default 1e-16
        :math:`\epsilon \ge 0`, added to s in every step and outside the root, as in optax.

    References
    ----------
    J. Zhuang et al., "AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients", NeurIPS 2020,
    arXiv 2010.07468, Algorithm 2.
    """

    lr: Hyper = 1e-3
    beta1: Hyper = 0.9
    beta2: Hyper = 0.999
    eps: Hyper = 1e-16

    slots = ("m", "s")

    @staticmethod
    def rule(theta, g, m, s, *, t, lr, beta1, beta2, eps):
        m[:] = beta1 * m + (1 - beta1) * g
        s[:] = beta2 * s + (1 - beta2) * (g - m) ** 2 + eps
        m_hat = m / (1 - beta1**t)
        s_hat = s / (1 - beta2**t)
        theta[:] = theta - lr * m_hat / (np.sqrt(s_hat) + eps)


class ADOPT(Optimizer):
    r"""Adam that scales by the *previous* second moment, and before averaging: it converges for any beta2.

    .. math:: u_t &= \operatorname{clip}\Bigl(\frac{g_t}{\max(\sqrt{v_{t-1}}, \epsilon)},\ \pm (t-1)^{1/4}\Bigr) \\
              m_t &= \beta_1 m_{t-1} + (1-\beta_1)\,u_t, \qquad \theta_t = \theta_{t-1} - \eta\,m_t \\
              v_t &= \beta_2 v_{t-1} + (1-\beta_2)\,g_t^2

    The first gradient only sets :math:`v_1 = g_1^2`.

    Parameters
    ----------
    lr : Hyper, default 1e-3
        :math:`\eta \ge 0`.
    beta1, beta2 : Hyper, default 0.9 and 0.9999
        In [0, 1).
    eps : Hyper, default 1e-6
        :math:`\epsilon \ge 0`.

    References
    ----------
    S. Taniguchi et al., "ADOPT: Modified Adam Can Converge with Any beta2 with the Optimal Rate", NeurIPS 2024,
    arXiv 2411.02853, Algorithm 2.
    """

    lr: Hyper = 1e-3
    beta1: Hyper = 0.9
    beta2: Hyper = 0.9999
    eps: Hyper = 1e-6

    slots = ("m", "v")

    @staticmethod
    def rule(theta, g, m, v, *, t, lr, beta1, beta2, eps):
        if t == 1:
            v[:] = g**2
        else:
            limit = (t - 1) ** 0.25
            u = np.clip(g / np.maximum(np.sqrt(v), eps), -limit, limit)
            m[:] = beta1 * m + (1 - beta1) * u
            theta[:] = theta - lr * m
            v[:] = beta2 * v + (1 - beta2) * g**2


class AdEMAMix(Optimizer):
    r"""Adam with two memories: one of ten steps, one of ten thousand.

    .. math:: n_t &= \beta_3 n_{t-1} + (1-\beta_3)\,g_t \\
              \theta_t &= \theta_{t-1} - \eta\, \frac{\hat m_t + \alpha\,n_t}{\sqrt{\hat v_t} + \epsilon}

    with :math:`\hat m_t, \hat v_t` as in Adam; the slow average n is not corrected.

    Parameters
    ----------
    lr : Hyper, default 1e-3
        :math:`\eta \ge 0`.
    beta1, beta2, beta3 : Hyper, default 0.9, 0.999 and 0.9999
        In [0, 1).
    alpha : Hyper, default 5
        Weight of the slow memory. The paper warms up alpha and beta3: give both a schedule.
    eps : Hyper, default 1e-8
        :math:`\epsilon \ge 0`.

    References
    ----------
    M. Pagliardini, P. Ablin, D. Grangier, "The AdEMAMix Optimizer: Better, Faster, Older", 2024, arXiv 2409.03137,
    Algorithm 1.
    """

    lr: Hyper = 1e-3
    beta1: Hyper = 0.9
    beta2: Hyper = 0.999
    beta3: Hyper = 0.9999
    alpha: Hyper = 5.0
    eps: Hyper = 1e-8

    slots = ("m", "n", "v")

    @staticmethod
    def rule(theta, g, m, n, v, *, t, lr, beta1, beta2, beta3, alpha, eps):
        m[:] = beta1 * m + (1 - beta1) * g
        n[:] = beta3 * n + (1 - beta3) * g
        v[:] = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        theta[:] = theta - lr * (m_hat + alpha * n) / (np.sqrt(v_hat) + eps)
