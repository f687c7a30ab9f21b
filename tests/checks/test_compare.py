"""Comparison: form first, then values, in words."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from optlib.checks.compare import difference, short
from optlib.checks.worker.worker import Foreign

EXPECTED = np.array([1.0, 2.0, 3.0])


def differ(expected, given, **options):
    return difference(expected, given, 1e-9, 1e-12, **options)


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        (EXPECTED, [1, 2, 3]),
        (EXPECTED, EXPECTED * (1 + 1e-10)),
        (1.0, np.array(1.0)),
        (1.0, 1),
        (3, 3.0),
        (True, np.bool_(True)),
        ("too high", "too high"),
        (None, None),
        ((1.0, EXPECTED), [1.0, EXPECTED]),
        ({"a": 1.0, "b": [EXPECTED, None]}, {"b": [EXPECTED, None], "a": 1.0}),
        (np.inf, np.inf),
        (np.zeros((0, 3)), np.zeros((0, 3))),
        (np.float32(0.5), 0.5),
    ],
)
def test_what_means_the_same_is_equal(expected, given):
    assert differ(expected, given) is None


@pytest.mark.parametrize(
    ("expected", "given", "said"),
    [
        (EXPECTED, EXPECTED[:, None], "expected an array of shape (3,), got an array of shape (3, 1)."),
        (EXPECTED, 1.0, "expected an array of shape (3,), got a number."),
        (1.0, np.array([1.0]), "expected a number, got an array of shape (1,)."),
        (EXPECTED, None, "expected an array of shape (3,), got nothing (None: is a `return` missing?)."),
        (EXPECTED, Foreign("a function"), "expected an array of shape (3,), got a function."),
        (EXPECTED, [1.0, [2.0], 3.0], "expected an array of shape (3,), got a list of 3 with a number in it."),
        (EXPECTED, ["1", 2.0], "expected an array of shape (3,), got a list of 2 with the text '1' in it."),
        (EXPECTED, [], "expected an array of shape (3,), got a list of 0."),
        (EXPECTED, [1.0, 2.0, 3.1], "first differs at [2]: expected 3, got 3.1."),
        (EXPECTED, [1.0, 2.00000001, 3.0], "first differs at [1]: expected 2, got 2.00000001."),
        (1.0, np.nan, "expected 1, got nan."),
        (np.nan, np.nan, "expected nan, got nan."),
        (np.inf, -np.inf, "expected inf, got -inf."),
        (np.inf, 1e300, "expected inf, got 1e+300."),
        (True, 1, "expected True or False, got a number."),
        (1.0, True, "expected a number, got True or False."),
        (True, False, "expected True, got False."),
        (3, 4, "expected 3, got 4."),
        ("too high", "too low", "expected 'too high', got 'too low'."),
        ("too high", 3, "expected the text 'too high', got a number."),
        ((1.0, 2.0), (1.0,), "expected a tuple of 2, got a tuple of 1."),
        ((1.0, 2.0), (1.0, 2.5), "item 1: expected 2, got 2.5."),
        ({"a": 1.0}, {"b": 1.0}, "expected the keys `a`, got `b`."),
        ({"a": 1.0}, 1.0, "expected a dict with the keys `a`, got a number."),
        ({"a": {"b": 1.0}}, {"a": {"b": 2.0}}, "`a` `b`: expected 1, got 2."),
    ],
)
def test_what_differs_is_said_in_words(expected, given, said):
    assert differ(expected, given) == said


def test_nan_equals_nan_only_where_mistakes_are_recognised():
    assert differ(np.nan, np.nan, nan_equal=True) is None


def test_only_the_form_is_compared_when_asked_for():
    assert differ(EXPECTED, EXPECTED + 1, values=False) is None
    assert differ(EXPECTED, EXPECTED[:2], values=False) is not None


numbers = st.one_of(st.floats(allow_nan=False), st.integers(-(2**60), 2**60), st.booleans(), st.text(), st.none())
shapes = hnp.array_shapes(min_dims=0, min_side=0, max_side=3)
arrays = hnp.arrays(st.sampled_from(["f4", "f8", "i4", "u1", "b1"]), shapes)
values = st.recursive(
    numbers | arrays,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values, values)
def test_any_two_values_can_be_compared_and_shown(expected, given):
    said = differ(expected, given)
    assert said is None or said.endswith(".")
    assert isinstance(short(given), str)


def test_a_long_array_is_shown_with_its_shape_and_without_its_middle():
    assert short(np.arange(1000.0)).startswith("shape (1000,): [  0.   1.   2. ...")
