"""The widgets in a real JupyterLab: by mouse, by keyboard, by typing, and as a screen reader sees them."""

import re

import pytest

pytestmark = pytest.mark.browser

WIDGETS = {
    "bowl": "explore.bowl(4.0, predict=False)",
    "landscape": "explore.landscape('bowl', Momentum)",
    "choice": "explore.landscape()",
    "ucurve": "explore.ucurve('bowl', predict=False)",
    "phase": "explore.momentum_phase(predict=False)",
    "eigen": "explore.eigen_errors(predict=False)",
}


@pytest.fixture(scope="module")
def opened(lab):
    name = lab.write("widgets.ipynb", "from optlib import *\nfrom optlib import explore", *WIDGETS.values())
    with lab.open(name) as notebook:
        notebook.run_all()
        yield notebook


@pytest.fixture
def asking(lab):
    name = lab.write("asking.ipynb", "from optlib import explore\nwidget = explore.bowl(4.0)\nwidget", "widget.state")
    with lab.open(name) as notebook:
        notebook.run_all()
        yield notebook.explorer()


def widget(notebook, name):
    return notebook.explorer(list(WIDGETS).index(name))


def number(text):
    return float(text.replace("−", "-").replace(",", ""))


def test_every_widget_loads_without_an_error_in_the_cell_or_the_console(opened):
    for name in WIDGETS:
        assert widget(opened, name).picture()
    assert opened.errors() == []
    assert opened.problems == []


@pytest.mark.parametrize("name", WIDGETS)
def test_every_slider_moves_the_picture_by_keyboard(opened, name):
    seen = widget(opened, name)
    sliders = seen.root.get_by_role("slider")
    assert sliders.count() >= 1
    for i in range(sliders.count()):
        if not sliders.nth(i).is_visible():
            continue
        sliders.nth(i).focus()
        before = seen.picture()
        opened.page.keyboard.press("PageDown")
        seen.changed(before)


@pytest.mark.parametrize("name", WIDGETS)
def test_every_slider_moves_the_picture_by_mouse(opened, name):
    seen = widget(opened, name)
    sliders = seen.root.get_by_role("slider")
    for i in range(sliders.count()):
        if not sliders.nth(i).is_visible():
            continue
        before = seen.picture()
        seen.drag(sliders.nth(i), -40)
        seen.changed(before)


@pytest.mark.parametrize("name", WIDGETS)
def test_a_screen_reader_finds_a_name_for_every_control_and_the_words_of_the_picture(opened, name):
    seen = widget(opened, name)
    tree = seen.root.aria_snapshot()
    assert not re.findall(r"^\s*- (slider|textbox|combobox|button|img)\s*:?$", tree, re.M), tree
    assert seen.image.get_attribute("aria-labelledby")
    assert len(seen.text()) > 40


def test_controls_come_in_the_order_in_which_they_are_read(opened):
    seen = widget(opened, "landscape")
    seen.slider("learning rate").focus()
    order = []
    for _ in range(6):
        opened.page.keyboard.press("Tab")
        order.append(
            opened.page.evaluate("document.activeElement.ariaLabel || document.activeElement.innerText.trim()")
        )
    assert [name for name in order if not name.endswith("typed")] == ["momentum β", "condition κ", "Reset"]


def test_home_end_and_page_keys_reach_the_ends(opened):
    seen = widget(opened, "eigen")
    handle = seen.slider("steps taken")
    handle.focus()
    opened.page.keyboard.press("End")
    seen.says("After 150 steps")
    opened.page.keyboard.press("PageDown")
    seen.says("After 145 steps")
    opened.page.keyboard.press("Home")
    seen.says("After 0 steps")
    opened.page.keyboard.press("ArrowRight")
    seen.says("After 1 steps")


def test_a_value_can_be_typed(opened):
    seen = widget(opened, "bowl")
    typed = seen.root.get_by_role("textbox", name="learning rate η, typed")
    typed.click()
    opened.page.keyboard.press("Control+A")
    opened.page.keyboard.type("0.45")
    opened.page.keyboard.press("Enter")
    seen.says("Learning rate 0.45,")


def test_another_landscape_is_one_choice_away(opened):
    seen = widget(opened, "choice")
    before = seen.picture()
    seen.root.get_by_role("combobox", name="landscape").select_option("Rosenbrock")
    seen.changed(before)
    seen.says("Rosenbrock")


def test_after_a_fast_drag_the_picture_is_that_of_the_last_value(opened):
    seen = widget(opened, "bowl")
    handle = seen.slider("learning rate")
    for distance in (120, -90, 60, -150, 200):
        seen.drag(handle, distance, moves=40)
    opened.idle()
    shown = number(re.search(r"Learning rate ([\d.]+)", seen.text())[1])
    assert shown == pytest.approx(number(seen.root.locator(".widget-readout").inner_text()), abs=6e-4)
    settled = seen.picture()
    handle.focus()
    opened.page.keyboard.press("ArrowRight")
    seen.changed(settled)
    opened.page.keyboard.press("ArrowLeft")
    opened.idle()
    assert seen.picture() == settled


def test_reset_brings_back_the_first_picture(opened):
    seen = widget(opened, "phase")
    seen.press("Reset")
    opened.idle()
    first = seen.picture()
    seen.slider("momentum").focus()
    opened.page.keyboard.press("Home")
    seen.changed(first)
    seen.press("Reset")
    opened.idle()
    assert seen.picture() == first


def test_a_prediction_comes_before_the_picture_and_is_judged(asking):
    covered = asking.picture()
    assert asking.text().startswith("Covered")
    assert not asking.slider("learning rate").is_visible()
    asking.slider("my mark").focus()
    asking.page.keyboard.press("End")
    asking.changed(covered)
    before = asking.picture()
    asking.press("Lock in and reveal")
    asking.changed(before)
    assert "Too high" in asking.root.inner_text() and "it is 0.5" in asking.root.inner_text()
    assert asking.slider("learning rate").is_visible()
    assert asking.root.get_by_role("button", name="Lock in and reveal").is_visible() is False


def test_the_challenge_says_when_it_is_met(lab):
    name = lab.write("challenge.ipynb", "from optlib import explore", "explore.landscape('bowl')")
    with lab.open(name) as notebook:
        notebook.run_all()
        seen = notebook.explorer()
        assert "Challenge" in seen.root.inner_text() and "Reached" not in seen.root.inner_text()
        for label, value in (("condition κ", "25"), ("learning rate η", "1.9")):
            seen.root.get_by_role("textbox", name=f"{label}, typed").click()
            notebook.page.keyboard.press("Control+A")
            notebook.page.keyboard.type(value)
            notebook.page.keyboard.press("Enter")
            notebook.idle()
        seen.root.get_by_text("Reached").wait_for()


def test_the_dark_theme_keeps_words_and_controls_legible(lab):
    name = lab.write("dark.ipynb", "from optlib import explore", "explore.bowl(4.0, predict=False)")
    with lab.open(name, dark=True) as notebook:
        notebook.run_all()
        seen = notebook.explorer()
        light = """element => {
            const [red, green, blue] = getComputedStyle(element).color.match(/[\\d.]+/g).map(Number);
            return (red + green + blue) / 3;
        }"""
        for part in (".optlib-description .widget-html-content", ".widget-label", ".widget-readout"):
            assert seen.root.locator(part).first.evaluate(light) > 150
