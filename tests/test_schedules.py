"""Schedules against their closed forms, at the first update, at the end and beyond; composition and bad input."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optlib.schedules import (
    WSD,
    Constant,
    Cosine,
    CosineRestarts,
    Cyclic,
    Exponential,
    InverseSqrt,
    Linear,
    MultiStep,
    OneCycle,
    Polynomial,
    Schedule,
    Step,
    Warmup,
)

EVERY = [
    Constant(0.1),
    Constant(0.1, 10),
    Step(0.1, every=3),
    Exponential(0.1, 0.9),
    MultiStep(0.1, (3, 7)),
    Cosine(0.1, 10, final=0.01),
    CosineRestarts(0.1, 5),
    CosineRestarts(0.1, 5, growth=2, final=0.01),
    Polynomial(0.1, 10, power=2, final=0.01),
    Linear(0.1, 10),
    OneCycle(0.1, 20),
    OneCycle(0.1, 20, shape="linear"),
    OneCycle(0.1, 20).momentum(),
    Cyclic(0.1, 0.01, 3, 4),
    Cyclic(0.1, 0.01, 3, 4, mode="triangular2"),
    Cyclic(0.1, 0.01, 3, 4, mode="exponential", factor=0.9),
    InverseSqrt(0.1, 5),
    WSD(0.1, 20, warmup=4, down=5),
    WSD(0.1, 20, warmup=4, down=5, shape="linear", final=0.01),
    Warmup(5, peak=0.1),
    Warmup(5).then(Cosine(0.1, 10)),
    Warmup(5).then(Constant(0.1, 5)).then(Cosine(0.1, 10, final=0.01)),
]
every_schedule = pytest.mark.parametrize("schedule", EVERY, ids=repr)


@pytest.mark.parametrize(
    ("schedule", "t", "value"),
    [
        (Constant(0.1), 1e6, 0.1),
        (Step(0.1, every=30), 29, 0.1),
        (Step(0.1, every=30), 30, 0.01),
        (Step(0.1, every=30, factor=0.5), 95, 0.1 / 8),
        (Exponential(0.1, 0.9), 0, 0.1),
        (Exponential(0.1, 0.9), 20, 0.1 * 0.9**20),
        (Cosine(0.1, 100), 0, 0.1),
        (Cosine(0.1, 100), 50, 0.05),
        (Cosine(0.1, 100), 25, 0.05 * (1 + math.sqrt(0.5))),
        (Cosine(0.1, 100, final=0.02), 100, 0.02),
        (Cosine(0.1, 100, final=0.02), 1000, 0.02),
        (MultiStep(0.1, (10, 20)), 9, 0.1),
        (MultiStep(0.1, (10, 20)), 10, 0.01),
        (MultiStep(0.1, (10, 20), factor=0.5), 1000, 0.025),
        (CosineRestarts(0.1, 5), 4, 0.05 * (1 + math.cos(0.8 * math.pi))),
        (CosineRestarts(0.1, 5), 5, 0.1),
        (CosineRestarts(0.1, 5, growth=2), 5, 0.1),
        (CosineRestarts(0.1, 5, growth=2), 10, 0.05),
        (CosineRestarts(0.1, 5, growth=2), 15, 0.1),
        (CosineRestarts(0.1, 10, growth=3), 40, 0.1),
        (Polynomial(0.1, 10, power=2), 5, 0.025),
        (Polynomial(0.1, 10, power=2, final=0.01), 99, 0.01),
        (Linear(0.1, 10, final=0.02), 5, 0.06),
        (Linear(0.1, 10), 10, 0.0),
        (OneCycle(0.1, 100), 0, 0.004),
        (OneCycle(0.1, 100), 29, 0.1),
        (OneCycle(0.1, 100), 99, 4e-7),
        (OneCycle(0.1, 100), 1000, 4e-7),
        (OneCycle(0.1, 100).momentum(), 0, 0.95),
        (OneCycle(0.1, 100).momentum(), 29, 0.85),
        (OneCycle(0.1, 100).momentum(), 99, 0.95),
        (Cyclic(0.1, 0.02, 4, 4), 4, 0.1),
        (Cyclic(0.1, 0.02, 4, 4), 8, 0.02),
        (Cyclic(0.1, 0.02, 4, 4, mode="triangular2"), 12, 0.06),
        (Cyclic(0.1, 0.02, 4, 4, mode="exponential", factor=0.5), 4, 0.02 + 0.08 / 16),
        (InverseSqrt(0.1, 4), 3, 0.1),
        (InverseSqrt(0.1, 4), 15, 0.05),
        (WSD(0.1, 100, warmup=10, down=20), 0, 0.01),
        (WSD(0.1, 100, warmup=10, down=20), 80, 0.1),
        (WSD(0.1, 100, warmup=10, down=20), 85, 0.05),
        (WSD(0.1, 100, warmup=10, down=20, shape="linear"), 85, 0.075),
        (WSD(0.1, 100, warmup=10, down=20, shape="cosine"), 90, 0.05),
        (WSD(0.1, 100, warmup=10, down=20), 500, 0.0),
        (Warmup(10, peak=0.5), 0, 0.05),
        (Warmup(10, peak=0.5), 9, 0.5),
        (Warmup(10, peak=0.5), 99, 0.5),
        (Warmup(10).then(Cosine(0.1, 100)), 0, 0.01),
        (Warmup(10).then(Cosine(0.1, 100)), 9, 0.1),
        (Warmup(10).then(Cosine(0.1, 100)), 10, 0.1),
        (Warmup(10).then(Cosine(0.1, 100)), 60, 0.05),
        (Warmup(10).then(Cosine(0.1, 100)), 110, 0.0),
        (Constant(0.1, 5).then(Exponential(0.1, 0.5)), 4, 0.1),
        (Constant(0.1, 5).then(Exponential(0.1, 0.5)), 6, 0.05),
    ],
    ids=str,
)
def test_value_is_the_closed_form(schedule, t, value):
    assert schedule(t) == pytest.approx(value, rel=1e-14, abs=1e-17)
    assert isinstance(schedule(t), float)


@every_schedule
def test_many_times_at_once_equal_one_at_a_time(schedule):
    t = np.arange(40)
    np.testing.assert_allclose(schedule(t), [schedule(k) for k in t], rtol=1e-14)
    assert schedule(t.reshape(5, 8)).shape == (5, 8)


@given(t=st.floats(0, 1e9))
def test_every_schedule_is_defined_for_every_time(t):
    for schedule in EVERY:
        assert math.isfinite(schedule(t)) and schedule(t) >= 0


@pytest.mark.parametrize(
    "make",
    [
        Constant,
        lambda peak: Step(peak, 3),
        lambda peak: Exponential(peak, 0.9),
        lambda peak: Cosine(peak, 10),
        lambda peak: MultiStep(peak, (3, 6)),
        lambda peak: CosineRestarts(peak, 3, growth=2),
        lambda peak: Polynomial(peak, 8, 2),
        lambda peak: Linear(peak, 8),
        lambda peak: OneCycle(peak, 10),
        lambda peak: OneCycle(0.1, 10).momentum(low=peak),
        lambda peak: Cyclic(peak, 0.01, 2, 3, mode="triangular2"),
        lambda peak: InverseSqrt(peak, 4),
        lambda peak: WSD(peak, 10, 3, 4),
        lambda peak: Warmup(4, peak=peak),
        lambda peak: Warmup(4).then(Cosine(peak, 10)),
    ],
)
def test_one_peak_per_run_adds_an_axis(make):
    peaks, t = np.array([0.1, 0.2, 0.4]), np.arange(12)
    together = make(peaks)(t)
    assert together.shape == (12, 3) and make(peaks)(0).shape == (3,)
    for i, peak in enumerate(peaks):
        np.testing.assert_allclose(together[:, i], make(float(peak))(t), rtol=1e-15)


@every_schedule
def test_schedules_are_pure_frozen_and_picklable(schedule):
    again = pickle.loads(pickle.dumps(schedule))
    assert repr(again) == repr(schedule) and again(7) == schedule(7) == schedule(7)
    with pytest.raises(AttributeError):
        schedule.peak = 1.0


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Cosine(0.1, 0), ValueError, "Cosine: steps must be greater than 0, got 0"),
        (lambda: Cosine(-0.1, 10), ValueError, "Cosine: peak must be at least 0 and finite, got -0.1"),
        (lambda: Step(0.1, every=-3), ValueError, "Step: every must be greater than 0, got -3"),
        (lambda: MultiStep(0.1, (5, 3)), ValueError, r"MultiStep: milestones must be increasing steps >= 0, got"),
        (lambda: OneCycle(0.1, 10, shape="steps"), ValueError, "OneCycle: shape must be one of .*, got 'steps'"),
        (lambda: Cyclic(0.1, 0.01, 2, 2, mode="saw"), ValueError, "Cyclic: mode must be one of"),
        (lambda: CosineRestarts(0.1, 5, growth=0.5), ValueError, "growth must be at least 1, got 0.5"),
        (lambda: WSD(0.1, 10, 6, 6), ValueError, "warmup \\+ down = 12 must not exceed steps = 10"),
        (lambda: Constant("0.1"), TypeError, r"Constant: peak must be a number or an array \(runs,\), got '0.1'"),
        (lambda: Constant(np.nan), ValueError, "Constant: peak must be at least 0"),
        (lambda: Cosine(0.1, 10)(-1), ValueError, "Cosine: t counts the updates done and must be >= 0, got -1"),
        (lambda: Exponential(0.1, 0.9).then(Constant(1)), ValueError, "Exponential has no end, so nothing can follow"),
        (lambda: type("Empty", (Schedule,), {})()(0), TypeError, r"must define value\(self, t\)"),
    ],
)
def test_bad_input_is_refused_by_name(make, error, message):
    with pytest.raises(error, match=message):
        make()
