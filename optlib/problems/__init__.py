"""What is minimised: landscapes, linear models, networks and language models, each a `Problem`."""

from optlib.problems import datasets
from optlib.problems.datasets import Dataset
from optlib.problems.landscapes import Chain, Himmelblau, Landscape, Quadratic, Rosenbrock, Saddle
from optlib.problems.language import Bigrams
from optlib.problems.linear import LinearRegression, LogisticRegression
from optlib.problems.networks import MLP, Digits
from optlib.problems.problem import Problem, stream

__all__ = [
    "MLP",
    "Bigrams",
    "Chain",
    "Dataset",
    "Digits",
    "Himmelblau",
    "Landscape",
    "LinearRegression",
    "LogisticRegression",
    "Problem",
    "Quadratic",
    "Rosenbrock",
    "Saddle",
    "datasets",
    "stream",
]
