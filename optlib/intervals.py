"""Confidence intervals of a mean over seeds: Student's t, without any dependency."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np


def mean_interval(values, axis: int = -1, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and the two ends of its confidence interval along an axis.

    The interval is ``mean -+ t * s / sqrt(k)`` with Student's t for k - 1 degrees of freedom: it holds for k
    independent, roughly normal values, such as one number per seed. One value alone has no spread: the ends are NaN.

    Returns
    -------
    mean, low, high : arrays of the remaining shape
    """
    values = np.asarray(values, dtype=float)
    count = values.shape[axis]
    mean = values.mean(axis)
    if count < 2:
        return mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    with np.errstate(invalid="ignore"):  # an infinite value has an interval of NaN
        half = student_t(count - 1, confidence) * values.std(axis, ddof=1) / math.sqrt(count)
    return mean, mean - half, mean + half


@lru_cache
def student_t(degrees: int, confidence: float = 0.95) -> float:
    """How many standard errors hold the central ``confidence`` of Student's t distribution (2.262 for 9 degrees)."""
    log_scale = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - 0.5 * math.log(degrees * math.pi)
    nodes, weights = np.polynomial.legendre.leggauss(200)

    def mass(angle: float) -> float:
        # with x = sqrt(degrees) tan(angle) the density becomes a power of a cosine, smooth on a finite interval
        angles = angle * (nodes + 1) / 2
        inside = math.sqrt(degrees) * np.cos(angles) ** (degrees - 1)
        return 2 * math.exp(log_scale) * float(weights @ inside) * angle / 2

    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if mass(middle) < confidence else (low, middle)
    return math.sqrt(degrees) * math.tan((low + high) / 2)
