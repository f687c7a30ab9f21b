"""Compare what was given with what was expected, and say in words where they first differ."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["difference", "short"]

WIDTH = 300  # characters of a value that is shown


def difference(
    expected: Any, given: Any, rtol: float, atol: float, *, values: bool = True, nan_equal: bool = False, what: str = ""
) -> str | None:
    """Say where `given` first differs from `expected`.

    Parameters
    ----------
    expected, given : numbers, texts, arrays, None, or tuples, lists and dicts of them.
    rtol, atol : two numbers are equal when `|given - expected| <= atol + rtol * |expected|`.
    values : False compares only the form.
    nan_equal : True lets NaN equal NaN; only for recognising mistakes.
    what : how to call the value, for instance "`theta`".

    Returns
    -------
    str or None
        A sentence for the learner, None when nothing differs.
    """
    name = f"{what}: " if what else ""
    if isinstance(expected, dict):
        if not isinstance(given, dict):
            return f"{name}expected {kind_of(expected)}, got {kind_of(given)}."
        if set(expected) != set(given):
            return f"{name}expected the keys {listing(expected)}, got {listing(given)}."
        parts = [(f"`{key}`", expected[key], given[key]) for key in expected]
    elif isinstance(expected, (tuple, list)) and not is_numbers(expected):
        if not isinstance(given, (tuple, list)):
            return f"{name}expected {kind_of(expected)}, got {kind_of(given)}."
        if len(expected) != len(given):
            return f"{name}expected {kind_of(expected)}, got {kind_of(given)}."
        parts = [(f"item {i}", *pair) for i, pair in enumerate(zip(expected, given, strict=True))]
    else:
        wrong = leaf(expected, given, rtol, atol, values, nan_equal)
        return f"{name}{wrong}" if wrong else None
    for part, one, other in parts:
        inner = f"{what} {part}" if what else part
        wrong = difference(one, other, rtol, atol, values=values, nan_equal=nan_equal, what=inner)
        if wrong:
            return wrong
    return None


def leaf(expected: Any, given: Any, rtol: float, atol: float, values: bool, nan_equal: bool) -> str | None:
    """Compare two texts, Nones, numbers or arrays."""
    if expected is None or isinstance(expected, str):
        if type(given) is not type(expected):
            return f"expected {kind_of(expected)}, got {kind_of(given)}."
        return None if given == expected or not values else f"expected {short(expected)}, got {short(given)}."
    one, other = as_array(expected), as_array(given)
    if one is None or other is None:
        return f"expected {kind_of(expected)}, got {kind_of(given)}."
    if one.shape != other.shape:
        return f"expected {kind_of(one)}, got {kind_of(other)}."
    if (one.dtype.kind == "b") != (other.dtype.kind == "b"):
        return f"expected {kind_of(expected)}, got {kind_of(given)}."
    if not values:
        return None
    if one.dtype.kind == "f":
        with np.errstate(all="ignore"):
            one, other = one.astype(np.float64), other.astype(np.float64)
            equal = (np.abs(other - one) <= atol + rtol * np.abs(one)) & np.isfinite(one) | (one == other)
        if nan_equal:
            equal |= np.isnan(one) & np.isnan(other)
    else:
        equal = np.asarray(one == other)
    if equal.all():
        return None
    place = tuple(int(i) for i in np.unravel_index(int(np.argmin(equal)), equal.shape))
    digits = 6 if f"{one[place]:.6g}" != f"{other[place]:.6g}" else 15
    where = f"first differs at [{', '.join(map(str, place))}]: " if place else ""
    return f"{where}expected {show(one[place], digits)}, got {show(other[place], digits)}."


def as_array(value: Any) -> np.ndarray | None:
    """Return numbers as an array; None for anything else."""
    if isinstance(value, (bool, int, float, np.ndarray, np.generic)) or is_numbers(value):
        try:
            array = np.asarray(value)
        except (ValueError, OverflowError):
            return None
        return array if array.dtype.kind in "fiub" else None
    return None


def is_numbers(value: Any) -> bool:
    """Whether a value is a list, possibly of lists, that holds nothing but numbers and is as regular as an array."""
    if not isinstance(value, list) or not value:
        return False
    try:
        return np.asarray(value).dtype.kind in "fiub"
    except (ValueError, OverflowError):
        return False


def kind_of(value: Any) -> str:
    """Name the form of a value in words."""
    if value is None:
        return "nothing (None: is a `return` missing?)"
    if isinstance(value, str):
        return f"the text {short(value)}"
    if isinstance(value, (bool, np.bool_)):
        return "True or False"
    if isinstance(value, dict):
        return f"a dict with the keys {listing(value)}"
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    array = as_array(value)
    if array is None:
        return kind_of_list(value) if isinstance(value, list) else repr(value)[:WIDTH]
    if array.shape == ():
        return "True or False" if array.dtype.kind == "b" else "a number"
    return f"an array of shape {array.shape}" + (" of True and False" if array.dtype.kind == "b" else "")


def kind_of_list(value: list) -> str:
    """Name the form of a list that is no array."""
    strange = next((item for item in value if as_array(item) is None), value[0] if value else None)
    return f"a list of {len(value)}" + (f" with {kind_of(strange)} in it" if value else "")


def listing(keys: Any) -> str:
    return ", ".join(f"`{str(key)[:40]}`" for key in list(keys)[:20]) or "(none)"


def show(number: Any, digits: int) -> str:
    """Write one number (or truth value) with so many digits."""
    return f"{number:.{digits}g}" if np.asarray(number).dtype.kind == "f" else str(number)


def short(value: Any) -> str:
    """Write a value for people: arrays rounded, long ones with their middle left out."""
    if isinstance(value, dict):
        text = "\n".join(f"{key}: {short(item)}" for key, item in value.items())
    elif isinstance(value, (tuple, list)) and not is_numbers(value):
        brackets = "()" if isinstance(value, tuple) else "[]"
        text = brackets[0] + ", ".join(short(item) for item in value[:20]) + brackets[1]
    elif isinstance(value, str):
        text = repr(value)
    elif isinstance(value, np.ndarray | list) and np.ndim(value):
        array = np.asarray(value)
        text = np.array2string(array, precision=5, threshold=24, edgeitems=3, max_line_width=100)
        if array.size > 24:
            return f"shape {array.shape}: {text[: 2 * WIDTH]}"
        return text
    elif isinstance(value, (float, np.floating, np.ndarray)):
        text = show(value[()] if isinstance(value, np.ndarray) else value, 6)
    else:
        text = str(value)
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."
