"""Claims and formulas: what the course says, held against what it measures.

``claim`` turns measured values into an interval and a verdict; ``formula`` ties a labelled equation of a lesson to the
test that proves it. ``python -m optlib.evidence``, in a checkout, runs every lesson and rewrites ``docs/evidence.md``.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from optlib.intervals import mean_interval

#: Claims made in this process, by id.
claims: dict[str, Claim] = {}

#: Where a process leaves its claims as JSON when this environment variable names a folder.
FOLDER_VARIABLE = "OPTLIB_EVIDENCE"


class ClaimError(AssertionError):
    """The verdict on a claim is not the one its author expects."""


@dataclass(frozen=True)
class Claim:
    """One claim as measured: ``verdict`` is "holds", "fails" or "undecided", ``expected`` what its author says."""

    id: str
    text: str
    estimate: float
    low: float
    high: float
    count: int
    region: str
    verdict: str
    expected: str

    def __str__(self) -> str:
        if self.count == 1:
            measured = f"{self.estimate:.4g} (exact)"
        else:
            measured = f"{self.estimate:.4g} [{self.low:.4g}, {self.high:.4g}], 95 % over {self.count}"
        return f"Claim {self.id} {self.verdict}: {self.text}. Measured {measured}; claimed {self.region}."


def claim(
    id: str,
    text: str,
    values: Any,
    *,
    above: float | None = None,
    below: float | None = None,
    within: tuple[float, float] | None = None,
    expected: bool = True,
) -> None:
    """Hold a claim against measurements: print one line, and raise when the verdict is not the expected one.

    The claim *holds* when the whole 95 % interval of the mean lies in the claimed region, *fails* when the whole
    interval lies outside, and is *undecided* otherwise. A single value is exact: its interval is the value itself.

    Parameters
    ----------
    id : str
        Chapter, number, and the claim it stands for, such as "1.1" or "S6".
    text : str
        The claim as a sentence without its full stop.
    values : number or array
        One value per seed, paired differences where two methods are compared. A diverged measurement (not finite) makes
        the claim fail.
    above, below, within : number, number, pair
        The claimed region; exactly one.
    expected : bool
        False for a popular claim that fails at our scale: then only a clear failure is accepted.

    Raises
    ------
    ClaimError
        The verdict is not the expected one.
    ValueError
        No values, no region or more than one, or an id already taken by another claim.
    """
    given = [bound for bound in (above, below, within) if bound is not None]
    if len(given) != 1:
        raise ValueError(f"claim {id}: give exactly one of above=, below= and within=, got {len(given)}")
    low_end, high_end = within or (
        -np.inf if above is None else above,
        np.inf if below is None else below,
    )
    if not low_end < high_end:
        raise ValueError(f"claim {id}: the region [{low_end:g}, {high_end:g}] is empty")
    measured = np.asarray(values, dtype=float).ravel()
    if measured.size == 0:
        raise ValueError(f"claim {id}: no values were measured")
    if id in claims and claims[id].text != text:
        raise ValueError(f"claim {id} is already made with another text: {claims[id].text!r}")

    if measured.size == 1:
        estimate = low = high = measured[0]
    else:
        estimate, low, high = (float(x) for x in mean_interval(measured))
    if not np.all(np.isfinite(measured)) or high < low_end or low > high_end:
        verdict = "fails"
    elif low >= low_end and high <= high_end:
        verdict = "holds"
    else:
        verdict = "undecided"
    region = f"above {above:g}" if above is not None else f"below {below:g}" if below is not None else ""
    made = Claim(
        id=id,
        text=text,
        estimate=float(estimate),
        low=float(low),
        high=float(high),
        count=measured.size,
        region=region or f"within [{low_end:g}, {high_end:g}]",
        verdict=verdict,
        expected="holds" if expected else "fails",
    )
    claims[id] = made
    print(made)
    if made.verdict != made.expected:
        raise ClaimError(f"expected that it {made.expected}. {made}")
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        Path(folder, f"{re.sub(r'[^A-Za-z0-9.]+', '-', id)}.json").write_text(
            json.dumps(asdict(made)), encoding="utf-8"
        )


def formula(label: str, latex: str) -> Callable[[Callable], Callable]:
    r"""Mark a test as the proof of the equation that a lesson labels ``\tag{label}`` and writes as ``latex``."""

    def mark(test: Callable) -> Callable:
        test.formula = (label, latex)  # type: ignore[attr-defined]
        return test

    return mark


def report(root: Path) -> str:
    """Run every lesson under ``root`` and return the table of their claims as Markdown."""
    import tempfile

    import nbformat
    from nbclient import NotebookClient

    rows = []
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as folder:
            os.environ[FOLDER_VARIABLE] = folder
            NotebookClient(nbformat.read(path, as_version=4), timeout=120).execute()
            made = [Claim(**json.loads(file.read_text(encoding="utf-8"))) for file in Path(folder).glob("*.json")]
        for c in sorted(made, key=lambda c: [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", c.id)]):
            interval = "exact" if c.count == 1 else f"[{c.low:.4g}, {c.high:.4g}] over {c.count}"
            link = f"[{path.stem}](../notebooks/{path.name})"
            rows.append(f"| {c.id} | {c.text} | {c.estimate:.4g} | {interval} | {c.region} | {c.verdict} | {link} |")
    return "\n".join(
        [
            "# Evidence",
            "",
            "Every claim of the lessons as they measured it: estimate and 95 % interval over seeds or repetitions, the",
            "region that is claimed, and the verdict. A popular claim that fails at our scale stands here as failing.",
            "Made by `python -m optlib.evidence`; all networks have 1e3 to 1e5 parameters.",
            "",
            "| id | claim | measured | interval | claimed | verdict | lesson |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "docs" / "evidence.md"
    target.write_text(report(target.parent.parent), encoding="utf-8")
