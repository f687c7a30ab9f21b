"""What every problem promises: shapes, seeds, streams, errors."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optlib import problems
from optlib.problems import Problem, stream

RANDOM_STARTS = [
    lambda: problems.LinearRegression(),
    lambda: problems.LogisticRegression(),
    lambda: problems.MLP(hidden=(5,)),
    lambda: problems.Digits(),
]
RANDOM_BATCHES = [
    *RANDOM_STARTS[1:],
    lambda: problems.LinearRegression(batch_size=16),
    lambda: problems.Bigrams(vocabulary=20, batch_size=16),
    lambda: problems.Quadratic(noise=1.0),
    lambda: problems.Rosenbrock(noise=1.0),
    lambda: problems.Himmelblau(noise=1.0),
    lambda: problems.Saddle(noise=1.0),
]


def test_layout_size_and_start_agree(problem):
    assert problem.size == sum(int(np.prod(shape)) for shape in problem.layout.values())
    theta = problem.init(0)
    assert theta.shape == (problem.size,)
    assert theta.dtype == problem.dtype
    assert theta.flags.writeable
    assert theta.flags.c_contiguous


def test_the_same_seed_starts_at_the_same_point(problem):
    np.testing.assert_array_equal(problem.init(7), problem.init(7))
    np.testing.assert_array_equal(problem.init(7, runs=3), np.stack([problem.init(7)] * 3))
    np.testing.assert_array_equal(problem.init([7, 3]), np.stack([problem.init(7), problem.init(3)]))
    np.testing.assert_array_equal(problem.init(np.arange(2)), problem.init(range(2)))


@pytest.mark.parametrize("make", RANDOM_STARTS)
def test_different_seeds_start_at_different_points(make):
    theta = make().init(range(3))
    assert not np.array_equal(theta[0], theta[1])
    assert not np.array_equal(theta[1], theta[2])


@pytest.mark.parametrize("make", [problems.Quadratic, problems.Rosenbrock, problems.Himmelblau, problems.Saddle])
def test_landscapes_start_at_the_same_point_whatever_the_seed(make):
    np.testing.assert_array_equal(make().init([0, 1]), make().init(0, runs=2))


@pytest.mark.parametrize("make", RANDOM_BATCHES)
def test_the_same_seed_draws_the_same_batches_and_another_seed_others(make):
    problem = make()
    first, again, other = (list(problem.batches(seed, 4)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first[0], first[1])


@pytest.mark.parametrize("make", RANDOM_BATCHES)
def test_many_seeds_draw_the_batches_of_each_and_fewer_steps_the_first_of_more(make):
    problem = make()
    together = np.array(list(problem.batches([4, 9], 3)))
    np.testing.assert_array_equal(together[:, 0], list(problem.batches(4, 3)))
    np.testing.assert_array_equal(together[:, 1], list(problem.batches(9, 3)))
    np.testing.assert_array_equal(together, list(problem.batches([4, 9], 5))[:3])


def test_a_deterministic_problem_yields_none_for_every_step():
    for make in (problems.Quadratic, problems.Saddle, problems.LinearRegression, problems.Bigrams):
        assert list(make().batches(0, 3)) == [None] * 3
        assert list(make().batches([0, 1], 2)) == [None] * 2


def test_index_batches_lie_within_the_data():
    batch = next(problems.Digits(batch_size=5000).batches(0, 1))
    assert batch.shape == (5000,)
    assert batch.min() == 0
    assert batch.max() == 1296


@given(seed=st.integers(0, 2**64), other=st.integers(0, 2**64))
def test_streams_of_one_seed_are_independent_and_repeatable(seed, other):
    def numbers(s, name):
        return stream(s, name).random(4).tolist()

    assert numbers(seed, "init") == numbers(seed, "init")
    assert numbers(seed, "init") != numbers(seed, "batches")
    assert (numbers(seed, "init") == numbers(other, "init")) == (seed == other)


def test_streams_are_uncorrelated():
    a, b = stream(0, "init").standard_normal(100_000), stream(0, "batches").standard_normal(100_000)
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.02


def test_a_pickled_problem_gives_the_same_numbers(problem, points):
    copy = pickle.loads(pickle.dumps(problem))
    np.testing.assert_array_equal(copy.init(3), problem.init(3))
    batch = next(problem.batches(0, 1))
    for there, here in zip(copy.loss_and_grad(points, batch), problem.loss_and_grad(points, batch), strict=True):
        np.testing.assert_array_equal(there, here)
    assert repr(copy) == repr(problem)


def test_evaluate_is_vectorised_over_runs(problem, points):
    together = problem.evaluate(points)
    assert "loss" in together
    for name, values in together.items():
        assert values.shape == (len(points),)
        for value, theta in zip(values, points, strict=True):
            alone = problem.evaluate(theta)[name]
            assert np.ndim(alone) == 0
            np.testing.assert_allclose(value, alone, rtol=1e-13)


def test_views_name_the_parameters_and_write_through(problem):
    theta = np.zeros((3, problem.size))
    for name, view in problem.views(theta).items():
        assert view.shape == (3, *problem.layout[name])
        view += 1.0
    np.testing.assert_array_equal(theta, np.ones_like(theta))
    assert all(view.shape == problem.layout[name] for name, view in problem.views(theta[0]).items())


def test_a_theta_of_the_wrong_size_is_told_what_was_expected(problem):
    n = problem.size
    for wrong in (np.zeros(n + 1), np.zeros((2, n + 1)), np.zeros((n, n + 1)), np.float64(0.0)):
        with pytest.raises(ValueError, match=rf"theta must have shape \({n},\) or \(runs, {n}\): .*got \("):
            problem.loss_and_grad(wrong)


def test_only_landscapes_take_more_than_one_axis_of_runs():
    with pytest.raises(ValueError, match=r"theta must have shape \(650,\) or \(runs, 650\): .*got \(2, 2, 650\)"):
        problems.LinearRegression().loss_and_grad(np.zeros((2, 2, 650)))


def test_the_error_names_the_parameters():
    with pytest.raises(ValueError, match=r"W \(64, 10\), b \(10,\); got \(640,\)"):
        problems.LogisticRegression().evaluate(np.zeros(640))


def test_whole_numbers_are_taken_as_floating_point(problem):
    loss, g = problem.loss_and_grad(np.ones(problem.size, int))
    expected, g_expected = problem.loss_and_grad(np.ones(problem.size))
    assert loss == expected
    np.testing.assert_array_equal(g, g_expected)


def test_text_is_not_a_point():
    with pytest.raises(TypeError, match="theta must hold numbers"):
        problems.Rosenbrock().loss_and_grad(np.array(["1", "2"]))


@pytest.mark.parametrize(
    ("seed", "error", "message"),
    [
        (-1, ValueError, "seed must not be negative, got -1"),
        ([0, -2], ValueError, "seed must not be negative, got -2"),
        (0.5, TypeError, "seed must be a whole number, got 0.5"),
        ([], ValueError, "seeds must hold at least one seed"),
    ],
)
def test_a_wrong_seed_is_refused_at_once(seed, error, message):
    with pytest.raises(error, match=message):
        problems.Rosenbrock().init(seed)
    with pytest.raises(error, match=message):
        problems.Rosenbrock().batches(seed, 3)


def test_init_takes_seeds_or_runs_but_not_both():
    with pytest.raises(ValueError, match="not both"):
        problems.Rosenbrock().init([0, 1], runs=2)


@pytest.mark.parametrize("make", [problems.Digits, lambda: problems.Bigrams(vocabulary=9, batch_size=4)])
def test_batches_of_a_different_number_of_runs_are_refused(make):
    problem = make()
    with pytest.raises(ValueError, match=r"3 runs need one batch \(B,\) or 3, got shape \(2, "):
        problem.loss_and_grad(problem.init(range(3)), next(problem.batches(range(2), 1)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: problems.Quadratic(condition=0.5), "condition must be a number >= 1, got 0.5"),
        (lambda: problems.Quadratic(condition=np.inf), "condition must be a number >= 1, got inf"),
        (lambda: problems.Quadratic(largest=0.0), "largest must be a number > 0, got 0.0"),
        (lambda: problems.Quadratic(size=0), "size must be at least 1, got 0"),
        (lambda: problems.Rosenbrock(noise=-1.0), "noise must be a number >= 0, got -1.0"),
        (lambda: problems.Saddle(slope=0.0), "slope must be a number > 0, got 0.0"),
        (lambda: problems.MLP(activation="gelu"), "activation must be 'tanh' or 'relu', got 'gelu'"),
        (lambda: problems.MLP(hidden=(4, 0)), "hidden must list layer sizes of at least 1"),
        (lambda: problems.MLP(batch_size=0), "batch_size must be at least 1, or None"),
        (lambda: problems.MLP(criterion="hinge"), "criterion must be one of 'cross-entropy', 'squared', got 'hinge'"),
        (lambda: problems.Digits(dtype=np.int32), "Digits: dtype must be a floating-point type, got int32"),
        (lambda: problems.Bigrams(vocabulary=1001), r"vocabulary must lie in \[2, 1000\], got 1001"),
        (lambda: problems.Bigrams(batch_size=0), "batch_size must be at least 1, or None"),
        (lambda: problems.Bigrams(balance="rows"), "balance must be one of None, 'contexts'"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value_and_what_was_expected(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_repr_shows_the_settings():
    assert repr(problems.Quadratic(condition=25.0)) == (
        "Quadratic(condition=25.0, rotation=0.0, noise=0.0, size=2, largest=1.0)"
    )
    assert repr(problems.MLP()).startswith("MLP(hidden=(32,), activation='tanh', batch_size=64, ")
    assert "<digits: 1297 examples, 500 held out>" in repr(problems.MLP())


def test_a_problem_of_ones_own_needs_a_start_and_a_loss():
    class Bowl(Problem):
        def __init__(self):
            super().__init__({"x": (2,), "y": ()})

        def start(self, rng):
            return rng.standard_normal(3)

        def loss_and_grad(self, theta, batch=None):
            return 0.5 * (theta * theta).sum(-1), theta.copy()

    bowl = Bowl()
    assert bowl.size == 3
    assert bowl.init([0, 1]).shape == (2, 3)
    assert list(bowl.batches(0, 2)) == [None, None]
    assert bowl.evaluate(np.ones((2, 3)))["loss"].tolist() == [1.5, 1.5]
    np.testing.assert_allclose(bowl.hvp(bowl.init(0), np.arange(3.0)), np.arange(3.0), atol=1e-9)
    with pytest.raises(NotImplementedError, match=r"Problem must define start\(rng\)"):
        Problem({"x": (1,)}).init(0)


def test_importing_problems_reads_no_data_and_needs_nothing_but_numpy():
    code = (
        "import sys, optlib.problems as p; assert p.datasets.digits.cache_info().currsize == 0;"
        "assert not {'matplotlib', 'ipywidgets', 'sklearn', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
