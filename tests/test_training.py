"""minimize and sweep: shapes, pairing of seeds, divergence, edges of the grid, errors."""

import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import optlib
from optlib import SGD, Adam, EdgeOfGrid, Hyper, Momentum, Optimizer, minimize, problems, sweep, training
from optlib.intervals import mean_interval, student_t
from optlib.schedules import Cosine

BOWL = problems.Quadratic(condition=10.0)
NOISY = problems.Quadratic(condition=10.0, noise=0.5)
ROSENBROCK = problems.Rosenbrock()


def threshold(problem=BOWL):
    return 2 / problem.curvature()[-1]


# One run


def test_a_run_holds_path_and_losses():
    run = minimize(ROSENBROCK, Adam(lr=0.02), steps=50)
    assert run.theta.shape == (51, 2) and run.loss.shape == (51,)
    np.testing.assert_array_equal(run.theta[0], ROSENBROCK.init(seed=0))
    np.testing.assert_allclose(run.loss, ROSENBROCK.loss(run.theta), rtol=1e-14)
    np.testing.assert_array_equal(run.final, run.theta[-1])
    assert run.diverged_at is None and run.diverged is False and run.gradient_evaluations == 50


def test_a_run_is_the_loop_written_by_hand():
    opt, theta = Momentum(lr=0.1), NOISY.init(seed=3)
    state = opt.init(theta)
    for batch in NOISY.batches(seed=3, steps=20):
        _, g = NOISY.loss_and_grad(theta, batch)
        opt.step(theta, g, state)
    np.testing.assert_array_equal(minimize(NOISY, opt, steps=20, seed=3).final, theta)


def test_a_run_starts_where_it_is_told_and_leaves_that_array_alone():
    start = np.array([3.0, 4.0])
    run = minimize(BOWL, SGD(lr=0.1), steps=5, theta=start)
    np.testing.assert_array_equal(run.theta[0], [3.0, 4.0])
    np.testing.assert_array_equal(start, [3.0, 4.0])


def test_the_path_is_kept_only_when_asked_or_small(monkeypatch):
    assert minimize(BOWL, SGD(), steps=2, record="loss").theta is None
    monkeypatch.setattr(training, "AUTO_RECORD_SIZE", 1)
    assert minimize(BOWL, SGD(), steps=2).theta is None
    assert minimize(BOWL, SGD(), steps=2, record="theta").theta.shape == (3, 2)


def test_a_callback_sees_every_update():
    seen = []
    minimize(BOWL, SGD(lr=0.1), steps=3, callback=lambda t, theta, loss, g, state: seen.append((t, state["t"])))
    assert seen == [(0, 0), (1, 1), (2, 2)]


def test_a_diverging_single_run_is_frozen_without_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = minimize(BOWL, SGD(lr=3 * threshold()), steps=2000)
    assert run.diverged and run.diverged_at > 0
    assert np.isfinite(run.loss[: run.diverged_at]).all() and np.isinf(run.loss[run.diverged_at :]).all()
    assert (run.theta[run.diverged_at :] == run.theta[run.diverged_at]).all() and np.isfinite(run.theta).all()


def test_extra_gradients_are_counted():
    class LooksTwice(Optimizer):
        lr: Hyper = 0.1

        @staticmethod
        def rule(theta, g, *, lr, grad):
            theta[:] = theta - lr * grad(theta - lr * g)

    assert minimize(BOWL, LooksTwice(), steps=7).gradient_evaluations == 14


def test_the_loss_is_reported_at_the_evaluation_point():
    class Halfway(Optimizer):
        lr: Hyper = 0.1

        @staticmethod
        def rule(theta, g, *, lr):
            theta[:] = theta - lr * g

        def evaluation_point(self, theta, state):
            return theta / 2

    run = minimize(BOWL, Halfway(), steps=4)
    np.testing.assert_allclose(run.loss, BOWL.loss(run.theta / 2))
    np.testing.assert_array_equal(run.final, run.theta[-1] / 2)


# Many runs


def test_two_hundred_learning_rates_are_one_call():
    lr = np.geomspace(1e-4, 1, 200)
    runs = minimize(ROSENBROCK, Adam(lr=lr), steps=60)
    assert runs.loss.shape == (61, 200) and runs.theta.shape == (61, 200, 2)
    for i in (0, 77, 199):
        alone = minimize(ROSENBROCK, Adam(lr=float(lr[i])), steps=60)
        np.testing.assert_allclose(runs.theta[:, i], alone.theta, rtol=0, atol=1e-12)


def test_a_diverging_run_does_not_disturb_its_neighbours():
    lr = np.array([0.5, 1.5, 0.9, 50.0]) * threshold()
    runs = minimize(BOWL, SGD(lr=lr), steps=300)
    np.testing.assert_array_equal(runs.diverged, [False, True, False, True])
    assert (runs.diverged_at[[1, 3]] > 0).all() and (runs.diverged_at[[0, 2]] == -1).all()
    assert np.isinf(runs.loss[-1, [1, 3]]).all()
    for i in (0, 2):
        np.testing.assert_array_equal(runs.loss[:, i], minimize(BOWL, SGD(lr=lr[i]), steps=300).loss)


def test_a_matrix_rule_never_sees_what_a_diverged_run_left():
    class Factorises(Optimizer):
        lr: Hyper = 0.1
        elementwise = False

        @staticmethod
        def rule(theta, g, *, lr):
            outer = g[..., :, None] * g[..., None, :]
            assert np.isfinite(np.linalg.eigh(outer)[0]).all()
            theta[:] = theta - lr * g

    runs = minimize(BOWL, Factorises(lr=np.array([0.1, 1e200])), steps=10)
    np.testing.assert_array_equal(runs.diverged, [False, True])


def test_starts_of_many_runs_can_differ():
    starts = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]])
    runs = minimize(BOWL, SGD(lr=0.1), steps=4, theta=starts)
    for i, start in enumerate(starts):
        np.testing.assert_array_equal(runs.theta[:, i], minimize(BOWL, SGD(lr=0.1), steps=4, theta=start).theta)


def test_the_bound_of_divergence_can_be_given():
    run = minimize(BOWL, SGD(lr=0.01), steps=5, diverged_above=0.0)
    assert run.diverged_at == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: minimize(BOWL, SGD(), steps=0), "steps must be a whole number >= 1, got 0"),
        (lambda: minimize(BOWL, SGD(), steps=2.5), "steps must be a whole number >= 1, got 2.5"),
        (lambda: minimize(BOWL, SGD(), steps=2, record="all"), "record must be 'auto', 'theta' or 'loss', got 'all'"),
        (lambda: minimize(BOWL, SGD(), steps=2, theta=np.ones(3)), r"theta must have shape \(2,\) or \(runs, 2\)"),
        (lambda: minimize(BOWL, SGD(lr=[0.1, 0.2]), steps=2, theta=np.ones((3, 2))), r"lr has 2 runs"),
    ],
)
def test_bad_calls_of_minimize_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# Sweeps


@pytest.fixture(scope="module")
def noisy_sweep():
    return sweep(NOISY, SGD, {"lr": np.geomspace(1e-3, 4 * threshold(NOISY), 9)}, seeds=5, steps=60)


def test_a_sweep_has_one_axis_per_hyperparameter_and_one_for_seeds(noisy_sweep):
    assert noisy_sweep.loss.shape == (61, 9, 5) and noisy_sweep.final["loss"].shape == (9, 5)
    two = sweep(BOWL, Momentum, {"lr": [0.01, 0.1, 0.2], "momentum": [0.0, 0.9]}, seeds=[4, 7], steps=5)
    assert two.final["loss"].shape == (3, 2, 2) and two.seeds == (4, 7)


def test_a_sweep_equals_single_runs(noisy_sweep):
    for i, s in [(0, 0), (3, 4), (5, 2)]:
        alone = minimize(NOISY, SGD(lr=float(noisy_sweep.grid["lr"][i])), steps=60, seed=s)
        np.testing.assert_allclose(noisy_sweep.loss[:, i, s], alone.loss, rtol=1e-12)


def test_grid_points_of_one_seed_share_start_and_batches():
    found = sweep(NOISY, lambda lr, momentum: Momentum(lr, momentum), {"lr": [0.1], "momentum": [0, 0.9]}, 3, steps=2)
    np.testing.assert_array_equal(found.loss[:2, 0, 0], found.loss[:2, 0, 1])


def test_chunks_and_executors_change_nothing(noisy_sweep, monkeypatch):
    grid = {"lr": noisy_sweep.grid["lr"]}
    monkeypatch.setattr(training, "CHUNK_PARAMETERS", 8)
    np.testing.assert_array_equal(sweep(NOISY, SGD, grid, seeds=5, steps=60).loss, noisy_sweep.loss)
    with ThreadPoolExecutor(2) as executor:
        np.testing.assert_array_equal(sweep(NOISY, SGD, grid, 5, steps=60, executor=executor).loss, noisy_sweep.loss)


def test_make_is_called_once_with_arrays_and_may_compose():
    calls = []

    def make(lr):
        calls.append(lr)
        return Adam(lr=Cosine(lr, 10))

    found = sweep(BOWL, make, {"lr": [0.01, 0.1, 1.0]}, seeds=4, steps=10)
    assert len(calls) == 1 and calls[0].shape == (12,)
    alone = minimize(BOWL, Adam(lr=Cosine(0.1, 10)), steps=10, seed=2)
    np.testing.assert_allclose(found.loss[:, 1, 2], alone.loss, rtol=1e-12)


def test_best_and_interval_are_over_seeds(noisy_sweep):
    best = noisy_sweep.best()
    mean, low, _ = noisy_sweep.interval()
    assert best.mean == mean.min() and best.per_seed.shape == (5,) and low[best.index] == best.low < best.high
    assert best.values["lr"] == noisy_sweep.grid["lr"][best.index[0]]


@pytest.mark.parametrize(
    ("lrs", "message"),
    [
        ([0.001, 0.002, 0.004], r"best lr=0.004 lies on the upper edge .* extend it upwards"),
        ([0.004, 0.002, 0.001], r"best lr=0.004 lies on the upper edge .* extend it upwards"),
        (np.array([0.9, 0.95, 0.99]) * 2, r"lies on the lower edge .* extend it downwards"),
    ],
)
def test_a_best_value_on_the_edge_of_its_grid_is_an_error(lrs, message):
    problem = problems.Quadratic(condition=1.0)
    found = sweep(problem, SGD, {"lr": np.asarray(lrs) / problem.curvature()[-1]}, seeds=1, steps=5)
    with pytest.raises(EdgeOfGrid, match=message.replace("0.004", "[0-9.e-]+")):
        found.best()
    assert found.best(allow_edge=True).index[0] in (0, 2)


def test_a_diverged_run_counts_with_its_initial_loss_and_is_shown():
    found = sweep(BOWL, SGD, {"lr": np.array([0.5, 2.0]) * threshold()}, seeds=2, steps=200)
    np.testing.assert_array_equal(found.diverged, [[False, False], [True, True]])
    np.testing.assert_allclose(found.final["loss"][1], [BOWL.loss(BOWL.init(seed=s)) for s in (0, 1)])
    assert np.isinf(found.loss[-1, 1]).all()


def test_accuracy_is_better_when_larger():
    found = training.Sweep(
        None, {"lr": np.array([1.0, 2, 3])}, (0,), 1, None, {"accuracy": np.array([[1], [3], [2]])}, None
    )
    assert found.best("accuracy").index == (1,)
    with pytest.raises(ValueError, match=r"no metric 'loss'; this problem reports \['accuracy'\]"):
        found.best()


def test_sensitivity_measures_the_window_in_decades():
    lr = np.geomspace(1e-3, 1e1, 9)
    loss = np.abs(np.log10(lr) + 1)[:, None]  # a V with its tip at 0.1: one per decade on each side
    found = training.Sweep(None, {"lr": lr}, (0,), 1, None, {"loss": loss}, None)
    assert found.sensitivity(0.5) == pytest.approx(1.0)
    assert found.sensitivity(1.25) == pytest.approx(2.5)
    assert found.sensitivity(100) == pytest.approx(4.0)


def test_ctrl_c_returns_what_has_finished(monkeypatch):
    monkeypatch.setattr(training, "CHUNK_PARAMETERS", 2)
    original, done = training._train_chunk, []

    def interrupted(*job):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(job)
        return original(*job)

    monkeypatch.setattr(training, "_train_chunk", interrupted)
    found = sweep(BOWL, SGD, {"lr": [0.1, 0.2, 0.3, 0.4]}, seeds=1, steps=3)
    np.testing.assert_array_equal(np.isfinite(found.final["loss"][:, 0]), [True, True, False, False])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: sweep(BOWL, SGD, {"lr": [0.1]}, seeds=0, steps=2), ValueError, "seeds must be a number >= 1"),
        (lambda: sweep(BOWL, SGD, {"lr": [0.1]}, seeds=[1, 1], steps=2), ValueError, "different integers"),
        (lambda: sweep(BOWL, SGD, {"lr": []}, steps=2), ValueError, r"grid\['lr'\] must be a list of numbers"),
        (lambda: sweep(BOWL, lambda lr: lr, {"lr": [0.1]}, steps=2), TypeError, "make must return an Optimizer"),
        (lambda: sweep(BOWL, lambda lr: SGD(lr=lr[:2]), {"lr": [0.1]}, 5, steps=2), ValueError, "arrays of 5 runs"),
        (lambda: sweep(BOWL, SGD, {"lr": [0.1]}, steps=0), ValueError, "steps must be a whole number"),
    ],
)
def test_bad_calls_of_sweep_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_runs_and_sweeps_can_be_pickled(noisy_sweep):
    assert pickle.loads(pickle.dumps(noisy_sweep)).best().mean == noisy_sweep.best().mean


# Intervals


@pytest.mark.parametrize(
    ("degrees", "quantile"), [(1, 12.7062), (4, 2.7764), (9, 2.2622), (30, 2.0423), (10**4, 1.9602)]
)
def test_students_t_is_that_of_the_tables(degrees, quantile):
    assert student_t(degrees) == pytest.approx(quantile, abs=5e-5)


def test_the_interval_covers_the_true_mean_95_times_in_100():
    values = np.random.default_rng(0).standard_normal((20_000, 5))
    _, low, high = mean_interval(values)
    assert np.mean((low < 0) & (high > 0)) == pytest.approx(0.95, abs=0.01)


def test_one_value_has_no_interval():
    mean, low, high = mean_interval([3.0])
    assert mean == 3.0 and np.isnan(low) and np.isnan(high)


def test_the_package_exports_what_lessons_use():
    for name in ("minimize", "sweep", "schedules", "problems", "Optimizer", "Hyper", "SGD", "Adam"):
        assert name in optlib.__all__
