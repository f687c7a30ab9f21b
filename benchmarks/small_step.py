"""W3s: one step of Adam on a small network, 6,570 float32 in 6 tensors, against torch."""

from __future__ import annotations

import numpy as np
from measure import Contender, present, side_by_side

from optlib import Adam, problems

PROBLEM = problems.Digits()
STEPS = 500
G = np.random.default_rng(0).standard_normal(PROBLEM.size).astype(np.float32)


def ours():
    theta = PROBLEM.init(0)
    opt = Adam()
    state = opt.init(theta)

    def steps() -> np.ndarray:
        for _ in range(STEPS):
            opt.step(theta, G, state)
        return theta

    return steps


def with_torch(**how):
    import torch

    theta = PROBLEM.init(0)
    parameters = [torch.nn.Parameter(torch.from_numpy(view)) for view in PROBLEM.views(theta).values()]
    for parameter, view in zip(parameters, PROBLEM.views(G).values(), strict=True):
        parameter.grad = torch.from_numpy(view)
    opt = torch.optim.Adam(parameters, **how)

    def steps() -> np.ndarray:
        for _ in range(STEPS):
            opt.step()
        return theta

    return steps


def main() -> None:
    (torch,) = present("torch")
    others = []
    if torch:
        others.append(Contender("torch, foreach", with_torch(foreach=True), goal=7))
        others.append(Contender("torch, fused", with_torch(fused=True), goal=2.5))
        others.append(Contender("torch, as it comes", with_torch()))
    steps = ours()
    expected = steps()
    for other in others:
        np.testing.assert_allclose(other.work(), expected, rtol=1e-4, atol=1e-5)
    side_by_side(
        f"W3s: {STEPS} steps of Adam, 6,570 float32 in 6 tensors", Contender("optlib", steps), others, rounds=15
    )


if __name__ == "__main__":
    main()
