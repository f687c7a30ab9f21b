"""A small chapter to try checks and grading on: one task of each form."""

import numpy as np

from optlib.checks import Mistake, Task


def momentum_step(theta, g, m, lr, beta):
    m = beta * m + g
    return theta - lr * m, m


def drive(answer, theta, m, gradients, lr, beta):
    theta, m = theta.copy(), m.copy()
    thetas, ms = [], []
    for g in gradients:
        new = answer(theta, g, m, lr, beta)
        if new is not None:
            theta, m = new
        thetas.append(np.array(theta))
        ms.append(np.array(m))
    return {"theta": np.array(thetas), "m": np.array(ms)}


def momentum_cases(rng):
    theta, m, gradients = rng.normal(size=3), rng.normal(size=3), rng.normal(size=(4, 3))
    one, four = {"theta": theta, "gradients": gradients[:1]}, {"theta": theta, "gradients": gradients}
    return [
        {"label": "one step from rest, beta = 0", **one, "m": np.zeros(3), "lr": 0.1, "beta": 0.0},
        {"label": "one step from a warm state", **one, "m": m, "lr": 0.1, "beta": 0.9},
        {"label": "four steps from a warm state", **four, "m": m, "lr": 0.1, "beta": 0.9},
    ]


def averaged(theta, g, m, lr, beta):
    m = beta * m + (1 - beta) * g
    return theta - lr * m, m


def late(theta, g, m, lr, beta):
    return theta - lr * m, beta * m + g


def uphill(theta, g, m, lr, beta):
    m = beta * m + g
    return theta + lr * m, m


def scaling_the_gradient(theta, g, m, lr, beta):
    m = beta * m + g
    g *= lr
    return theta - lr * m, m


def in_place(theta, g, m, lr, beta):
    m *= beta
    m += g
    theta -= lr * m


def element_by_element(theta, g, m, lr, beta):
    m = [beta * old + new for old, new in zip(m, g, strict=True)]
    return [old - lr * v for old, v in zip(theta, m, strict=True)], m


def diverges(lr, L):
    return bool(lr > 2 / L)


def ask(answer, lr, L):
    return answer(lr, L)


def divergence_cases(rng):
    L = float(rng.uniform(1, 10))
    factors = (0.99, 1.01, 0.51, 0.49, 100.0)
    return [{"label": f"{factor} times the threshold", "lr": factor * 2 / L, "L": L} for factor in factors]


def best_rate(L, mu):
    return 2 / (L + mu)


def rate(answer, L, mu):
    return answer(L, mu)


def rate_cases(rng):
    return [
        {"label": "a round bowl", "L": 3.0, "mu": 3.0, "weight": 1},
        {"label": "a long valley", "L": float(rng.uniform(5, 10)), "mu": float(rng.uniform(0.1, 1)), "weight": 3},
    ]


def hand_over(answer, curvature):
    return answer


def train(lr, curvature):
    theta = 1.0
    for _ in range(50):
        theta -= lr * curvature * theta
    return {"reached": abs(theta) < 1e-6}


TASKS = [
    Task(
        id="99.1",
        title="Write momentum",
        kind="implement",
        minutes=8,
        points=3,
        difficulty="medium",
        name="momentum_step",
        done="Four steps from any state agree.",
        reference=momentum_step,
        cases=momentum_cases,
        run=drive,
        mistakes=[
            Mistake(averaged, "You average the gradients. Here the velocity is their sum."),
            Mistake(late, "The step uses the velocity from before this gradient."),
            Mistake(uphill, "Which way is down?"),
            Mistake(scaling_the_gradient, "The gradient belongs to the caller, and you scale it in place."),
        ],
        right=[in_place, element_by_element],
        hints=["Which of the two arrays does the gradient enter?", "First `m`, then `theta`."],
    ),
    Task(
        id="99.2",
        title="Does it diverge?",
        kind="predict",
        minutes=5,
        points=2,
        difficulty="easy",
        name="diverges",
        done="True exactly above the threshold.",
        reference=diverges,
        cases=divergence_cases,
        run=ask,
        mistakes=[Mistake(lambda lr, L: lr > 1 / L, "Above 1/L it overshoots. How far may it, and still come home?")],
        hints=["By which number does each step multiply theta?"],
    ),
    Task(
        id="99.3",
        title="The best rate",
        kind="derive",
        minutes=10,
        points=4,
        difficulty="hard",
        name="best_rate",
        done="The rate that shrinks the slowest direction fastest.",
        reference=best_rate,
        cases=rate_cases,
        run=rate,
        partial=True,
        mistakes=[Mistake(lambda L, mu: 1 / L, "That is safe, not best: the slowest direction could go faster.")],
        hints=["Which two directions are slowest?"],
    ),
    Task(
        id="99.4",
        title="Tune it",
        kind="tune",
        minutes=3,
        points=1,
        difficulty="easy",
        name="lr",
        done="After 50 steps theta is below 1e-6.",
        reference=0.25,
        cases=lambda rng: [{"label": "curvature 4", "curvature": 4.0}],
        run=hand_over,
        measure=train,
        right=[0.2, 0.3],
        hints=["Where is the cliff?"],
    ),
    Task(
        id="99.5",
        title="Say why",
        kind="explain",
        minutes=10,
        points=5,
        difficulty="medium",
        done="A paragraph that a colleague would understand.",
        rubric=["names the curvature", "says what a step does to theta"],
        hints=["What would you draw?"],
    ),
]
