"""What is compared with which peer: one line a case, shared by the script that makes golden files and by the tests.

Both sides minimise the same landscape, each along its own trajectory: a quadratic with a sine and fixed noise, over
parameters of shape (5, 7) and (7,), 100 steps in float64; once as it is and once with gradients 1e-6 times as large,
where the place of eps shows.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    """``optlib.<ours>(**own)`` must move as ``<peer>(**its)`` does, a class of torch.optim or a function of optax."""

    ours: str
    own: dict
    peer: str
    its: dict

    @property
    def library(self) -> str:
        return self.peer.split(".")[0]

    @property
    def name(self) -> str:
        return f"{self.ours}({', '.join(f'{k}={v}' for k, v in self.own.items())})"


CASES = [
    Case("SGD", dict(lr=0.05), "torch.SGD", dict(lr=0.05)),
    Case("SGD", dict(lr=0.05, weight_decay=0.1), "torch.SGD", dict(lr=0.05, weight_decay=0.1)),
    Case("Momentum", dict(lr=0.02), "torch.SGD", dict(lr=0.02, momentum=0.9)),
    Case(
        "Momentum",
        dict(lr=0.02, momentum=0.8, dampening=0.5, weight_decay=0.1),
        "torch.SGD",
        dict(lr=0.02, momentum=0.8, dampening=0.5, weight_decay=0.1),
    ),
    Case("Nesterov", dict(lr=0.02), "torch.SGD", dict(lr=0.02, momentum=0.9, nesterov=True)),
    Case(
        "Nesterov",
        dict(lr=0.02, momentum=0.8, weight_decay=0.1),
        "torch.SGD",
        dict(lr=0.02, momentum=0.8, weight_decay=0.1, nesterov=True),
    ),
    Case("Rprop", {}, "torch.Rprop", {}),
    Case(
        "Rprop",
        dict(lr=0.1, eta_minus=0.3, eta_plus=1.5, step_min=0.05, step_max=0.2),
        "torch.Rprop",
        dict(lr=0.1, etas=(0.3, 1.5), step_sizes=(0.05, 0.2)),
    ),
    Case("SignSGD", dict(lr=0.01), "optax.sign_sgd", dict(learning_rate=0.01)),
    Case("Signum", dict(lr=0.01), "optax.signum", dict(learning_rate=0.01)),
    Case("Signum", dict(lr=0.01, momentum=0.8), "optax.signum", dict(learning_rate=0.01, beta=0.8)),
    Case("Lion", dict(lr=0.01), "optax.lion", dict(learning_rate=0.01, weight_decay=0.0)),
    Case(
        "Lion",
        dict(lr=0.01, beta1=0.8, beta2=0.95, weight_decay=0.1),
        "optax.lion",
        dict(learning_rate=0.01, b1=0.8, b2=0.95, weight_decay=0.1),
    ),
    Case("Adagrad", {}, "torch.Adagrad", {}),
    Case(
        "Adagrad",
        dict(lr=0.1, eps=1e-3, initial_accumulator=0.1),
        "torch.Adagrad",
        dict(lr=0.1, eps=1e-3, initial_accumulator_value=0.1),
    ),
    Case("Adadelta", {}, "torch.Adadelta", {}),
    Case("Adadelta", dict(lr=0.5, rho=0.8, eps=1e-3), "torch.Adadelta", dict(lr=0.5, rho=0.8, eps=1e-3)),
    Case("RMSprop", {}, "torch.RMSprop", {}),
    Case("RMSprop", dict(rho=0.9, centered=True), "torch.RMSprop", dict(alpha=0.9, centered=True)),
    Case("RMSprop", dict(eps=1e-3, momentum=0.9), "torch.RMSprop", dict(eps=1e-3, momentum=0.9)),
    Case("RMSprop", dict(rho=0.9, eps_inside_root=True), "optax.rmsprop", dict(learning_rate=0.01)),
    Case("Adam", {}, "torch.Adam", {}),
    Case(
        "Adam",
        dict(lr=0.01, beta1=0.8, beta2=0.95, eps=1e-3, weight_decay=0.1),
        "torch.Adam",
        dict(lr=0.01, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
    ),
    Case("AdamW", {}, "torch.AdamW", {}),
    Case(
        "AdamW",
        dict(lr=0.01, beta1=0.8, beta2=0.95, eps=1e-3, weight_decay=0.1),
        "torch.AdamW",
        dict(lr=0.01, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
    ),
    Case("AdaMax", {}, "torch.Adamax", {}),
    Case(
        "AdaMax",
        dict(lr=0.01, beta1=0.8, beta2=0.95, eps=1e-3),
        "torch.Adamax",
        dict(lr=0.01, betas=(0.8, 0.95), eps=1e-3),
    ),
    Case("AMSGrad", {}, "torch.Adam", dict(amsgrad=True)),
    Case(
        "AMSGrad",
        dict(lr=0.01, beta1=0.8, beta2=0.95, eps=1e-3, weight_decay=0.1),
        "torch.Adam",
        dict(lr=0.01, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1, amsgrad=True),
    ),
    Case(
        "AMSGrad",
        dict(variant="paper", beta2=0.95),
        "optax.amsgrad",
        dict(learning_rate=1e-3, b2=0.95, bias_correction_mu=False, bias_correction_nu=False),
    ),
    Case("NAdam", {}, "torch.NAdam", {}),
    Case(
        "NAdam",
        dict(lr=0.01, beta1=0.8, beta2=0.95, eps=1e-3, psi=0.1),
        "torch.NAdam",
        dict(lr=0.01, betas=(0.8, 0.95), eps=1e-3, momentum_decay=0.1),
    ),
    Case("RAdam", {}, "torch.RAdam", {}),
    Case(
        "RAdam",
        dict(lr=0.01, beta1=0.8, beta2=0.95, eps=1e-3),
        "torch.RAdam",
        dict(lr=0.01, betas=(0.8, 0.95), eps=1e-3),
    ),
    Case("Yogi", {}, "optax.yogi", dict(learning_rate=0.01)),
    Case(
        "Yogi",
        dict(lr=0.02, beta1=0.8, beta2=0.95, eps=1e-2),
        "optax.yogi",
        dict(learning_rate=0.02, b1=0.8, b2=0.95, eps=1e-2),
    ),
    Case("AdaBelief", {}, "optax.adabelief", dict(learning_rate=1e-3)),
    Case(
        "AdaBelief",
        dict(lr=0.01, beta1=0.8, beta2=0.95, eps=1e-3),
        "optax.adabelief",
        dict(learning_rate=0.01, b1=0.8, b2=0.95, eps=1e-3, eps_root=1e-3),
    ),
    Case("ADOPT", {}, "optax.contrib.adopt", dict(learning_rate=1e-3)),
    Case(
        "ADOPT",
        dict(lr=0.01, beta1=0.8, beta2=0.95, eps=0.5),
        "optax.contrib.adopt",
        dict(learning_rate=0.01, b1=0.8, b2=0.95, eps=0.5),
    ),
    Case("AdEMAMix", {}, "optax.contrib.ademamix", dict(learning_rate=1e-3)),
    Case(
        "AdEMAMix",
        dict(lr=0.01, beta1=0.8, beta2=0.95, beta3=0.99, alpha=3.0, eps=1e-3),
        "optax.contrib.ademamix",
        dict(learning_rate=0.01, b1=0.8, b2=0.95, b3=0.99, alpha=3.0, eps=1e-3),
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


def peer_path(case: Case, scale: float) -> np.ndarray:
    """The same for the peer, which sees the parameters in their shapes."""
    return {"torch": torch_path, "optax": optax_path}[case.library](case, scale)


def optax_path(case: Case, scale: float) -> np.ndarray:
    import jax
    import optax
    import optax.contrib

    jax.config.update("jax_enable_x64", True)
    make = optax
    for name in case.peer.split(".")[1:]:
        make = getattr(make, name)
    peer = make(**case.its)
    ends = np.cumsum([int(np.prod(shape)) for shape in SHAPES])[:-1]

    def split(vector):
        return [part.reshape(shape) for part, shape in zip(np.split(vector, ends), SHAPES, strict=True)]

    parameters = split(START)
    state = peer.init(parameters)
    path = []
    for t in range(1, STEPS + 1):
        theta = np.concatenate([np.ravel(p) for p in parameters])
        updates, state = peer.update(split(gradient(theta, t, scale)), state, parameters)
        parameters = [np.asarray(p + u) for p, u in zip(parameters, updates, strict=True)]
        if t in RECORDED:
            path.append(np.concatenate([np.ravel(p) for p in parameters]))
    return np.array(path)


def torch_path(case: Case, scale: float) -> np.ndarray:
    import torch

    torch.set_default_dtype(torch.float64)  # NAdam keeps the product of its momenta in the default dtype

    ends = np.cumsum([int(np.prod(shape)) for shape in SHAPES])[:-1]
    parameters = [
        torch.nn.Parameter(torch.tensor(part.reshape(shape)))
        for part, shape in zip(np.split(START, ends), SHAPES, strict=True)
    ]
    peer = getattr(torch.optim, case.peer.split(".")[1])(parameters, **case.its)
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
