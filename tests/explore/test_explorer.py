import gc
import io
import json
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from optlib.explore import Artists, Challenge, Choice, Explorer, Frame, Predict, Slider, Toggle
from optlib.explore.canvas import encode


@dataclass(frozen=True)
class Dot(Frame):
    """A dot at x, on an axis that grows when ``wide``."""

    broken_at: float = np.inf

    name = "dot"
    size = (3.0, 2.0)

    @property
    def controls(self):
        return {
            "x": Slider("place x", 0.0, 1.0, 0.25, unit="m"),
            "rate": Slider("rate", 1e-3, 1.0, 0.1, log=True),
            "count": Slider("count", 1, 9, 3, whole=True),
            "kind": Choice("kind", ("round", "square"), "round"),
            "wide": Toggle("wide"),
        }

    @property
    def predict(self):
        return Predict("Where is the middle?", Slider("mark", 0.0, 1.0, 0.0), lambda: 0.5, "Halves are equal.")

    @property
    def challenge(self):
        return Challenge("Put it beyond 0.9.", lambda **controls: controls["x"] > 0.9)

    def draw(self, figure):
        axes = figure.subplots()
        axes.set(xlim=(0, 1), ylim=(-1, 1), xticks=[0, 1], yticks=[])
        return Artists(
            title=axes.set_title(""),
            dots=axes.plot([], [], "o", markersize=20),
            mark=axes.axvline(0, color="k"),
            still=[axes.axhline(0.5, color="r", linewidth=8)],
        )

    def frame(self, artists, *, x, rate, count, kind, wide):
        if x >= self.broken_at:
            raise RuntimeError("no place here")
        artists.dots[0].set_data([x], [0])
        artists.dots[0].set_marker("o" if kind == "round" else "s")
        artists.title.set_text(f"x = {x:.2f}")
        if artists.dots[0].axes.get_xlim()[1] != 1 + wide:
            artists.dots[0].axes.set_xlim(0, 1 + wide)
        return f"The dot is at {x:.2f}, {kind}."

    def mark(self, artists, guess):
        artists.mark.set_visible(guess is not None)
        if guess is not None:
            artists.mark.set_xdata([guess, guess])


@pytest.fixture
def explorer():
    made = Explorer(Dot(), predict=False)
    yield made
    made.close()


@pytest.fixture
def asking():
    kept = []
    made = Explorer(Dot(), keep=kept.append)
    made.kept = kept
    yield made
    made.close()


def picture(explorer):
    return bytes(explorer._image.value)


def pixels(explorer):
    return np.asarray(Image.open(io.BytesIO(picture(explorer))).convert("RGB")).astype(int)


def test_the_encoder_writes_a_png_that_others_read():
    rgba = np.random.default_rng(0).integers(0, 256, (7, 5, 4), dtype=np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode(rgba)))), rgba)


def test_moving_a_slider_moves_the_picture_and_its_words(explorer):
    before = picture(explorer)
    explorer._inputs["x"].value = 0.75
    assert picture(explorer) != before
    assert explorer.text == "The dot is at 0.75, round."
    assert "The dot is at 0.75, round." in explorer._caption.value
    explorer._inputs["x"].value = 0.25
    assert picture(explorer) == before


def test_every_kind_of_control_is_followed(explorer):
    explorer._inputs["kind"].value = "square"
    explorer._inputs["count"].value = 5
    explorer._inputs["rate"].value = 0.01
    explorer._inputs["wide"].value = True
    assert explorer.controls == {"x": 0.25, "rate": pytest.approx(0.01), "count": 5, "kind": "square", "wide": True}


def test_controls_carry_label_unit_range_and_keyboard_step(explorer):
    place, rate = explorer._inputs["x"], explorer._inputs["rate"]
    assert place.description == "place x [m]" and (place.min, place.max, place.step) == (0, 1, 0.005)
    assert (rate.min, rate.max, rate.step) == (-3, 0, pytest.approx(0.015))
    assert place.continuous_update and place.readout


def test_only_what_moves_is_drawn_again(explorer):
    full = explorer._canvas.full_draws
    for x in np.linspace(0, 1, 20):
        explorer.move(x=x)
    assert explorer._canvas.full_draws == full


def test_a_changed_axis_draws_the_background_again_and_the_picture_is_right(explorer):
    full = explorer._canvas.full_draws
    explorer.move(wide=True)
    assert explorer._canvas.full_draws == full + 1
    explorer.move(x=0.5)
    other = Explorer(Dot(), predict=False).move(x=0.5, wide=True)
    assert np.array_equal(pixels(explorer), pixels(other))


def test_many_controls_moved_at_once_are_one_picture(explorer):
    frames = explorer._canvas.frames
    explorer.move(x=0.9, rate=0.5, count=7, kind="square")
    assert explorer._canvas.frames == frames + 1


def test_a_control_set_to_where_it_stands_draws_nothing(explorer):
    frames = explorer._canvas.frames
    explorer._inputs["x"].value = 0.25
    assert explorer._canvas.frames == frames


def test_dragging_makes_no_new_figures_artists_or_widgets(explorer):
    def counted():
        gc.collect()
        figures = sum(isinstance(found, Figure) for found in gc.get_objects())
        return figures, len(explorer._canvas.figure.findobj()), len(gc.get_objects())

    def drag(times):
        for x in np.tile(np.linspace(0, 1, 50), times):
            explorer._inputs["x"].value = x

    drag(1)  # fills Matplotlib's bounded caches of text
    figures, artists, objects = counted()
    drag(6)
    after = counted()
    assert after[0] <= figures and after[1] == artists  # figures of other tests may be collected meanwhile
    assert after[2] - objects < 50


def test_reset_brings_back_the_start(explorer):
    before = picture(explorer)
    explorer.move(x=0.9, kind="square", wide=True)
    explorer._reset.click()
    assert explorer.controls == {"x": 0.25, "rate": 0.1, "count": 3, "kind": "round", "wide": False}
    assert explorer._inputs["x"].value == 0.25
    assert picture(explorer) == before


def test_what_cannot_be_moved_is_named(explorer):
    with pytest.raises(ValueError, match=r"Explorer\(dot\): no control 'y'; there are x, rate, count, kind, wide"):
        explorer.move(y=1)
    with pytest.raises(ValueError, match=r"place x: must lie in \[0, 1\], got 7"):
        explorer.move(x=7)
    assert explorer.controls["x"] == 0.25


def test_the_question_covers_the_picture_until_it_is_answered(asking):
    assert asking.state["asking"]
    assert asking._panel.layout.display == "none" and asking._ask.layout.display != "none"
    red = np.abs(pixels(asking) - [255, 0, 0]).sum(-1) < 60
    assert not red.any()
    assert "Covered" in asking.text
    asking.answer(0.5)
    red = np.abs(pixels(asking) - [255, 0, 0]).sum(-1) < 60
    assert red.any()
    assert asking._panel.layout.display != "none" and asking._ask.layout.display == "none"


def test_the_mark_moves_while_the_question_is_open_and_stays_in_the_picture(asking):
    before = picture(asking)
    asking._marker.value = 0.7
    assert picture(asking) != before
    assert "0.7" in asking.text
    asking.answer(0.7)
    assert asking._canvas.artists.mark.get_visible()
    assert list(asking._canvas.artists.mark.get_xdata()) == [0.7, 0.7]


def test_a_prediction_is_scored_once_told_and_kept(asking):
    said = asking.answer(0.55)
    assert said == "Close, a little high. You marked 0.55; it is 0.5. Halves are equal."
    assert said in asking._verdict.value
    assert asking.kept == [
        {"widget": "dot", "question": "Where is the middle?", "guess": 0.55, "truth": 0.5, "score": 0.5}
    ]
    json.dumps(asking.kept)
    with pytest.raises(ValueError, match="there is no open question"):
        asking.answer(0.5)


def test_skipping_reveals_without_a_score(asking):
    asking.skip()
    assert asking.kept == [] and not asking.state["asking"] and asking.state["guess"] is None
    assert not asking._canvas.artists.mark.get_visible()


def test_a_challenge_is_met_once_and_stays_met(asking):
    asking.skip()
    assert not asking.solved and "Reached" not in asking._task.value
    asking.move(x=0.95)
    assert asking.solved and "Reached" in asking._task.value
    asking.move(x=0.1)
    asking.move(x=0.99)
    assert asking.solved
    assert [note["challenge"] for note in asking.kept] == ["Put it beyond 0.9."]
    assert asking.kept[0]["controls"]["x"] == 0.95


def test_a_challenge_is_not_met_behind_the_cover(asking):
    asking.move(x=0.95)
    assert not asking.solved
    asking.skip()
    assert asking.solved


def test_the_state_travels_as_text_and_restores_the_picture(asking):
    asking.answer(0.55)
    asking.move(x=0.95, kind="square")
    state = json.loads(json.dumps(asking.state))
    other = Explorer(Dot())
    other.state = state
    assert other.state == asking.state
    assert picture(other) == picture(asking)
    assert "You marked 0.55" in other._verdict.value
    assert other._inputs["kind"].value == "square"


def test_a_state_of_another_widget_is_refused(explorer):
    with pytest.raises(ValueError, match="this state belongs to 'bowl'"):
        explorer.state = {"widget": "bowl", "controls": {}, "guess": None, "asking": False, "solved": False}


def test_a_static_picture_needs_no_kernel_and_leaves_the_live_one_alone(explorer, tmp_path):
    before = picture(explorer)
    static = explorer.picture(x=0.75)
    assert static.alt == "The dot is at 0.75, round."
    for name in ("frame.png", "frame.svg"):
        static.save(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000
    assert "The dot is at 0.75" in (tmp_path / "frame.svg").read_text()
    assert explorer.controls["x"] == 0.25 and picture(explorer) == before
    with pytest.raises(ValueError, match="no control 'y'"):
        explorer.picture(y=1)


def test_a_static_picture_shows_all_that_the_live_one_shows(explorer):
    static = explorer.picture()
    static.figure.set_dpi(100)
    canvas = static.figure.canvas
    canvas.draw()
    red = np.abs(np.asarray(canvas.buffer_rgba())[..., :3].astype(int) - [255, 0, 0]).sum(-1) < 60
    blue = np.abs(np.asarray(canvas.buffer_rgba())[..., :3].astype(int) - [31, 119, 180]).sum(-1) < 60
    assert red.any() and blue.any()


def test_a_viewer_without_widgets_gets_the_picture_and_the_words(explorer):
    bundle = explorer._repr_mimebundle_()
    assert bundle["image/png"] == picture(explorer)
    assert "The dot is at 0.25" in bundle["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_a_frame_that_fails_says_so_on_the_page():
    broken = Explorer(Dot(broken_at=0.5), predict=False)
    with pytest.raises(RuntimeError, match="no place here"):
        broken.move(x=0.75)
    assert "could not be drawn" in broken._caption.value and "no place here" in broken._caption.value
    broken.move(x=0.3)
    assert "The dot is at 0.30" in broken._caption.value


def test_explore_leaves_pyplot_alone():
    code = "import sys, optlib.explore; optlib.explore.bowl(); sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
