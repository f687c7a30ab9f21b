"""Make conventions.npz and conventions.json: how torch, optax and keras really move, and their defaults.

Run it where the three are installed, with KERAS_BACKEND=jax:

python tests/peers/make_conventions.py
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import torch
from cases import RECORDED, SCALES, START, STEPS, gradient

#: In the recordings marked "lr falls", the learning rate is a tenth of itself after this many updates.
FALL = 50

Step = Callable[[int, np.ndarray], np.ndarray]


def of_torch(make: Callable, falls: bool = False) -> Step:
    theta = torch.nn.Parameter(torch.tensor(START))
    peer = make([theta])

    def step(t: int, g: np.ndarray) -> np.ndarray:
        if falls and t == FALL + 1:
            peer.param_groups[0]["lr"] /= 10
        theta.grad = torch.tensor(g)
        peer.step()
        return theta.detach().numpy().copy()

    return step


def of_optax(make: Callable, lr: float, falls: bool = False) -> Step:
    peer = make((lambda count: jnp.where(count < FALL, lr, lr / 10)) if falls else lr)
    theta = jnp.array(START)
    state = peer.init(theta)

    def step(t: int, g: np.ndarray) -> np.ndarray:
        nonlocal theta, state
        updates, state = peer.update(jnp.array(g), state, theta)
        theta = optax.apply_updates(theta, updates)
        return np.array(theta)

    return step


def of_keras(peer: keras.optimizers.Optimizer, falls: bool = False) -> Step:
    theta = keras.Variable(START)
    peer.build([theta])

    def step(t: int, g: np.ndarray) -> np.ndarray:
        if falls and t == FALL + 1:
            peer.learning_rate = float(peer.learning_rate) / 10
        peer.apply([keras.ops.convert_to_tensor(g)], [theta])
        return np.array(theta.value)

    return step


def l2(strength: float) -> Callable:
    return lambda lr: optax.chain(
        optax.add_decayed_weights(strength), optax.scale_by_adam(), optax.scale_by_learning_rate(lr)
    )


RECORDINGS: dict[str, Callable[[], Step]] = {
    "torch SGD(momentum=0.9), lr falls": lambda: of_torch(
        lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9), falls=True
    ),
    "optax sgd(momentum=0.9), lr falls": lambda: of_optax(lambda lr: optax.sgd(lr, momentum=0.9), 0.02, falls=True),
    "keras SGD(momentum=0.9), lr falls": lambda: of_keras(keras.optimizers.SGD(0.02, momentum=0.9), falls=True),
    "torch SGD(nesterov), lr falls": lambda: of_torch(
        lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True), falls=True
    ),
    "optax sgd(nesterov), lr falls": lambda: of_optax(
        lambda lr: optax.sgd(lr, momentum=0.9, nesterov=True), 0.02, falls=True
    ),
    "keras SGD(nesterov), lr falls": lambda: of_keras(
        keras.optimizers.SGD(0.02, momentum=0.9, nesterov=True), falls=True
    ),
    "keras SGD(weight_decay=0.1)": lambda: of_keras(keras.optimizers.SGD(0.02, weight_decay=0.1)),
    "torch Adagrad": lambda: of_torch(lambda p: torch.optim.Adagrad(p, lr=0.01)),
    "optax adagrad": lambda: of_optax(optax.adagrad, 0.01),
    "keras Adagrad": lambda: of_keras(keras.optimizers.Adagrad(0.01)),
    "torch RMSprop": lambda: of_torch(lambda p: torch.optim.RMSprop(p, lr=0.01)),
    "optax rmsprop": lambda: of_optax(optax.rmsprop, 0.01),
    "optax rmsprop(decay=0.99, eps_in_sqrt=False)": lambda: of_optax(
        lambda lr: optax.rmsprop(lr, decay=0.99, eps_in_sqrt=False), 0.01
    ),
    "keras RMSprop": lambda: of_keras(keras.optimizers.RMSprop(0.01)),
    "torch RMSprop(momentum=0.9), lr falls": lambda: of_torch(
        lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.9), falls=True
    ),
    "keras RMSprop(momentum=0.9), lr falls": lambda: of_keras(keras.optimizers.RMSprop(0.01, momentum=0.9), falls=True),
    "torch Adam": lambda: of_torch(lambda p: torch.optim.Adam(p, lr=0.01)),
    "optax adam": lambda: of_optax(optax.adam, 0.01),
    "keras Adam": lambda: of_keras(keras.optimizers.Adam(0.01)),
    "torch Adam(weight_decay=0.1)": lambda: of_torch(lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1)),
    "optax L2 before adam": lambda: of_optax(l2(0.1), 0.01),
    "keras Adam(weight_decay=0.1)": lambda: of_keras(keras.optimizers.Adam(0.01, weight_decay=0.1)),
    "torch AdamW": lambda: of_torch(lambda p: torch.optim.AdamW(p, lr=0.01)),
    "optax adamw": lambda: of_optax(optax.adamw, 0.01),
    "keras AdamW": lambda: of_keras(keras.optimizers.AdamW(0.01)),
}

SIGNATURES = {
    "torch": {name: getattr(torch.optim, name).__init__ for name in ("SGD", "Adagrad", "RMSprop", "Adam", "AdamW")},
    "optax": {name: getattr(optax, name) for name in ("sgd", "adagrad", "rmsprop", "adam", "adamw")},
    "keras": {
        name: getattr(keras.optimizers, name).__init__ for name in ("SGD", "Adagrad", "RMSprop", "Adam", "AdamW")
    },
}


def path(step: Step, scale: float) -> np.ndarray:
    """theta after each step of RECORDED, shape (len(RECORDED), SIZE)."""
    theta, kept = START, []
    for t in range(1, STEPS + 1):
        theta = step(t, gradient(theta, t, scale))
        if t in RECORDED:
            kept.append(theta)
    return np.array(kept)


def defaults(function: Callable) -> dict[str, object]:
    """Name -> default of the arguments whose default is a number, a flag or a pair."""
    parameters = inspect.signature(function).parameters.items()
    return {name: p.default for name, p in parameters if isinstance(p.default, int | float | tuple)}


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    jax.config.update("jax_enable_x64", True)
    keras.config.set_floatx("float64")
    here = Path(__file__).parent
    paths = {
        f"{name}|{kind}": path(make(), scale) for name, make in RECORDINGS.items() for kind, scale in SCALES.items()
    }
    np.savez_compressed(here / "conventions.npz", **paths)
    versions = {"torch": torch.__version__.partition("+")[0], "optax": optax.__version__, "keras": keras.__version__}
    known = {library: {name: defaults(f) for name, f in found.items()} for library, found in SIGNATURES.items()}
    text = json.dumps({"versions": versions, "defaults": known}, indent=1)
    (here / "conventions.json").write_text(text + "\n", encoding="utf-8")
