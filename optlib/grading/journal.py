"""What a grading run has graded so far, on disk, so that a run that was killed goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import optlib.checks
from optlib.grading.report import Graded, TaskResult

__all__ = ["Journal", "digest_of_tasks", "read_seed"]


class Journal:
    """A file with one line for the settings and one for each notebook, by the SHA-256 of its bytes.

    Parameters
    ----------
    path : the file, beside the report.
    settings : what the marks depend on besides the notebook. Where those of the file differ, it is begun anew.
    resume : whether to keep what the file holds.
    """

    def __init__(self, path: Path, settings: dict[str, Any], resume: bool) -> None:
        self.known: dict[str, Graded] = {}
        lines = list(read(path)) if resume else []
        if lines and lines[0] == settings:
            for line in lines[1:]:
                tasks = tuple(TaskResult(**task) for task in line["graded"].pop("tasks"))
                self.known[line["sha256"]] = Graded(**line["graded"], tasks=tasks)
        self._file = path.open("w", encoding="utf-8")
        self._write(settings)
        for sha256, graded in self.known.items():
            self._write({"sha256": sha256, "graded": asdict(graded)})

    def add(self, sha256: str, graded: Graded) -> None:
        """Remember what became of a notebook."""
        if sha256 not in self.known:
            self.known[sha256] = graded
            self._write({"sha256": sha256, "graded": asdict(graded)})

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a journal up to one that was cut off."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return


def read_seed(path: Path) -> int | None:
    """The seed of the run that wrote a journal."""
    first = next(read(path), {})
    return first.get("seed")


@cache
def digest_of_tasks() -> str:
    """A number that changes with the tasks and with how answers are judged."""
    digest = hashlib.sha256()
    for folder in optlib.checks.__path__:
        for file in sorted(Path(folder).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()
