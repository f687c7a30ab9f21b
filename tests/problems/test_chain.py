"""The chain of springs: what is known about Nesterov's worst function."""

import numpy as np
import pytest

from optlib import SGD, Adam, Momentum, Nesterov, minimize, problems


@pytest.mark.parametrize("size", [1, 2, 9, 64])
def test_at_the_minimum_the_beads_lie_on_a_straight_line(size):
    problem = problems.Chain(size, largest=3.0)
    at = np.concatenate([[1.0], problem.optimum, [0.0]])
    np.testing.assert_allclose(np.diff(at), -1 / (size + 1))
    loss, g = problem.loss_and_grad(problem.optimum)
    assert loss == 0.0
    np.testing.assert_allclose(g, 0.0, atol=1e-15)


@pytest.mark.parametrize("size", [1, 2, 9, 64])
def test_the_curvatures_are_the_spectrum_of_the_hessian_and_stay_below_largest(size):
    problem = problems.Chain(size, largest=3.0)
    spectrum = np.linalg.eigvalsh(problem.hessian(np.zeros(size)))
    np.testing.assert_allclose(problem.curvature(), spectrum, atol=1e-14)
    assert spectrum[-1] < problem.largest


@pytest.mark.parametrize("opt", [SGD(lr=1.0), Momentum(lr=0.9, momentum=0.8), Nesterov(lr=1.0), Adam(lr=0.1)], ids=str)
def test_the_news_travels_one_bead_a_step(opt):
    run = minimize(problems.Chain(20), opt, steps=20)
    for t in range(21):
        assert np.all(run.theta[t, t:] == 0.0)
        assert t == 0 or run.theta[t, t - 1] != 0.0


@pytest.mark.parametrize("steps", [0, 1, 5, 11, 12])
def test_the_floor_is_the_best_point_among_those_that_the_news_can_have_reached(steps):
    problem = problems.Chain(12, largest=2.0)
    theta = np.zeros(12)
    if steps:
        reached = problem.hessian(theta)[:steps, :steps]
        theta[:steps] = np.linalg.solve(reached, -problem.loss_and_grad(np.zeros(12))[1][:steps])
    assert problem.floor(steps) == pytest.approx(problem.loss(theta), abs=1e-15)


def test_the_floor_is_zero_once_the_news_has_arrived_everywhere():
    problem = problems.Chain(12)
    np.testing.assert_array_equal(problem.floor(np.array([12, 13, 1000])), 0.0)


@pytest.mark.parametrize(("given", "told"), [({"size": 0}, "size"), ({"largest": 0.0}, "largest")])
def test_impossible_chains_are_refused(given, told):
    with pytest.raises(ValueError, match=told):
        problems.Chain(**given)
