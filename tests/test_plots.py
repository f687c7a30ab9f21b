"""Figures: what is drawn and what is told agree with the data. Artists and texts are looked at, never pixels."""

import base64
import dataclasses
import io
import json
import re
import subprocess
import sys
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from matplotlib.text import Annotation

from optlib import SGD, Adam, Momentum, Optimizer, minimize, optimizers, plots, problems, sweep
from optlib.intervals import mean_interval

BOWL = problems.Quadratic(condition=20.0)
CLIFF = 2 / BOWL.curvature()[-1]
MOST_USED = ("SGD", "Momentum", "Nesterov", "Adagrad", "RMSprop", "Adam", "AdamW")


@pytest.fixture(scope="module")
def rates():
    """Three learning rates at once; the last diverges."""
    return minimize(BOWL, SGD(lr=np.array([0.5, 0.95, 1.1]) * CLIFF), steps=60)


@pytest.fixture(scope="module")
def methods():
    chosen = {"SGD": SGD(lr=0.5), "Momentum": Momentum(lr=0.1), "Adam": Adam(lr=0.1)}
    return {name: minimize(BOWL, opt, steps=40) for name, opt in chosen.items()}


@pytest.fixture(scope="module")
def sweeps():
    noisy = problems.Quadratic(condition=20.0, noise=0.3)
    grid = {"lr": np.geomspace(1e-2, 8, 9)}
    return {cls.__name__: sweep(noisy, cls, grid, seeds=4, steps=80) for cls in (SGD, Momentum)}


def frame(picture):
    return picture.figure.axes[0]


def texts(picture):
    """Everything written beside the data, by its words."""
    return {text.get_text(): text for text in frame(picture).texts if text.get_text()}


def lines(picture, *, at_least=3):
    return [line for line in frame(picture).get_lines() if len(line.get_xdata()) >= at_least]


def overlaps(picture):
    """Pairs of texts of a figure whose boxes share more than a hairline."""
    picture.figure.draw_without_rendering()
    boxes = {}
    for word, text in texts(picture).items():
        # the box of an annotation includes its leader; only its letters matter
        renderer = picture.figure.canvas.get_renderer()
        boxes[word] = (super(Annotation, text) if isinstance(text, Annotation) else text).get_window_extent(renderer)
    words = list(boxes)
    found = []
    for i, one in enumerate(words):
        for other in words[:i]:
            a, b = boxes[one], boxes[other]
            wide = min(a.x1, b.x1) - max(a.x0, b.x0)
            high = min(a.y1, b.y1) - max(a.y0, b.y0)
            if wide > 1 and high > 1:
                found.append((one, other))
    return found


# --------------------------------------------------------------------------------------------------- the picture


def test_importing_plots_changes_no_setting_and_loads_no_pyplot():
    # asking for the backend would load pyplot
    program = (
        "import sys, matplotlib\n"
        "settings = lambda: {k: matplotlib.rcParams[k] for k in matplotlib.rcParams if k != 'backend'}\n"
        "before = settings()\n"
        "import optlib.plots\n"
        "assert settings() == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_drawing_leaves_the_global_settings_alone(rates):
    before = {key: matplotlib.rcParams[key] for key in plots.STYLE}
    plots.loss(rates, "a finding")._repr_mimebundle_()
    assert {key: matplotlib.rcParams[key] for key in plots.STYLE} == before
    assert before["axes.grid"] is False, "the course's style differs from the default, so the comparison can fail"


def test_a_picture_shows_itself_as_an_image_with_its_words_and_as_these_words(rates):
    picture = plots.loss(rates, 'one < two & "three"')
    bundle = picture._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert bundle["text/plain"] == picture.alt == repr(picture)
    tag = ElementTree.fromstring(bundle["text/html"].replace('">', '"/>'))
    assert tag.tag == "img"
    assert tag.get("alt") == picture.alt
    assert 'one < two & "three"' in picture.alt
    pixels = imread(io.BytesIO(base64.b64decode(tag.get("src").split(",", 1)[1])))
    assert pixels.shape[1] == 2 * int(tag.get("width")), "twice the shown width: sharp when magnified"
    if pixels.shape[2] == 4:
        assert pixels[..., 3].min() == 1, "opaque, for dark notebooks"
    np.testing.assert_allclose(pixels[0, 0, :3], 1)


def test_a_saved_png_carries_its_description(tmp_path, rates):
    picture = plots.loss(rates, "a finding")
    path = picture.save(tmp_path / "a.png")
    assert picture.alt.encode("latin-1") in path.read_bytes()


def test_a_saved_svg_is_an_image_with_title_and_description_and_always_the_same(tmp_path, rates):
    pictures = [plots.loss(rates, "a < b") for _ in range(2)]
    first, second = (picture.save(tmp_path / f"{k}.svg") for k, picture in enumerate(pictures))
    assert first.read_bytes() == second.read_bytes()
    root = ElementTree.fromstring(first.read_bytes())
    title, description = list(root)[:2]
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert title.tag.endswith("title")
    assert title.text == "a < b"
    assert description.tag.endswith("desc")
    assert description.text == pictures[0].alt


def test_a_file_type_that_cannot_be_written_is_refused_by_name(tmp_path, rates):
    with pytest.raises(ValueError, match=r"ends in \.png or \.svg, got 'a\.jpg'"):
        plots.loss(rates, "a finding").save(tmp_path / "a.jpg")


def test_a_title_is_required_and_long_titles_are_broken_into_even_lines():
    curve = {"curve": ([0, 1], [0, 1])}
    with pytest.raises(ValueError, match="a title that states its finding"):
        plots.line(curve, " ", xlabel="x", ylabel="y")
    title = "One percent below the threshold it converges, one percent above the threshold it explodes"
    picture = plots.line(curve, title, xlabel="x", ylabel="y")
    drawn = picture.figure.get_suptitle().split("\n")
    assert " ".join(drawn) == title
    assert len(drawn) == 2
    assert min(map(len, drawn)) > 0.7 * max(map(len, drawn))
    picture.figure.draw_without_rendering()
    assert picture.figure._suptitle.get_window_extent().x1 < picture.figure.bbox.x1


# ------------------------------------------------------------------------------------------------ colours and labels

# Machado, Oliveira and Fernandes (2009), severity 1.0, for linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear_rgb(color):
    part = np.array(to_rgb(color))
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def cielab(linear):
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    xyz = np.array(to_xyz) @ np.clip(linear, 0, 1) / [0.95047, 1, 1.08883]
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast_on_white(color):
    return 1.05 / (linear_rgb(color) @ [0.2126, 0.7152, 0.0722] + 0.05)


@pytest.mark.parametrize("sight", SIGHT)
def test_colours_of_the_most_used_optimizers_stay_apart_for_every_sight(sight):
    seen = {name: cielab(np.array(SIGHT[sight]) @ linear_rgb(plots.COLORS[name])) for name in MOST_USED}
    apart = {
        (one, other): np.linalg.norm(seen[one] - seen[other])
        for i, one in enumerate(MOST_USED)
        for other in MOST_USED[:i]
    }
    # a distance of 2.3 is just noticed side by side; pale green and red of equal lightness fall below 10
    assert min(apart.values()) > 15, min(apart, key=apart.get)


def test_the_simulation_sees_red_and_green_of_equal_lightness_collapse():
    red, green = (cielab(np.array(SIGHT["deuteranopia"]) @ linear_rgb(c)) for c in ("#c06040", "#7f8240"))
    assert np.linalg.norm(red - green) < 10
    assert np.linalg.norm(cielab(linear_rgb("#c06040")) - cielab(linear_rgb("#7f8240"))) > 30


def test_every_optimizer_of_the_library_has_its_own_colour_and_marker():
    plain = [
        name
        for name in optimizers.__all__
        if issubclass(getattr(optimizers, name), Optimizer)
        and all(
            field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
            for field in dataclasses.fields(getattr(optimizers, name))
        )
    ]
    assert set(MOST_USED) <= set(plain) <= set(plots.COLORS)
    looks = [(plots.COLORS[name], plots.MARKERS[name]) for name in plots.COLORS]
    assert len(set(looks)) == len(looks)


def test_writing_in_any_colour_can_be_read_on_white(methods):
    picture = plots.loss(methods, "a finding")
    for name in methods:
        assert contrast_on_white(texts(picture)[name].get_color()) >= 4.49
    assert contrast_on_white(plots.COLORS["Momentum"]) < 4.5, "so that darkening was needed"


def test_each_line_has_the_colour_of_its_optimizer_and_its_name_beside_it(methods):
    picture = plots.loss(methods, "a finding")
    assert [line.get_color() for line in lines(picture)] == [plots.COLORS[name] for name in methods]
    assert set(methods) == set(texts(picture))
    assert frame(picture).get_legend() is None


def test_a_learners_subclass_and_a_wrapper_look_like_what_they_extend():
    class MyAdam(Adam):
        """A learner's own."""

    class Wrapped(Optimizer):
        inner: Adam = None

        @staticmethod
        def rule(theta, g):
            theta[:] = theta - g

    runs = {name: minimize(BOWL, Adam(lr=0.1), steps=5) for name in ("a", "b")}
    runs["a"] = dataclasses.replace(runs["a"], opt=MyAdam(lr=0.1))
    runs["b"] = dataclasses.replace(runs["b"], opt=Wrapped(Adam(lr=0.1)))
    drawn = lines(plots.loss(runs, "a finding"))
    assert [line.get_color() for line in drawn] == [plots.COLORS["Adam"]] * 2
    assert drawn[0].get_linestyle() != drawn[1].get_linestyle(), "a second line of one colour is dashed"


def test_unknown_names_take_free_colours_in_order():
    curves = {"SGD": ([0, 1, 2], [1, 2, 3]), "mine": ([0, 1, 2], [1, 1, 1]), "yours": ([0, 1, 2], [2, 2, 2])}
    drawn = lines(plots.line(curves, "a finding", xlabel="x", ylabel="y"))
    assert drawn[0].get_color() == plots.COLORS["SGD"]
    assert len({line.get_color() for line in drawn}) == 3


def test_labels_of_curves_that_end_together_are_moved_apart():
    t = np.arange(50)
    curves = {f"curve {k}": (t, 1 + k * 1e-4 * t) for k in range(9)}
    picture = plots.line(curves, "a finding", xlabel="x", ylabel="y", levels={"floor": 1.001}, marks={"a": 20, "b": 21})
    assert set(texts(picture)) == {*curves, "floor", "a", "b"}
    assert not overlaps(picture)
    heights = [texts(picture)[name].get_position()[1] for name in curves]
    assert heights == sorted(heights), "in the order of the curves"
    inside = picture.figure.bbox
    for text in texts(picture).values():
        assert text.get_window_extent().x1 <= inside.x1 + 1


@pytest.mark.parametrize("name", ["loss", "paths", "ucurve"])
def test_labels_do_not_overlap_in_ordinary_figures(name, rates, methods, sweeps):
    made = {
        "loss": [lambda: plots.loss(rates, "a finding"), lambda: plots.loss(methods, "a finding", floor=1e-3)],
        "paths": [lambda: plots.paths(BOWL, methods, "a finding"), lambda: plots.paths(BOWL, rates, "a finding")],
        "ucurve": [lambda: plots.ucurve(sweeps, "a finding", marks={"2/L": CLIFF, "4/L": 2 * CLIFF})],
    }
    for make in made[name]:
        assert overlaps(make()) == []


def test_spreading_moves_as_little_as_possible():
    np.testing.assert_allclose(plots._spread([10, 50], [10, 10], 0, 100), [10, 50])
    np.testing.assert_allclose(plots._spread([52, 50], [10, 10], 0, 100), [56, 46])
    np.testing.assert_allclose(plots._spread([0, 1, 100], [10, 10, 10], 0, 100), [5, 15, 95])
    np.testing.assert_allclose(np.diff(plots._spread([5] * 20, [10] * 20, 0, 100)), 10)
    assert plots._spread([], [], 0, 1).size == 0


# ------------------------------------------------------------------------------------------------ loss


def test_loss_draws_every_run_up_to_where_it_diverged(rates):
    picture = plots.loss(rates, "Above 2/L it explodes")
    drawn = lines(picture)
    for k, line in enumerate(drawn):
        finite = np.isfinite(rates.loss[:, k])
        np.testing.assert_array_equal(line.get_ydata()[finite], rates.loss[finite, k])
        assert np.isnan(line.get_ydata()[~finite]).all()
    assert frame(picture).get_yscale() == "log"
    crosses = [line for line in frame(picture).get_lines() if line.get_marker() == "x"]
    assert [cross.get_xdata()[0] for cross in crosses] == [rates.diverged_at[2] - 1]
    words = " ".join(texts(picture)).replace("\n", " ")
    assert f"lr = 2.2 diverged at step {rates.diverged_at[2]}" in words.replace(",", "")


def test_loss_tells_axes_ends_fates_and_the_lowest(rates):
    alt = plots.loss(rates, "Above $2/L$ it explodes").alt
    assert alt.startswith("Above 2/L it explodes. Lines of loss (log scale, ")
    assert "against step (0 to 60)" in alt
    assert f"lr = 1: from {rates.loss[0, 0]:.3g} to {rates.loss[-1, 0]:.3g}".replace("e-0", "e-") in alt
    assert f"diverged at step {rates.diverged_at[2]}" in alt
    assert "Lowest at the end: lr = 1.9." in alt


def test_many_runs_are_told_by_shade_and_only_first_last_and_best_are_labelled():
    runs = minimize(BOWL, SGD(lr=np.geomspace(1e-3, 1.9, 30)), steps=20)
    picture = plots.loss(runs, "a finding")
    assert len(lines(picture)) == 30
    assert len(texts(picture)) == 3
    shades = [contrast_on_white(line.get_color()) for line in lines(picture)]
    assert shades == sorted(shades), "light to dark"
    assert "30 curves, of which 3 are labelled" in picture.alt


def test_runs_that_differ_only_in_their_start_become_a_mean_with_its_interval():
    theta = np.random.default_rng(0).normal(size=(6, 2))
    runs = minimize(BOWL, SGD(lr=0.5), steps=10, theta=theta)
    picture = plots.loss({"SGD": runs}, "a finding", logy=False)
    mean, low, high = mean_interval(runs.loss)
    np.testing.assert_allclose(lines(picture)[0].get_ydata(), mean)
    band = frame(picture).collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(low.min())
    assert band[:, 1].max() == pytest.approx(high.max())
    assert f"(interval {low[-1]:.3g} to {high[-1]:.3g})" in picture.alt


def test_a_seed_that_diverged_counts_with_its_initial_loss_and_is_counted():
    theta = np.array([[1.0, 0.0], [1.0, 1.0], [0.5, 0.0]])
    runs = minimize(BOWL, SGD(lr=1.5 * CLIFF), steps=40, theta=theta)
    np.testing.assert_array_equal(runs.diverged, [False, True, False])
    picture = plots.loss({"SGD": runs}, "a finding")
    expected = np.mean([runs.loss[-1, 0], runs.loss[0, 1], runs.loss[-1, 2]])
    assert lines(picture)[0].get_ydata()[-1] == pytest.approx(expected)
    assert "SGD (1 of 3 diverged)" in texts(picture)


def test_floor_and_bound_are_drawn_labelled_and_told(methods):
    picture = plots.loss(methods, "a finding", floor={"noise floor": 1e-3}, bound={"theory": lambda t: 0.9**t})
    assert {"noise floor", "theory"} <= set(texts(picture))
    dotted = next(line for line in lines(picture) if line.get_linestyle() == ":")
    np.testing.assert_allclose(dotted.get_ydata(), 0.9 ** np.arange(41))
    assert "theory ends at 0.0148; noise floor at 0.001." in picture.alt


def test_smoothing_is_a_trailing_mean_that_the_axis_admits(methods):
    picture = plots.loss(methods, "a finding", smooth=5)
    drawn = lines(picture)[0]
    np.testing.assert_allclose(drawn.get_ydata()[0], methods["SGD"].loss[:5].mean())
    assert drawn.get_xdata()[0] == 4
    assert frame(picture).get_ylabel() == "loss (mean of 5 steps)"
    with pytest.raises(ValueError, match="smooth=99 is more than the 41 steps"):
        plots.loss(methods, "a finding", smooth=99)


def test_loss_refuses_what_it_cannot_draw(rates):
    with pytest.raises(ValueError, match="runs is empty"):
        plots.loss({}, "a finding")
    with pytest.raises(ValueError, match="3 lines but 2 labels; give a list with one label per line"):
        plots.loss(rates, "a finding", labels=["one", "two"])
    with pytest.raises(TypeError, match="must be a Run or a dict name -> Run, got ndarray for 'SGD'"):
        plots.loss({"SGD": np.ones(3)}, "a finding")
    labelled = plots.loss(rates, "a finding", labels=["slow", "edge", "over"])
    assert {"slow", "edge"} <= set(texts(labelled))


# ------------------------------------------------------------------------------------------------ paths


def test_paths_shows_contours_trajectories_start_and_optimum(methods):
    picture = plots.paths(BOWL, methods, "a finding")
    ways = lines(picture)
    np.testing.assert_allclose(ways[0].get_xydata()[:41], methods["SGD"].theta)
    levels = frame(picture).collections[1].levels
    ratios = np.diff(np.log(levels - levels[0] + levels[0]))
    assert ratios.std() / ratios.mean() < 0.01, "log-spaced above a minimum of zero"
    single = {
        line.get_marker(): line.get_xydata()[0] for line in frame(picture).get_lines() if len(line.get_xdata()) == 1
    }
    np.testing.assert_allclose(single["*"], BOWL.optimum)
    assert "with 3 trajectories. The optimum, a star, is at (0, 0)." in picture.alt
    assert "SGD: from (1, 1) to" in picture.alt


def test_a_diverged_path_ends_in_a_cross_at_the_frame(rates):
    picture = plots.paths(BOWL, rates, "a finding")
    (xlo, xhi), (ylo, yhi) = BOWL.bounds
    assert frame(picture).get_xlim() == (xlo, xhi)
    cross = next(line for line in frame(picture).get_lines() if line.get_marker() == "x").get_xydata()[0]
    assert min(abs(cross - [xlo, ylo]).min(), abs(cross - [xhi, yhi]).min()) == 0
    way = rates.theta[:, 2]
    inside = np.all((way >= [xlo, ylo]) & (way <= [xhi, yhi]), axis=1)
    last = np.flatnonzero(inside)[-1]
    towards = way[last + 1] - way[last]
    assert np.linalg.det([towards, cross - way[last]]) == pytest.approx(0, abs=1e-9), "on the way out"
    assert f"leaves the frame after step {last}, diverged at step {rates.diverged_at[2]}" in picture.alt


def test_paths_survives_overflow_and_a_start_outside(methods):
    away = minimize(BOWL, SGD(lr=1e200), steps=3)
    alt = plots.paths(BOWL, {"SGD": away}, "a finding", bounds=((-0.5, 0.5), (-0.5, 0.5))).alt
    assert "leaves the frame" in alt


def test_paths_needs_recorded_theta_of_two_coordinates(methods):
    with pytest.raises(ValueError, match=r"theta was not recorded for 'SGD'; run minimize\(..., record='theta'\)"):
        plots.paths(BOWL, {"SGD": dataclasses.replace(methods["SGD"], theta=None)}, "a finding")
    deep = problems.Quadratic(size=3)
    with pytest.raises(ValueError, match="two coordinates, got 3"):
        plots.paths(deep, minimize(deep, SGD(lr=0.1), steps=3), "a finding")


# ------------------------------------------------------------------------------------------------ ucurve


def test_ucurve_draws_mean_and_interval_marks_the_best_and_shades_divergence(sweeps):
    found = sweeps["SGD"]
    picture = plots.ucurve(found, "The cliff lies at 2/L", marks={"2/L": CLIFF})
    mean, low, high = found.interval()
    curve = lines(picture)[0]
    np.testing.assert_allclose(curve.get_xydata(), np.column_stack([found.grid["lr"], mean]))
    assert curve.get_color() == plots.COLORS["SGD"], "a sweep knows its optimizer"
    assert frame(picture).get_xscale() == "log"
    assert frame(picture).get_yscale() == "log"
    star = next(line for line in frame(picture).get_lines() if line.get_marker() == "*")
    best = int(np.argmin(mean))
    assert star.get_xydata()[0].tolist() == [found.grid["lr"][best], mean[best]]
    region = frame(picture).patches[0].get_extents().transformed(frame(picture).transData.inverted())
    lost = found.grid["lr"][found.diverged.any(axis=1)]
    assert found.grid["lr"][~found.diverged.any(axis=1)].max() < region.x0 < lost.min()
    assert region.x1 == pytest.approx(lost.max())
    assert "diverged" in texts(picture)
    assert f"SGD: lowest loss {mean[best]:.3g} (interval {low[best]:.3g} to {high[best]:.3g}) at lr" in picture.alt
    assert "mean over 4 seeds, 95 % interval" in picture.alt
    assert "seeds diverge at" in picture.alt


def test_ucurve_of_several_gives_each_its_own_bar_of_divergence(sweeps):
    picture = plots.ucurve(sweeps, "Each has its own best rate")
    assert {"SGD", "Momentum", "SGD: diverged", "Momentum: diverged"} <= set(texts(picture))
    bars = [line for line in frame(picture).get_lines() if line.get_linewidth() == 5]
    assert [bar.get_color() for bar in bars] == [plots.COLORS[name] for name in sweeps]


def test_ucurve_of_an_accuracy_looks_for_the_highest():
    lr = np.array([0.01, 0.1, 1.0])
    accuracy = np.array([[0.5, 0.52], [0.9, 0.94], [0.3, 0.28]])
    made = sweep(BOWL, SGD, {"lr": lr}, seeds=2, steps=2)
    picture = plots.ucurve(dataclasses.replace(made, final={"accuracy": accuracy}), "a finding", metric="accuracy")
    assert "highest accuracy 0.92" in picture.alt
    assert "at lr 0.1" in picture.alt
    assert frame(picture).get_yscale() == "linear"


def test_ucurve_refuses_other_metrics_and_grids(sweeps):
    with pytest.raises(ValueError, match=r"no 'accuracy' in sweep 'SGD'; there is \['loss'\]"):
        plots.ucurve(sweeps["SGD"], "a finding", metric="accuracy")
    plane = sweep(BOWL, Momentum, {"lr": [0.1, 0.2], "momentum": [0.5, 0.9]}, seeds=2, steps=2)
    with pytest.raises(ValueError, match=r"over one and the same hyperparameter, got .*'momentum'"):
        plots.ucurve({"Momentum": plane}, "a finding")
    with pytest.raises(ValueError, match="sweeps is empty"):
        plots.ucurve({}, "a finding")


# ------------------------------------------------------------------------------------------------ the plain charts


def test_line_takes_samples_bands_levels_and_marks():
    x = np.arange(1.0, 6)
    samples = x[:, None] + np.random.default_rng(0).normal(size=(5, 8))
    curves = {"given": (x, 2 * x), "measured": (x, samples)}
    picture = plots.line(
        curves, "a finding", xlabel="time (s)", ylabel="way (m)", band={"given": (x, 3 * x)},
        levels={"goal": 4}, marks={"start": 2}, markers=True,
    )  # fmt: skip
    given, measured = lines(picture)
    np.testing.assert_allclose(measured.get_ydata(), samples.mean(axis=1))
    assert given.get_marker() != ""
    assert len(frame(picture).collections) == 2
    assert {"given", "measured", "goal", "start"} == set(texts(picture))
    assert "against time (s) (1 to 5)" in picture.alt
    assert "goal at 4" in picture.alt
    assert "Marked: start at 2." in picture.alt


def test_a_mark_stands_above_its_line():
    picture = plots.line({"c": ([1, 10, 100], [1, 2, 3])}, "f", xlabel="x", ylabel="y", logx=True, marks={"ten": 10})
    picture.figure.draw_without_rendering()
    box = texts(picture)["ten"].get_window_extent()
    assert (box.x0 + box.x1) / 2 == pytest.approx(frame(picture).transData.transform((10, 1))[0], abs=1)
    assert box.y0 > frame(picture).get_window_extent().y1


@pytest.mark.parametrize("make", [plots.line, plots.scatter, plots.stems])
def test_plain_charts_refuse_empty_and_unequal_data(make):
    for bad, message in [
        ({}, "is empty"),
        ({"a": ([1, 2], [1, 2, 3])}, r"'a' has x of shape \(2,\) and y of shape \(3,\)"),
        ({"a": [1, 2, 3]}, r"'a' must be a pair \(x, y\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            make(bad, "a finding", xlabel="x", ylabel="y")
    with pytest.raises(TypeError, match="must be a dict with a label for each entry, got list"):
        make([1, 2], "a finding", xlabel="x", ylabel="y")


def test_a_band_must_belong_to_a_curve():
    with pytest.raises(ValueError, match=r"band for \['b'\], but the curves are \['a'\]"):
        plots.line({"a": ([0, 1], [0, 1])}, "a finding", xlabel="x", ylabel="y", band={"b": (0, 1)})


def test_scatter_draws_points_and_the_law_they_should_follow():
    k = np.geomspace(1, 1e4, 5)
    picture = plots.scatter(
        {"SGD": (k, 1.1 * k)}, "a finding", xlabel="kappa", ylabel="steps", logx=True, logy=True,
        curves={r"$\sqrt{\kappa}$": (k, np.sqrt(k))},
    )  # fmt: skip
    law, points = sorted(lines(picture), key=lambda line: line.get_linestyle() == "None")
    assert points.get_linestyle() == "None"
    assert points.get_marker() == plots.MARKERS["SGD"]
    np.testing.assert_allclose(law.get_ydata(), np.sqrt(k))
    assert "the square root of kappa ends at 100" in picture.alt


@pytest.mark.parametrize("logy", [False, True])
def test_stems_stand_on_the_axis_and_reach_their_values(logy):
    y = np.array([1e-3, 0.1, 1.0]) if logy else np.array([0.5, -1.0, 0.2])
    picture = plots.stems({"error": ([1, 2, 3], y)}, "a finding", xlabel="eigenvector", ylabel="error", logy=logy)
    tips = [path.vertices[1] for path in frame(picture).collections[0].get_paths()]
    np.testing.assert_allclose(tips, np.column_stack([[1, 2, 3], y]))
    low, high = frame(picture).get_ylim()
    assert low < y.min()
    assert y.max() < high


def test_bars_tell_which_intervals_include_the_line():
    values = {"Adam": np.array([-2.0, -2.2, -1.8, -2.1]), "RMSprop": (0.1, -0.2, 0.4), "Nesterov": (1.0, 0.5, 1.5)}
    picture = plots.bars(values, "Only Adam is better", xlabel="loss minus momentum's (nats)")
    bars = frame(picture).patches
    assert [bar.get_width() for bar in bars] == pytest.approx([-2.025, 0.1, 1.0])
    assert [tick.get_text() for tick in frame(picture).get_yticklabels()] == list(values)
    mean, low, high = mean_interval(values["Adam"])
    assert f"Adam: {mean:.2f} [{low:.2f}, {high:.2f}], all below" in picture.alt
    assert "RMSprop: 0.10 [-0.20, 0.40], includes the line" in picture.alt
    assert "Nesterov: 1.0 [0.5, 1.5], all above" in picture.alt
    assert "a line at 0 (no difference)" in picture.alt
    ratio = plots.bars({"full batch": (43.0, 40.0, 46.0)}, "a", xlabel="ratio", reference=1, logx=True)
    assert frame(ratio).patches[0].get_x() == 1


def test_bars_refuse_intervals_that_do_not_hold_their_mean():
    with pytest.raises(ValueError, match=r"'a' must be an array of values or \(mean, low, high\), got \(1, 2, 3\)"):
        plots.bars({"a": (1, 2, 3)}, "a finding", xlabel="x")
    with pytest.raises(ValueError, match="values is empty"):
        plots.bars({}, "a finding", xlabel="x")


def test_images_show_each_picture_with_its_label():
    digits = np.arange(5 * 64).reshape(5, 64)
    picture = plots.images(digits, "Five digits", labels=[3, 1, 4, 1, 5], columns=3)
    shown = frame(picture).get_images()
    np.testing.assert_array_equal(shown[2].get_array(), digits[2].reshape(8, 8))
    assert [text.get_text() for text in frame(picture).texts] == ["3", "1", "4", "1", "5"]
    assert picture.alt == "Five digits. 5 pictures of 8 by 8 pixels (darker is larger), labelled 3, 1, 4, 1, 5."
    signed = frame(plots.images(np.array([[[-2.0, 1.0]]]), "Weights")).get_images()[0]
    assert (signed.norm.vmin, signed.norm.vmax) == (-2, 2)
    with pytest.raises(ValueError, match="5 pictures but 2 labels"):
        plots.images(digits, "Five digits", labels=[1, 2])
    with pytest.raises(ValueError, match=r"got \(5, 63\)"):
        plots.images(digits[:, :63], "Five digits")


def test_heat_maps_values_names_what_diverged_and_labels_curves_and_points():
    x, y = np.linspace(0.1, 4, 20), np.linspace(0, 0.9, 10)
    z = x[None, :] + y[:, None]
    z[:, -4:] = np.inf
    picture = plots.heat(
        x, y, z, "a finding", xlabel=r"$\eta\lambda$", ylabel="momentum", zlabel="factor",
        curves={"threshold": (2 + y, y)}, points={"here": (1.0, 0.5)},
    )  # fmt: skip
    mesh = frame(picture).collections[0]
    np.testing.assert_allclose(np.asarray(mesh.get_array().filled(np.inf)).reshape(z.shape), z)
    assert {"threshold", "here", "diverged"} <= set(texts(picture))
    assert picture.figure.axes[1].get_ylabel() == "factor"
    assert "Map of factor over eta lambda (0.1 to 4) and momentum (0 to 0.9)." in picture.alt
    assert "Lowest 0.1 at (0.1, 0), highest 4.08 at (3.18, 0.9)" in picture.alt
    assert "Diverged in 40 of 200 cells." in picture.alt
    assert "Curves: threshold. Points: here at (1, 0.5)." in picture.alt


def test_heat_refuses_shapes_that_do_not_fit_and_empty_maps():
    words = {"xlabel": "x", "ylabel": "y", "zlabel": "z"}
    with pytest.raises(ValueError, match=r"\(len\(y\), len\(x\)\) = \(3, 2\), at least 2 by 2, got \(2, 3\)"):
        plots.heat([1, 2], [1, 2, 3], np.ones((2, 3)), "a finding", **words)
    with pytest.raises(ValueError, match="no finite value"):
        plots.heat([1, 2], [1, 2], np.full((2, 2), np.nan), "a finding", **words)
    with pytest.raises(ValueError, match="logz needs z > 0, got -1"):
        plots.heat([1, 2], [1, 2], -np.ones((2, 2)), "a finding", logz=True, **words)
    flat = plots.heat([1, 2], [1, 2], np.ones((2, 2)), "a finding", **words)
    assert "Lowest 1" in flat.alt


# ------------------------------------------------------------------------------------------------ words


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.02, "0.02"), (1e-5, "1e-5"), (12, "12"), (1797, "1797"), (4672.3, "4670"), (12345, "12,345"), (1e10, "1e10")],
)
def test_numbers_are_written_as_one_would(value, text):
    assert plots._number(value) == text


def test_formulas_are_told_in_words():
    assert plots._plain(r"$\eta\lambda$ and $\sqrt{\kappa}$") == "eta lambda and the square root of kappa"
    assert plots._plain("weight_decay") == "weight_decay"


def test_no_description_holds_markup(rates, methods, sweeps):
    made = [plots.loss(rates, "f"), plots.paths(BOWL, methods, "f"), plots.ucurve(sweeps, "f")]
    for picture in made:
        assert not re.search(r"[$\\{}]|nan|array|np\.", picture.alt), picture.alt
        json.dumps(picture.alt)
