"""A weight matrix is more than a list of numbers: Muon, Shampoo, SOAP.

Each of these rules turns with its coordinates: rotate the rows and columns of every gradient, and the path of theta
rotates with them. Adam's does not.
"""

from __future__ import annotations

import numpy as np

from optlib.optimizer import Hyper, Layout, Optimizer, State, check_count


class MatrixRule(Optimizer):
    """Base of the rules for matrices ``(in, out)``, of dense layers ``x @ W``.

    A convolution ``(out, in, kh, kw)`` is treated as the matrix ``(in * kh * kw, out)`` that its patches are multiplied
    with. Other shapes are refused: vectors belong to another optimizer, through `Groups`.
    """

    elementwise = False

    def init(self, theta: np.ndarray, layout: Layout | None = None) -> State:
        who = type(self).__name__
        if layout is None:
            raise ValueError(f"{who}: needs the layout, init(theta, problem.layout); minimize passes it")
        for name, shape in layout.items():
            if len(shape) not in (2, 4):
                raise ValueError(
                    f"{who}: the parameter {name!r} has shape {tuple(shape)}, but this rule is for matrices (in, out) "
                    f"and convolutions (out, in, kh, kw); give the others to another rule: "
                    f"Groups({{{name!r}: AdamW(), '*': {who}()}})"
                )
        return super().init(theta, layout)

    def seen(self, parameter: np.ndarray) -> np.ndarray:
        if parameter.ndim < 4:
            return parameter
        return parameter.reshape(*parameter.shape[:-3], -1).mT

    def slot_shape(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        rows, columns = shape if len(shape) == 2 else (shape[1] * shape[2] * shape[3], shape[0])
        return {"L": (rows, rows), "Q_L": (rows, rows), "R": (columns, columns), "Q_R": (columns, columns)}.get(
            name, (rows, columns)
        )


#: Jordan's coefficients: the steepest start, for singular values near 0, that still ends in a band around 1.
JORDAN = (3.4445, -4.7750, 2.0315)


def orthogonalize(
    g: np.ndarray, steps: int = 5, coefficients: tuple[float, float, float] = JORDAN, eps: float = 1e-7
) -> np.ndarray:
    r"""Move all singular values towards 1 and keep the singular vectors: Newton-Schulz, by products alone.

    .. math:: X \leftarrow g / \max(\lVert g\rVert_F, \epsilon), \qquad
              X \leftarrow a X + \bigl(b\,XX^\top + c\,(XX^\top)^2\bigr) X

    Each singular value follows :math:`\sigma \leftarrow a\sigma + b\sigma^3 + c\sigma^5` on its own.

    Parameters
    ----------
    g : array (..., rows, columns)
    steps : int
    coefficients : (a, b, c)
        Jordan's do not converge: singular values come within [0.68, 1.13] soon and then cycle there. (15, -10, 3)/8
        converge to 1, but slowly from small ones.
    eps : float
        A matrix shorter than this stays shorter than 1.

    Returns
    -------
    array shaped like g
    """
    a, b, c = coefficients
    tall = g.shape[-2] > g.shape[-1]
    x = g.mT if tall else g
    x = x / np.maximum(np.sqrt((x * x).sum((-2, -1), keepdims=True)), eps)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Muon(MatrixRule):
    r"""Momentum, orthogonalized: every direction of a matrix is trained at the same rate, not only the loudest.

    .. math:: m_t &= \mu\,m_{t-1} + (1-\mu)\,g_t \\
              u_t &= \mu\,m_t + (1-\mu)\,g_t \quad\text{(Nesterov; else } m_t) \\
              \theta_t &= (1-\eta\lambda)\,\theta_{t-1} - \eta\,s\, \operatorname{orthogonalize}(u_t)

    Orthogonalized is :math:`UV^\top` for :math:`u_t = U\Sigma V^\top`, approximately: steepest descent under the
    spectral norm, as sign descent is under the max norm.

    Parameters
    ----------
    lr : Hyper, default 0.02
        :math:`\eta \ge 0`.
    momentum : Hyper, default 0.95
        :math:`\mu \in [0, 1)`.
    nesterov : bool, default True
    ns_steps : int, default 5
        Steps of Newton-Schulz.
    weight_decay : Hyper, default 0
        :math:`\lambda \ge 0`, decoupled.
    scale : {"jordan", "moonshot"}
        :math:`s = \sqrt{\max(1, \text{out}/\text{in})}`, or :math:`s = 0.2\sqrt{\max(\text{in}, \text{out})}`, which
        gives steps of the size of AdamW's, so that its learning rate and weight decay can be kept.

    Notes
    -----
    For hidden matrices; embeddings, the last layer and vectors go to AdamW, through `Groups`. torch: lr 1e-3,
    weight_decay 0.1, scales "original" and "match_rms_adamw"; it and Jordan's code compute in bfloat16, and since their
    weights are (out, in), their formula for s is transposed. keras and Jordan's text sum gradients,
    :math:`m_t = \mu m_{t-1} + g_t`, which after normalization is the same unless gradients are tiny.

    References
    ----------
    K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024,
    https://kellerjordan.github.io/posts/muon/. J. Liu et al., "Muon is Scalable for LLM Training", 2025,
    arXiv 2502.16982, for the scale "moonshot".
    """

    lr: Hyper = 0.02
    momentum: Hyper = 0.95
    nesterov: bool = True
    ns_steps: int = 5
    weight_decay: Hyper = 0.0
    scale: str = "jordan"

    slots = ("m",)
    choices = {"nesterov": (True, False), "scale": ("jordan", "moonshot")}

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("Muon", "ns_steps", self.ns_steps)

    @staticmethod
    def rule(theta, g, m, *, lr, momentum, nesterov, ns_steps, weight_decay, scale):
        m[:] = momentum * m + (1 - momentum) * g
        u = momentum * m + (1 - momentum) * g if nesterov else m
        fan_in, fan_out = g.shape[-2:]
        s = max(1, fan_out / fan_in) ** 0.5 if scale == "jordan" else 0.2 * max(fan_in, fan_out) ** 0.5
        theta[:] = (1 - lr * weight_decay) * theta - lr * s * orthogonalize(u, ns_steps)


def eigh(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues, ascending, and eigenvectors of each symmetric matrix; NaN for one that is not finite.

    One such matrix would fail the whole stack, and with it the runs that are well.
    """
    good = np.isfinite(a).all((-2, -1), keepdims=True)
    values, vectors = np.linalg.eigh(np.where(good, a, np.eye(a.shape[-1], dtype=a.dtype)))
    return np.where(good[..., 0], values, np.nan), np.where(good, vectors, np.nan)


def inverse_root(a: np.ndarray, p: int) -> np.ndarray:
    r""":math:`a^{-1/p}` of each positive semidefinite matrix.

    Eigenvalues below the rounding error of the largest are raised to it: their sign is noise.
    """
    values, vectors = eigh(a)
    limits = np.finfo(a.dtype)
    values = np.maximum(values, np.maximum(limits.eps * values[..., -1:], limits.tiny))
    return vectors * values[..., None, :] ** (-1 / p) @ vectors.mT


class Shampoo(MatrixRule):
    r"""Adagrad for matrices: rows and columns are each whitened by the root of all they have seen.

    .. math:: L_t &= L_{t-1} + g_t g_t^\top, \qquad R_t = R_{t-1} + g_t^\top g_t, \qquad L_0 = R_0 = \epsilon I \\
              \theta_t &= \theta_{t-1} - \eta\, L_t^{-1/4}\, g_t\, R_t^{-1/4}

    For small :math:`\epsilon` the first step is :math:`\eta\,UV^\top` for :math:`g_1 = U\Sigma V^\top`, as Muon's.

    Parameters
    ----------
    lr : Hyper, default 1e-2
        :math:`\eta \ge 0`.
    eps : Hyper, default 1e-6
        :math:`\epsilon \ge 0`.

    Notes
    -----
    kozistr's pytorch_optimizer is as here, with lr 1e-3. Large-scale versions forget old gradients, take other roots
    (-1/2), compute them every few steps, and borrow the length of the step from another rule ("grafting").

    References
    ----------
    V. Gupta, T. Koren, Y. Singer, "Shampoo: Preconditioned Stochastic Tensor Optimization", ICML 2018,
    arXiv 1802.09568, Algorithm 1.
    """

    lr: Hyper = 1e-2
    eps: Hyper = 1e-6

    slots = ("L", "R")

    @staticmethod
    def rule(theta, g, L, R, *, t, lr, eps):
        if t == 1:
            L[:] = eps * np.eye(L.shape[-1], dtype=L.dtype)
            R[:] = eps * np.eye(R.shape[-1], dtype=R.dtype)
        L[:] = L + g @ g.mT
        R[:] = R + g.mT @ g
        theta[:] = theta - lr * (inverse_root(L, 4) @ g @ inverse_root(R, 4))


def refreshed(a: np.ndarray, basis: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An eigenbasis of a, from the last one by a power iteration, largest first; v with its rows in the same order."""
    product = a @ basis
    order = np.argsort(-(basis * product).sum(-2), axis=-1)
    basis = np.linalg.qr(np.take_along_axis(product, order[..., None, :], -1)).Q
    return basis, np.take_along_axis(v, order[..., :, None], -2)


class SOAP(MatrixRule):
    r"""Adam in the eigenbasis of Shampoo's matrices, where the coordinates of a gradient are nearly independent.

    .. math:: m_t &= \beta_1 m_{t-1} + (1-\beta_1)\,g_t \\
              v_t &= \beta_2 v_{t-1} + (1-\beta_2)\,(Q_L^\top g_t\, Q_R)^2 \\
              u_t &= \frac{\sqrt{1-\beta_2^{t-1}}}{1-\beta_1^{t-1}}\;
              Q_L\, \frac{Q_L^\top m_t\, Q_R}{\sqrt{v_t} + \epsilon}\, Q_R^\top \\
              \theta_t &= (1-\eta\lambda)\,(\theta_{t-1} - \eta\,u_t) \\
              L_t &= \beta_2 L_{t-1} + (1-\beta_2)\,g_t g_t^\top, \qquad
              R_t = \beta_2 R_{t-1} + (1-\beta_2)\,g_t^\top g_t

    :math:`Q_L, Q_R` hold the eigenvectors of :math:`L, R`: exactly at first, then by one power iteration with a QR
    decomposition every few steps. The first gradient only sets up L, R and their eigenvectors.

    Parameters
    ----------
    lr : Hyper, default 3e-3
        :math:`\eta \ge 0`.
    beta1, beta2 : Hyper, default 0.95 and 0.95
        In [0, 1).
    eps : Hyper, default 1e-8
        :math:`\epsilon \ge 0`, before the correction for the start.
    weight_decay : Hyper, default 1e-2
        :math:`\lambda \ge 0`, decoupled.
    every : int, default 10
        Steps between two refreshments of the eigenvectors.

    Notes
    -----
    The authors' code and kozistr's pytorch_optimizer are as here, except that they compute eigenvectors in float32.

    References
    ----------
    N. Vyas et al., "SOAP: Improving and Stabilizing Shampoo using Adam", ICLR 2025, arXiv 2409.11321, Algorithm 3.
    """

    lr: Hyper = 3e-3
    beta1: Hyper = 0.95
    beta2: Hyper = 0.95
    eps: Hyper = 1e-8
    weight_decay: Hyper = 1e-2
    every: int = 10

    slots = ("m", "v", "L", "R", "Q_L", "Q_R")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("SOAP", "every", self.every)

    @staticmethod
    def rule(theta, g, m, v, L, R, Q_L, Q_R, *, t, lr, beta1, beta2, eps, weight_decay, every):
        if t > 1:
            m[:] = beta1 * m + (1 - beta1) * g
            v[:] = beta2 * v + (1 - beta2) * (Q_L.mT @ g @ Q_R) ** 2
            u = Q_L @ (Q_L.mT @ m @ Q_R / (np.sqrt(v) + eps)) @ Q_R.mT
            u = (1 - beta2 ** (t - 1)) ** 0.5 / (1 - beta1 ** (t - 1)) * u
            theta[:] = (1 - lr * weight_decay) * (theta - lr * u)
        L[:] = beta2 * L + (1 - beta2) * (g @ g.mT)
        R[:] = beta2 * R + (1 - beta2) * (g.mT @ g)
        if t == 1:
            Q_L[:], Q_R[:] = eigh(L)[1][..., ::-1], eigh(R)[1][..., ::-1]
        elif (t - 1) % every == 0:
            Q_L[:], v[:] = refreshed(L, Q_L, v)
            Q_R[:], v.mT[:] = refreshed(R, Q_R, v.mT)
