"""What is compared with which peer: one line a case, shared by the script that makes golden files and by the tests.

Both sides minimise the same landscape, each along its own trajectory: a quadratic with a sine on top and fixed noise, over
parameters of shape (5, 7) and (7,), 100 steps in float64; once as it is and once with gradients 1e-6 times as large,
where the place of eps shows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

import optlib

STEPS = 100
RECORDED = (1, 2, 3, 5, 10, 20, 50, 100)
SHAPES = ((5, 7), (7,))
SIZE = sum(int(np.prod(shape)) for shape in SHAPES)
SCALES = {"normal": 1.0, "tiny": 1e-6}

_rng = np.random.default_rng(20)
CURVATURE = np.geomspace(0.1, 4.0, SIZE)
START = _rng.standard_normal(SIZE)
NOISE = 0.3 * _rng.standard_normal((STEPS, SIZE))


def gradient(theta: np.ndarray, t: int, scale: float) -> np.ndarray:
    """The gradient at update t (from 1), the same function for every peer."""
    return scale * (CURVATURE * theta + np.cos(3 * theta) + NOISE[t - 1])


@dataclass(frozen=True)
class Case:
    """``optlib.<ours>(**own)`` must move as ``torch.optim.<peer>(**its)`` does."""

    ours: str
    own: dict = field(default_factory=dict)
    peer: str = ""
    its: dict = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.ours}({', '.join(f'{k}={v}' for k, v in self.own.items())})"


CASES = [
    Case("SGD", dict(lr=0.05), "SGD", dict(lr=0.05)),
    Case("SGD", dict(lr=0.05, weight_decay=0.1), "SGD", dict(lr=0.05, weight_decay=0.1)),
    Case("Momentum", dict(lr=0.02), "SGD", dict(lr=0.02, momentum=0.9)),
    Case(
        "Momentum",
        dict(lr=0.02, momentum=0.8, dampening=0.5, weight_decay=0.1),
        "SGD",
        dict(lr=0.02, momentum=0.8, dampening=0.5, weight_decay=0.1),
    ),
    Case("Nesterov", dict(lr=0.02), "SGD", dict(lr=0.02, momentum=0.9, nesterov=True)),
    Case(
        "Nesterov",
        dict(lr=0.02, momentum=0.8, weight_decay=0.1),
        "SGD",
        dict(lr=0.02, momentum=0.8, weight_decay=0.1, nesterov=True),
    ),
    Case("Adagrad", {}, "Adagrad", {}),
    Case(
        "Adagrad",
        dict(lr=0.1, eps=1e-3, initial_accumulator=0.1),
        "Adagrad",
        dict(lr=0.1, eps=1e-3, initial_accumulator_value=0.1),
    ),
    Case("RMSprop", {}, "RMSprop", {}),
    Case("RMSprop", dict(rho=0.9, centered=True), "RMSprop", dict(alpha=0.9, centered=True)),
    Case("RMSprop", dict(eps=1e-3, momentum=0.9), "RMSprop", dict(eps=1e-3, momentum=0.9)),
    Case("Adam", {}, "Adam", {}),
    Case(
        "Adam",
        dict(lr=0.01, beta1=0.8, beta2=0.95, eps=1e-3, weight_decay=0.1),
        "Adam",
        dict(lr=0.01, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
    ),
    Case("AdamW", {}, "AdamW", {}),
    Case(
        "AdamW",
        dict(lr=0.01, beta1=0.8, beta2=0.95, eps=1e-3, weight_decay=0.1),
        "AdamW",
        dict(lr=0.01, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
    ),
]


def our_path(case: Case, scale: float) -> np.ndarray:
    """theta after each step of RECORDED, shape (len(RECORDED), SIZE)."""
    opt = getattr(optlib, case.ours)(**case.own)
    theta = START.copy()
    state = opt.init(theta)
    path = []
    for t in range(1, STEPS + 1):
        opt.step(theta, gradient(theta, t, scale), state)
        if t in RECORDED:
            path.append(theta.copy())
    return np.array(path)


def torch_path(case: Case, scale: float) -> np.ndarray:
    """The same for the peer, which sees the parameters in their shapes."""
    import torch

    ends = np.cumsum([int(np.prod(shape)) for shape in SHAPES])[:-1]
    parameters = [
        torch.nn.Parameter(torch.tensor(part.reshape(shape)))
        for part, shape in zip(np.split(START, ends), SHAPES, strict=True)
    ]
    peer = getattr(torch.optim, case.peer)(parameters, **case.its)
    path = []
    for t in range(1, STEPS + 1):
        theta = np.concatenate([p.detach().numpy().ravel() for p in parameters])
        parts = np.split(gradient(theta, t, scale), ends)
        for parameter, part, shape in zip(parameters, parts, SHAPES, strict=True):
            parameter.grad = torch.tensor(part.reshape(shape))
        peer.step()
        if t in RECORDED:
            path.append(np.concatenate([p.detach().numpy().ravel() for p in parameters]))
    return np.array(path)
