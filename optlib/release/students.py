"""The hand-out: the course as students get it, without solutions, references, known mistakes, or the grader.

`check` works in it, on recorded outcomes (`optlib.checks.recorded`). What a lesson shows stays: the library's rules are
the course's text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from optlib import checks
from optlib.checks.learner import SEED
from optlib.checks.recorded import record
from optlib.checks.verdict import Trial
from optlib.release.files import Released, as_zip, exercises, package, write_zip

__all__ = ["hand_out", "students"]

NAME = "optimizers"
INSTRUCTORS = ("optlib/authoring.py", "optlib/grading/", "optlib/release/")
TOP = ("pyproject.toml", "constraints.txt", "environment.yml", "LICENSE", "LICENSE-text")
CHAPTER = '''"""Tasks of this chapter, as recorded for the hand-out."""

from optlib.checks.recorded import load

TASKS = load(__file__)
'''
README = """# How deep-learning optimizers work

You need Python 3.11 or newer and pip. In the folder of this file:

```
pip install uv && uv run optlib lab
```

This installs everything into `.venv`, copies the notebooks to `my/`, where they are yours, and opens JupyterLab at the
start page. Without uv: `python3 -m venv .venv && . .venv/bin/activate && pip install -c constraints.txt -e .`, then
`optlib lab`. If something does not work, `optlib doctor` says what to do.

Read a lesson, solve its exercise in `my/NN_name.ipynb`, and let `check("01.1")` tell you how far you are. Hand in that
notebook, saved, under its own name. What you are graded on are other numbers than those that `check` uses.
"""


def students(root: Path | str, target: Path | str, chapters: Sequence[str] = ()) -> Released:
    """Write `optimizers.zip`."""
    file = Path(target) / f"{NAME}.zip"
    write_zip(file, as_zip((f"{NAME}/{name}", data) for name, data in hand_out(Path(root), chapters)))
    return Released([str(file)], then=["Give it to your students; they unpack it and follow its README.md."])


def hand_out(root: Path, chapters: Sequence[str] = ()) -> Iterator[tuple[str, bytes | str]]:
    """The files of the hand-out; lessons of all chapters, exercises of the chosen ones."""
    chosen = exercises(root, chapters)
    others = {file.stem[:2] for file in exercises(root)} - {file.stem[:2] for file in chosen}
    lessons = sorted((root / "notebooks").glob("*.ipynb"))
    documents = sorted(root / "docs" / name for name in linked(lessons + chosen))
    for file in [*lessons, *chosen, *documents, *(root / name for name in TOP)]:
        yield file.relative_to(root).as_posix(), file.read_bytes()
    yield "README.md", README
    for name, data in package(root):
        chapter = re.fullmatch(r"optlib/checks/chapter_(\d\d)\.py", name)
        if chapter and chapter[1] not in others:
            tasks = checks.tasks(chapter[1])
            yield name, CHAPTER
            yield (
                name.replace(".py", ".recorded"),
                record(tasks, [None if t.run is None else Trial(t, SEED) for t in tasks]),
            )
        elif name == "optlib/checks/__init__.py":  # its guide for authors shows a whole task with its reference
            yield (
                name,
                re.sub(
                    rb"\n\nWriting the tasks of a chapter\n.*?(?=\n(?:\"\"\"|''')\n)",
                    b"",
                    data,
                    count=1,
                    flags=re.DOTALL,
                ),
            )
        elif not chapter and not name.startswith(INSTRUCTORS):
            yield name, data


def linked(notebooks: Sequence[Path]) -> set[str]:
    """The documents that notebooks link to."""
    texts = (file.read_text(encoding="utf-8") for file in notebooks)
    return {name for text in texts for name in re.findall(r"\]\(\.\./docs/([\w./-]+)", text)}
