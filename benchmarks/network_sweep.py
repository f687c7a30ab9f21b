"""W2: 64 learning rates x 300 steps of Adam for a small network, against torch and optax, one by one and batched."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from measure import Contender, present, side_by_side, slope

from optlib import Adam, minimize, problems

PROBLEM = problems.Digits()
RATES = np.geomspace(1e-4, 1e-1, 64)
SOME = RATES[::16]
SHARE = len(RATES) / len(SOME)
STEPS = 300
BATCHES = np.stack(list(PROBLEM.batches(seed=0, steps=STEPS)))
IMAGES, LABELS = PROBLEM.data.x.astype(np.float32), PROBLEM.data.y


def ours(rates: np.ndarray = RATES, steps: int = STEPS) -> np.ndarray:
    return minimize(PROBLEM, Adam(lr=rates), steps, record="loss").loss[:-1]


def torch_loop() -> np.ndarray:
    """What most people write: a module, an optimizer, and loops over learning rates and steps."""
    import torch

    x, y, batches = torch.tensor(IMAGES), torch.tensor(LABELS), torch.tensor(BATCHES)
    losses = torch.empty(STEPS, len(SOME))
    sizes = (64, 64, 32, 10)
    for run, lr in enumerate(SOME):
        layers = [torch.nn.Linear(a, b) for a, b in pairwise(sizes)]
        for layer, (w, b) in zip(layers, _pairs(PROBLEM.init(0)), strict=True):
            layer.weight.data, layer.bias.data = torch.tensor(w.T.copy()), torch.tensor(b)
        net = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])
        opt = torch.optim.Adam(net.parameters(), lr=float(lr))
        for t, batch in enumerate(batches):
            opt.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(x[batch]), y[batch])
            loss.backward()
            opt.step()
            losses[t, run] = loss.detach()
    return losses.numpy()


def torch_vmap() -> np.ndarray:
    """All runs at once: torch.func differentiates and batches, Adam works on stacks of parameters."""
    import torch

    x, y, batches = torch.tensor(IMAGES), torch.tensor(LABELS), torch.tensor(BATCHES)
    params = {n: torch.tensor(v.copy()) for n, v in PROBLEM.views(PROBLEM.init(0, runs=len(RATES))).items()}
    m = {name: torch.zeros_like(p) for name, p in params.items()}
    v = {name: torch.zeros_like(p) for name, p in params.items()}
    rates = torch.tensor(RATES, dtype=torch.float32)
    lr = {name: rates.reshape(-1, *[1] * (p.ndim - 1)) for name, p in params.items()}

    def loss_of(p, x, y):
        h = torch.relu(x @ p["blocks.0.W"] + p["blocks.0.b"])
        h = torch.relu(h @ p["blocks.1.W"] + p["blocks.1.b"])
        return torch.nn.functional.cross_entropy(h @ p["head.W"] + p["head.b"], y)

    gradients = torch.func.vmap(torch.func.grad_and_value(loss_of), in_dims=(0, None, None))
    losses = torch.empty(STEPS, len(RATES))
    for t, batch in enumerate(batches):
        g, losses[t] = gradients(params, x[batch], y[batch])
        for name, p in params.items():
            m[name].lerp_(g[name], 0.1)
            v[name].mul_(0.999).addcmul_(g[name], g[name], value=0.001)
            scale = (v[name] / (1 - 0.999 ** (t + 1))).sqrt_().add_(1e-8)
            p.sub_(lr[name] * (m[name] / (1 - 0.9 ** (t + 1))).div_(scale))
    return losses.numpy()


def optax_program():
    """All runs and all steps as one program, to be compiled."""
    import jax
    import optax

    jnp = jax.numpy
    x, y, batches = jnp.array(IMAGES), jnp.array(LABELS), jnp.array(BATCHES)
    start = {name: jnp.array(value) for name, value in PROBLEM.views(PROBLEM.init(0)).items()}

    def loss_of(p, x, y):
        h = jax.nn.relu(x @ p["blocks.0.W"] + p["blocks.0.b"])
        h = jax.nn.relu(h @ p["blocks.1.W"] + p["blocks.1.b"])
        return optax.softmax_cross_entropy_with_integer_labels(h @ p["head.W"] + p["head.b"], y).mean()

    def train(lr):
        opt = optax.adam(lr)

        def step(carry, batch):
            p, state = carry
            loss, g = jax.value_and_grad(loss_of)(p, x[batch], y[batch])
            updates, state = opt.update(g, state)
            return (optax.apply_updates(p, updates), state), loss

        return jax.lax.scan(step, (start, opt.init(start)), batches)[1]

    program = jax.jit(jax.vmap(train, out_axes=1))
    rates = jnp.array(RATES, dtype=jnp.float32)
    return lambda: np.asarray(program(rates))


def optax_compiled_anew() -> np.ndarray:
    import jax

    jax.clear_caches()
    return optax_program()()


def _pairs(theta: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    parts = list(PROBLEM.views(theta).values())
    return list(zip(parts[::2], parts[1::2], strict=True))


def main() -> None:
    torch, optax = present("torch", "optax")
    others = []
    if torch:
        others.append(Contender("torch.optim.Adam in a loop", torch_loop, SHARE, goal=12))
        others.append(Contender("torch.func.vmap, Adam on stacks", torch_vmap, goal=2.3))
    if optax:
        others.append(Contender("optax, vmap + scan, with compilation", optax_compiled_anew, goal=2.3))
        others.append(Contender("optax, vmap + scan, compiled before", optax_program(), goal=1.0))
    expected = ours()
    for other in others:  # the same start, batches and rule, so the same losses until rounding tells them apart
        found = other.work()
        np.testing.assert_allclose(found[:20], expected[:20, :: round(other.share)], rtol=2e-3)
    side_by_side(
        "W2: 64 learning rates x 300 steps, digits 64-64-32-10, batches of 64, float32",
        Contender("optlib, all runs at once", ours),
        others,
        rounds=5,
    )
    if torch:
        print(f"  (the loop does {len(SOME)} of the 64 rates; its time counts {SHARE:.0f} times)")
    slope("cost slope, 8 -> 256 runs", lambda n: lambda: ours(np.geomspace(1e-4, 0.1, n), 60), 8, 256, 1.0, repeats=8)


if __name__ == "__main__":
    main()
