"""Landscapes against what is known about them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optlib import problems

WITH_MINIMUM = [
    problems.Quadratic(),
    problems.Quadratic(rotation=20.0, size=4),
    problems.Rosenbrock(),
    problems.Rosenbrock(a=2.0),
    problems.Himmelblau(),
]


@pytest.mark.parametrize("problem", WITH_MINIMUM, ids=repr)
def test_the_optimum_has_loss_and_gradient_zero_and_positive_curvature(problem):
    loss, g = problem.loss_and_grad(problem.optimum)
    assert loss == 0.0
    np.testing.assert_array_equal(g, np.zeros(problem.size))
    assert np.linalg.eigvalsh(problem.hessian(problem.optimum)).min() > 0
    for (low, high), x in zip(problem.bounds, problem.optimum, strict=True):
        assert low < x < high or problem.a == 2.0


@pytest.mark.parametrize("problem", [*WITH_MINIMUM[:3], WITH_MINIMUM[4], problems.Saddle()], ids=repr)
def test_the_start_lies_within_the_bounds(problem):
    for (low, high), x in zip(problem.bounds, problem.init(0), strict=True):
        assert low < x < high


def test_himmelblau_has_four_minima():
    problem = problems.Himmelblau()
    assert problem.optima.shape == (4, 2)
    loss, g = problem.loss_and_grad(problem.optima)
    np.testing.assert_allclose(loss, 0.0, atol=1e-28)
    np.testing.assert_allclose(g, 0.0, atol=1e-13)
    assert (np.linalg.eigvalsh(problem.hessian(problem.optima)) > 0).all()


@given(
    condition=st.floats(1.0, 1e6),
    rotation=st.floats(-360.0, 360.0),
    size=st.integers(1, 8),
    largest=st.floats(1e-3, 1e3),
)
def test_the_curvature_of_a_quadratic_is_the_spectrum_of_its_hessian(condition, rotation, size, largest):
    problem = problems.Quadratic(condition, rotation, size=size, largest=largest)
    h = problem.curvature()
    hessian = problem.hessian(np.zeros(size))
    np.testing.assert_allclose(np.linalg.eigvalsh(hessian), h, atol=1e-14 * largest * size)
    assert h[-1] == pytest.approx(largest)
    assert h[-1] / h[0] == pytest.approx(condition if size > 1 else 1.0)
    np.testing.assert_allclose(np.diff(np.log(h)), np.log(condition) / max(size - 1, 1), atol=1e-9)
    v = problem.directions()
    np.testing.assert_allclose(hessian @ v, v * h, atol=1e-13 * largest * size)


def test_a_rotated_bowl_is_the_same_bowl_seen_from_another_angle():
    straight, rotated = problems.Quadratic(condition=30.0), problems.Quadratic(condition=30.0, rotation=90.0)
    theta = np.random.default_rng(0).standard_normal((5, 2))
    turned = theta @ rotated.directions().T
    np.testing.assert_allclose(rotated.loss(turned), straight.loss(theta), rtol=1e-13)
    np.testing.assert_allclose(turned, np.stack([-theta[:, 1], theta[:, 0]], -1), atol=1e-15)
    np.testing.assert_allclose(rotated.init(0) @ rotated.directions(), straight.init(0), atol=1e-15)
    np.testing.assert_allclose(rotated.curvature(), straight.curvature())


def test_the_curvatures_handed_out_are_the_callers_own():
    problem = problems.Quadratic()
    problem.curvature()[:] = 7.0
    problem.directions()[:] = 7.0
    problem.hessian(np.zeros(2))[:] = 7.0
    np.testing.assert_allclose(problem.curvature(), [0.1, 1.0])
    np.testing.assert_allclose(problem.hessian(np.zeros(2)), np.diag([0.1, 1.0]))


def test_gradient_descent_contracts_each_direction_of_a_quadratic_as_theory_says():
    problem = problems.Quadratic(condition=10.0, rotation=25.0, size=3)
    theta, lr = problem.init(0), 0.7
    for _ in range(20):
        theta = theta - lr * problem.loss_and_grad(theta)[1]
    np.testing.assert_allclose(
        theta @ problem.directions(), (1 - lr * problem.curvature()) ** 20, rtol=1e-11, atol=1e-15
    )


@pytest.mark.parametrize("delta", [1e-2, 1e-4, 1e-8])
def test_gradient_descent_escapes_the_saddle_when_theory_says(delta):
    problem, lr = problems.Saddle(delta), 0.1
    theta, steps = problem.init(0), 0
    while abs(theta[1]) < 1:
        theta = theta - lr * problem.loss_and_grad(theta)[1]
        steps += 1
    assert abs(steps - np.log(1 / delta) / np.log(1.01)) <= 2


def test_the_saddle_has_no_minimum_and_holds_whoever_starts_on_the_ridge():
    problem = problems.Saddle(delta=0.0)
    assert problem.optimum is None
    assert problem.loss_and_grad(problem.init(0))[1][1] == 0.0
    assert problem.loss([0.0, 10.0]) < 0


@given(lead=st.lists(st.integers(1, 4), max_size=3), which=st.integers(0, 4))
def test_the_loss_is_vectorised_over_any_leading_axes(lead, which):
    problem = [*WITH_MINIMUM, problems.Saddle()][which]
    theta = np.random.default_rng(0).standard_normal((*lead, problem.size))
    loss = problem.loss(theta)
    assert np.shape(loss) == tuple(lead)
    assert problem.hessian(theta).shape == (*lead, problem.size, problem.size)
    last = tuple(k - 1 for k in lead)
    np.testing.assert_allclose(loss[last], problem.loss(theta[last]), rtol=1e-14)


def test_noise_has_the_given_spread_and_leaves_the_loss_exact():
    problem, exact = problems.Quadratic(noise=0.25), problems.Quadratic()
    theta = problem.init(0, runs=4000)
    loss, g = problem.loss_and_grad(theta, next(problem.batches(range(4000), 1)))
    np.testing.assert_array_equal(loss, exact.loss(theta))
    noise = g - exact.loss_and_grad(theta)[1]
    assert noise.std() == pytest.approx(0.25, rel=0.05)
    assert abs(noise.mean()) < 0.02
    np.testing.assert_array_equal(problem.loss_and_grad(theta)[1], exact.loss_and_grad(theta)[1])


def test_one_draw_of_noise_can_serve_all_runs():
    problem = problems.Quadratic(noise=2.0)
    z = next(problem.batches(0, 1))
    g = problem.loss_and_grad(np.zeros((3, 2)), z)[1]
    np.testing.assert_array_equal(g, np.tile(2.0 * z, (3, 1)))
