"""The wire between learner's process and us carries data, whatever is put on it."""

import contextlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from optlib.checks.worker import worker

shapes = hnp.array_shapes(min_dims=0, min_side=0, max_side=3)
arrays = hnp.arrays(st.sampled_from(["f2", "f4", "f8", ">f8", "i1", "i8", "u2", "b1"]), shapes)
numbers = st.one_of(st.none(), st.booleans(), st.integers(-(2**63) + 1, 2**63 - 1), st.floats(), st.text())
values = st.recursive(
    numbers | arrays, lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner), max_leaves=9
)


def travel(value):
    frame = worker.pack(value)
    text, raw = worker.HEADER.unpack(frame[: worker.HEADER.size])
    body = frame[worker.HEADER.size :]
    assert len(body) == text + raw
    return worker.unpack(body[:text], body[text:])


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values)
def test_what_is_packed_comes_out_the_same(value):
    assert worker.pack(travel(value)) == worker.pack(value)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (lambda: 0, "a function"),
        (2j, "a complex number"),
        (np.array([1j]), "an array of complex128 values"),
        (np.array([None]), "an array of object values"),
        ((x for x in "a"), "a generator that has not been turned into a list or array"),
        (10**30, "a whole number of more than 63 bits"),
        ({1: 2}, "an object of type dict"),
    ],
)
def test_what_cannot_travel_is_described(value, kind):
    assert repr(travel(value)) == kind


def test_a_list_inside_itself_is_described():
    endless = []
    endless.append(endless)
    assert "without end" in repr(travel(endless))


def test_a_scalar_stays_a_scalar_and_an_array_can_be_written_to():
    assert type(travel(np.float32(1.5))) is np.float32
    travel(np.zeros(3))[:] = 1


def test_more_than_the_cap_is_not_packed():
    with pytest.raises(worker.TooLarge):
        worker.pack(np.zeros(1000), cap=1000)
    with pytest.raises(worker.TooLarge):
        worker.pack("x" * 1000, cap=1000)


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b'{"array": ["<O8", [1]]}',
        b'{"array": ["<f8", [-1]]}',
        b'{"array": ["<f8", [1000000000000]]}',
        b'{"array": ["<f8", [true]]}',
        b'{"array": ["<f8"]}',
        b'{"array": 3}',
        b'{"array": ["<f8", [2]], "tuple": []}',
        b'{"dict": [[1, 2, 3]]}',
        b'{"pickle": "cos"}',
        b"{}",
        b"[" * 5000 + b"]" * 5000,
        b"1" * 5000,
        b"\xff",
    ],
)
def test_a_forged_frame_is_refused_with_a_value_error(text):
    with pytest.raises(ValueError):
        worker.unpack(text, b"\0" * 8)


@given(st.binary(), st.binary())
def test_any_bytes_are_read_or_refused(text, raw):
    with contextlib.suppress(ValueError):
        worker.unpack(text, raw)


def perform(source):
    harness = "def run(answer, x):\n    return answer(x)\n"
    return worker.perform({"source": source, "name": "f", "harness": harness, "function": "run", "cases": [{"x": 2.0}]})


def test_an_answer_is_defined_after_the_prelude_and_called_with_each_case():
    assert perform("def f(x):\n    return np.sqrt(2 * x)")["cases"] == [{"value": 2.0, "inputs": {"x": 2.0}}]


@pytest.mark.parametrize(
    "source",
    [
        "%matplotlib inline\ndef f(x):\n    return x",
        "%%time\ndef f(x):\n    return x",
        "!ls\nnp.sqrt?\ndef f(x):\n    %timeit x\n    return x",
        'def f(x):\n    return x\n\ncheck("01.1")',
        "f = lambda x: x",
        "from __future__ import annotations\ndef f(x: Whatever):\n    return x",
    ],
)
def test_what_notebooks_allow_in_a_cell_is_allowed(source):
    assert perform(source)["cases"][0]["value"] == 2.0


def test_a_remainder_at_the_beginning_of_a_line_is_not_taken_for_a_magic():
    assert perform("def f(x):\n    return (x\n    % 2)")["cases"][0]["value"] == 0.0


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("def f(x):\n    ...  # your code here", "not_attempted"),
        ('def f(x):\n    """What it does."""\n    pass', "not_attempted"),
        ("f = ...", "not_attempted"),
        ("def g(x): return x", "missing"),
        ("def f(x:", "syntax_error"),
        ("f = '\0'", "syntax_error"),
        ("f = " + "-" * 100_000 + "1", "syntax_error"),
        ("raise KeyboardInterrupt", "error"),
        ("class Bad(Exception):\n    def __str__(self): raise ValueError\nraise Bad", "error"),
    ],
)
def test_an_answer_that_cannot_be_defined_is_told_apart(source, status):
    assert perform(source)["status"] == status


def test_an_error_names_the_innermost_line_of_the_cell():
    source = "def g(x):\n    return 1 / 0\n\ndef f(x):\n    return g(x)"
    error = perform(source)["cases"][0]["error"]
    assert (error["type"], error["line"], error["text"]) == ("ZeroDivisionError", 2, "return 1 / 0")
