"""The frames of the lessons, without a page: what their artists show at given controls."""

import numpy as np
import pytest
from matplotlib.collections import Collection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from optlib import SGD, Adam, Momentum, Nesterov, explore, minimize, problems
from optlib.explore.canvas import Canvas, drawn, moving
from optlib.explore.momentum import EigenFrame, PhaseFrame, rate, regime
from optlib.explore.steps import BowlFrame, LandscapeFrame
from optlib.explore.sweeps import UCurveFrame

TWO = (("SGD", SGD), ("Momentum", Momentum))
RATES = tuple(np.geomspace(1e-2, 10, 40))

FRAMES = {
    "bowl": BowlFrame(4.0),
    "landscape": LandscapeFrame(),
    "landscape bowl": LandscapeFrame("bowl", TWO),
    "landscape problem": LandscapeFrame(problems.Saddle(), (("Adam", Adam),)),
    "ucurve": UCurveFrame("bowl", TWO, RATES, 60),
    "momentum_phase": PhaseFrame(),
    "eigen_errors": EigenFrame(),
}


def start(frame):
    return {name: control.value for name, control in frame.controls.items()}


def elsewhere(frame):
    """Every control away from where it starts."""
    found = {}
    for name, control in frame.controls.items():
        if isinstance(control, explore.Choice):
            found[name] = control.options[-1]
        else:
            found[name] = control.accept(control.low + 0.3 * (control.high - control.low))
    return found


def shown(artists):
    """The data behind what is seen, as text that can be compared."""
    found = []
    for name, artist in moving(artists):
        if isinstance(artist, Line2D):
            seen = artist.get_xydata().tolist()
        elif isinstance(artist, Text):
            seen = (artist.get_text(), artist.get_position())
        elif isinstance(artist, Patch):
            seen = artist.get_path().transformed(artist.get_patch_transform()).vertices.tolist()
        elif isinstance(artist, Collection):
            seen = [path.vertices.tolist() for path in artist.get_paths()]
        else:
            raise TypeError(name)
        color = getattr(artist, "get_color", lambda: None)()
        found.append((name, artist.get_visible(), repr(color), repr(seen)))
    return found


@pytest.fixture(scope="module", params=FRAMES)
def frame(request):
    return FRAMES[request.param]


def test_the_same_controls_give_the_same_picture_whatever_came_before(frame):
    _, artists, first = drawn(frame, start(frame))
    before = shown(artists)
    other = frame.frame(artists, **elsewhere(frame))
    assert other != first and shown(artists) != before
    assert frame.frame(artists, **start(frame)) == first
    assert shown(artists) == before
    _, fresh, _ = drawn(frame, elsewhere(frame))
    frame.frame(artists, **elsewhere(frame))
    assert shown(artists) == shown(fresh)


def test_a_frame_makes_no_artists(frame):
    figure, artists, _ = drawn(frame, start(frame))
    frame.frame(artists, **elsewhere(frame))
    count = len(figure.findobj())
    for _ in range(3):
        frame.frame(artists, **start(frame))
        frame.frame(artists, **elsewhere(frame))
    assert len(figure.findobj()) == count


def test_a_widget_has_at_most_three_controls_with_labels(frame):
    assert 1 <= len(frame.controls) <= 3
    assert all(control.label for control in frame.controls.values())


def test_the_title_states_a_finding_and_the_words_hold_every_number(frame):
    _, artists, text = drawn(frame, start(frame))
    assert len(artists.title.get_text()) > 10
    assert text.endswith(".") and sum(letter.isdigit() for letter in text) >= 3


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_the_ends_of_every_control_can_be_drawn(frame):
    canvas = Canvas(frame)
    for name, control in frame.controls.items():
        if not isinstance(control, explore.Choice):
            for end in (control.low, control.high):
                frame.frame(canvas.artists, **start(frame) | {name: control.accept(end)})
                assert canvas.png()


# --- the bowl


@pytest.mark.parametrize(
    ("product", "words"),
    [
        (0.4, "rolls in from one side"),
        (1.0, "home in one step"),
        (1.6, "jumps across, comes home"),
        (2.0, "to and fro for ever"),
        (2.4, "each jump lands higher"),
    ],
)
def test_the_bowl_says_in_which_regime_it_is(product, words):
    frame = BowlFrame(5.0)
    _, artists, _ = drawn(frame, {"lr": product / 5.0})
    assert artists.title.get_text() == f"ηλ = {product:.2f}: {words}"
    theta, loss = artists.steps.get_data()
    assert np.allclose(theta[:8], frame.start * (1 - product) ** np.arange(8))
    assert np.allclose(loss, 2.5 * theta**2)
    assert np.allclose(artists.factor.get_data(), [[product / 5.0], [1 - product]])


@pytest.mark.parametrize("curvature", [0.3, 1.0, 4.0, 7.0])
def test_the_learning_rate_can_stand_exactly_on_the_cliff(curvature):
    slider = BowlFrame(curvature).controls["lr"]
    stops = slider.low + slider.keyboard_step * np.arange(150)
    assert np.isclose(stops, 1 / curvature).any() and np.isclose(stops, 2 / curvature).any()


def test_the_bowl_asks_for_the_cliff_and_knows_it():
    question = BowlFrame(4.0).predict
    assert question.truth() == 0.5 and question.control.low < 0.5 < question.control.high
    with pytest.raises(ValueError, match="bowl: curvature must be above 0, got -1"):
        explore.bowl(-1.0)


# --- landscapes


def test_the_path_and_the_losses_are_those_of_minimize():
    frame = LandscapeFrame("bowl", TWO)
    _, artists, text = drawn(frame, {"lr": 0.5, "momentum": 0.7, "condition": 25.0})
    run = minimize(problems.Quadratic(25.0), Momentum(lr=0.5, momentum=0.7), 100)
    assert np.array_equal(artists.paths[1].get_xydata(), run.theta)
    assert np.allclose(artists.losses[1].get_ydata(), run.loss)
    assert f"{run.loss[-1]:.2g}" in text


def test_a_run_that_diverges_is_drawn_as_far_as_it_went_and_told():
    frame = LandscapeFrame(problems.Rosenbrock())
    _, artists, text = drawn(frame, {"lr": 5.0})
    assert np.isfinite(artists.paths[0].get_xydata()).all() and np.isfinite(artists.losses[0].get_ydata()).all()
    assert "diverges at step 1" in text and artists.title.get_text() == "Too large: it leaves at step 1"


def test_choosing_a_landscape_changes_axes_contours_and_optimum():
    frame = LandscapeFrame()
    _, artists, _ = drawn(frame, {"problem": "bowl", "lr": 0.1})
    segments = len(artists.contours.get_segments())
    assert artists.contours.axes.get_xlim() == (-1.5, 1.5)
    frame.frame(artists, problem="Himmelblau", lr=0.01)
    assert artists.contours.axes.get_xlim() == (-5, 5)
    assert len(artists.contours.get_segments()) > segments
    assert np.allclose(artists.optimum.get_xydata(), [[3, 2]])


def test_contours_are_lines_of_equal_loss():
    bowl = problems.Quadratic(10.0)
    _, artists, _ = drawn(LandscapeFrame(bowl), {"lr": 0.1})
    for segment in artists.contours.get_segments():
        losses = bowl.loss(segment)
        assert losses.max() - losses.min() < 0.02 * losses.max() + 1e-3


def test_gradient_descent_meets_its_challenge_and_only_momentum_meets_the_harder_one():
    plain, both = LandscapeFrame("bowl"), LandscapeFrame("bowl", TWO)
    rates = np.geomspace(1e-3, 10, 80)
    assert "condition 20" in plain.challenge.task and "condition 100" in both.challenge.task
    assert plain.challenge.reached(lr=1.5, condition=20.0)
    assert not plain.challenge.reached(lr=0.1, condition=20.0)
    assert not plain.challenge.reached(lr=1.5, condition=19.0)
    runs = minimize(problems.Quadratic(100.0), SGD(lr=rates), 100)
    assert runs.loss[-1].min() > 1e-6
    assert both.challenge.reached(lr=2.5, momentum=0.7, condition=100.0)


def test_momentum_brings_its_slider_and_names_are_shown_side_by_side():
    assert set(LandscapeFrame("bowl").controls) == {"lr", "condition"}
    assert set(LandscapeFrame("bowl", TWO).controls) == {"lr", "momentum", "condition"}
    assert set(LandscapeFrame(problems.Rosenbrock(), (("Adam", Adam),)).controls) == {"lr"}
    shown = explore.landscape("rosenbrock", {"plain": SGD, "look ahead": Nesterov})
    assert "plain" in shown.text and "look ahead" in shown.text


def test_any_function_of_lr_is_an_optimizer():
    shown = explore.landscape("Himmelblau", lambda lr: Adam(lr=lr, beta1=0.5))
    assert "loss" in shown.text and set(shown.controls) == {"lr"}


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="must have 2 coordinates to be drawn, got 3"):
        explore.landscape(problems.Quadratic(size=3))
    with pytest.raises(ValueError, match="one of bowl, Rosenbrock, Himmelblau, got 'beale'"):
        explore.landscape("beale")


# --- sweeps


def test_the_u_is_the_loss_after_so_many_steps_at_every_rate():
    frame = UCurveFrame("bowl", (("SGD", SGD),), RATES, 60)
    _, artists, text = drawn(frame, {"lr": 0.1, "steps": 40, "condition": 30.0})
    runs = minimize(problems.Quadratic(30.0), SGD(lr=np.array(RATES)), 60)
    after = runs.loss[40]
    fine = np.isfinite(after)
    assert np.array_equal(artists.curves[0].get_xdata(), np.array(RATES)[fine])
    assert np.allclose(artists.curves[0].get_ydata(), after[fine])
    best = np.argmin(after)
    assert np.allclose(artists.bests[0].get_xydata(), [[RATES[best], after[best]]])
    assert f"its best is {after[best]:.2g} at {RATES[best]:.2g}" in text


def test_the_diverged_region_begins_between_the_last_good_rate_and_the_next():
    frame = UCurveFrame("bowl", (("SGD", SGD),), RATES, 60)
    _, artists, _ = drawn(frame, {"lr": 0.1, "steps": 60, "condition": 30.0})
    left, right = artists.lost[0].get_x(), artists.lost[0].get_x() + artists.lost[0].get_width()
    assert right == RATES[-1]
    good = [lr for lr in RATES if lr < 2.0]
    assert max(good) < left
    assert artists.lost_name.get_visible()
    frame.frame(artists, lr=0.1, steps=1, condition=30.0)
    assert artists.lost[0].get_x() > left or not artists.lost_name.get_visible()


def test_the_dial_shows_the_loss_curve_of_the_nearest_rate():
    frame = UCurveFrame("bowl", (("SGD", SGD),), RATES, 60)
    _, artists, _ = drawn(frame, {"lr": RATES[7] * 1.01, "steps": 60, "condition": 30.0})
    run = minimize(problems.Quadratic(30.0), SGD(lr=RATES[7]), 60)
    assert np.allclose(artists.losses[0].get_ydata(), run.loss)
    assert artists.right_title.get_text() == f"η = {RATES[7]:.3g}"


def test_moving_the_dial_trains_nothing_anew(monkeypatch):
    from optlib.explore import sweeps

    calls = []
    monkeypatch.setattr(sweeps, "minimize", lambda *given, **more: calls.append(1) or minimize(*given, **more))
    frame = UCurveFrame("bowl", (("heavy ball", Momentum),), RATES[:-1], 50)
    _, artists, _ = drawn(frame, {"lr": 0.1, "steps": 50, "momentum": 0.8})
    trained = len(calls)
    for lr in RATES[:20]:
        frame.frame(artists, lr=lr, steps=20, momentum=0.8)
    assert len(calls) == trained
    frame.frame(artists, lr=0.1, steps=20, momentum=0.7)
    assert len(calls) == trained + 1


def test_a_network_is_trained_once_and_its_losses_are_means_over_seeds_and_steps(monkeypatch):
    from optlib.explore import sweeps

    class Small(problems.Digits):
        def __init__(self):
            super().__init__(hidden=(8,), batch_size=16)

    small = Small()
    calls = []
    original = sweeps.sweep
    monkeypatch.setattr(sweeps, "sweep", lambda *given, **more: calls.append(1) or original(*given, **more))
    made = explore.ucurve(small, lrs=np.geomspace(0.01, 100, 7), steps=30, seeds=2)
    made.answer(0.1)
    made.move(lr=1.0, steps=20)
    made.move(lr=0.1)
    assert len(calls) == 1
    losses = original(small, SGD, {"lr": np.geomspace(0.01, 100, 7)}, seeds=2, steps=30).loss.mean(-1)
    assert np.allclose(made.frame.losses()[0][20, :4], losses[11:21, :4].mean(0))
    assert np.allclose(made.frame.losses()[0][3, :4], losses[:4, :4].mean(0))
    assert np.isinf(made.frame.losses()[0][30, -1])
    assert set(made.controls) == {"lr", "steps"}


def test_several_optimizers_have_a_u_each_and_no_question():
    made = explore.ucurve("bowl", {"SGD": SGD, "Momentum": Momentum}, lrs=RATES, steps=50)
    assert made.frame.predict is None and len(made._canvas.artists.curves) == 2
    assert made._canvas.artists.title.get_text().startswith("Best: ")


def test_learning_rates_that_make_no_axis_are_refused():
    for lrs in ([0.1], [0.2, 0.1], [-1.0, 1.0]):
        with pytest.raises(ValueError, match="lrs must be at least two learning rates above 0, ascending"):
            explore.ucurve("bowl", lrs=lrs)
    with pytest.raises(ValueError, match="ucurve: problem must be a problem or one of"):
        explore.ucurve("nowhere")


# --- momentum


def test_regimes_are_what_the_eigenvalues_of_the_step_say():
    for product in np.linspace(0.031, 4.187, 53):
        for momentum in np.linspace(0.005, 0.985, 29):
            z = np.linalg.eigvals([[1 + momentum - product, -momentum], [1, 0]])
            assert rate(product, momentum) == pytest.approx(np.abs(z).max(), rel=1e-7)
            if np.abs(z).max() >= 1:
                expected = "diverges"
            elif np.abs(z.imag).max() > 1e-9:
                expected = "ripples"
            else:
                expected = "rolls" if z.real.min() > 0 else "jumps"
            assert regime(product, momentum) == expected


def test_critical_damping_divides_rolling_from_rippling():
    for product in (0.05, 0.3, 0.8):
        critical = (1 - np.sqrt(product)) ** 2
        assert regime(product, critical - 1e-6) == "rolls" and regime(product, critical + 1e-6) == "ripples"
        assert rate(product, critical) < min(rate(product, critical - 0.01), rate(product, critical + 0.01))


def test_the_trajectory_beside_the_diagram_is_the_heavy_ball_at_the_point():
    frame = PhaseFrame()
    _, artists, text = drawn(frame, {"product": 0.5, "momentum": 0.6})
    theta, previous = [1.0], 1.0
    for _ in range(frame.steps):
        theta.append(theta[-1] - 0.5 * theta[-1] + 0.6 * (theta[-1] - previous))
        previous = theta[-2]
    assert np.allclose(artists.path.get_ydata(), theta)
    assert artists.point.get_xydata().tolist() == [[0.5, 0.6]]
    assert "ripples" in artists.title.get_text() and f"{np.sqrt(0.6):.3f}" in text


def test_the_phase_diagram_asks_for_the_cliff_with_momentum():
    frame = PhaseFrame()
    assert frame.predict.truth() == pytest.approx(3.6)
    assert regime(3.59, 0.8) != "diverges" and regime(3.61, 0.8) == "diverges"
    assert frame.challenge.reached(product=0.1, momentum=0.46)
    assert not frame.challenge.reached(product=0.1, momentum=0.0)
    assert not frame.challenge.reached(product=0.1, momentum=0.9)
    assert not frame.challenge.reached(product=0.5, momentum=0.1)


def test_bars_of_gradient_descent_follow_the_closed_form():
    frame = EigenFrame()
    _, artists, text = drawn(frame, {"step": 20, "condition": 50.0, "factor": 0.5})
    curvature = problems.Quadratic(50.0, size=12).curvature()
    expected = np.abs(1 - 0.5 * 2 / (1 + 1 / 50) * curvature) ** 20
    tops = [bar.get_y() + bar.get_height() for bar in artists.bars[:12]]
    assert np.allclose(tops, np.maximum(expected, 1e-8))
    assert f"{expected.max():.2g}" in text


def test_the_best_rates_are_the_best_and_stand_just_before_the_cliff():
    frame = EigenFrame(12, 400)

    def worst(factor):
        _, artists, _ = drawn(frame, {"step": 400, "condition": 100.0, "factor": factor})
        tops = np.array([bar.get_y() + bar.get_height() for bar in artists.bars])
        return tops[:12].max(), tops[12:].max()

    best = worst(1.0)
    assert all(np.array(worst(0.98)) > best) or best[1] <= 1e-8
    assert min(worst(1.03)) > 1


def test_the_heavy_ball_needs_a_tenth_of_the_steps_at_condition_100():
    question = EigenFrame().predict
    assert "needs 346 steps" in question.question
    assert 40 < question.truth() < 70
