"""Gradescope's programming assignments: one autograder zip for each exercise.

The zip holds its own copy of optlib; when Gradescope builds the image it fetches NumPy and tqdm from the package
registry, and while grading it fetches nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from optlib.lab import CourseError
from optlib.release.files import Released, as_zip, exercises, package, write_zip

__all__ = ["VISIBILITIES", "grader_files", "gradescope"]

VISIBILITIES = ("visible", "after_due_date", "after_published", "hidden")
SETUP = """#!/usr/bin/env bash
# Run once by Gradescope, as root, when it builds the image: choose Ubuntu 24.04 there.
set -eu
root=${AUTOGRADER:-/autograder}
apt-get update -q
apt-get install -q -y --no-install-recommends python3 python3-venv
apt-get install -q -y --no-install-recommends bubblewrap || echo "no bubblewrap: answers run without a sandbox"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 is needed: choose Ubuntu 24.04")'
python3 -m venv "$root/venv"
"$root/venv/bin/pip" install -q -r "$root/source/requirements.txt"
"""
RUN = """#!/usr/bin/env bash
# Run by Gradescope for each submission; AUTOGRADER names another folder than Gradescope's for a trial at home.
root=${AUTOGRADER:-/autograder}
python=$root/venv/bin/python
[ -x "$python" ] || python=python3
PYTHONPATH=$root/source exec "$python" -P -m optlib.grading.gradescope "$root" CHAPTER VISIBILITY
"""


def gradescope(
    root: Path | str, target: Path | str, chapters: Sequence[str] = (), visibility: str = "visible"
) -> Released:
    """Write `NAME-autograder.zip` for each exercise.

    Parameters
    ----------
    visibility : when students see their results: one of `VISIBILITIES`.
    """
    if visibility not in VISIBILITIES:
        raise CourseError(f"visibility is one of {', '.join(VISIBILITIES)}, got {visibility!r}")
    root, done = Path(root), Released()
    files = list(grader_files(root))
    for exercise in exercises(root, chapters):
        chapter = exercise.stem[:2]
        run = RUN.replace("CHAPTER", chapter).replace("VISIBILITY", visibility)
        own = [("run_autograder", run), ("setup.sh", SETUP)]
        file = Path(target) / f"{exercise.stem}-autograder.zip"
        write_zip(file, as_zip([*files, *own], executable=("run_autograder", "setup.sh")))
        done.written.append(str(file))
    done.then = ["Upload each as the autograder of a programming assignment; choose Ubuntu 24.04 as its base image."]
    return done


def grader_files(root: Path) -> Iterator[tuple[str, bytes | str]]:
    """optlib with its references, and what it needs to grade, as requirements with the tested versions."""
    yield from package(root)
    pins = (root / "constraints.txt").read_text(encoding="utf-8")
    yield "requirements.txt", "".join(f"{pin}\n" for pin in re.findall(r"^(?:numpy|tqdm)==\S+", pins, re.MULTILINE))
