"""Time alternatives side by side: interleaved rounds, process CPU time, medians, and the ratio round by round.

`optlib bench` starts each script with one BLAS thread.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Contender:
    """What is timed: ``work()`` does 1/``share`` of the whole job, so its time counts ``share`` times."""

    name: str
    work: Callable[[], object]
    share: float = 1.0


def side_by_side(
    title: str, ours: Contender, others: list[Contender], rounds: int = 7, goals: dict | None = None
) -> dict:
    """Print how many times slower than ours each other contender is: median over rounds, with the smallest and largest.

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
    print(f"  {ours.name:<44} {1e3 * statistics.median(seconds[ours.name]):10.1f} ms")
    medians = {}
    for other in others:
        ratios = [b / a for a, b in zip(seconds[ours.name], seconds[other.name], strict=True)]
        medians[other.name] = statistics.median(ratios)
        goal = (goals or {}).get(other.name)
        verdict = "" if goal is None else f"   goal {goal}x: {'met' if medians[other.name] >= goal else 'NOT MET'}"
        print(
            f"  {other.name:<44} {1e3 * statistics.median(seconds[other.name]):10.1f} ms"
            f"   ours is {medians[other.name]:.4g}x faster [{min(ratios):.4g}, {max(ratios):.4g}]{verdict}"
        )
    return medians


def slope(title: str, make: Callable[[int], Callable[[], object]], small: int, large: int, goal: float) -> float:
    """Print how the cost grows from ``small`` to ``large``: 0 for free, 1 for proportional (median of 7 rounds)."""
    works = {size: make(size) for size in (small, large)}
    for work in works.values():
        work()
    slopes = []
    for _ in range(7):
        times = {}
        for size, work in works.items():
            start = time.process_time()
            work()
            times[size] = time.process_time() - start
        slopes.append(math.log(times[large] / times[small]) / math.log(large / small))
    middle = statistics.median(slopes)
    met = "met" if middle <= goal else "NOT MET"
    print(f"  {title:<44} {middle:10.2f}      [{min(slopes):.2f}, {max(slopes):.2f}]   goal <= {goal}: {met}")
    return middle
