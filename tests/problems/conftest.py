"""The problems that every test of behaviour goes through."""

import numpy as np
import pytest

from optlib import problems

small = problems.Dataset(
    "small",
    x=np.random.default_rng(1).standard_normal((40, 5)),
    y=np.random.default_rng(2).integers(0, 3, 40),
    x_test=np.random.default_rng(3).standard_normal((11, 5)),
    y_test=np.arange(11) % 3,
)

MAKES = {
    "quadratic": lambda: problems.Quadratic(condition=50.0, rotation=30.0, largest=3.0),
    "bowl": lambda: problems.Quadratic(size=1, largest=4.0),
    "wide quadratic": lambda: problems.Quadratic(condition=1e3, size=7),
    "noisy quadratic": lambda: problems.Quadratic(noise=0.5, size=3),
    "rosenbrock": problems.Rosenbrock,
    "noisy rosenbrock": lambda: problems.Rosenbrock(a=1.5, b=20.0, noise=0.1),
    "himmelblau": problems.Himmelblau,
    "chain": lambda: problems.Chain(size=5, largest=2.0),
    "saddle": lambda: problems.Saddle(delta=1e-4, slope=0.2),
    "linear regression": lambda: problems.LinearRegression(data=small),
    "linear regression in batches": lambda: problems.LinearRegression(batch_size=8, data=small),
    "logistic regression": lambda: problems.LogisticRegression(batch_size=8, data=small),
    "tanh network": lambda: problems.MLP((6, 4), batch_size=8, data=small, dtype=np.float64),
    "relu network": lambda: problems.MLP((6,), "relu", batch_size=8, data=small, dtype=np.float64),
    "network with squared error": lambda: problems.MLP(
        (4,), batch_size=None, criterion="squared", data=small, dtype=np.float64
    ),
    "network without hidden layers": lambda: problems.MLP((), batch_size=8, data=small, dtype=np.float64),
    "bigrams": lambda: problems.Bigrams(vocabulary=6),
    "balanced bigrams": lambda: problems.Bigrams(vocabulary=5, balance="both"),
    "bigrams in batches": lambda: problems.Bigrams(vocabulary=6, batch_size=16),
}


@pytest.fixture(params=MAKES)
def problem(request):
    return MAKES[request.param]()


@pytest.fixture
def data():
    return small


@pytest.fixture
def points(problem):
    """Four points in general position."""
    return np.random.default_rng(0).standard_normal((4, problem.size))
