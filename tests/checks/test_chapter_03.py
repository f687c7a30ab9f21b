"""Chapter 03: what the generic tests of tasks cannot know."""

import numpy as np
import pytest

from optlib.checks import chapter_03

FAMILIES = ["too high"] * 3 + ["too low"] * 2 + ["noise floor"] * 2 + ["stale momentum"] * 3


class Unshuffled:
    """A generator that leaves a list in its order, so that each curve is known by its place."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def __getattr__(self, name):
        return getattr(self.rng, name)

    def permutation(self, n):
        return np.arange(n)


@pytest.mark.parametrize(
    "answer",
    [chapter_03.diagnose, chapter_03.diagnose_by_roughness, chapter_03.diagnose_by_correlation],
    ids=lambda answer: answer.__name__,
)
def test_each_curve_is_named_after_the_family_that_it_was_made_from(answer):
    for seed in range(15):
        curves = chapter_03.runs_gone_wrong(Unshuffled(seed))
        assert [answer(case["loss"]) for case in curves] == FAMILIES
