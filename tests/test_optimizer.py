"""The machine: blocks, runs, schedules, state, and every bad input with its message."""

import dataclasses
import io
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optlib
from optlib import SGD, Adagrad, Adam, AdamW, Hyper, Momentum, Nesterov, NonFiniteGradient, Optimizer, RMSprop
from optlib.optimizer import BLOCK_BYTES
from optlib.optimizers.matrices import MatrixRule
from optlib.schedules import Cosine, Step, Warmup

EXPORTED = [getattr(optlib, name) for name in optlib.optimizers.__all__]
CLASSES = [cls for cls in EXPORTED if not issubclass(cls, (optlib.optimizers.wrappers.Wrapper, optlib.Groups))]
VARIANTS = [
    *[cls() for cls in CLASSES],
    Momentum(dampening=0.5, weight_decay=0.1),
    RMSprop(centered=True, momentum=0.9),
    RMSprop(eps_inside_root=True),
    Adagrad(initial_accumulator=0.1),
    Adam(weight_decay=0.1),
    optlib.AMSGrad(variant="paper"),
]
every_class = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
every_variant = pytest.mark.parametrize("opt", VARIANTS, ids=repr)


def walk(opt, theta, gradients, state=None):
    """theta after the given gradients, and the state."""
    theta = theta.copy()
    state = opt.init(theta, one_matrix(opt, theta)) if state is None else state
    for g in gradients:
        opt.step(theta, g, state, grad=np.copy)
    return theta, state


def one_matrix(opt, theta):
    """The layout that a rule for matrices needs: theta as one matrix, as square as can be."""
    n = theta.shape[-1]
    rows = max(rows for rows in range(1, math.isqrt(n) + 1) if n % rows == 0)
    return {"W": (rows, n // rows)} if isinstance(opt, MatrixRule) else None


def gradients(shape, steps=5, seed=0, dtype=float):
    return np.random.default_rng(seed).standard_normal((steps, *shape)).astype(dtype)


class SignDescent(Optimizer):
    """Ten lines that a learner writes."""

    lr: Hyper = 0.1

    @staticmethod
    def rule(theta, g, *, lr):
        theta[:] = theta - lr * np.sign(g)


# One run, many runs, blocks


@every_variant
@given(runs=st.integers(1, 4), n=st.integers(1, 5), seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_many_runs_equal_a_loop_of_single_runs(opt, runs, n, seed):
    start, gs = gradients((runs, n), 1, seed)[0], gradients((runs, n), 6, seed + 1)
    together, _ = walk(opt, start, gs)
    for i in range(runs):
        alone, _ = walk(opt, start[i], gs[:, i])
        np.testing.assert_array_equal(together[i], alone)


def numeric_fields(opt):
    return [f.name for f in dataclasses.fields(opt) if isinstance(getattr(opt, f.name), float)]


@pytest.mark.parametrize(
    ("opt", "name"), [(opt, name) for opt in VARIANTS for name in numeric_fields(opt)], ids=lambda x: str(x)
)
def test_an_array_hyperparameter_equals_a_loop_of_scalars(opt, name):
    value = getattr(opt, name)
    values = np.array([0.5 * value, value, 0.5 * (1 + value) if 0.5 <= value < 1 else 1.5 * value + 1e-4])
    start, gs = gradients((7,), 1)[0], gradients((7,), 20, 1)
    together, _ = walk(dataclasses.replace(opt, **{name: values}), np.tile(start, (3, 1)), np.tile(gs[:, None], (3, 1)))
    for i, one in enumerate(values):
        alone, _ = walk(dataclasses.replace(opt, **{name: float(one)}), start, gs)
        np.testing.assert_allclose(together[i], alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("opt", "name"), [(opt, name) for opt in VARIANTS for name in numeric_fields(opt)], ids=lambda x: str(x)
)
def test_one_percent_of_any_hyperparameter_changes_the_trajectory(opt, name):
    # some defaults are too extreme to be seen beside gradients of size one
    visible = {"eps": 0.1, "step_min": 0.05, "step_max": 0.02, "eps1": 0.5, "eps2": 2.0, "d": 0.5}.get(
        name, getattr(opt, name)
    )
    opt = dataclasses.replace(opt, **{name: visible})
    if name == "weight_lr_power":  # it compares rates, so they must differ
        opt = dataclasses.replace(opt, lr=Warmup(50, opt.lr))
    changed = dataclasses.replace(opt, **{name: visible * 0.99 if visible else 0.01})
    start, gs = gradients((50,), 1)[0], gradients((50,), 100, 1)
    assert np.abs(walk(opt, start, gs)[0] - walk(changed, start, gs)[0]).max() > 1e-9


@pytest.mark.parametrize("opt", [opt for opt in VARIANTS if opt.elementwise], ids=repr)
@pytest.mark.parametrize("shape", [(40_001,), (3, 40_001), (4_000, 7)], ids=str)
def test_blocks_change_nothing(opt, shape, monkeypatch):
    start, gs = gradients(shape, 1)[0], gradients(shape, 2, 1)
    assert start.nbytes > BLOCK_BYTES
    blocked, _ = walk(opt, start, gs)
    monkeypatch.setattr("optlib.optimizer.BLOCK_BYTES", 10**9)
    whole, _ = walk(opt, start, gs)
    np.testing.assert_array_equal(blocked, whole)


def test_blocks_give_each_run_its_own_hyperparameters():
    lr = np.linspace(0.1, 1, 4_000)
    theta, _ = walk(SGD(lr=lr), np.zeros((4_000, 7)), [np.ones((4_000, 7))])
    np.testing.assert_allclose(theta, -np.tile(lr[:, None], 7))


@every_variant
def test_float32_stays_float32(opt):
    n_runs = 3
    opt = dataclasses.replace(opt, lr=np.geomspace(1e-3, 1e-1, n_runs))
    theta, state = walk(opt, np.ones((n_runs, 4), np.float32), gradients((n_runs, 4), dtype=np.float32))
    assert theta.dtype == np.float32
    assert all(state[name].dtype == np.float32 for name in opt.slots)


# Hyperparameters


def test_a_schedule_is_called_with_the_number_of_updates_done():
    seen = []
    walk(SGD(lr=lambda t: seen.append(t) or 0.1), np.zeros(2), gradients((2,), 3))
    assert seen == [0, 1, 2]


def test_any_hyperparameter_can_follow_a_schedule():
    start, gs = gradients((3,), 1)[0], gradients((3,), 4, 1)
    scheduled, _ = walk(Momentum(lr=0.1, momentum=Step(0.9, every=2, factor=0.5)), start, gs)
    by_hand, state = walk(Momentum(lr=0.1, momentum=0.9), start, gs[:2])
    by_hand, _ = walk(Momentum(lr=0.1, momentum=0.45), by_hand, gs[2:], state)
    np.testing.assert_array_equal(scheduled, by_hand)


def test_a_schedule_may_hold_one_peak_per_run():
    peaks = np.array([0.1, 0.2])
    together, _ = walk(SGD(lr=Cosine(peaks, 4)), np.zeros((2, 3)), np.ones((4, 2, 3)))
    for i, peak in enumerate(peaks):
        alone, _ = walk(SGD(lr=Cosine(peak, 4)), np.zeros(3), np.ones((4, 3)))
        np.testing.assert_allclose(together[i], alone, rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: SGD(lr=-0.1), ValueError, r"SGD: lr must lie in \[0, inf\), got -0.1"),
        (lambda: SGD(lr=np.nan), ValueError, r"SGD: lr must lie in \[0, inf\), got nan"),
        (lambda: Adam(beta2=1.0), ValueError, r"Adam: beta2 must lie in \[0, 1\), got 1.0"),
        (lambda: Adam(beta1=[0.9, 1.5]), ValueError, r"Adam: beta1 must lie in \[0, 1\), got 1.5"),
        (lambda: Adam(eps=-1e-8), ValueError, r"Adam: eps must lie in \[0, inf\), got -1e-08"),
        (lambda: Momentum(momentum=1), ValueError, r"Momentum: momentum must lie in \[0, 1\), got 1.0"),
        (lambda: Momentum(dampening=2), ValueError, r"Momentum: dampening must lie in \[0, 1\], got 2.0"),
        (lambda: SGD(lr="big"), TypeError, r"SGD: lr must be a number, an array \(runs,\) or a schedule, got 'big'"),
        (lambda: SGD(lr=None), TypeError, r"SGD: lr must be a number"),
        (lambda: SGD(lr=np.ones((2, 2))), ValueError, r"SGD: lr must be a number or have shape \(runs,\), got shape"),
        (lambda: Adam(lr=[1, 2], beta1=[0.9] * 3), ValueError, r"Adam: .* disagree .*: lr has 2, beta1 has 3"),
        (lambda: optlib.AMSGrad(variant="optax"), ValueError, r"AMSGrad: variant must be one of \('torch', 'paper'\)"),
        (lambda: Adam(0.1, learning_rate=1), TypeError, "learning_rate"),
    ],
)
def test_bad_hyperparameters_are_refused_by_name(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_schedule_that_leaves_the_range_is_refused_before_anything_changes():
    theta, opt = np.ones(2), SGD(lr=lambda t: 0.1 - t)
    state = opt.init(theta)
    opt.step(theta, np.ones(2), state)
    kept = theta.copy()
    with pytest.raises(ValueError, match=r"SGD: lr must lie in \[0, inf\), got -0.9"):
        opt.step(theta, np.ones(2), state)
    np.testing.assert_array_equal(theta, kept)
    assert state["t"] == 1


def test_optimizers_are_frozen_and_keep_their_own_copy_of_arrays():
    lr = np.array([0.1, 0.2])
    opt = SGD(lr=lr)
    lr[0] = 99
    assert opt.lr[0] == 0.1
    with pytest.raises(dataclasses.FrozenInstanceError):
        opt.lr = 1.0
    with pytest.raises(ValueError, match="read-only"):
        opt.lr[0] = 1.0


# Theta, gradient, state


def frozen_array():
    theta = np.ones(2)
    theta.flags.writeable = False
    return theta


@pytest.mark.parametrize(
    ("theta", "error", "message"),
    [
        ([1.0, 2.0], TypeError, "theta must be a NumPy array of floats, got list"),
        (np.array([1, 2]), TypeError, r"theta must hold floats, got dtype int64; write theta.astype\(float\)"),
        (np.ones((2, 2, 2)), ValueError, r"theta must have shape \(n,\) or \(runs, n\), got \(2, 2, 2\)"),
        (np.array(1.0), ValueError, r"theta must have shape \(n,\)"),
        (np.ones((4, 4))[:, :2], ValueError, "theta must be C-contiguous"),
        (frozen_array(), ValueError, "theta is read-only"),
    ],
)
def test_bad_theta_is_refused(theta, error, message):
    with pytest.raises(error, match=message):
        SGD().init(theta)
    with pytest.raises(error, match=message):
        SGD().step(theta, np.ones(2), {"t": 0})


@pytest.mark.parametrize(
    ("g", "error", "message"),
    [
        (np.ones(3), ValueError, r"g must have the shape of theta \(2,\), got \(3,\)"),
        (np.array([1, 2]), TypeError, "g must be a NumPy array of floats, got int64"),
        ([1.0, 2.0], TypeError, "g must be a NumPy array of floats, got list"),
        (np.array([np.nan, 1.0]), NonFiniteGradient, "g has 1 non-finite of 2 values at update 1; nothing was changed"),
        (np.array([1.0, np.inf]), NonFiniteGradient, "Is the learning rate too large"),
    ],
)
@every_class
def test_a_bad_gradient_is_refused_before_anything_changes(cls, g, error, message):
    opt, theta = cls(), np.ones(2)
    state = opt.init(theta, one_matrix(opt, theta))
    before = pickle.dumps((theta, state))
    with pytest.raises(error, match=message):
        opt.step(theta, g, state, grad=np.copy)
    assert pickle.dumps((theta, state)) == before


def test_a_finite_gradient_whose_square_overflows_is_accepted():
    theta, _ = walk(SGD(lr=1e-200), np.zeros(2), [np.array([1e200, 1.0])])
    np.testing.assert_allclose(theta, [-1.0, -1e-200])


def test_many_runs_leave_the_search_for_nan_to_minimize():
    theta, _ = walk(SGD(lr=1.0), np.zeros((2, 1)), [np.array([[np.nan], [1.0]])])
    assert np.isnan(theta[0, 0]) and theta[1, 0] == -1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("v"), r"state must hold \['m', 't', 'v'\], got \['m', 't'\]; make it with Adam.init\(theta\)"),
        (lambda s: s.update(extra=1), r"got \['extra', 'm', 't', 'v'\]"),
        (lambda s: s.update(m=np.zeros(3)), r"state\['m'\] must have shape \(2,\) and dtype float64 like theta"),
        (lambda s: s.update(m=np.zeros(2, np.float32)), "float32; it belongs to another theta"),
    ],
)
def test_a_foreign_state_is_refused(change, message):
    theta = np.ones(2)
    state = Adam().init(theta)
    change(state)
    with pytest.raises(ValueError, match=message):
        Adam().step(theta, np.ones(2), state)


def test_numbers_of_runs_that_disagree_are_refused():
    opt, theta = SGD(lr=[0.1, 0.2, 0.3]), np.ones((2, 4))
    with pytest.raises(ValueError, match=r"SGD: lr has 3 runs, so theta must have shape \(3, n\), got \(2, 4\)"):
        opt.step(theta, np.ones((2, 4)), opt.init(theta))


@every_variant
def test_a_saved_and_resumed_run_is_bitwise_the_same(opt):
    start, gs = gradients((6,), 1)[0], gradients((6,), 10, 1)
    straight, _ = walk(opt, start, gs)
    half, state = walk(opt, start, gs[:5])
    file = io.BytesIO()
    np.savez(file, **state)
    file.seek(0)
    resumed, _ = walk(opt, half, gs[5:], dict(np.load(file)))
    assert resumed.tobytes() == straight.tobytes()


@every_class
def test_a_zero_gradient_without_decay_moves_nothing(cls):
    nothing = {"weight_decay": 0.0, "initial_accumulator": 0.0}
    opt = cls(**{name: value for name, value in nothing.items() if name in cls.__dataclass_fields__})
    start = gradients((4,), 1)[0]
    theta, _ = walk(opt, start, np.zeros((5, 4)))
    np.testing.assert_allclose(theta, start, rtol=0, atol=1e-15)


@every_variant
def test_optimizers_can_be_pickled_and_printed(opt):
    again = pickle.loads(pickle.dumps(opt))
    assert repr(again) == repr(opt)
    assert repr(opt).startswith(type(opt).__name__ + "(lr=")


def test_select_cuts_arrays_schedules_and_nested_optimizers_alike():
    opt = Adam(lr=Cosine([0.1, 0.2, 0.3], 10), beta1=[0.7, 0.8, 0.9])
    part = opt.select(slice(1, 3))
    assert part.runs == 2
    np.testing.assert_array_equal(part.lr.peak, [0.2, 0.3])
    np.testing.assert_array_equal(part.beta1, [0.8, 0.9])


# A learner's own rule


def test_a_learners_subclass_is_complete():
    theta, _ = walk(SignDescent(lr=0.5), np.zeros(3), [np.array([2.0, -3.0, 0.0])])
    np.testing.assert_array_equal(theta, [-0.5, 0.5, 0.0])
    assert repr(SignDescent()) == "SignDescent(lr=0.1)"


def test_a_rule_without_staticmethod_works_too():
    class Plain(Optimizer):
        lr: Hyper = 0.1

        def rule(theta, g, *, lr):
            theta[:] = theta - lr * g

    theta, _ = walk(Plain(), np.zeros(1), [np.ones(1)])
    np.testing.assert_array_equal(theta, [-0.1])


def test_a_rule_that_rebinds_theta_is_told_to_write_into_it():
    class Rebinds(Optimizer):
        lr: Hyper = 0.1

        @staticmethod
        def rule(theta, g, *, lr):
            theta = theta - lr * g

    with pytest.raises(TypeError, match=r"Rebinds.rule changed nothing: .* Write theta\[:\] = "):
        walk(Rebinds(), np.ones(2), [np.ones(2)])


def test_a_rule_that_rebinds_its_memory_is_told_so():
    class Forgets(Optimizer):
        lr: Hyper = 0.1
        slots = ("v",)

        @staticmethod
        def rule(theta, g, v, *, lr):
            v = 0.9 * v + g
            theta[:] = theta - lr * v

    with pytest.raises(TypeError, match=r"Write v\[:\] = "):
        walk(Forgets(), np.ones(2), [np.ones(2)])


def test_in_place_operators_are_not_mistaken_for_rebinding():
    class InPlace(Optimizer):
        lr: Hyper = 0.1

        @staticmethod
        def rule(theta, g, *, lr):
            theta -= lr * g

    theta, _ = walk(InPlace(), np.zeros(1), [np.ones(1)])
    np.testing.assert_array_equal(theta, [-0.1])


def test_a_rule_may_ask_for_the_loss_and_for_gradients_elsewhere():
    class Careful(Optimizer):
        lr: Hyper = 0.5

        @staticmethod
        def rule(theta, g, *, lr, loss, grad):
            theta[:] = theta - lr * loss * grad(theta - lr * g)

    opt, theta = Careful(), np.array([1.0])
    state = opt.init(theta)
    with pytest.raises(ValueError, match=r"Careful needs the loss: call step\(theta, g, state, loss=loss\)"):
        opt.step(theta, theta.copy(), state)
    with pytest.raises(ValueError, match="Careful needs the gradient elsewhere"):
        opt.step(theta, theta.copy(), state, loss=2.0)
    opt.step(theta, theta.copy(), state, loss=2.0, grad=lambda at: at)
    np.testing.assert_array_equal(theta, [0.5])


@pytest.mark.parametrize(
    ("namespace", "message"),
    [
        ({"rule": lambda g, theta: None}, r"must begin with \(theta, g, \*, ...\), got \(g, theta\)"),
        ({"rule": lambda theta, g, *, beta: None}, "asks for 'beta', which is not a field; fields are"),
        ({"rule": lambda theta, g, m: None}, r"must begin with \(theta, g, \*, ...\), got \(theta, g, m\)"),
        ({"rule": lambda theta, g, **rest: None}, "must name its arguments"),
        ({"__annotations__": {"lr": Hyper}, "lr": 0.1, "rule": lambda theta, g: None}, "does not use .* 'lr'"),
    ],
)
def test_a_rule_whose_signature_does_not_fit_is_refused_when_declared(namespace, message):
    with pytest.raises(TypeError, match=message):
        type("Wrong", (Optimizer,), namespace)


def test_an_optimizer_without_a_rule_says_so():
    class Empty(Optimizer):
        lr: Hyper = 0.1

    with pytest.raises(TypeError, match="Empty has no rule"):
        walk(Empty(), np.ones(1), [np.ones(1)])


class RowMean(Optimizer):
    """A rule that needs its parameter as a matrix: every row moves by its mean gradient."""

    lr: Hyper = 1.0
    slots = ("m",)
    elementwise = False

    @staticmethod
    def rule(theta, g, m, *, lr):
        m[:] = g.mean(-1, keepdims=True)
        theta[:] = theta - lr * m


def test_a_matrix_rule_sees_each_parameter_in_its_shape():
    layout = {"W": (2, 3), "b": (3,)}
    theta, opt = np.zeros(9), RowMean()
    state = opt.init(theta, layout)
    opt.step(theta, np.arange(9.0), state)
    np.testing.assert_array_equal(theta, [-1, -1, -1, -4, -4, -4, -7, -7, -7])


def test_a_matrix_rule_runs_on_stacks_of_runs():
    layout = {"W": (2, 3), "b": (3,)}
    opt, gs = RowMean(lr=[1.0, 2.0]), gradients((2, 9), 3)
    theta = np.zeros((2, 9))
    state = opt.init(theta, layout)
    for g in gs:
        opt.step(theta, g, state)
    for i, lr in enumerate([1.0, 2.0]):
        alone, one = np.zeros(9), RowMean(lr=lr)
        state = one.init(alone, layout)
        for g in gs[:, i]:
            one.step(alone, g, state)
        np.testing.assert_allclose(theta[i], alone, rtol=0, atol=1e-12)


def test_a_matrix_rules_state_carries_its_layout_through_savez():
    theta, opt = np.zeros(9), RowMean()
    file = io.BytesIO()
    np.savez(file, **opt.init(theta, {"W": (2, 3), "b": (3,)}))
    file.seek(0)
    opt.step(theta, np.arange(9.0), dict(np.load(file)))
    assert theta[0] == -1


def test_a_layout_of_another_size_is_refused():
    with pytest.raises(ValueError, match="the layout describes 6 parameters, but theta has 9"):
        RowMean().init(np.zeros(9), {"W": (2, 3)})


# Identities between the rules


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_momentum_without_memory_is_sgd(seed):
    start, gs = gradients((3,), 1, seed)[0], gradients((3,), 8, seed + 1)
    plain, _ = walk(SGD(lr=0.1), start, gs)
    np.testing.assert_array_equal(walk(Momentum(lr=0.1, momentum=0.0), start, gs)[0], plain)
    np.testing.assert_array_equal(walk(Nesterov(lr=0.1, momentum=0.0), start, gs)[0], plain)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_adam_without_decay_is_adamw_without_decay(seed):
    start, gs = gradients((3,), 1, seed)[0], gradients((3,), 8, seed + 1)
    np.testing.assert_allclose(
        walk(Adam(lr=0.1), start, gs)[0], walk(AdamW(lr=0.1, weight_decay=0.0), start, gs)[0], rtol=0, atol=1e-15
    )


@given(seed=st.integers(0, 10_000), scale=st.floats(1e-3, 1e3))
@settings(max_examples=20, deadline=None)
def test_adam_is_invariant_to_gradient_scale(seed, scale):
    start, gs = gradients((3,), 1, seed)[0], gradients((3,), 8, seed + 1)
    opt = Adam(lr=0.1, eps=0.0)
    np.testing.assert_allclose(walk(opt, start, gs)[0], walk(opt, start, scale * gs)[0], rtol=1e-9, atol=1e-12)


@given(seed=st.integers(0, 10_000), decay=st.floats(0, 1))
@settings(max_examples=20, deadline=None)
def test_l2_equals_shrinking_for_sgd(seed, decay):
    theta, gs = gradients((3,), 1, seed)[0], gradients((3,), 8, seed + 1)
    with_l2, _ = walk(SGD(lr=0.1, weight_decay=decay), theta, gs)
    for g in gs:
        theta = (1 - 0.1 * decay) * theta - 0.1 * g
    np.testing.assert_allclose(with_l2, theta, rtol=0, atol=1e-12)
