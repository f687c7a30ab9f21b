"""Schedules and their peers in torch.optim.lr_scheduler, compared over 100 updates."""

from __future__ import annotations

import numpy as np

from optlib.schedules import Cosine, CosineRestarts, Cyclic, Exponential, Linear, MultiStep, OneCycle, Polynomial, Step

PEAK = 0.1

#: name -> ours, torch's class and its arguments, over how many updates both are defined
SCHEDULES = {
    "Step": (Step(PEAK, every=7, factor=0.5), "StepLR", dict(step_size=7, gamma=0.5), 100),
    "MultiStep": (MultiStep(PEAK, (10, 20, 50)), "MultiStepLR", dict(milestones=[10, 20, 50]), 100),
    "Exponential": (Exponential(PEAK, 0.95), "ExponentialLR", dict(gamma=0.95), 100),
    "Polynomial": (Polynomial(PEAK, 60, power=2), "PolynomialLR", dict(total_iters=60, power=2), 100),
    "Linear": (Linear(PEAK, 60, final=0.01), "LinearLR", dict(start_factor=1.0, end_factor=0.1, total_iters=60), 100),
    # torch's cosine rises again after its period, so it is compared up to there
    "Cosine": (Cosine(PEAK, 60, final=0.01), "CosineAnnealingLR", dict(T_max=60, eta_min=0.01), 61),
    "CosineRestarts": (CosineRestarts(PEAK, 9), "CosineAnnealingWarmRestarts", dict(T_0=9), 100),
    "CosineRestarts, growing": (
        CosineRestarts(PEAK, 9, growth=2, final=0.01),
        "CosineAnnealingWarmRestarts",
        dict(T_0=9, T_mult=2, eta_min=0.01),
        100,
    ),
    "OneCycle": (OneCycle(PEAK, 100), "OneCycleLR", dict(max_lr=PEAK, total_steps=100), 100),
    "OneCycle, linear": (
        OneCycle(PEAK, 100, up_part=0.4, div=10, final_div=100, shape="linear"),
        "OneCycleLR",
        dict(
            max_lr=PEAK, total_steps=100, pct_start=0.4, div_factor=10, final_div_factor=100, anneal_strategy="linear"
        ),
        100,
    ),
    "Cyclic": (
        Cyclic(PEAK, 0.01, 7, 5),
        "CyclicLR",
        dict(base_lr=0.01, max_lr=PEAK, step_size_up=7, step_size_down=5),
        100,
    ),
    "Cyclic, triangular2": (
        Cyclic(PEAK, 0.01, 7, 5, mode="triangular2"),
        "CyclicLR",
        dict(base_lr=0.01, max_lr=PEAK, step_size_up=7, step_size_down=5, mode="triangular2"),
        100,
    ),
    "Cyclic, exponential": (
        Cyclic(PEAK, 0.01, 7, 5, mode="exponential", factor=0.99),
        "CyclicLR",
        dict(base_lr=0.01, max_lr=PEAK, step_size_up=7, step_size_down=5, mode="exp_range", gamma=0.99),
        100,
    ),
}


def torch_rates(peer: str, its: dict, steps: int) -> np.ndarray:
    """Learning rate and momentum before each update, shape (2, steps)."""
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK, momentum=0.9)
    scheduler = getattr(torch.optim.lr_scheduler, peer)(optimizer, **its)
    rates = []
    for t in range(steps):
        rates.append([optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]])
        optimizer.step()
        if t < steps - 1:
            scheduler.step()
    return np.array(rates).T
