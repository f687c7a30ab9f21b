"""The one task of the first lesson: it shows what a check looks like."""

from __future__ import annotations

from optlib.checks import Mistake, Task


def descend(theta, g, lr):
    return theta - lr * g


def drive(answer, theta, g, lr):
    theta = theta.copy()
    new = answer(theta, g, lr)
    return theta if new is None else new


def cases(rng):
    theta, g = rng.normal(size=(2, 3))
    return [
        {"label": "one parameter, learning rate 1", "theta": theta[:1], "g": g[:1], "lr": 1.0},
        {"label": "three parameters, learning rate 0.1", "theta": theta, "g": g, "lr": 0.1},
    ]


def uphill(theta, g, lr):
    return theta + lr * g


def unscaled(theta, g, lr):
    return theta - g


def only_the_step(theta, g, lr):
    return -lr * g


def in_place(theta, g, lr):
    theta -= lr * g


TASKS = [
    Task(
        id="00.1",
        title="One step downhill",
        kind="implement",
        minutes=2,
        points=1,
        difficulty="easy",
        name="descend",
        done="From any point, one step of size lr times the gradient leads downhill.",
        reference=descend,
        cases=cases,
        run=drive,
        mistakes=[
            Mistake(uphill, "The gradient points uphill, and you follow it. Which sign leads down?"),
            Mistake(unscaled, "You go by the whole gradient. Where does the learning rate come in?"),
            Mistake(only_the_step, "That is the step. Where do you stand once you have taken it?"),
        ],
        right=[in_place],
        hints=[
            "Draw a parabola. Right of its minimum, is the slope positive or negative? And where do you want to go?",
            "The gradient points to where the loss grows. You want to go the other way: subtract.",
        ],
    ),
]
