"""The family of optimizers: consistent with itself and with the library, and usable by mouse, keys and ears."""

import dataclasses
import re
import sys

import pytest

from optlib import explore, optimizers
from optlib.explore.canvas import drawn
from optlib.explore.genealogy import (
    BOX,
    BY_NAME,
    EVERYONE,
    FAMILY,
    HEAD,
    HIGH,
    MODERN,
    PERIODS,
    WIDE,
    FamilyFrame,
    ancestors,
    route,
)

module = sys.modules["optlib.explore.genealogy"]  # the name in the package is the function


@pytest.fixture(scope="module")
def the_tree():
    made = explore.genealogy()
    yield made
    made.close()


@pytest.fixture
def tree(the_tree):
    return the_tree.reset()


def test_names_and_places_are_taken_once():
    assert len(BY_NAME) == len(FAMILY)
    assert len({method.place for method in FAMILY}) == len(FAMILY)


def test_nobody_mends_something_that_came_later():
    for method in FAMILY:
        assert all(BY_NAME[parent].year <= method.year for parent in method.parents), method.name


def test_years_stand_in_the_column_of_their_period():
    for method in FAMILY:
        first, last = (re.findall(r"\d+", PERIODS[method.place[0]]) * 2)[:2]
        assert int(first) <= method.year <= int(first[: 4 - len(last)] + last), method.name


def test_the_modern_half_begins_in_2017():
    assert all((method.year >= 2017) == (method.place[0] >= MODERN) for method in FAMILY)


def test_the_year_of_a_preprint_is_in_its_id():
    for method in FAMILY:
        if method.arxiv and method.name != "AMSGrad":  # its preprint came after the conference
            assert method.year == 2000 + int(method.arxiv[:2]), method.name


def test_sources_agree_with_the_docstrings_of_the_rules():
    compared = 0
    for name in ("SGD", "Momentum", "Nesterov", "Adagrad", "RMSprop", "Adam", "AdamW"):
        told = " ".join(getattr(optimizers, name).__doc__.split())
        method = BY_NAME[name]
        assert method.arxiv in told, name
        author = re.findall(r"[A-Z][a-z]+", method.source)[0]
        assert author in told, name
        compared += f"{method.year}" in told or f"{method.year + 1}" in told or f"{method.year + 2}" in told
    assert compared == 7


def test_a_line_passes_no_box_but_those_it_joins():
    for method in FAMILY:
        for parent in method.parents:
            for x, y in route(parent, method.name).interpolated(20).vertices:
                for other in FAMILY:
                    if other.name not in (parent, method.name):
                        column, row = other.place
                        beside = abs(x - (column + 0.5) * WIDE) > BOX[0] / 2
                        above = abs(y - HEAD - (row + 0.5) * HIGH) > BOX[1] / 2
                        assert beside or above, (parent, method.name, other.name)


def test_the_ancestors_of_adam():
    assert ancestors("Adam") == {"Adam", "Momentum", "RMSprop", "Adagrad", "Rprop", "SGD"}


def test_every_choice_is_told_in_words():
    frame = FamilyFrame()
    _, artists, told = drawn(frame, {"optimizer": EVERYONE})
    assert f"{len(FAMILY)} optimizers" in told
    for method in FAMILY:
        told = frame.frame(artists, optimizer=method.name)
        for part in (method.name, str(method.year), method.fixes, method.source, f"Chapter {method.chapter}"):
            assert part in told


def test_what_optlib_does_not_have_is_dashed_and_told(tree, monkeypatch):
    assert all(BY_NAME[name].here for name in ("SGD", "Adam", "AdamW"))
    absent = dataclasses.replace(FAMILY[-1], built="Nothing")
    monkeypatch.setattr(module, "FAMILY", (*FAMILY[:-1], absent))
    assert "Not in optlib yet, with a dashed frame" in module.overview()
    assert f"{absent.name}. Choose" in module.overview()


def buttons(widget):
    for child in getattr(widget, "children", ()):
        yield from buttons(child)
        if type(child).__name__ == "Button" and child.tooltip and ", " in child.tooltip:
            yield child


def test_a_click_on_a_box_chooses_it(tree):
    found = {button.tooltip: button for button in buttons(tree.widget)}
    assert len(found) == len(FAMILY)
    found["Muon, 2024"].click()
    assert tree.controls == {"optimizer": "Muon"}
    assert "singular values" in tree.text


def test_the_tab_key_reaches_every_box_in_the_order_of_time(tree):
    found = list(buttons(tree.widget))
    assert all(button.tabbable is not False for button in found)
    assert [button.description for button in found] == [method.name for method in FAMILY]
    assert [method.year for method in FAMILY] == sorted(method.year for method in FAMILY)


def test_the_link_leads_to_the_chosen_paper(tree):
    tree.move(optimizer="Adam")
    assert "https://arxiv.org/abs/1412.6980" in tree.widget.children[-1].value
    tree.move(optimizer="SGD")
    assert tree.widget.children[-1].value == ""


def test_the_picture_needs_no_kernel():
    picture = explore.genealogy().picture(optimizer="Lion")
    assert "sign of two averages" in picture.alt
    assert picture.figure.axes
