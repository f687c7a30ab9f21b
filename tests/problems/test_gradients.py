"""Every gradient and Hessian against an independent route, for one run and for many, with and without batches."""

import numpy as np
import pytest

from optlib import problems
from optlib.problems import Problem


def batches_to_try(problem, runs):
    """No batch; one batch for all runs; one batch a run."""
    shared = next(problem.batches(3, 1))
    if shared is None:
        return [None]
    return [None, shared, next(problem.batches(range(runs), 1))]


def gradient_by_complex_step(problem, theta, batch):
    """d loss / d theta_i = Im loss(theta + i h e_i) / h, exact to rounding for any analytic loss."""
    columns = []
    for i in range(problem.size):
        stepped = theta.astype(complex)
        stepped[..., i] += 1e-30j
        columns.append(problem.loss_and_grad(stepped, batch)[0].imag / 1e-30)
    return np.stack(columns, -1)


def without_noise(problem, g, batch):
    return g if batch is None or not getattr(problem, "noise", 0) else g - problem.noise * batch


def test_the_gradient_is_the_derivative_of_the_loss(problem, points):
    for batch in batches_to_try(problem, len(points)):
        if batch is not None and batch.ndim == 2:
            several = gradient_by_complex_step(problem, points, batch)
            np.testing.assert_allclose(
                without_noise(problem, problem.loss_and_grad(points, batch)[1], batch), several, rtol=1e-11, atol=1e-13
            )
            continue
        for theta in points:
            one = gradient_by_complex_step(problem, theta, batch)
            g = without_noise(problem, problem.loss_and_grad(theta, batch)[1], batch)
            np.testing.assert_allclose(g, one, rtol=1e-11, atol=1e-13)


def test_the_gradient_agrees_with_central_differences(problem, points):
    theta, h = points[0], 1e-5
    g = problem.loss_and_grad(theta)[1]
    for i, e in enumerate(np.eye(problem.size)):
        up, down = problem.loss_and_grad(theta + h * e)[0], problem.loss_and_grad(theta - h * e)[0]
        assert g[i] == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-8)


def test_many_runs_are_the_same_as_one_after_the_other(problem, points):
    for batch in batches_to_try(problem, len(points)):
        loss, g = problem.loss_and_grad(points, batch)
        assert loss.shape == (len(points),)
        assert g.shape == points.shape
        for i, theta in enumerate(points):
            one = batch[i] if batch is not None and batch.ndim == 2 else batch
            alone, g_alone = problem.loss_and_grad(theta, one)
            assert np.ndim(alone) == 0
            np.testing.assert_allclose(loss[i], alone, rtol=1e-13)
            np.testing.assert_allclose(g[i], g_alone, rtol=1e-12, atol=1e-14)


def test_runs_in_several_groups_are_the_same_as_one_after_the_other():
    problem = problems.Digits(hidden=(8,), dtype=np.float64)
    theta = problem.init(range(40))
    batch = next(problem.batches(range(40), 1))
    loss, g = problem.loss_and_grad(theta, batch)
    held_out = problem.evaluate(theta)
    for i in (0, 1, 17, 39):
        alone, g_alone = problem.loss_and_grad(theta[i], batch[i])
        np.testing.assert_allclose(loss[i], alone, rtol=1e-13)
        np.testing.assert_allclose(g[i], g_alone, rtol=1e-11, atol=1e-15)
        for name, value in problem.evaluate(theta[i]).items():
            np.testing.assert_allclose(held_out[name][i], value, rtol=1e-13)


def test_a_gradient_is_not_overwritten_by_the_next_call(problem, points):
    batch = next(problem.batches(0, 1))
    g = problem.loss_and_grad(points, batch)[1]
    before, theta = g.copy(), points.copy()
    again = problem.loss_and_grad(points + 1.0, batch)[1]
    np.testing.assert_array_equal(g, before)
    np.testing.assert_array_equal(points, theta)
    assert not np.shares_memory(g, again)
    g[:] = 0.0
    np.testing.assert_array_equal(problem.loss_and_grad(points, batch)[1], before)


def test_the_hessian_times_a_vector_is_a_difference_of_gradients(problem, points):
    v = np.random.default_rng(5).standard_normal(points.shape)
    for batch in batches_to_try(problem, len(points)):
        found = problem.hvp(points, v, batch)
        np.testing.assert_allclose(found, Problem.hvp(problem, points, v, batch), rtol=1e-5, atol=1e-6)
        one = batch[0] if batch is not None and batch.ndim == 2 else batch
        np.testing.assert_allclose(found[0], problem.hvp(points[0], v[0], one), rtol=1e-6, atol=1e-9)


def test_the_hessian_times_zero_is_zero(problem, points):
    np.testing.assert_array_equal(problem.hvp(points, np.zeros_like(points)), np.zeros_like(points))


def test_the_mean_over_all_batches_of_one_example_is_the_full_gradient(data):
    for problem in (problems.MLP((4,), batch_size=1, data=data, dtype=np.float64), problems.LinearRegression(1, data)):
        theta = problem.init(0)
        each = np.arange(len(data.y))[:, None]
        loss, g = problem.loss_and_grad(np.tile(theta, (len(each), 1)), each)
        full, g_full = problem.loss_and_grad(theta)
        assert loss.mean() == pytest.approx(full, rel=1e-12)
        np.testing.assert_allclose(g.mean(0), g_full, rtol=1e-11, atol=1e-14)


def test_the_mean_of_bigram_batches_is_the_full_gradient():
    problem = problems.Bigrams(vocabulary=4, batch_size=200_000)
    theta = np.random.default_rng(0).standard_normal(problem.size)
    loss, g = problem.loss_and_grad(theta, next(problem.batches(0, 1)))
    full, g_full = problem.loss_and_grad(theta)
    assert loss == pytest.approx(full, abs=0.01)
    np.testing.assert_allclose(g, g_full, atol=0.01)


def test_float32_networks_compute_in_float32_and_float64_points_in_float64():
    problem = problems.MLP(hidden=(4,))
    theta = problem.init(0, runs=2)
    loss, g = problem.loss_and_grad(theta, next(problem.batches(0, 1)))
    assert theta.dtype == loss.dtype == g.dtype == np.float32
    assert problem.evaluate(theta)["loss"].dtype == np.float32
    assert problem.loss_and_grad(theta.astype(np.float64))[1].dtype == np.float64
    assert problem.hvp(theta, theta).dtype == np.float32


def test_scores_as_large_as_a_thousand_do_not_overflow():
    problem = problems.Bigrams(vocabulary=3)
    theta = 1000.0 * np.arange(9.0)
    with np.errstate(all="raise", under="ignore"):
        loss, g = problem.loss_and_grad(theta)
    assert np.isfinite(loss)
    assert np.isfinite(g).all()
    z, target = 1000.0 * np.arange(6.0).reshape(2, 3), np.eye(3)[[0, 2]]
    with np.errstate(all="raise", under="ignore"):
        loss, dz = problems.classification.cross_entropy(z, target)
    assert loss == pytest.approx(1000.0)
    np.testing.assert_allclose(dz, [[-0.5, 0.0, 0.5], [0.0, 0.0, 0.0]], atol=1e-15)
