"""Wrappers and groups: identities, many runs, state through savez, and errors."""

import dataclasses
import io
import pickle

import numpy as np
import pytest

from optlib import (
    EMA,
    SAM,
    SGD,
    SWA,
    Adam,
    AdamW,
    Box,
    Clip,
    DecoupledDecay,
    Groups,
    Hyper,
    Lookahead,
    Momentum,
    Optimizer,
    ReduceOnPlateau,
    ScheduleFreeSGD,
    minimize,
    problems,
    sweep,
)
from optlib.schedules import Cosine

LAYOUT = {"blocks.0.W": (2, 3), "blocks.0.b": (3,), "head.W": (3, 2)}
SIZE = 15
WRAPPED = [
    Clip(Adam(lr=0.1), max_norm=0.5),
    Clip(Adam(lr=0.1), max_value=0.1),
    DecoupledDecay(Momentum(lr=0.1), weight_decay=0.1),
    Lookahead(Adam(lr=0.1), k=2),
    EMA(Adam(lr=0.1), decay=0.8),
    SWA(Adam(lr=0.1), start=2),
    SAM(SGD(lr=0.1), rho=0.1),
    ReduceOnPlateau(SGD(lr=0.1), patience=1),
    Box(Adam(lr=0.1), -0.5, 0.5),
    Groups({"*.W": Momentum(lr=0.1), "*": Adam(lr=0.01)}),
    Clip(Lookahead(Groups({"*.b": SGD(lr=0.1), "*": EMA(Adam(lr=0.1))})), max_norm=1.0),
]
every_wrapper = pytest.mark.parametrize("opt", WRAPPED, ids=lambda opt: type(opt).__name__)


def walk(opt, theta, gradients, state=None):
    theta = theta.copy()
    state = opt.init(theta, LAYOUT) if state is None else state
    for t, g in enumerate(gradients):
        loss = np.full(theta.shape[:-1], 1.0 / (1 + t % 3))
        opt.step(theta, g, state, loss=loss, grad=lambda at, g=g: g + 0.1 * at)
    return theta, state


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@every_wrapper
def test_many_runs_equal_a_loop_of_single_runs(opt):
    start, gs = normal(3, SIZE), normal(7, 3, SIZE, seed=1)
    together, state = walk(opt, start, gs)
    for i in range(3):
        alone, own = walk(opt, start[i], gs[:, i])
        np.testing.assert_allclose(together[i], alone, rtol=0, atol=1e-14)
        np.testing.assert_allclose(
            opt.evaluation_point(together, state)[i], opt.evaluation_point(alone, own), rtol=0, atol=1e-14
        )


@every_wrapper
def test_a_saved_and_resumed_run_is_bitwise_the_same(opt):
    start, gs = normal(SIZE), normal(12, SIZE, seed=1)
    straight, _ = walk(opt, start, gs)
    half, state = walk(opt, start, gs[:6])
    file = io.BytesIO()
    np.savez(file, **state)
    file.seek(0)
    resumed, _ = walk(opt, half, gs[6:], dict(np.load(file)))
    assert resumed.tobytes() == straight.tobytes()


@every_wrapper
def test_wrappers_can_be_pickled_after_use(opt):
    walk(opt, normal(SIZE), normal(2, SIZE))
    assert repr(pickle.loads(pickle.dumps(opt))) == repr(opt)


def test_one_rate_per_run_reaches_the_inner_optimizer():
    rates = np.array([0.1, 0.2])
    together, _ = walk(Clip(Lookahead(Adam(lr=rates)), max_norm=[1.0, 2.0]), np.zeros((2, SIZE)), normal(6, 2, SIZE))
    for i, lr in enumerate(rates):
        alone, _ = walk(Clip(Lookahead(Adam(lr=lr)), max_norm=1.0 + i), np.zeros(SIZE), normal(6, 2, SIZE)[:, i])
        np.testing.assert_allclose(together[i], alone, rtol=0, atol=1e-14)


def test_a_sweep_runs_through_wrappers():
    found = sweep(
        problems.Quadratic(), lambda lr: Clip(EMA(Adam(lr=Cosine(lr, 20))), 1.0), {"lr": [0.01, 0.1, 1.0]}, 3, steps=20
    )
    alone = minimize(problems.Quadratic(), Clip(EMA(Adam(lr=Cosine(0.1, 20))), 1.0), steps=20, seed=1)
    np.testing.assert_allclose(found.loss[:, 1, 1], alone.loss, rtol=1e-12)


# What each wrapper is


def test_decoupled_decay_around_adam_is_adamw():
    start, gs = normal(SIZE), normal(20, SIZE, seed=1)
    ours, _ = walk(DecoupledDecay(Clip(Adam(lr=0.1), max_norm=1e9), weight_decay=0.3), start, gs)
    np.testing.assert_allclose(ours, walk(AdamW(lr=0.1, weight_decay=0.3), start, gs)[0], rtol=0, atol=1e-14)


def test_clipping_above_the_gradients_changes_nothing_and_shortens_the_rest():
    start, gs = np.zeros(SIZE), normal(1, SIZE)
    np.testing.assert_array_equal(walk(Clip(SGD(lr=1.0), max_norm=100), start, gs)[0], -gs[0])
    clipped, _ = walk(Clip(SGD(lr=1.0), max_norm=0.5), start, gs)
    assert np.linalg.norm(clipped) == pytest.approx(0.5)
    assert np.abs(walk(Clip(SGD(lr=1.0), max_value=0.2), start, gs)[0]).max() == pytest.approx(0.2)


def test_a_zero_gradient_is_clipped_to_zero():
    np.testing.assert_array_equal(walk(Clip(SGD(lr=1.0), max_norm=0.5), np.ones(SIZE), np.zeros((1, SIZE)))[0], 1)


def test_lookahead_that_goes_all_the_way_is_the_inner_optimizer():
    start, gs = normal(SIZE), normal(10, SIZE, seed=1)
    np.testing.assert_allclose(
        walk(Lookahead(Adam(lr=0.1), alpha=1.0), start, gs)[0], walk(Adam(lr=0.1), start, gs)[0], rtol=0, atol=1e-14
    )


def test_swa_is_the_mean_of_the_path():
    run = minimize(problems.Quadratic(), SWA(SGD(lr=0.1), start=3), steps=10)
    np.testing.assert_allclose(run.final, run.theta[4:].mean(0), rtol=1e-13)
    every_second = minimize(problems.Quadratic(), SWA(SGD(lr=0.1), start=3, every=2), steps=10)
    np.testing.assert_allclose(every_second.final, run.theta[4::2].mean(0), rtol=1e-13)


def test_ema_weighs_the_past_geometrically():
    run = minimize(problems.Quadratic(), EMA(SGD(lr=0.1), decay=0.5), steps=3)
    np.testing.assert_allclose(run.final, 0.25 * run.theta[1] + 0.25 * run.theta[2] + 0.5 * run.theta[3], rtol=1e-13)


def test_schedule_free_without_momentum_is_polyak_averaging():
    problem = problems.Quadratic(noise=0.5)
    free = minimize(problem, ScheduleFreeSGD(lr=0.3, momentum=0.0), steps=30)
    averaged = minimize(problem, SWA(SGD(lr=0.3)), steps=30)
    np.testing.assert_allclose(free.final, averaged.final, rtol=1e-12)


def test_sam_counts_two_gradients_a_step():
    assert minimize(problems.Quadratic(), SAM(SGD(lr=0.1)), steps=5).gradient_evaluations == 10


def test_a_plateau_reduces_only_the_run_that_stands_still():
    opt = ReduceOnPlateau(SGD(lr=1.0), factor=0.1, patience=1)
    theta = np.zeros((2, 1))
    state = opt.init(theta)
    for t in range(4):
        opt.step(theta, np.ones((2, 1)), state, loss=np.array([1.0, 1.0 / (t + 1)]))
    np.testing.assert_allclose(state["scale"], [[0.1], [1.0]])
    np.testing.assert_allclose(theta, [[-3.1], [-4.0]])


def test_a_box_holds_theta():
    run = minimize(problems.Quadratic(), Box(SGD(lr=0.5), 0.2, 0.7), steps=20, theta=np.array([0.6, 0.3]))
    assert run.theta.min() >= 0.2 and run.theta.max() <= 0.7


def test_groups_give_each_parameter_its_own_optimizer():
    start, gs = normal(SIZE), normal(5, SIZE, seed=1)
    grouped, _ = walk(Groups({"*.W": Momentum(lr=0.1), "*": Adam(lr=0.01)}), start, gs)
    weights = np.r_[0:6, 9:15]
    np.testing.assert_array_equal(grouped[weights], walk(Momentum(lr=0.1), start, gs)[0][weights])
    np.testing.assert_array_equal(grouped[6:9], walk(Adam(lr=0.01), start, gs)[0][6:9])


def test_groups_hand_matrices_to_matrix_rules():
    class Shapes(Optimizer):
        lr: Hyper = 1.0
        elementwise = False

        @staticmethod
        def rule(theta, g, *, lr):
            theta[:] = theta.ndim

    theta, _ = walk(Groups({"*.W": Shapes(), "*": SGD(lr=0.0)}), np.zeros(SIZE), normal(1, SIZE))
    np.testing.assert_array_equal(theta, [2] * 6 + [0] * 3 + [2] * 6)


def test_the_first_pattern_that_matches_decides():
    layout = {"a.W": (2,), "b.W": (2,)}
    opt = Groups({"a.*": SGD(lr=1.0), "*": SGD(lr=0.0)})
    theta = np.zeros(4)
    state = opt.init(theta, layout)
    opt.step(theta, np.ones(4), state)
    np.testing.assert_array_equal(theta, [-1, -1, 0, 0])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Clip(SGD()), ValueError, "exactly one of max_norm= and max_value="),
        (lambda: Clip(SGD(), max_norm=1, max_value=1), ValueError, "exactly one"),
        (lambda: Clip(SGD(), max_norm=0), ValueError, r"Clip: max_norm must lie in \(0, inf\), got 0.0"),
        (lambda: Clip(0.1, max_norm=1), TypeError, "the first argument must be an optimizer, got 0.1"),
        (lambda: Lookahead(SGD(), k=0), ValueError, "k must be a whole number >= 1, got 0"),
        (lambda: SWA(SGD(), every=0), ValueError, "every must be a whole number >= 1, got 0"),
        (lambda: SAM(SGD(), rho=-1), ValueError, r"SAM: rho must lie in \[0, inf\), got -1.0"),
        (lambda: ReduceOnPlateau(SGD(), factor=2), ValueError, r"factor must lie in \(0, 1\), got 2"),
        (lambda: ReduceOnPlateau(Clip(SGD(), 1.0)), TypeError, "Clip has no lr"),
        (lambda: DecoupledDecay(Groups({"*": SGD()})), TypeError, "Groups has no lr"),
        (lambda: Box(SGD(), 1, 0), ValueError, "low must be less than high, got 1 and 0"),
        (lambda: Groups({}), TypeError, "members must be a dict of pattern -> optimizer"),
        (lambda: Groups({"*": 0.1}), TypeError, r"'\*' must stand for an optimizer, got 0.1"),
        (lambda: Groups({"*": SGD(lr=[1, 2]), "b": SGD(lr=[1, 2, 3])}), ValueError, "disagree on the number of runs"),
        (lambda: Groups({"*.W": SGD()}).init(np.ones(15), LAYOUT), ValueError, "no pattern .* 'blocks.0.b'"),
        (lambda: Groups({"*": SGD(), "z": SGD()}).init(np.ones(15), LAYOUT), ValueError, "'z' matches none"),
        (lambda: Groups({"*": SGD()}).init(np.ones(15)), ValueError, "Groups: needs the layout"),
        (lambda: walk(Clip(SGD(), 1.0), np.ones(15), normal(1, 15), {"t": 0}), ValueError, "state must hold"),
        (lambda: Clip(SGD(), 1.0).step(np.ones(2), np.ones(2), {}), ValueError, r"make it with Clip.init\(theta\)"),
        (lambda: minimize_by_hand(SAM(SGD())), ValueError, "SAM needs the gradient elsewhere"),
        (lambda: minimize_by_hand(ReduceOnPlateau(SGD())), ValueError, "ReduceOnPlateau needs the loss"),
    ],
)
def test_bad_input_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def minimize_by_hand(opt):
    theta = np.ones(2)
    opt.step(theta, np.ones(2), opt.init(theta))


@every_wrapper
def test_a_bad_gradient_changes_nothing(opt):
    theta = np.ones(SIZE)
    state = opt.init(theta, LAYOUT)
    before = pickle.dumps((theta, state))
    bad = np.full(SIZE, np.nan)
    with pytest.raises(ArithmeticError):
        opt.step(theta, bad, state, loss=1.0, grad=lambda at: bad)
    assert pickle.dumps((theta, state)) == before


def test_fields_of_wrappers_are_printed():
    assert repr(Clip(SGD(lr=0.1), max_norm=1)).startswith("Clip(inner=SGD(lr=0.1")
    assert dataclasses.replace(Lookahead(SGD()), k=7).k == 7
