"""Time alternatives side by side: interleaved rounds, process CPU time, medians, and the ratio round by round.

`optlib bench` starts each script with one BLAS thread.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import math
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

INSTALL = "uv run --with-requirements tests/peers/requirements.txt optlib bench"


@dataclass(frozen=True)
class Contender:
    """What is timed: ``work()`` does 1/``share`` of the whole job, so its time counts ``share`` times.

    ``goal`` is how many times as long as ours it shall take, at least.
    """

    name: str
    work: Callable[[], object]
    share: float = 1.0
    goal: float | None = None


def present(*modules: str) -> tuple[bool, ...]:
    """Which peers are installed; on one thread, as we are. Prints versions, and how to get those that are not."""
    found = [importlib.util.find_spec(module) is not None for module in modules]
    there = [module for module, is_there in zip(modules, found, strict=True) if is_there]
    absent = [module for module, is_there in zip(modules, found, strict=True) if not is_there]
    versions = [f"{module} {importlib.metadata.version(module)}" for module in ("numpy", *there)]
    print(f"\nPython {platform.python_version()}, {', '.join(versions)}")
    if set_by_hand := [name for name in os.environ if name.startswith("OPENBLAS_") and name != "OPENBLAS_NUM_THREADS"]:
        print(f"  {', '.join(set_by_hand)} is set: NumPy's matrix products may be slower than they could be")
    if absent:
        print(f"  not compared, since not installed: {', '.join(absent)}. {INSTALL}")
    if "torch" in there:
        import torch

        torch.set_num_threads(1)
    if "optax" in there:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        os.environ["JAX_PLATFORMS"] = "cpu"
    return tuple(found)


def side_by_side(title: str, ours: Contender, others: list[Contender], rounds: int = 7) -> dict[str, float]:
    """Print how many times as long as ours each other contender takes: median over rounds, smallest and largest.

    Returns
    -------
    dict of name -> median ratio
    """
    contenders = [ours, *others]
    for contender in contenders:
        contender.work()
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            start = time.process_time()
            contender.work()
            seconds[contender.name].append(contender.share * (time.process_time() - start))
    print(f"\n{title} ({rounds} interleaved rounds, CPU time)")
    print(f"  {ours.name:<44} {_milliseconds(seconds[ours.name])}")
    medians = {}
    for other in others:
        ratios = [b / a for a, b in zip(seconds[ours.name], seconds[other.name], strict=True)]
        middle = medians[other.name] = statistics.median(ratios)
        spread = f"[{_short(min(ratios))}, {_short(max(ratios))}]"
        line = f"  {other.name:<44} {_milliseconds(seconds[other.name])}   {_short(middle):>5}x ours {spread:<14}"
        if other.goal is not None:
            line += f"  goal {_short(other.goal)}x: {'met' if middle >= other.goal else 'NOT MET'}"
        print(line)
    return medians


def slope(
    title: str, make: Callable[[int], Callable[[], object]], small: int, large: int, goal: float, repeats: int = 1
) -> float:
    """Print how the cost grows from ``small`` to ``large``: 0 for free, 1 for proportional (median of 7 rounds).

    The small one is run ``repeats`` times in each round.
    """
    works = {size: make(size) for size in (small, large)}
    for work in works.values():
        work()
    slopes = []
    for _ in range(7):
        times = {}
        for size, times_run in ((small, repeats), (large, 1)):
            start = time.process_time()
            for _ in range(times_run):
                works[size]()
            times[size] = (time.process_time() - start) / times_run
        slopes.append(math.log(times[large] / times[small]) / math.log(large / small))
    middle = statistics.median(slopes)
    met = "met" if middle <= goal else "NOT MET"
    print(f"  {title:<44} {middle:8.2f}      [{min(slopes):.2f}, {max(slopes):.2f}]   goal <= {goal:g}: {met}")
    return middle


def _milliseconds(seconds: list[float]) -> str:
    return f"{_short(1e3 * statistics.median(seconds)):>8} ms"


def _short(number: float) -> str:
    """Three digits, and no exponent."""
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"
