"""W3: one step of Adam on 10 million float32: the readable rule, against whole arrays, torch and code tuned by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
from measure import Contender, present, side_by_side, slope

from optlib import Adam

SIZE = 10_000_000


def start(size: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal(size, dtype=np.float32), rng.standard_normal(size, dtype=np.float32)


def ours(size: int = SIZE):
    theta, g = start(size)
    opt = Adam()
    state = opt.init(theta)

    def step() -> np.ndarray:
        opt.step(theta, g, state)
        return theta

    return step


def whole_arrays(size: int = SIZE):
    """The same text on whole arrays."""
    theta, g = start(size)
    opt = Adam()
    state = opt.init(theta)
    values = {field.name: getattr(opt, field.name) for field in dataclasses.fields(opt)}

    def step() -> np.ndarray:
        state["t"] += 1
        Adam.rule(theta, g, state["m"], state["v"], t=state["t"], **values)
        return theta

    return step


def tuned_by_hand(size: int = SIZE, block: int = 24 * 1024, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Blocks, two buffers, constants folded: what one would write without a rule to read."""
    theta, g = start(size)
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    buffers = np.empty((2, block), theta.dtype)
    t = 0

    def step() -> np.ndarray:
        nonlocal t
        t += 1
        rate, root = lr / (1 - beta1**t), 1 / np.sqrt(1 - beta2**t).item()
        for i in range(0, size, block):
            g_i, m_i, v_i, theta_i = g[i : i + block], m[i : i + block], v[i : i + block], theta[i : i + block]
            a, b = buffers[:, : len(g_i)]
            np.multiply(m_i, beta1, out=m_i)
            np.multiply(g_i, 1 - beta1, out=a)
            np.add(m_i, a, out=m_i)
            np.multiply(v_i, beta2, out=v_i)
            np.multiply(g_i, g_i, out=a)
            np.multiply(a, 1 - beta2, out=a)
            np.add(v_i, a, out=v_i)
            np.sqrt(v_i, out=a)
            np.multiply(a, root, out=a)
            np.add(a, eps, out=a)
            np.divide(m_i, a, out=b)
            np.multiply(b, rate, out=b)
            np.subtract(theta_i, b, out=theta_i)
        return theta

    return step


def with_torch(**how):
    import torch

    theta, g = start(SIZE)
    parameter = torch.nn.Parameter(torch.from_numpy(theta))
    parameter.grad = torch.from_numpy(g)
    opt = torch.optim.Adam([parameter], **how)

    def step() -> np.ndarray:
        opt.step()
        return theta

    return step


def main() -> None:
    (torch,) = present("torch")
    others = [
        Contender("the same text on whole arrays", whole_arrays(), goal=3),
        Contender("blocks with out=, tuned by hand", tuned_by_hand(), goal=1 / 1.2),
    ]
    if torch:
        others.append(Contender("torch, foreach", with_torch(foreach=True), goal=1.4))
        others.append(Contender("torch, fused: one compiled loop", with_torch(fused=True)))
    step = ours()
    expected = step()
    for other in others:
        np.testing.assert_allclose(other.work(), expected, rtol=1e-5, atol=1e-7)
    side_by_side("W3: one step of Adam on 10,000,000 float32", Contender("optlib", step), others)
    slope("cost slope, 100,000 -> 10,000,000", ours, 100_000, SIZE, goal=1.05, repeats=50)


if __name__ == "__main__":
    main()
