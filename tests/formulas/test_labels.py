"""Every labelled equation of the course has one test that repeats its LaTeX; no such test is without an equation."""

import ast
from pathlib import Path

import pytest

from optlib.authoring import labelled_equations, plain_latex

ROOT = Path(__file__).parents[2]


def formula_tests(folder):
    """(place, label, LaTeX) of every `@formula` in the files of tests, found without running them."""
    found = []
    for file in sorted(folder.glob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for decorator in getattr(node, "decorator_list", []):
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).split(".")[-1] == "formula":
                    place = f"{file.name}::{node.name}"
                    assert node.name.startswith("test_"), f"{place} is not run by pytest, call it test_..."
                    found.append((place, *map(ast.literal_eval, decorator.args)))
    return found


def differences(equations, tests):
    """What is wrong between the equations of the text (label -> LaTeX) and the tests, one line each."""
    problems, seen = [], {}
    for place, label, latex in tests:
        if label in seen:
            problems.append(f"{place}: {label} is tested by {seen[label]}, keep one")
        elif label not in equations:
            problems.append(f"{place}: no equation has the label {label}, add the tag or remove the test")
        elif plain_latex(latex) != equations[label]:
            problems.append(f"{place}: {label} is {equations[label]} in the text and {plain_latex(latex)} here")
        seen.setdefault(label, place)
    missing = equations.keys() - seen.keys()
    return problems + [f"course: {label} has no test, write one with @formula" for label in sorted(missing)]


def test_every_labelled_equation_has_one_test_with_the_same_latex():
    assert differences(labelled_equations(ROOT), formula_tests(Path(__file__).parent)) == []


SOURCE = r"""
@formula("gd-threshold", r"\eta <  \frac{2}{\lambda}")
def test_it_breaks_at_the_threshold(): ...
"""


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (SOURCE, None),
        ("", "course: gd-threshold has no test"),
        (
            SOURCE.replace("2", "1"),
            r"gd-threshold is \eta < \frac{2}{\lambda} in the text and \eta < \frac{1}{\lambda} here",
        ),
        (SOURCE.replace("gd", "sgd"), "no equation has the label sgd-threshold"),
        (SOURCE + SOURCE.replace("it_breaks", "this"), "gd-threshold is tested by test_x.py::test_it_breaks"),
    ],
)
def test_text_and_tests_that_differ_are_noticed(tmp_path, source, problem):
    (tmp_path / "test_x.py").write_text(source)
    problems = differences({"gd-threshold": r"\eta < \frac{2}{\lambda}"}, formula_tests(tmp_path))
    if problem is None:
        assert problems == []
    else:
        assert any(problem in found for found in problems)


def test_a_formula_on_what_pytest_does_not_run_is_noticed(tmp_path):
    (tmp_path / "test_x.py").write_text(SOURCE.replace("test_it", "it"))
    with pytest.raises(AssertionError, match="is not run by pytest"):
        formula_tests(tmp_path)
