"""What is compared with which peer: one line a case, shared by the script that makes golden files and by the tests.

Both sides minimise the same landscape, each along its own trajectory: a quadratic with a sine and fixed noise, over
parameters of shape (5, 7) and (7,), 100 steps in float64; once as it is and once with gradients 1e-6 times as large,
where the place of eps shows. Rules for matrices get two of them in place of the vector.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from unittest import mock

import numpy as np

import optlib
from optlib import SGD, Adam
from optlib.schedules import Warmup

STEPS = 100
RECORDED = (1, 2, 3, 5, 10, 20, 50, 100)
SHAPES = ((5, 7), (7,))
SIZE = sum(int(np.prod(shape)) for shape in SHAPES)
MATRICES = ((4, 7), (7, 2))  # wide and tall
SQUARES = ((5, 5), (4, 4))  # the eigenvectors that go with an eigenvalue 0 are nobody's convention
SCALES = {"normal": 1.0, "tiny": 1e-6}

_rng = np.random.default_rng(20)
CURVATURE = np.geomspace(0.1, 4.0, SIZE)
START = _rng.standard_normal(SIZE)
NOISE = 0.3 * _rng.standard_normal((STEPS, SIZE))


def loss(theta: np.ndarray) -> float:
    """For what watches the loss: falls, then rattles."""
    return float(np.sqrt(np.sum(theta**2)))


def gradient(theta: np.ndarray, t: int, scale: float) -> np.ndarray:
    """The gradient at update t (from 1), the same function for every peer."""
    n = theta.size
    return scale * (CURVATURE[:n] * theta + np.cos(3 * theta) + NOISE[t - 1, :n])


def slope(theta: np.ndarray, t: int, scale: float) -> np.ndarray:
    """The gradient of a quadratic, without noise, for methods that look at its curvature."""
    return scale * CURVATURE * (theta - 1)


@dataclass(frozen=True)
class Case:
    """``optlib.<ours>(**own)`` must move as its peer does.

    ``peer`` is a class of torch.optim, a function of optax, a class of schedulefree, or one of the loops written out in
    this file ("loop.lookahead"). ``averaged`` compares the point where the loss is reported, not theta.
    """

    ours: str
    own: dict
    peer: str
    its: dict
    averaged: bool = False
    atol: float = 1e-12
    shapes: tuple = SHAPES
    gradient: Callable = gradient

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
    Case("ScheduleFreeSGD", dict(lr=0.1), "schedulefree.SGDScheduleFree", dict(lr=0.1)),
    Case(
        "ScheduleFreeSGD",
        dict(lr=Warmup(20, 0.1), momentum=0.8, weight_decay=0.1, r=0.5, weight_lr_power=1.0),
        "schedulefree.SGDScheduleFree",
        dict(lr=0.1, warmup_steps=20, momentum=0.8, weight_decay=0.1, r=0.5, weight_lr_power=1.0),
    ),
    Case("ScheduleFreeAdamW", {}, "schedulefree.AdamWScheduleFree", {}),
    Case(
        "ScheduleFreeAdamW",
        dict(lr=Warmup(20, 0.01), beta1=0.8, beta2=0.95, eps=1e-3, weight_decay=0.1, r=0.5, weight_lr_power=1.0),
        "schedulefree.AdamWScheduleFree",
        dict(lr=0.01, warmup_steps=20, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1, r=0.5, weight_lr_power=1.0),
    ),
    Case("Prodigy", {}, "optax.contrib.prodigy", {}, atol=1e-11),
    Case(
        "Prodigy",
        dict(lr=0.5, beta1=0.8, beta2=0.95, beta3=0.9, eps=1e-3, d0=1e-2, d_coef=0.5, weight_decay=0.1),
        "optax.contrib.prodigy",
        dict(
            learning_rate=0.5,
            betas=(0.8, 0.95),
            beta3=0.9,
            eps=1e-3,
            estim_lr0=1e-2,
            estim_lr_coef=0.5,
            weight_decay=0.1,
        ),
        atol=1e-11,
    ),
    Case("Clip", dict(inner=SGD(lr=0.05), max_norm=2.0), "loop.clip", dict(learning_rate=0.05, max_norm=2.0)),
    Case("Clip", dict(inner=SGD(lr=0.05), max_value=0.3), "loop.clip", dict(learning_rate=0.05, max_delta=0.3)),
    Case("DecoupledDecay", dict(inner=Adam(), weight_decay=0.1), "torch.AdamW", dict(weight_decay=0.1)),
    Case("Lookahead", dict(inner=SGD(lr=0.05)), "loop.lookahead", dict(learning_rate=0.05, k=5, alpha=0.5)),
    Case(
        "Lookahead",
        dict(inner=SGD(lr=0.05), k=3, alpha=0.8),
        "loop.lookahead",
        dict(learning_rate=0.05, k=3, alpha=0.8),
    ),
    Case("SAM", dict(inner=SGD(lr=0.05)), "loop.sam", dict(learning_rate=0.05, rho=0.05)),
    Case("SAM", dict(inner=SGD(lr=0.05), rho=0.5), "loop.sam", dict(learning_rate=0.05, rho=0.5)),
    Case("EMA", dict(inner=SGD(lr=0.05), decay=0.9), "loop.average", dict(lr=0.05, decay=0.9), averaged=True),
    Case("SWA", dict(inner=SGD(lr=0.05)), "loop.average", dict(lr=0.05), averaged=True),
    Case(
        "ReduceOnPlateau",
        dict(inner=SGD(lr=0.2), factor=0.5, patience=3, threshold=0.01, cooldown=2),
        "loop.plateau",
        dict(lr=0.2, factor=0.5, patience=3, threshold=0.01, cooldown=2),
    ),
    Case("LARS", dict(lr=10.0), "optax.lars", dict(learning_rate=10.0)),
    Case(
        "LARS",
        dict(lr=0.5, momentum=0.8, trust=0.1, weight_decay=0.1),
        "optax.lars",
        dict(learning_rate=0.5, momentum=0.8, trust_coefficient=0.1, weight_decay=0.1),
    ),
    Case("LAMB", {}, "optax.lamb", dict(learning_rate=1e-3)),
    Case(
        "LAMB",
        dict(lr=0.01, beta1=0.8, beta2=0.95, eps=1e-3, weight_decay=0.1),
        "optax.lamb",
        dict(learning_rate=0.01, b1=0.8, b2=0.95, eps=1e-3, weight_decay=0.1),
    ),
    Case("Adafactor", {}, "torch.Adafactor", {}),
    Case(
        "Adafactor",
        dict(lr=0.5, beta2_decay=-0.5, eps1=1e-3, eps2=0.8, d=1.05, weight_decay=0.1),
        "torch.Adafactor",
        dict(lr=0.5, beta2_decay=-0.5, eps=(1e-3, 0.8), d=1.05, weight_decay=0.1),
    ),
    Case("Muon", {}, "loop.muon", dict(lr=0.02, weight_decay=0.0), shapes=MATRICES),
    Case(
        "Muon",
        dict(lr=0.01, momentum=0.8, nesterov=False, ns_steps=3, weight_decay=0.1, scale="moonshot"),
        "loop.muon",
        dict(lr=0.01, momentum=0.8, nesterov=False, ns_steps=3, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
        shapes=MATRICES,
    ),
    Case("Shampoo", dict(lr=0.1), "loop.kozistr", dict(name="Shampoo", lr=0.1), shapes=SQUARES, atol=1e-10),
    Case(
        "Shampoo",
        dict(lr=0.1, eps=0.1),
        "loop.kozistr",
        dict(name="Shampoo", lr=0.1, matrix_eps=0.1),
        shapes=SQUARES,
        atol=1e-10,
    ),
    Case("SOAP", {}, "loop.kozistr", dict(name="SOAP"), shapes=SQUARES, atol=1e-10),
    Case(
        "SOAP",
        dict(lr=0.01, beta1=0.8, beta2=0.9, eps=1e-3, weight_decay=0.1, every=3),
        "loop.kozistr",
        dict(name="SOAP", lr=0.01, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.1, precondition_frequency=3),
        shapes=SQUARES,
        atol=1e-10,
    ),
    # with tiny gradients s.y never reaches torch's 1e-10: no pair is kept, and what is compared is gradient descent
    Case("LBFGS", {}, "loop.lbfgs", dict(lr=1.0, history_size=10), gradient=slope, atol=1e-9),
    Case("LBFGS", dict(lr=0.5, history=3), "loop.lbfgs", dict(lr=0.5, history_size=3), gradient=slope, atol=1e-9),
]


def our_path(case: Case, scale: float) -> np.ndarray:
    """theta after each step of RECORDED, shape (len(RECORDED), SIZE)."""
    opt = getattr(optlib, case.ours)(**case.own)
    layout = {f"W{i}": shape for i, shape in enumerate(case.shapes)}
    theta = start(case.shapes)
    state = opt.init(theta, layout)
    path = []
    for t in range(1, STEPS + 1):

        def grad(at: np.ndarray, t: int = t) -> np.ndarray:
            return case.gradient(at, t, scale)

        opt.step(theta, grad(theta), state, loss=loss(theta), grad=grad)
        if t in RECORDED:
            path.append((opt.evaluation_point(theta, state) if case.averaged else theta).copy())
    return np.array(path)


def peer_path(case: Case, scale: float) -> np.ndarray:
    """The same for the peer, which sees the parameters in their shapes."""
    if case.library == "loop":
        theta_after = LOOPS[case.peer.split(".")[1]](scale, **case.its)
    else:
        theta_after = {"torch": torch_loop, "optax": optax_loop, "schedulefree": schedulefree_loop}[case.library](
            scale, case.peer, **case.its
        )
    return np.array([theta for t, theta in enumerate(theta_after, start=1) if t in RECORDED])


def start(shapes=SHAPES) -> np.ndarray:
    return START[: sum(int(np.prod(shape)) for shape in shapes)].copy()


def split(vector: np.ndarray, shapes=SHAPES) -> list[np.ndarray]:
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    return [part.reshape(shape) for part, shape in zip(np.split(vector, ends), shapes, strict=True)]


def joined(parts) -> np.ndarray:
    return np.concatenate([np.ravel(part) for part in parts])


# torch


def torch_parameters(shapes=SHAPES):
    import torch

    torch.set_default_dtype(torch.float64)  # NAdam keeps the product of its momenta in the default dtype
    return [torch.nn.Parameter(torch.tensor(part)) for part in split(start(shapes), shapes)]


def torch_steps(peer, parameters, scale: float):
    """Yield theta before and after each step of a torch optimizer."""
    import torch

    for t in range(1, STEPS + 1):
        before = joined([p.detach().numpy() for p in parameters])
        shapes = [tuple(p.shape) for p in parameters]
        for parameter, part in zip(parameters, split(gradient(before, t, scale), shapes), strict=True):
            parameter.grad = torch.tensor(part)
        peer.step()
        yield before, joined([p.detach().numpy() for p in parameters])


def torch_loop(scale: float, peer: str, **its):
    import torch

    parameters = torch_parameters()
    make = getattr(torch.optim, peer.split(".")[1])
    return [after for _, after in torch_steps(make(parameters, **its), parameters, scale)]


def schedulefree_loop(scale: float, peer: str, **its):
    import schedulefree

    parameters = torch_parameters()
    optimizer = getattr(schedulefree, peer.split(".")[1])(parameters, **its)
    optimizer.train()
    return [after for _, after in torch_steps(optimizer, parameters, scale)]


def average_loop(scale: float, lr: float, decay: float | None = None):
    import torch
    from torch.optim import swa_utils

    parameters = torch_parameters()
    model = torch.nn.ParameterList(parameters)
    multi_avg = None if decay is None else swa_utils.get_ema_multi_avg_fn(decay)
    averaged = swa_utils.AveragedModel(model, multi_avg_fn=multi_avg)
    path = []
    for _ in torch_steps(torch.optim.SGD(parameters, lr=lr), parameters, scale):
        averaged.update_parameters(model)
        path.append(joined([p.detach().numpy() for p in averaged.module]))
    return path


def plateau_loop(scale: float, lr: float, **its):
    import torch

    parameters = torch_parameters()
    optimizer = torch.optim.SGD(parameters, lr=lr)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **its)
    path = []
    for before, after in torch_steps(optimizer, parameters, scale):
        scheduler.step(loss(before))
        path.append(after)
    return path


def muon_loop(scale: float, **its):
    """Muon of torch in float64, on weights (out, in), the transposes of ours."""
    import torch

    torch.set_default_dtype(torch.float64)
    parameters = [torch.nn.Parameter(torch.tensor(part.T.copy())) for part in split(start(MATRICES), MATRICES)]
    peer = torch.optim.Muon(parameters, **its)
    with mock.patch.object(torch.Tensor, "bfloat16", torch.Tensor.clone):
        for t in range(1, STEPS + 1):
            theta = joined([p.detach().numpy().T for p in parameters])
            for parameter, part in zip(parameters, split(gradient(theta, t, scale), MATRICES), strict=True):
                parameter.grad = torch.tensor(part.T.copy())
            peer.step()
            yield joined([p.detach().numpy().T for p in parameters])


def kozistr_loop(scale: float, name: str, **its):
    """A class of pytorch_optimizer, in float64 throughout."""
    import pytorch_optimizer
    import torch

    parameters = torch_parameters(SQUARES)
    peer = getattr(pytorch_optimizer, name)(parameters, **its)
    with mock.patch.object(torch.Tensor, "to", lambda self, dtype: self):
        for _, after in torch_steps(peer, parameters, scale):
            yield after


def lbfgs_loop(scale: float, **its):
    import torch

    torch.set_default_dtype(torch.float64)
    theta = torch.nn.Parameter(torch.tensor(START))
    peer = torch.optim.LBFGS([theta], max_iter=1, tolerance_grad=0, tolerance_change=0, **its)
    for t in range(1, STEPS + 1):

        def closure(t: int = t) -> float:
            theta.grad = torch.tensor(slope(theta.detach().numpy(), t, scale))
            return 0.0

        peer.step(closure)
        yield theta.detach().numpy().copy()


# optax


def with_64_bits():
    import jax
    import optax.contrib

    jax.config.update("jax_enable_x64", True)
    return optax


def optax_steps(peer, scale: float):
    optax = with_64_bits()
    parameters = split(START)
    state = peer.init(parameters)
    for t in range(1, STEPS + 1):
        updates, state = peer.update(split(gradient(joined(parameters), t, scale)), state, parameters)
        parameters = [np.asarray(p) for p in optax.apply_updates(parameters, updates)]
        yield joined(parameters)


def optax_loop(scale: float, peer: str, **its):
    make = with_64_bits()
    for name in peer.split(".")[1:]:
        make = getattr(make, name)
    return optax_steps(make(**its), scale)


def clip_loop(scale: float, learning_rate: float, **its):
    optax = with_64_bits()
    clip = optax.clip_by_global_norm if "max_norm" in its else optax.clip
    return optax_steps(optax.chain(clip(**its), optax.sgd(learning_rate)), scale)


def lookahead_loop(scale: float, learning_rate: float, k: int, alpha: float):
    optax = with_64_bits()
    peer = optax.lookahead(optax.sgd(learning_rate), sync_period=k, slow_step_size=alpha)
    parameters = optax.LookaheadParams.init_synced(split(START))
    state = peer.init(parameters)
    for t in range(1, STEPS + 1):
        updates, state = peer.update(split(gradient(joined(parameters.fast), t, scale)), state, parameters)
        parameters = optax.apply_updates(parameters, updates)
        yield joined(parameters.fast)


def sam_loop(scale: float, learning_rate: float, rho: float):
    optax = with_64_bits()
    up = optax.chain(optax.contrib.normalize(), optax.sgd(rho))
    peer = optax.contrib.sam(optax.sgd(learning_rate), up, sync_period=2)
    parameters = split(START)
    state = peer.init(parameters)
    for t in range(1, STEPS + 1):
        for _ in range(2):  # up to where the loss is worst, then down from where it started
            updates, state = peer.update(split(gradient(joined(parameters), t, scale)), state, parameters)
            parameters = [np.asarray(p) for p in optax.apply_updates(parameters, updates)]
        yield joined(parameters)


LOOPS = {
    "average": average_loop,
    "clip": clip_loop,
    "kozistr": kozistr_loop,
    "lbfgs": lbfgs_loop,
    "lookahead": lookahead_loop,
    "muon": muon_loop,
    "plateau": plateau_loop,
    "sam": sam_loop,
}
