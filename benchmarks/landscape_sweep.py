"""W1: 200 learning rates x 500 steps of Adam on Rosenbrock, paths recorded, against loops and a compiled program."""

from __future__ import annotations

import numpy as np
from measure import Contender, present, side_by_side, slope

from optlib import Adam, minimize, problems

RATES = np.geomspace(1e-4, 1.0, 200)
SOME = RATES[::50]
SHARE = len(RATES) / len(SOME)
STEPS = 500


def ours(rates: np.ndarray = RATES):
    return minimize(problems.Rosenbrock(), Adam(lr=rates), steps=STEPS)


def one_at_a_time():
    return [minimize(problems.Rosenbrock(), Adam(lr=float(lr)), steps=STEPS) for lr in SOME]


def torch_loop():
    """What most people write: a loop over learning rates around a loop over steps, with autograd."""
    import torch

    start = torch.tensor(problems.Rosenbrock().init())
    paths = []
    for lr in SOME:
        theta = start.clone().requires_grad_()
        opt = torch.optim.Adam([theta], lr=float(lr))
        path = torch.empty(STEPS + 1, 2, dtype=torch.float64)
        for t in range(STEPS):
            path[t] = theta.detach()
            opt.zero_grad()
            x, y = theta[0], theta[1]
            ((1 - x) ** 2 + 100 * (y - x * x) ** 2).backward()
            opt.step()
        path[STEPS] = theta.detach()
        paths.append(path.numpy())
    return np.stack(paths, axis=1)


def optax_compiled_anew():
    """All learning rates at once, as one program: compiled for this use, as a new sweep needs."""
    import jax
    import optax

    jax.config.update("jax_enable_x64", True)
    jax.clear_caches()
    start = jax.numpy.array(problems.Rosenbrock().init())

    def f(theta):
        x, y = theta
        return (1 - x) ** 2 + 100 * (y - x * x) ** 2

    def path(lr):
        opt = optax.adam(lr)

        def step(carry, _):
            theta, state = carry
            updates, state = opt.update(jax.grad(f)(theta), state)
            theta = optax.apply_updates(theta, updates)
            return (theta, state), (theta, f(theta))

        return jax.lax.scan(step, (start, opt.init(start)), length=STEPS)[1][0]

    return np.asarray(jax.jit(jax.vmap(path, out_axes=1))(jax.numpy.array(RATES)))


def main() -> None:
    torch, optax = present("torch", "optax")
    expected = ours().theta
    others = [Contender("optlib, one run at a time", one_at_a_time, SHARE, goal=30)]
    if torch:
        np.testing.assert_allclose(torch_loop(), expected[:, ::50], rtol=0, atol=1e-9)
        others.append(Contender("torch.optim.Adam in a loop", torch_loop, SHARE, goal=1000))
    if optax:
        np.testing.assert_allclose(optax_compiled_anew(), expected[1:], rtol=0, atol=1e-9)
        others.append(Contender("optax, vmap + scan, with compilation", optax_compiled_anew, goal=15))
    side_by_side(
        "W1: 200 learning rates x 500 steps on Rosenbrock, paths recorded",
        Contender("optlib, all runs at once", ours),
        others,
    )
    print(f"  (contenders that run one at a time do {len(SOME)} of the 200 rates; their times count {SHARE:.0f} times)")
    slope("cost slope, 1 -> 200 runs", lambda runs: lambda: ours(np.geomspace(1e-4, 1, runs)), 1, 200, goal=0.2)


if __name__ == "__main__":
    main()
