"""Rules that compute into buffers: the bits of the text, nothing of the caller's changed, the text when in doubt."""

import ast
import dataclasses
import importlib.util
import linecache
import traceback

import numpy as np
import pytest

import optlib
from optlib import Adam, AdamW, Hyper, Lion, Momentum, Optimizer, RMSprop, optimizer
from optlib.inplace import in_place, rewrite

SIZE = 3000  # more than BUFFERED_BYTES
LIMIT = 0.5


class Clipped(Optimizer):
    lr: Hyper = 0.1

    @staticmethod
    def rule(theta, g, *, lr):
        theta[:] = theta - lr * np.maximum(-g, LIMIT)


class KeepsWhatWas(Optimizer):
    """`before` must not become another name of m, though decay is 0."""

    lr: Hyper = 0.1
    decay: Hyper = 0.0
    slots = ("m",)

    @staticmethod
    def rule(theta, g, m, *, lr, decay):
        before = m + decay * theta
        m[:] = m + g
        theta[:] = theta - lr * (m + before)


class ScalesItsOwn(Optimizer):
    """Its g must not become the caller's, though decay is 0."""

    lr: Hyper = 0.1
    decay: Hyper = 0.0

    @staticmethod
    def rule(theta, g, *, lr, decay):
        g = g + decay * theta
        g *= 2
        theta[:] = theta - lr * g


class ScalesUnderAnotherName(ScalesItsOwn):
    """As above, by way of a second name."""

    @staticmethod
    def rule(theta, g, *, lr, decay):
        u = g + decay * theta
        w = u
        w *= 2
        theta[:] = theta - lr * u


class Vanishes(Optimizer):
    """What is 0 stays an array, of theta's type."""

    lr: Hyper = 0.1
    beta: Hyper = 0.0
    slots = ("m",)

    @staticmethod
    def rule(theta, g, m, *, lr, beta):
        u = beta * m
        u[:] = u + g
        w = beta * m - beta * g
        w += 1
        m[:] = beta * m
        m -= g / (np.sqrt(beta * m) + 0.3) * w
        theta[:] = theta - lr * (u + m)


class Closes(Optimizer):
    lr: Hyper = 0.1

    @staticmethod
    def rule(theta, g, *, lr):
        u = g * 2
        double = lambda: u  # noqa: E731
        w = g * 3
        theta[:] = theta - lr * (w * double())


class ReadsAView(Optimizer):
    """The buffer of u is not free while a view of it is read."""

    lr: Hyper = 0.1

    @staticmethod
    def rule(theta, g, *, lr):
        u = g * 2
        backwards = u[::-1]
        w = g * 3
        x = w + w / 2
        theta[:] = theta - lr * (x * backwards)


class ReadsAnotherName(Optimizer):
    lr: Hyper = 0.1

    @staticmethod
    def rule(theta, g, *, lr):
        u, v = g * 2, g
        w = g * 4
        first = w
        w = g * 5
        x = g * 6
        second, third = x, v
        y = g * 7
        z = y / 2 + g
        theta[:] = theta - lr * (u + first * w * second * third + z)


class Loops(Optimizer):
    lr: Hyper = 0.1
    rounds: int = 3

    @staticmethod
    def rule(theta, g, *, lr, rounds):
        u = g / 2
        before = u
        for _ in range(rounds):
            u = u * 2 + before
            before = u - g
        theta -= lr * u


class Chooses(Optimizer):
    lr: Hyper = 0.1
    bold: bool = False

    @staticmethod
    def rule(theta, g, *, t, lr, bold):
        u = g * 2 if t > 1 else np.sign(g) + g
        w = u
        if bold:
            w = u * u
            u = w - g
        with np.errstate(all="ignore"):
            r = np.where(g > 0, u, w)
        pair, other = u * w, -w
        theta[:] = theta - lr * (r + pair / 2 - other) ** 2


class InPlace(Optimizer):
    lr: Hyper = 0.1
    slots = ("m",)

    @staticmethod
    def rule(theta, g, m, *, t, lr):
        m *= 0.9
        m += 0.1 * g
        u = m / (1 - 0.9**t)
        u **= 3
        w = u
        w -= np.abs(g)
        theta -= lr * (u + w)


class WritesElsewhere(Optimizer):
    lr: Hyper = 0.1

    @staticmethod
    def rule(theta, g, *, lr):
        u = g * 1
        np.clip(u, -1, 1, out=u)
        v = np.multiply(u, 2, out=u)
        theta[:] = theta - lr * (u + v)


TRICKY = [
    Clipped(),
    KeepsWhatWas(),
    ScalesItsOwn(),
    ScalesUnderAnotherName(),
    Vanishes(),
    Closes(),
    ReadsAView(),
    ReadsAnotherName(),
    Loops(),
    Chooses(),
    Chooses(bold=True),
    InPlace(),
    WritesElsewhere(),
]
EXPORTED = [getattr(optlib, name) for name in optlib.optimizers.__all__]
RULES = [cls() for cls in EXPORTED if hasattr(cls, "rule") and cls.elementwise]
VARIANTS = [
    Adam(weight_decay=0.1),
    Adam(lr=optlib.schedules.Cosine(0.1, 9)),
    AdamW(weight_decay=0.0, eps=0.0),
    Momentum(dampening=0.5, weight_decay=0.1),
    RMSprop(centered=True, momentum=0.9),
    RMSprop(eps_inside_root=True),
    Lion(beta1=0.0, weight_decay=0.1),
]
every_rule = pytest.mark.parametrize("opt", [*RULES, *VARIANTS, *TRICKY], ids=repr)


def rewritten(opt):
    return in_place(type(opt).rule, ("theta", "g", *opt.slots), opt._numbers, frozenset())


def walk(opt, theta, gradients):
    theta = theta.copy()
    state = opt.init(theta)
    for g in gradients:
        opt.step(theta, g, state)
    return theta, state


@every_rule
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("runs", [None, 3])
def test_buffers_change_no_bit(opt, dtype, runs, monkeypatch):
    shape = (SIZE,) if runs is None else (runs, SIZE)
    if runs is not None:
        opt = dataclasses.replace(opt, lr=np.linspace(0.001, 0.1, runs))
    rng = np.random.default_rng(0)
    start, *gradients = rng.standard_normal((7, *shape)).astype(dtype)
    given = np.copy(gradients)
    theta, state = walk(opt, start, gradients)
    np.testing.assert_array_equal(gradients, given)
    monkeypatch.setattr(optimizer, "BUFFERED_BYTES", 10**9)
    as_written, its_state = walk(opt, start, gradients)
    np.testing.assert_array_equal(theta, as_written)
    for name in state:
        np.testing.assert_array_equal(state[name], its_state[name])


@pytest.mark.parametrize("opt", RULES, ids=repr)
def test_every_elementwise_rule_of_the_library_is_rewritten(opt):
    assert rewritten(opt)[1] > 0


def test_the_rewritten_text_can_be_read():
    definition, buffers = rewrite(Adam.rule, ("theta", "g", "m", "v"), Adam._numbers, frozenset({"weight_decay"}))
    lines = ast.unparse(definition).splitlines()
    assert "    add(multiply(beta1, m, out=b0), multiply(1 - beta1, g, out=b1), out=m)" in lines
    assert buffers == 4 and "weight_decay" not in "".join(lines[1:])


def test_a_gradient_of_another_type_is_used_as_written():
    theta = np.zeros(SIZE, np.float32)
    g = np.random.default_rng(0).standard_normal(SIZE)
    found, expected = theta.copy(), theta.copy()
    opt = optlib.SGD(lr=0.1)
    opt.step(found, g, opt.init(found))
    optlib.SGD.rule(expected, g, lr=0.1, weight_decay=0.0)
    np.testing.assert_array_equal(found, expected)


def test_a_rule_without_text_runs_as_it_is():
    namespace = {"Optimizer": Optimizer, "Hyper": Hyper}
    exec(
        "class Typed(Optimizer):\n    lr: Hyper = 0.5\n"
        "    def rule(theta, g, *, lr):\n        theta[:] = theta - lr * g\n",
        namespace,
    )
    opt = namespace["Typed"]()
    assert rewritten(opt) == (type(opt).rule, 0)
    np.testing.assert_array_equal(walk(opt, np.zeros(SIZE), np.ones((1, SIZE)))[0], np.full(SIZE, -0.5))


RULE_IN_A_FILE = """
import numpy as np
from optlib import Hyper, Optimizer

class InAFile(Optimizer):
    lr: Hyper = 0.5

    @staticmethod
    def rule(theta, g, *, lr):
        u = g * np.sqrt(4.0)
        theta[:] = theta - lr * {}
"""


def imported(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.InAFile()


def test_a_file_that_changed_since_it_was_imported_is_not_read(tmp_path):
    path = tmp_path / "learner.py"
    path.write_text(RULE_IN_A_FILE.format("(g * 2)"))
    opt = imported(path)
    path.write_text(RULE_IN_A_FILE.format("(g / 2)"))
    linecache.checkcache(str(path))
    assert rewritten(opt) == (type(opt).rule, 0)
    path.write_text(RULE_IN_A_FILE.format("(g * 2)"))
    linecache.checkcache(str(path))
    in_place.cache_clear()
    assert rewritten(opt)[1] > 0


def test_an_error_in_a_rewritten_rule_points_to_its_own_line(tmp_path):
    path = tmp_path / "learner.py"
    path.write_text(RULE_IN_A_FILE.format("(g * 2 + undefined)"))
    opt = imported(path)
    theta = np.zeros(SIZE)
    with pytest.raises(NameError) as caught:
        opt.step(theta, np.ones(SIZE), opt.init(theta))
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert last.filename == str(path) and last.line == "theta[:] = theta - lr * (g * 2 + undefined)"


def test_names_that_the_rewritten_text_needs_are_left_to_the_rule():
    class TakesTheNames(Optimizer):
        lr: Hyper = 0.1
        slots = ("b0",)

        @staticmethod
        def rule(theta, g, b0, *, lr):
            b0[:] = b0 + g
            theta[:] = theta - lr * b0

    assert rewritten(TakesTheNames())[1] == 0
