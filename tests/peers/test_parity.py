"""Each rule against its peer: recorded trajectories always, the live peer where it is installed (marker peers)."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from cases import CASES, SCALES, our_path, peer_path
from parity_table import PAGE, rows
from schedule_cases import SCHEDULES, torch_rates

import optlib

GOLDEN = np.load(Path(__file__).with_name("golden.npz"))
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
every_scale = pytest.mark.parametrize("kind", SCALES)


@every_case
@every_scale
def test_rule_follows_the_recorded_peer_to_1e_12(case, kind):
    np.testing.assert_allclose(our_path(case, SCALES[kind]), GOLDEN[f"{case.name}|{kind}"], rtol=0, atol=case.atol)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule_follows_the_recorded_peer(name):
    ours, *_, steps = SCHEDULES[name]
    rates, momenta = GOLDEN[f"schedule|{name}"]
    np.testing.assert_allclose(ours(np.arange(steps)), rates, rtol=0, atol=1e-15)
    if hasattr(ours, "momentum"):
        np.testing.assert_allclose(ours.momentum()(np.arange(steps))[:steps], momenta, rtol=0, atol=1e-15)


@pytest.mark.peers
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule_follows_the_live_peer(name):
    ours, *its = SCHEDULES[name]
    np.testing.assert_allclose(ours(np.arange(its[-1])), torch_rates(*its)[0], rtol=0, atol=1e-15)


def test_every_rule_of_the_library_has_a_peer():
    # a projection and a switchboard, held to identities by tests/test_wrappers.py; Newton by tests/test_matrix_rules.py
    without = {"Box", "Groups", "Newton"}
    assert {case.ours for case in CASES} == set(optlib.optimizers.__all__) - without


def test_the_recording_says_which_versions_made_it():
    assert any(version.startswith("torch ") for version in GOLDEN["versions"])


@pytest.mark.peers
@every_case
@every_scale
def test_rule_follows_the_live_peer_to_1e_12(case, kind):
    np.testing.assert_allclose(our_path(case, SCALES[kind]), peer_path(case, SCALES[kind]), rtol=0, atol=case.atol)


def test_the_parity_page_lists_every_case_and_what_it_says_is_true():
    stated = [
        line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"
    ]
    measured = rows()
    remedy = "run python tests/peers/parity_table.py"
    assert [(ours.strip("`"), peer) for ours, peer, *_ in stated] == [(ours, peer) for ours, peer, *_ in measured], (
        remedy
    )
    for (ours, _, normal, tiny, allowed), (_, _, gaps, atol) in zip(stated, measured, strict=True):
        assert float(allowed) == atol, f"{ours}: {remedy}"
        # another processor may round otherwise, but not by more than what is allowed
        assert max(*gaps, float(normal), float(tiny)) <= atol, ours
