import pytest

from optlib.explore import Choice, Predict, Slider, Toggle


def test_a_slider_takes_values_in_its_range_and_rounds_whole_ones():
    assert Slider("lr", 0.0, 1.0, 0.5).accept(1) == 1.0
    assert Slider("steps", 1, 9, 3, whole=True).accept(4.0) == 4
    assert isinstance(Slider("steps", 1, 9, 3, whole=True).accept(4.0), int)


def test_a_slider_says_what_it_expected():
    with pytest.raises(ValueError, match=r"lr: must lie in \[0, 1\], got 2"):
        Slider("lr", 0.0, 1.0, 0.5).accept(2)
    with pytest.raises(ValueError, match=r"'lr': value must lie in \[0, 1\], got 3"):
        Slider("lr", 0.0, 1.0, 3.0)
    with pytest.raises(ValueError, match="log slider starts above 0, got low=0"):
        Slider("lr", 0.0, 1.0, 0.5, log=True)
    with pytest.raises(ValueError, match="must lie in"):
        Slider("lr", 0.0, 1.0, 0.5).accept(float("nan"))


def test_an_arrow_key_moves_a_200th_of_the_range_unless_told_otherwise():
    assert Slider("lr", 0.0, 1.0, 0.5).keyboard_step == pytest.approx(0.005)
    assert Slider("lr", 1e-4, 1.0, 0.5, log=True).keyboard_step == pytest.approx(0.02)  # decades
    assert Slider("steps", 0, 500, 0, whole=True).keyboard_step == 2
    assert Slider("steps", 0, 9, 0, whole=True).keyboard_step == 1
    assert Slider("lr", 0.0, 1.0, 0.5, step=0.1).keyboard_step == 0.1


def test_choices_and_toggles_refuse_what_they_do_not_offer():
    assert Choice("which", ("a", "b"), "a").accept("b") == "b"
    with pytest.raises(ValueError, match="which: must be one of a, b, got 'c'"):
        Choice("which", ("a", "b"), "a").accept("c")
    with pytest.raises(ValueError, match="on: must be True or False, got 1"):
        Toggle("on").accept(1)


@pytest.mark.parametrize(
    ("guess", "score", "words"),
    [
        (0.5, 1.0, "Spot on"),
        (0.52, 1.0, "Spot on"),
        (0.58, 0.5, "Close, a little high"),
        (0.45, 0.5, "Close, a little low"),
        (1.5, 0.0, "Too high, by a factor of 3"),
        (0.005, 0.0, "Too low, by a factor of 100"),
    ],
)
def test_a_guess_is_judged_by_its_ratio_to_the_truth(guess, score, words):
    question = Predict("Where?", Slider("mark", 0.0, 2.0, 0.0), lambda: 0.5, "Because of 2/L.")
    found, said = question.score(guess)
    assert found == score
    assert said.startswith(words) and f"You marked {guess:.3g}; it is 0.5." in said and said.endswith("Because of 2/L.")


def test_a_guess_of_zero_is_too_low_and_not_an_error():
    question = Predict("Where?", Slider("mark", 0.0, 2.0, 0.0), lambda: 0.5, "Because.")
    assert question.score(0.0)[0] == 0 and "Too low" in question.score(0.0)[1]


def test_a_choice_is_right_or_not():
    question = Predict("Who wins?", Choice("winner", ("SGD", "Adam"), "SGD"), lambda: "Adam", "It scales.")
    assert question.score("Adam") == (1.0, "Right: it is Adam. It scales.")
    assert question.score("SGD") == (0.0, "Not so: it is Adam. It scales.")
