"""Optimizers around optimizers: Clip, DecoupledDecay, Lookahead, EMA, SWA, SAM, ReduceOnPlateau, Box, Groups.

A wrapper holds another optimizer in its field ``inner`` and that one's state among its own, under "inner.". Wrappers
compose: ``Clip(Lookahead(Adam(lr=0.01)), max_norm=1.0)``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from optlib.optimizer import NONNEGATIVE, POSITIVE, UNIT, Hyper, Layout, Optimizer, State, json_layout, layout_text


class Wrapper(Optimizer):
    """Base of the wrappers with one inner optimizer: a subclass writes ``around``, which takes the step."""

    inner: Optimizer

    def __post_init__(self) -> None:
        if not isinstance(self.inner, Optimizer):
            raise TypeError(f"{type(self).__name__}: the first argument must be an optimizer, got {self.inner!r}")
        super().__post_init__()

    def init(self, theta: np.ndarray, layout: Layout | None = None) -> State:
        return {**super().init(theta), **_nested("inner.", self.inner.init(theta, layout))}

    def step(self, theta: np.ndarray, g: np.ndarray, state: State, **more: Any) -> None:
        self._check_theta(theta)
        own = {"t", *self.slots, *self.scalars}
        if not isinstance(state, dict) or not own <= state.keys():
            who = type(self).__name__
            raise ValueError(f"{who}: state must hold {sorted(own)}; make it with {who}.init(theta)")
        t = int(state["t"]) + 1

        def inner_step(g: np.ndarray, inner: Optimizer | None = None) -> None:
            inside = _part("inner.", state)
            (inner or self.inner).step(theta, g, inside, **more)
            state.update(_nested("inner.", inside))

        self.around(inner_step, theta, g, state, self._values(t, theta) | {"t": t, **more})
        state["t"] = t

    def around(
        self, inner_step: Callable[..., None], theta: np.ndarray, g: np.ndarray, state: State, values: dict[str, Any]
    ) -> None:
        """One step: call ``inner_step(g)`` and do what this wrapper is for, before or after."""
        raise TypeError(f"{type(self).__name__} must define around(self, inner_step, theta, g, state, values)")

    def evaluation_point(self, theta: np.ndarray, state: State) -> np.ndarray:
        return self.inner.evaluation_point(theta, _part("inner.", state))


def _nested(prefix: str, state: State) -> State:
    return {prefix + name: value for name, value in state.items()}


def _part(prefix: str, state: State) -> State:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _with_lr(who: str, inner: Optimizer) -> Optimizer:
    """The innermost optimizer, which has the learning rate."""
    while isinstance(inner, Wrapper):
        inner = inner.inner
    if not hasattr(inner, "lr"):
        raise TypeError(f"{who}: {type(inner).__name__} has no lr")
    return inner


class Clip(Wrapper):
    r"""A gradient longer than ``max_norm`` is shortened to it; or each coordinate is cut at ``max_value``.

    .. math:: g \leftarrow g\, \min(1,\ c / \lVert g \rVert_2)

    Parameters
    ----------
    inner : Optimizer
    max_norm, max_value : Hyper
        Exactly one of them, > 0. The norm is that of the whole gradient, per run.

    Notes
    -----
    optax and keras scale by exactly c / norm, as here; torch by c / (norm + 1e-6).

    References
    ----------
    R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013,
    arXiv 1211.5063, Algorithm 1.
    """

    inner: Optimizer
    max_norm: Hyper | None = None
    max_value: Hyper | None = None

    ranges = {"max_norm": POSITIVE, "max_value": POSITIVE}

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.max_norm is None) == (self.max_value is None):
            raise ValueError("Clip: give exactly one of max_norm= and max_value=")

    def around(self, inner_step, theta, g, state, values):
        if self.max_norm is None:
            inner_step(np.clip(g, -values["max_value"], values["max_value"]))
        else:
            norm = np.sqrt((g * g).sum(-1, keepdims=True))
            inner_step(np.where(norm > values["max_norm"], g / np.where(norm > 0, norm, 1) * values["max_norm"], g))


class DecoupledDecay(Wrapper):
    r"""Weight decay outside the gradient: theta shrinks at the same rate whatever the inner rule does.

    .. math:: \theta_t = \text{inner step}(\theta_{t-1}) - \eta\lambda\,\theta_{t-1}

    with the inner optimizer's own learning rate; around Adam this is AdamW.

    Parameters
    ----------
    inner : Optimizer
        It must have an ``lr``, or wrap one that has.
    weight_decay : Hyper, default 1e-2
        :math:`\lambda \ge 0`.

    References
    ----------
    I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, arXiv 1711.05101.
    """

    inner: Optimizer
    weight_decay: Hyper = 1e-2

    def __post_init__(self) -> None:
        super().__post_init__()
        _with_lr("DecoupledDecay", self.inner)

    def around(self, inner_step, theta, g, state, values):
        lr = _with_lr("DecoupledDecay", self.inner)._values(values["t"], theta)["lr"]
        decay = lr * values["weight_decay"] * theta
        inner_step(g)
        theta[:] = theta - decay


class Lookahead(Wrapper):
    r"""k fast steps forward, one back: slow weights follow the fast ones part of the way, and both start again there.

    .. math:: \phi \leftarrow \phi + \alpha\,(\theta - \phi), \qquad \theta \leftarrow \phi \qquad \text{every } k
              \text{ updates}

    The loss is reported at the slow weights :math:`\phi`.

    Parameters
    ----------
    inner : Optimizer
    k : int, default 5
    alpha : Hyper, default 0.5
        :math:`\alpha \in [0, 1]`.

    References
    ----------
    M. R. Zhang, J. Lucas, G. Hinton, J. Ba, "Lookahead Optimizer: k steps forward, 1 step back", NeurIPS 2019,
    arXiv 1907.08610, Algorithm 1.
    """

    inner: Optimizer
    k: int = 5
    alpha: Hyper = 0.5

    slots = ("slow",)
    ranges = {"alpha": UNIT}

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.k, int) or self.k < 1:
            raise ValueError(f"Lookahead: k must be a whole number >= 1, got {self.k!r}")

    def init(self, theta: np.ndarray, layout: Layout | None = None) -> State:
        return {**super().init(theta, layout), "slow": theta.copy()}

    def around(self, inner_step, theta, g, state, values):
        inner_step(g)
        if values["t"] % self.k == 0:
            slow = state["slow"]
            slow[:] = slow + values["alpha"] * (theta - slow)
            theta[:] = slow

    def evaluation_point(self, theta: np.ndarray, state: State) -> np.ndarray:
        return state["slow"]


class EMA(Wrapper):
    r"""An exponential moving average of theta, where the loss is reported; the steps themselves do not change.

    .. math:: \bar\theta_1 = \theta_1, \qquad \bar\theta_t = d\,\bar\theta_{t-1} + (1-d)\,\theta_t

    Parameters
    ----------
    inner : Optimizer
    decay : Hyper, default 0.99
        :math:`d \in [0, 1)`.

    References
    ----------
    B. T. Polyak, A. B. Juditsky, "Acceleration of Stochastic Approximation by Averaging", SIAM Journal on Control and
    Optimization 30(4), 1992, for the plain average. torch: ``swa_utils.AveragedModel`` with ``get_ema_multi_avg_fn``.
    """

    inner: Optimizer
    decay: Hyper = 0.99

    slots = ("average",)

    def init(self, theta: np.ndarray, layout: Layout | None = None) -> State:
        return {**super().init(theta, layout), "average": theta.copy()}

    def around(self, inner_step, theta, g, state, values):
        inner_step(g)
        decay = values["decay"] if values["t"] > 1 else 0
        state["average"][:] = decay * state["average"] + (1 - decay) * theta

    def evaluation_point(self, theta: np.ndarray, state: State) -> np.ndarray:
        return state["average"]


class SWA(Wrapper):
    r"""The plain average of theta from update ``start`` on, every ``every`` updates; before that, theta itself.

    .. math:: \bar\theta \leftarrow \bar\theta + \frac{\theta - \bar\theta}{n + 1}

    Parameters
    ----------
    inner : Optimizer
    start : int, default 0
        The first update after which theta is averaged is ``start + 1``.
    every : int, default 1

    References
    ----------
    P. Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", UAI 2018,
    arXiv 1803.05407, Algorithm 1.
    """

    inner: Optimizer
    start: int = 0
    every: int = 1

    slots = ("average",)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (("start", 0), ("every", 1)):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < least:
                raise ValueError(f"SWA: {name} must be a whole number >= {least}, got {getattr(self, name)!r}")

    def init(self, theta: np.ndarray, layout: Layout | None = None) -> State:
        return {**super().init(theta, layout), "average": theta.copy()}

    def around(self, inner_step, theta, g, state, values):
        inner_step(g)
        done, remainder = divmod(values["t"] - self.start - 1, self.every)
        if done >= 0 and remainder == 0:
            state["average"][:] = state["average"] + (theta - state["average"]) / (done + 1)

    def evaluation_point(self, theta: np.ndarray, state: State) -> np.ndarray:
        return state["average"] if int(state["t"]) > self.start else super().evaluation_point(theta, state)


class SAM(Wrapper):
    r"""The gradient is taken where the loss is worst nearby, so that the inner rule seeks flat ground.

    .. math:: \tilde g = \nabla f\Bigl(\theta + \rho\, \frac{g}{\lVert g \rVert_2}\Bigr)

    It needs ``grad``; each step costs two gradients, and the budget counts both.

    Parameters
    ----------
    inner : Optimizer
    rho : Hyper, default 0.05
        Radius :math:`\rho \ge 0`.

    References
    ----------
    P. Foret, A. Kleiner, H. Mobahi, B. Neyshabur, "Sharpness-Aware Minimization for Efficiently Improving
    Generalization", ICLR 2021, arXiv 2010.01412, Algorithm 1.
    """

    inner: Optimizer
    rho: Hyper = 0.05

    ranges = {"rho": NONNEGATIVE}

    def around(self, inner_step, theta, g, state, values):
        if values.get("grad") is None:
            raise ValueError("SAM needs the gradient elsewhere: call step(..., grad=function); minimize does so")
        norm = np.sqrt((g * g).sum(-1, keepdims=True))
        inner_step(values["grad"](theta + values["rho"] * g / np.where(norm > 0, norm, 1)))


class ReduceOnPlateau(Wrapper):
    """The inner learning rate times ``factor`` whenever the loss has not improved for more than ``patience`` updates.

    It needs ``loss``; what it has seen lives in the state, per run. The new rate serves from the next update on, as
    with torch's ReduceLROnPlateau (mode "min", relative threshold) called after each step.

    Parameters
    ----------
    inner : Optimizer
        It must have an ``lr``; it may be a schedule.
    factor : float, default 0.1
    patience : int, default 10
    threshold : float, default 1e-4
        A loss counts as improved below ``best * (1 - threshold)``.
    cooldown : int, default 0
        Updates to wait after a reduction before counting again.
    """

    inner: Optimizer
    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    cooldown: int = 0

    scalars = ("scale", "best", "bad", "cooling")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not hasattr(self.inner, "lr"):
            raise TypeError(f"ReduceOnPlateau: {type(self.inner).__name__} has no lr; wrap the rule itself")
        if not 0 < self.factor < 1:
            raise ValueError(f"ReduceOnPlateau: factor must lie in (0, 1), got {self.factor!r}")

    def init(self, theta: np.ndarray, layout: Layout | None = None) -> State:
        state = super().init(theta, layout)
        state["scale"] += 1
        state["best"] += np.inf
        return state

    def around(self, inner_step, theta, g, state, values):
        if values.get("loss") is None:
            raise ValueError("ReduceOnPlateau needs the loss: call step(theta, g, state, loss=loss); minimize does so")
        inner_step(g, self._scaled(state["scale"], values["t"]))
        loss = np.reshape(values["loss"], state["best"].shape)
        better = loss < state["best"] * (1 - self.threshold)
        state["best"] = np.where(better, loss, state["best"])
        cooling = state["cooling"] > 0
        bad = np.where(better | cooling, 0, state["bad"] + 1)
        reduce = bad > self.patience
        state["scale"] = np.where(reduce, state["scale"] * self.factor, state["scale"])
        state["bad"] = np.where(reduce, 0, bad)
        state["cooling"] = np.where(reduce, self.cooldown, np.maximum(state["cooling"] - 1, 0))

    def _scaled(self, scale: np.ndarray, t: int) -> Optimizer:
        if np.all(scale == 1):
            return self.inner
        lr: Any = self.inner.lr  # type: ignore[attr-defined]
        lr = (lr(t - 1) if callable(lr) else lr) * (scale[:, 0] if scale.ndim == 2 else float(scale[0]))
        return dataclasses.replace(self.inner, lr=lr)  # type: ignore[type-var]


class Box(Wrapper):
    r"""After each step theta is put back between ``low`` and ``high``: projected descent on a box.

    .. math:: \theta \leftarrow \min(\max(\theta, l), h)

    Parameters
    ----------
    inner : Optimizer
    low, high : float
        ``low < high``.
    """

    inner: Optimizer
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low < self.high:
            raise ValueError(f"Box: low must be less than high, got {self.low!r} and {self.high!r}")

    def around(self, inner_step, theta, g, state, values):
        inner_step(g)
        np.clip(theta, self.low, self.high, out=theta)


class Groups(Optimizer):
    """Each parameter goes to the first optimizer whose pattern matches its name in the layout.

    ``Groups({"blocks.*.W": Muon(), "*": AdamW()})`` gives hidden matrices to Muon and the rest to AdamW; that is also
    how weight decay spares biases, and how layers get rates of their own.

    Parameters
    ----------
    members : dict of pattern -> Optimizer
        Patterns as in file names: ``*`` stands for any letters, ``?`` for one. The order decides.

    Raises
    ------
    ValueError
        At ``init``, when no layout is given, a parameter matches no pattern, or a pattern matches no parameter.
    """

    members: dict[str, Optimizer]

    def __post_init__(self) -> None:
        if not isinstance(self.members, dict) or not self.members:
            raise TypeError(f"Groups: members must be a dict of pattern -> optimizer, got {self.members!r}")
        for pattern, member in self.members.items():
            if not isinstance(member, Optimizer):
                raise TypeError(f"Groups: {pattern!r} must stand for an optimizer, got {member!r}")
        super().__post_init__()

    def init(self, theta: np.ndarray, layout: Layout | None = None) -> State:
        self._check_theta(theta)
        if layout is None:
            raise ValueError("Groups: needs the layout, init(theta, problem.layout); minimize passes it")
        text = layout_text(type(self).__name__, layout, theta.shape[-1])
        state: State = {"t": 0, "layout": np.array(text)}
        for i, (member, places, own) in enumerate(self._split(text)):
            state |= _nested(f"{i}.", member.init(theta.take(places, -1), own))
        return state

    def step(self, theta: np.ndarray, g: np.ndarray, state: State, **more: Any) -> None:
        self._check_theta(theta)
        if not isinstance(state, dict) or not {"t", "layout"} <= state.keys():
            raise ValueError("Groups: state must hold 't' and 'layout'; make it with Groups.init(theta, layout)")
        grad = more.pop("grad", None)
        stepped = []
        for i, (member, places, _) in enumerate(self._split(str(state["layout"]))):
            part, inside = theta.take(places, -1), _part(f"{i}.", state)

            def grad_of_part(at: np.ndarray, places: np.ndarray = places) -> np.ndarray:
                moved = theta.copy()
                moved[..., places] = at
                return grad(moved)[..., places]

            member.step(part, g.take(places, -1), inside, grad=None if grad is None else grad_of_part, **more)
            stepped.append((places, part, _nested(f"{i}.", inside)))
        for places, part, inside in stepped:
            theta[..., places] = part
            state.update(inside)
        state["t"] = int(state["t"]) + 1

    def evaluation_point(self, theta: np.ndarray, state: State) -> np.ndarray:
        point = theta
        for i, (member, places, _) in enumerate(self._split(str(state["layout"]))):
            part = theta.take(places, -1)
            value = member.evaluation_point(part, _part(f"{i}.", state))
            if value is not part:
                point = theta.copy() if point is theta else point
                point[..., places] = value
        return point

    def _split(self, text: str) -> list[tuple[Optimizer, np.ndarray, Layout]]:
        """Each member with the places of its parameters in theta and their own layout."""
        known = self.__dict__.get("_known_split")
        if known is None or known[0] != text:
            known = (text, self._found_split(json_layout(text)))
            object.__setattr__(self, "_known_split", known)
        return known[1]

    def _found_split(self, layout: Layout) -> list[tuple[Optimizer, np.ndarray, Layout]]:
        places: dict[str, list[np.ndarray]] = {pattern: [] for pattern in self.members}
        layouts: dict[str, dict[str, tuple[int, ...]]] = {pattern: {} for pattern in self.members}
        start = 0
        for name, shape in layout.items():
            stop = start + math.prod(shape)
            pattern = next((p for p in self.members if fnmatchcase(name, p)), None)
            if pattern is None:
                raise ValueError(f"Groups: no pattern of {list(self.members)} matches the parameter {name!r}")
            places[pattern].append(np.arange(start, stop))
            layouts[pattern][name] = tuple(shape)
            start = stop
        for pattern, found in places.items():
            if not found:
                raise ValueError(f"Groups: the pattern {pattern!r} matches none of the parameters {list(layout)}")
        return [(member, np.concatenate(places[p]), layouts[p]) for p, member in self.members.items()]
