"""Claims: the verdict follows from the interval, and a broken measurement fails every kind of claim."""

import json

import numpy as np
import pytest

from optlib import evidence
from optlib.evidence import ClaimError, claim, formula

STEADY = np.array([0.99, 1.00, 1.01, 1.00, 0.995])


@pytest.fixture(autouse=True)
def no_claims_yet(monkeypatch):
    monkeypatch.setattr(evidence, "claims", {})


@pytest.mark.parametrize(
    ("region", "verdict"),
    [
        ({"within": (0.9, 1.1)}, "holds"),
        ({"above": 0.9}, "holds"),
        ({"below": 1.1}, "holds"),
        ({"within": (1.0, 1.1)}, "undecided"),
        ({"above": 1.0}, "undecided"),
        ({"above": 1.1}, "fails"),
        ({"below": 0.9}, "fails"),
        ({"within": (2, 3)}, "fails"),
    ],
    ids=str,
)
def test_the_verdict_follows_from_interval_and_region(region, verdict, capsys):
    if verdict == "holds":
        claim("1.1", "it is one", STEADY, **region)
    else:
        with pytest.raises(ClaimError, match=verdict):
            claim("1.1", "it is one", STEADY, **region)
    assert evidence.claims["1.1"].verdict == verdict
    assert capsys.readouterr().out.startswith(f"Claim 1.1 {verdict}: it is one. Measured 0.999 [")


def test_a_popular_claim_that_fails_must_fail_clearly():
    claim("2.1", "it is large", STEADY, above=2.0, expected=False)
    assert evidence.claims["2.1"].verdict == "fails"
    with pytest.raises(ClaimError, match="expected that it fails"):
        claim("2.2", "it is one", STEADY, within=(0.9, 1.1), expected=False)
    with pytest.raises(ClaimError, match="undecided"):
        claim("2.3", "it is above one", STEADY, above=1.0, expected=False)


@pytest.mark.parametrize("region", [{"within": (0.9, 1.1)}, {"above": 0.9}, {"below": 1.1}], ids=str)
@pytest.mark.parametrize("broken", [[np.nan, 1.0, 1.0], [1.0, np.inf, 1.0], np.nan], ids=str)
def test_a_broken_measurement_fails(region, broken):
    with pytest.raises(ClaimError):
        claim("3.1", "it is one", broken, **region)


def test_a_single_value_is_exact(capsys):
    claim("4.1", "it is one", 1.0, within=(0.9, 1.1))
    assert "Measured 1 (exact)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("values", "region", "message"),
    [
        (STEADY, {}, "exactly one of above=, below= and within=, got 0"),
        (STEADY, {"above": 1, "below": 2}, "got 2"),
        (STEADY, {"within": (2, 1)}, r"the region \[2, 1\] is empty"),
        ([], {"above": 1}, "no values were measured"),
    ],
)
def test_an_ill_posed_claim_is_refused(values, region, message):
    with pytest.raises(ValueError, match=message):
        claim("5.1", "x", values, **region)


def test_an_id_stands_for_one_claim_but_a_cell_may_run_again():
    claim("6.1", "it is one", STEADY, within=(0.9, 1.1))
    claim("6.1", "it is one", STEADY, within=(0.9, 1.1))
    with pytest.raises(ValueError, match="already made with another text"):
        claim("6.1", "it is two", STEADY, within=(0.9, 1.1))


def test_claims_are_left_in_the_folder_that_collects_them(tmp_path, monkeypatch):
    monkeypatch.setenv(evidence.FOLDER_VARIABLE, str(tmp_path))
    claim("S6 (high)", "it is one", STEADY, within=(0.9, 1.1))
    (file,) = tmp_path.iterdir()
    assert json.loads(file.read_text())["verdict"] == "holds"


def test_a_formula_marks_its_test():
    @formula("gd-threshold", r"\eta < 2/L")
    def proof():
        pass

    assert proof.formula == ("gd-threshold", r"\eta < 2/L")
