"""Is everything here that the course needs? `optlib doctor` in a terminal, `doctor()` in a cell of the first lesson."""

from __future__ import annotations

import importlib.metadata
import itertools
import os
import platform
import re
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from optlib.lab import CourseError, checkout

SIGNS = {"good": "ok   ", "note": "note ", "bad": "WRONG"}


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `bad` must be mended before the course can be used, a `note` need not."""

    verdict: Literal["good", "note", "bad"]
    what: str
    advice: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All findings; shown as text, in a terminal and in a notebook."""

    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        return all(finding.verdict != "bad" for finding in self.findings)

    def __repr__(self) -> str:
        lines = []
        for finding in self.findings:
            lines.append(f"{SIGNS[finding.verdict]}  {finding.what}")
            lines += textwrap.wrap(finding.advice, 100, initial_indent=" " * 7, subsequent_indent=" " * 7)
        bad = sum(finding.verdict == "bad" for finding in self.findings)
        lines.append(f"{bad} to mend, marked {SIGNS['bad']}." if bad else "Everything the course needs is here.")
        return "\n".join(lines)


def doctor() -> Diagnosis:
    """Look at Python, the dependencies, BLAS, and the course's folder."""
    return Diagnosis((*look_at_python(), *look_at_dependencies(), *look_at_blas(), *look_at_course()))


def look_at_python() -> Iterator[Finding]:
    bound = importlib.metadata.metadata("optlib")["Requires-Python"].removeprefix(">=")
    what = f"Python {platform.python_version()} (at least {bound}), {sys.executable}"
    if reaches(platform.python_version(), bound):
        yield Finding("good", what)
    else:
        yield Finding("bad", what, f"Install Python {bound} or newer and run the first command of the README with it.")


def look_at_dependencies() -> Iterator[Finding]:
    """One finding for each runtime dependency, one for all that only building and testing need."""
    missing = []
    for requirement in importlib.metadata.requires("optlib") or ():
        name, bound = re.match(r"([\w.-]+) *>=([\d.]+)", requirement).groups()  # type: ignore[union-attr]
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            version = ""
        met = reaches(version, bound)
        if "extra ==" in requirement:
            missing += [] if met else [f"{name}>={bound}"]
        else:
            what = f"{name} {version or 'is absent'} (at least {bound})"
            yield (
                Finding("good", what)
                if met
                else Finding("bad", what, f"Run `uv sync`, or `pip install '{name}>={bound}'`.")
            )
    if missing:
        advice = 'Only building and testing the course need it: `pip install -e ".[test]"`.'
        yield Finding("note", f"absent or too old: {', '.join(missing)}", advice)
    else:
        yield Finding("good", "what building and testing need")


def look_at_blas() -> Iterator[Finding]:
    """Which library multiplies matrices, and whether it does: some builds are wrong on some processors."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[call-overload, index]
    what = f"BLAS: {blas.get('name', 'none')} {blas.get('version', '')}, {os.cpu_count()} cores"
    a, b = np.random.default_rng(0).standard_normal((2, 200, 200)).astype(np.float32)
    slowly = (a.astype(float)[:, :, None] * b.astype(float)[None]).sum(axis=1)
    if not np.allclose(a @ b, slowly, atol=1e-3):
        yield Finding("bad", what, "It multiplies matrices wrongly on this processor: install another build of NumPy.")
    elif not blas.get("found", True):
        yield Finding("note", what, "Matrix products will be slow: a NumPy from pip or conda-forge comes with a BLAS.")
    else:
        yield Finding("good", what)


def look_at_course() -> Iterator[Finding]:
    """The folder itself: found, ours, writable, its notebooks made from its sources."""
    try:
        root = checkout()
    except CourseError as error:
        yield Finding("bad", "the course's folder is not found", f"{error}.")
        return
    package = Path(__file__).resolve().parent
    if package.parent == root:
        yield Finding("good", f"the course is in {root}")
    else:
        what = f"the course is in {root}, but optlib is used from {package}"
        yield Finding("bad", what, f"Run `pip install -e .` in {root}, or start with `uv run`.")
    yield look_at_desk(root / "my")
    yield look_at_notebooks(root)


def look_at_desk(desk: Path) -> Finding:
    try:
        desk.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=desk):
            return Finding("good", f"{desk} can be written to")
    except OSError as error:
        advice = "Your copies and your progress are kept there: move the course to a folder that belongs to you."
        return Finding("bad", f"{desk} cannot be written to ({error.strerror})", advice)


def look_at_notebooks(root: Path) -> Finding:
    try:
        from optlib.authoring import build
    except ModuleNotFoundError as error:
        return Finding("note", f"whether the notebooks are up to date is not known: {error.name} is absent")
    stale = build(root, check=True)
    if not stale:
        return Finding("good", "the notebooks are what the sources in course/ say")
    what = f"{len(stale)} problem{'s' * (len(stale) > 1)} with the notebooks, the first: {stale[0]}"
    return Finding("note", what, "If you edited course/, run `optlib build`. Otherwise fetch the course again.")


def reaches(version: str, bound: str) -> bool:
    """Whether a version such as 2.1.0rc1 is at least a bound such as 2.0."""
    pairs = itertools.zip_longest(numbers(version), numbers(bound), fillvalue=0)
    return next((have > want for have, want in pairs if have != want), bool(version))


def numbers(version: str) -> tuple[int, ...]:
    parts = re.findall(r"\d+", re.split(r"[a-z+]", version)[0])
    return tuple(int(part) for part in parts)
