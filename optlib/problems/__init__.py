"""What is minimised: landscapes, linear models, networks and language models, each a `Problem`."""

from optlib.problems.landscapes import Himmelblau, Landscape, Quadratic, Rosenbrock, Saddle
from optlib.problems.problem import Problem, stream

__all__ = [
    "Himmelblau",
    "Landscape",
    "Problem",
    "Quadratic",
    "Rosenbrock",
    "Saddle",
    "stream",
]
