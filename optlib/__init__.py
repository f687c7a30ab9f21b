"""Deep-learning optimizers, readable to the end: the library that the course builds.

Everything that computes is imported here and needs NumPy alone. What draws or grades (``plots``, ``explore``,
``evidence``, ``checks``, ``grading``, ``authoring``), and ``mine``, is loaded when first used.
"""

import importlib
from typing import Any

from optlib import optimizers, problems, schedules
from optlib.optimizer import Hyper, NonFiniteGradient, Optimizer
from optlib.optimizers import *  # noqa: F403
from optlib.training import EdgeOfGrid, Run, Sweep, minimize, sweep

__version__ = "0.1.0"

_LAZY = ("authoring", "checks", "evidence", "explore", "grading", "lab", "mine", "plots", "release")

__all__ = [
    "EdgeOfGrid",
    "Hyper",
    "NonFiniteGradient",
    "Optimizer",
    "Run",
    "Sweep",
    "minimize",
    "optimizers",
    "problems",
    "schedules",
    "sweep",
    *optimizers.__all__,
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return importlib.import_module(f"optlib.{name}")
    raise AttributeError(f"module 'optlib' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_LAZY))
