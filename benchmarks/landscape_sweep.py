"""W1: 200 learning rates x 500 steps of Adam on Rosenbrock, through the public API, against one run at a time."""

from __future__ import annotations

import importlib.util

import numpy as np
from measure import Contender, side_by_side, slope

from optlib import Adam, minimize, problems

RATES = np.geomspace(1e-4, 1.0, 200)
STEPS = 500


def ours(rates: np.ndarray = RATES):
    return minimize(problems.Rosenbrock(), Adam(lr=rates), steps=STEPS)


def one_at_a_time(rates: np.ndarray):
    return [minimize(problems.Rosenbrock(), Adam(lr=float(lr)), steps=STEPS) for lr in rates]


def torch_loop(rates: np.ndarray):
    """What most people write: a loop over learning rates around a loop over steps, with autograd."""
    import torch

    start = torch.tensor(problems.Rosenbrock().init())
    for lr in rates:
        theta = start.clone().requires_grad_()
        opt = torch.optim.Adam([theta], lr=float(lr))
        path = torch.empty(STEPS + 1, 2, dtype=torch.float64)
        for t in range(STEPS):
            path[t] = theta.detach()
            opt.zero_grad()
            x, y = theta[0], theta[1]
            ((1 - x) ** 2 + 100 * (y - x * x) ** 2).backward()
            opt.step()


def main() -> None:
    some = RATES[::50]
    share = len(RATES) / len(some)
    others = [Contender("optlib, one run at a time", lambda: one_at_a_time(some), share)]
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(1)
        others.append(Contender("torch.optim.Adam in a loop", lambda: torch_loop(some), share))
    side_by_side(
        "W1: 200 learning rates x 500 steps on Rosenbrock, paths recorded",
        Contender("optlib, all runs at once", ours),
        others,
        rounds=5,
        goals={"optlib, one run at a time": 30, "torch.optim.Adam in a loop": 1000},
    )
    print(f"  (one-at-a-time contenders do {len(some)} of the 200 rates; their times count {share:.0f} times)")
    slope("cost slope, 1 -> 200 runs", lambda runs: lambda: ours(np.geomspace(1e-4, 1, runs)), 1, 200, goal=0.2)
    if not importlib.util.find_spec("torch"):
        print("  torch is not installed: uv run --with-requirements tests/peers/requirements.txt optlib bench")


if __name__ == "__main__":
    main()
