"""docs/conventions.md and lesson 00 say what the libraries do: defaults, forms and distances are held to recordings."""

import ast
import dataclasses
import json
import re
import sys
from pathlib import Path

import jupytext
import numpy as np
import pytest

import optlib
from optlib.optimizer import Hyper, Optimizer

sys.path.insert(0, str(Path(__file__).parent / "peers"))
from cases import CASES, RECORDED, SCALES, START, STEPS, gradient

ROOT = Path(__file__).parents[1]
PEERS = ROOT / "tests" / "peers"
PAGE = (ROOT / "docs" / "conventions.md").read_text(encoding="utf-8")
LESSON = jupytext.read(ROOT / "course" / "00_start_here" / "lesson.md", fmt="md:myst")
RECORDED_FACTS = json.loads((PEERS / "conventions.json").read_text(encoding="utf-8"))
RECORDED_PATHS = np.load(PEERS / "conventions.npz")

every_scale = pytest.mark.parametrize("kind", SCALES)


def lesson_namespace():
    """What the lesson's cells on conventions define: everything but claims, and figures for the eye."""
    names = vars(optlib) | {"np": np, "Optimizer": Optimizer, "Hyper": Hyper, "plots": optlib.plots}
    cells = [cell for cell in LESSON.cells if cell.cell_type == "code"]
    for cell in cells:
        if re.search(r"^class .*(LrInside|EpsInside|EpsHat)\(|^def walk|^falls =", cell.source, re.MULTILINE):
            exec(cell.source, names)
    return names


NAMES = lesson_namespace()


def ours(expression, lr=0.01):
    """The optimizer that a cell of the page writes, as in `Adam(lr, weight_decay=0.1)`."""
    return eval(re.sub(r"\((lr|falls)\b(?!=)", r"(lr=\1", expression), {**NAMES, "lr": lr})


def tables(heading):
    """The rows of every table under a heading, each a list of cells."""
    section = re.split(r"^#{2,3} ", PAGE, flags=re.MULTILINE)
    text = next(part for part in section if part.startswith(f"{heading}\n"))
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table.splitlines()]
        yield rows[0], rows[2:]


# ---- names and defaults

RULES = ("SGD", "Momentum", "Nesterov", "Adagrad", "RMSprop", "Adam", "AdamW")


def stated(cell):
    """(argument, default) of a cell like `lr=0.01`; the default is None where none is stated; None for a dash."""
    found = re.match(r"`(\w+)(?:=(.+))?`", cell)
    return (found[1], None if found[2] is None else ast.literal_eval(found[2])) if found else None


@pytest.mark.parametrize("rule", RULES)
def test_the_defaults_of_optlib_are_those_of_its_dataclasses(rule):
    ((_, rows),) = tables(rule)
    fields = {field.name: field.default for field in dataclasses.fields(getattr(optlib, rule))}
    told = dict(found for row in rows if (found := stated(row[1])))
    assert told == fields


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("column", [2, 3, 4])
def test_the_defaults_of_the_others_are_those_of_their_signatures(rule, column):
    ((head, rows),) = tables(rule)
    library, name = re.match(r"(\w+) `(\w+)`", head[column]).groups()
    defaults = RECORDED_FACTS["defaults"][library][name]
    for row in rows:
        if found := stated(row[column]):
            argument, default = found
            known = defaults.get(argument)
            assert (tuple(known) if isinstance(known, list) else known) == default, (library, name, argument)
        elif row[column] == "-":
            spelled = {cell.split("=")[0].strip("`() of") for cell in row[1:]}
            assert not spelled & defaults.keys(), (library, name, row)


def test_page_and_lesson_name_the_versions_that_were_recorded():
    lesson = "\n".join(cell.source for cell in LESSON.cells)
    for library, version in RECORDED_FACTS["versions"].items():
        assert f"{library} {version}" in PAGE
        assert f"{library} {version}" in lesson


# ---- forms


class RMSpropLrInside(Optimizer):
    """keras with momentum, which the page describes in words only."""

    lr: Hyper = 1e-3
    rho: Hyper = 0.9
    eps: Hyper = 1e-7
    momentum: Hyper = 0.9

    slots = ("v", "b")

    @staticmethod
    def rule(theta, g, v, b, *, lr, rho, eps, momentum):
        v[:] = rho * v + (1 - rho) * g**2
        b[:] = momentum * b + lr * g / np.sqrt(v + eps)
        theta[:] = theta - b


NAMES["RMSpropLrInside"] = RMSpropLrInside

#: recording -> what moves as it did
FORMS = {
    "torch SGD(momentum=0.9), lr falls": "Momentum(lr=schedules.Step(0.02, 50))",
    "optax sgd(momentum=0.9), lr falls": "Momentum(lr=schedules.Step(0.02, 50))",
    "keras SGD(momentum=0.9), lr falls": "LrInside(lr=schedules.Step(0.02, 50))",
    "torch SGD(nesterov), lr falls": "Nesterov(lr=schedules.Step(0.02, 50))",
    "optax sgd(nesterov), lr falls": "Nesterov(lr=schedules.Step(0.02, 50))",
    "keras SGD(nesterov), lr falls": "NesterovLrInside(lr=schedules.Step(0.02, 50))",
    "keras SGD(weight_decay=0.1)": "DecoupledDecay(SGD(lr=0.02), 0.1)",
    "torch Adagrad": "Adagrad(lr)",
    "optax adagrad": "AdagradEpsInside(lr)",
    "keras Adagrad": "AdagradEpsInside(lr)",
    "torch RMSprop": "RMSprop(lr)",
    "optax rmsprop": "RMSprop(lr, rho=0.9, eps_inside_root=True)",
    "optax rmsprop(decay=0.99, eps_in_sqrt=False)": "RMSprop(lr)",
    "keras RMSprop": "RMSprop(lr, rho=0.9, eps=1e-7, eps_inside_root=True)",
    "torch RMSprop(momentum=0.9), lr falls": "RMSprop(lr=schedules.Step(0.01, 50), momentum=0.9)",
    "keras RMSprop(momentum=0.9), lr falls": "RMSpropLrInside(lr=schedules.Step(0.01, 50))",
    "torch Adam": "Adam(lr)",
    "optax adam": "Adam(lr)",
    "keras Adam": "AdamEpsHat(lr)",
    "torch Adam(weight_decay=0.1)": "Adam(lr, weight_decay=0.1)",
    "optax L2 before adam": "Adam(lr, weight_decay=0.1)",
    "keras Adam(weight_decay=0.1)": "AdamEpsHat(lr, weight_decay=0.1)",
    "torch AdamW": "AdamW(lr)",
    "optax adamw": "AdamW(lr, weight_decay=1e-4)",
    "keras AdamW": "AdamEpsHat(lr, weight_decay=0.004)",
}


def path(opt, scale):
    theta, kept = START.copy(), []
    state = opt.init(theta)
    for t in range(1, STEPS + 1):
        opt.step(theta, gradient(theta, t, scale), state)
        if t in RECORDED:
            kept.append(theta.copy())
    return np.array(kept)


def test_every_recording_is_compared():
    assert {name.split("|")[0] for name in RECORDED_PATHS} == FORMS.keys()


@every_scale
@pytest.mark.parametrize("recording", FORMS)
def test_the_numpy_form_moves_as_the_library_did(recording, kind):
    moved = path(ours(FORMS[recording]), SCALES[kind])
    np.testing.assert_allclose(moved, RECORDED_PATHS[f"{recording}|{kind}"], rtol=0, atol=1e-12)


def test_every_rule_of_the_page_has_its_parity_with_torch_tested():
    assert set(RULES) <= {case.ours for case in CASES if case.library == "torch"}


def test_exact_ways_from_elsewhere_to_optlib_are_among_the_compared_forms():
    (_, _), (_, rows) = tables("From optlib to the others")
    compared = {expression.replace("lr=schedules.Step(0.02, 50)", "lr") for expression in FORMS.values()}
    compared |= {expression.replace("lr=0.02", "lr") for expression in compared}
    for _, there in rows:
        assert re.match(r"`([^`]+)`", there)[1] in compared, there


# ---- distances

((_, DISTANCES),) = tables("How far they part")


@pytest.mark.parametrize("row", DISTANCES, ids=lambda row: f"{row[0]} {row[1]}")
def test_distances_are_as_stated(row):
    one, other = (ours(cell.strip("`")) for cell in row[:2])
    for scale, told in zip(SCALES.values(), row[2:], strict=True):
        distance = NAMES["apart"](one, other, scale).mean()
        assert distance < 1e-14 if float(told) < 1e-14 else distance == pytest.approx(float(told), rel=0.05)


def test_the_lesson_prints_pairs_that_the_page_holds():
    told = {(row[0].strip("`"), row[1].strip("`")) for row in DISTANCES}
    cell = next(cell.source for cell in LESSON.cells if cell.source.startswith("lr = 0.01\npairs"))
    printed = re.findall(r'^ +".*": \((.*)\),$', cell, re.MULTILINE)
    assert len(printed) == 10
    for pair in printed:
        pair = re.sub(r"lr=(lr|falls)", r"\1", pair)
        assert any(pair == ", ".join(known) for known in told), pair


# ---- the road

ROAD = re.compile(r"^\| (\d\d) \| (.+?) \| (.+?) \| (.*?) ?\|$", re.MULTILINE)


def test_the_road_has_links_and_minutes_of_the_chapters_that_exist_and_of_no_others():
    from optlib.authoring import headings, read_course

    sources, problems = read_course(ROOT)
    assert not problems
    lessons = {source.chapter: source for source in sources if source.kind == "lesson"}
    exercises = {source.chapter: source for source in sources if source.kind == "exercise"}
    text = "\n".join(cell.source for cell in LESSON.cells if cell.cell_type == "markdown")
    rows = ROAD.findall(text)
    assert [row[0] for row in rows] == [f"{n:02}" for n in range(18)]
    for chapter, name, minutes, tasks in rows:
        if chapter not in lessons:
            assert "](" not in name and minutes == "coming", f"the table of lesson 00 promises chapter {chapter}"
            continue
        lesson = lessons[chapter]
        title, link = (lesson.header["title"], f"({lesson.name}.ipynb)") if chapter != "00" else (name, "")
        expected = (f"[{title}]{link}" if link else title, str(lesson.header["minutes"]))
        assert (name, minutes) == expected, f"mend the row of {chapter} in the table of lesson 00"
        if chapter in exercises:
            total = sum(heading.minutes for _, heading in headings(exercises[chapter]))
            expected = f"[{total}](../exercises/{lesson.name}.ipynb)"
            assert tasks == expected, f"mend the row of {chapter} in the table of lesson 00"
