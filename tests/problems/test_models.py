"""Linear models, networks and language models on real data."""

from itertools import pairwise

import numpy as np
import pytest

from optlib import problems
from optlib.problems import datasets


def descend(problem, theta, lr, steps):
    for batch in problem.batches(0, steps):
        theta = theta - lr * problem.loss_and_grad(theta, batch)[1]
    return theta


def test_linear_regression_has_650_parameters_and_its_full_loss_is_that_of_all_images():
    problem = problems.LinearRegression()
    assert problem.layout == {"W": (64, 10), "b": (10,)}
    assert problem.size == 650
    theta = problem.init([0, 1, 2])
    everything = np.arange(1297)
    for full, listed in zip(problem.loss_and_grad(theta), problem.loss_and_grad(theta, everything), strict=True):
        np.testing.assert_allclose(full, listed, rtol=1e-10, atol=1e-13)
    residual = problem.scores(theta[0], problem.data.x) - np.eye(10)[problem.data.y]
    assert problem.loss_and_grad(theta[0])[0] == pytest.approx(0.5 * (residual**2).sum() / 1297, rel=1e-12)


def test_the_curvature_of_linear_regression_is_the_spectrum_of_its_hessian(data):
    problem = problems.LinearRegression(data=data)
    hessian = problem.hvp(np.zeros((problem.size, problem.size)), np.eye(problem.size))
    np.testing.assert_allclose(problem.curvature(), np.linalg.eigvalsh(hessian), atol=1e-13)
    assert problem.curvature().shape == (problem.size,)


def test_blank_pixels_give_linear_regression_directions_without_curvature():
    h = problems.LinearRegression().curvature()
    assert (np.diff(h) >= 0).all()
    assert h[0] == pytest.approx(0.0, abs=1e-12)
    assert (h >= 0).all()


def test_linear_regression_knows_its_minimum():
    problem = problems.LinearRegression()
    loss, g = problem.loss_and_grad(problem.optimum)
    assert loss == problem.floor
    np.testing.assert_allclose(g, 0.0, atol=1e-12)
    A = np.column_stack([problem.data.x, np.ones(1297)])
    expected = np.linalg.lstsq(A, np.eye(10)[problem.data.y], rcond=1e-10)[0]
    np.testing.assert_allclose(problem.optimum, expected.ravel(), rtol=1e-6, atol=1e-8)
    assert problem.evaluate(problem.optimum)["accuracy"] > 0.9


@pytest.mark.parametrize(("factor", "survives"), [(0.99, True), (1.01, False)])
def test_gradient_descent_on_linear_regression_breaks_at_two_over_the_largest_curvature(factor, survives):
    problem = problems.LinearRegression()
    theta = problem.init(0)
    end = descend(problem, theta, factor * 2 / problem.curvature()[-1], 1500)
    assert (problem.loss_and_grad(end)[0] < problem.loss_and_grad(theta)[0]) == survives


@pytest.mark.parametrize(
    ("make", "lr"),
    [
        (problems.LogisticRegression, 0.5),
        (problems.MLP, 0.3),
        (problems.Digits, 0.3),
        (lambda: problems.MLP(criterion="squared"), 0.3),
    ],
)
def test_models_learn_to_read_digits(make, lr):
    problem = make()
    theta = descend(problem, problem.init([0, 1]), lr, 300)
    assert theta.dtype == problem.dtype
    found = problem.evaluate(theta)
    assert set(found) == {"loss", "accuracy"}
    assert (found["accuracy"] > 0.9).all()
    right = problem.predict(theta, problem.data.x_test) == problem.data.y_test
    np.testing.assert_allclose(found["accuracy"], right.mean(-1))


def test_an_untrained_classifier_guesses():
    problem = problems.LogisticRegression()
    found = problem.evaluate(np.zeros(650))
    assert found["loss"] == pytest.approx(np.log(10))
    assert found["accuracy"] < 0.2


def test_the_standard_network_has_6570_parameters_and_names_for_groups():
    problem = problems.Digits()
    assert problem.size == 6570
    assert problem.dtype == np.float32
    assert problem.batch_size == 64
    assert list(problem.layout.items()) == [
        ("blocks.0.W", (64, 64)),
        ("blocks.0.b", (64,)),
        ("blocks.1.W", (64, 32)),
        ("blocks.1.b", (32,)),
        ("head.W", (32, 10)),
        ("head.b", (10,)),
    ]


def test_a_network_without_hidden_layers_is_logistic_regression(data):
    network = problems.MLP((), data=data, dtype=np.float64)
    linear = problems.LogisticRegression(data=data)
    theta = linear.init(0)
    for a, b in zip(network.loss_and_grad(theta), linear.loss_and_grad(theta), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(("activation", "gain"), [("relu", 2.0), ("tanh", 1.0)])
def test_weights_start_with_variance_gain_over_fan_in_and_biases_at_zero(activation, gain):
    problem = problems.MLP((50, 40), activation, dtype=np.float64)
    at = problem.views(problem.init(range(100)))
    assert at["blocks.0.W"].var() * 64 == pytest.approx(gain, rel=0.02)
    assert at["blocks.1.W"].var() * 50 == pytest.approx(gain, rel=0.02)
    assert at["head.W"].var() * 40 == pytest.approx(1.0, rel=0.02)
    assert not any(at[name].any() for name in at if name.endswith(".b"))


def test_networks_with_one_batch_size_and_another_share_their_start():
    np.testing.assert_array_equal(problems.MLP(batch_size=8).init(3), problems.MLP(batch_size=None).init(3))


def test_bigrams_start_at_the_loss_of_a_guess_and_end_at_the_entropy():
    problem = problems.Bigrams()
    assert problem.size == 40_000
    assert problem.words[:3] == ("the", "and", "i")
    start = problem.evaluate(problem.init(0))
    assert start["loss"] == pytest.approx(np.log(200))
    assert start["gap"] == pytest.approx(np.log(200) - problem.floor)
    best = np.log(problem.joint).ravel()
    loss, g = problem.loss_and_grad(best)
    assert loss == pytest.approx(problem.floor, rel=1e-13)
    np.testing.assert_allclose(g, 0.0, atol=1e-15)
    assert problem.evaluate(best)["gap"] == pytest.approx(0.0, abs=1e-12)


def test_bigram_frequencies_are_those_of_the_text():
    problem = problems.Bigrams(vocabulary=50)
    ids, vocab = datasets.words()
    lord = vocab.index("lord")
    my = vocab.index("my")
    text = list(pairwise(ids))
    counted = sum(pair == (my, lord) for pair in text)
    total = sum(a < 50 and b < 50 for a, b in text) + 0.05 * 50**2
    assert problem.joint[my, lord] == pytest.approx((counted + 0.05) / total)
    assert problem.joint.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("balance", [None, "contexts", "targets", "both"])
def test_balanced_bigrams_have_equal_frequencies_where_asked_and_the_text_s_elsewhere(balance):
    text, problem = problems.Bigrams(30), problems.Bigrams(30, balance=balance)
    rows, columns = problem.joint.sum(1), problem.joint.sum(0)
    np.testing.assert_allclose(rows, 1 / 30 if balance in ("contexts", "both") else text.joint.sum(1), rtol=1e-9)
    np.testing.assert_allclose(columns, 1 / 30 if balance in ("targets", "both") else text.joint.sum(0), rtol=1e-9)
    assert problem.floor < np.log(30)


def test_bigram_batches_are_drawn_as_often_as_the_pairs_occur():
    problem = problems.Bigrams(vocabulary=5, batch_size=100_000)
    drawn = np.bincount(next(problem.batches(0, 1)), minlength=25) / 100_000
    np.testing.assert_allclose(drawn, problem.joint.ravel(), atol=5 * np.sqrt(0.25 / 100_000))
