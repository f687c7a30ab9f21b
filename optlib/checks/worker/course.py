"""What `import optlib` gives within an answer: the machine, schedules, problems and training, but no finished rules.

The worker puts this file in the place of `optlib/__init__.py`, with and without a sandbox, so that an answer that runs
here also runs there.
"""

import importlib
import sys
from typing import Any

HOMES = {
    "Hyper": "optimizer",
    "NonFiniteGradient": "optimizer",
    "Optimizer": "optimizer",
    "EdgeOfGrid": "training",
    "Run": "training",
    "Sweep": "training",
    "minimize": "training",
    "sweep": "training",
}
MODULES = ("inplace", "intervals", "optimizer", "problems", "schedules", "training")  # the others are not there


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(importlib.import_module(f"optlib.{HOMES[name]}"), name)
    if name in MODULES:
        return importlib.import_module(f"optlib.{name}")
    if name == "checks":  # the worker's own, whose check() does nothing
        return sys.modules["optlib.checks"]
    if name.startswith("_"):
        raise AttributeError(f"module 'optlib' has no attribute {name!r}")
    raise ImportError(f"an answer does without optlib.{name}: write it in the cell")
