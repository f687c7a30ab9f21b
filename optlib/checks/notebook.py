"""Find answers: in a notebook file, and in the notebook that is running."""

from __future__ import annotations

import inspect
import json
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optlib.checks import catalogue
from optlib.checks.declaration import Task
from optlib.checks.verdict import LEFT_OVER, Verdict, defines

__all__ = ["Cell", "Notebook", "Unreadable", "essay_of", "executed_cells", "find_answer", "parse", "read", "source_of"]

LARGEST = 20 << 20  # bytes of a notebook; pictures in outputs may be large
LONGEST = 200_000  # characters of a cell
EMPTY = re.compile(r"\W*(your answer here)?\W*", re.IGNORECASE)


class Unreadable(ValueError):
    """The file is no notebook; the message says why."""


@dataclass(frozen=True)
class Cell:
    """One cell; `task` and `given` are the ids in its metadata, empty when there are none."""

    kind: str
    source: str
    id: str = ""
    task: str = ""
    given: str = ""


@dataclass(frozen=True)
class Notebook:
    """The cells of a file."""

    cells: tuple[Cell, ...]

    @property
    def code(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.kind == "code"]

    @property
    def chapter(self) -> str | None:
        """The chapter whose exercise this is; None when it is no exercise.

        The marks of the cells decide (metadata and calls of `check`), then what they define: tools that strip metadata
        do not hide it.
        """
        votes: Counter[str] = Counter(cell.task[:2] for cell in self.cells if cell.task)
        for cell in self.code:
            votes.update(re.findall(r"\bcheck\(\s*[\"'](\d\d)\.\d+[\"']", cell.source))
        known = catalogue.chapters()
        if not any(chapter in known for chapter in votes):
            for task in catalogue.tasks():
                if task.name and any(defines(cell.source, task.name) for cell in self.code):
                    votes[task.chapter] += 1
        ranked = [chapter for chapter, _ in votes.most_common() if chapter in known]
        return ranked[0] if ranked else None


def read(path: str | Path) -> Notebook:
    """Read a notebook file, see `parse`."""
    return parse(load(path))


def load(path: str | Path) -> bytes:
    """Read the bytes of a file that claims to be a notebook.

    Raises
    ------
    Unreadable
        When there is no such file, or it cannot or should not be read.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise Unreadable("there is no such file" if not path.exists() else "it is not a file")
        if path.stat().st_size > LARGEST:
            raise Unreadable(f"it is larger than {LARGEST >> 20} MB")
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"it cannot be opened ({error.strerror})") from None


def parse(data: bytes) -> Notebook:
    """Read a notebook of format 4, whatever state its metadata are in.

    Raises
    ------
    Unreadable
        When it is not one.
    """
    try:
        raw = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Unreadable("it is not text in UTF-8") from None
    except (ValueError, RecursionError):
        raise Unreadable("it is not a notebook: its JSON is broken, as after an interrupted upload") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("cells"), list):
        raise Unreadable("it is not a notebook: it has no list of cells")
    return Notebook(tuple(as_cell(cell) for cell in raw["cells"] if isinstance(cell, dict)))


def as_cell(raw: dict[str, Any]) -> Cell:
    source = raw.get("source", "")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    metadata = raw.get("metadata")
    ours = metadata.get("optlib") if isinstance(metadata, dict) else None
    ours = ours if isinstance(ours, dict) else {}
    text = source if isinstance(source, str) else ""
    return Cell(
        kind=str(raw.get("cell_type", "")),
        source=text[:LONGEST].encode(errors="replace").decode(),
        id=str(raw.get("id", "")),
        task=str(ours.get("task", "")),
        given=str(ours.get("given", "")),
    )


def find_answer(notebook: Notebook, task: Task) -> str | Verdict:
    """Find the source of an answer, or say why there is none.

    The name decides first, then marks: so answers are found in copied cells, and after tools that strip metadata.
    """
    if task.kind == "explain":
        return find_essay(notebook, task)
    cells = [cell for cell in notebook.code if not cell.given]
    marked = [cell for cell in cells if is_marked(cell, task)]
    found = [cell for cell in cells if defines(cell.source, task.name)]
    written = [cell for cell in found if not LEFT_OVER.search(cell.source)] or found
    chosen = [cell for cell in written if cell in marked] or written or marked
    sources = list(dict.fromkeys(cell.source.strip() for cell in chosen))
    if len(sources) > 1:
        numbers = [str(number) for number, cell in enumerate(notebook.cells, start=1) if cell in chosen]
        where = f"cells {', '.join(numbers[:-1])} and {numbers[-1]}"
        message = f"`{task.name}` is defined differently in {where}. Keep the one that counts."
        return Verdict("duplicate", 0, message)
    if not sources or not sources[0]:
        where = "Its cell is empty" if sources else "No cell"
        verb = "" if sources else f" defines `{task.name}`"
        return Verdict("missing", 0, f"{where}{verb}. Has it been renamed or deleted?")
    return sources[0]


def find_essay(notebook: Notebook, task: Task) -> Verdict:
    """Say whether there is something to read."""
    marked = [cell for cell in notebook.cells if is_marked(cell, task)]
    if marked and all(EMPTY.fullmatch(cell.source) for cell in marked):
        return Verdict("not_attempted", 0, "The text is still to be written.")
    titled = any(re.search(rf"\bTask {re.escape(task.id)}\b", cell.source) for cell in notebook.cells)
    if marked or titled:
        return Verdict("manual", 0, "A person reads and grades this text.")
    return Verdict("missing", 0, f"No cell is marked as the answer to {task.id}. Has it been deleted?")


def essay_of(notebook: Notebook, task: Task) -> str:
    """The text that a person grades; empty when it is still to be written."""
    texts = (cell.source.strip() for cell in notebook.cells if is_marked(cell, task))
    return "\n\n".join(text for text in texts if not EMPTY.fullmatch(text))


def is_marked(cell: Cell, task: Task) -> bool:
    return cell.task == task.id or cell.id == f"task-{task.id.replace('.', '-')}"


# ---- the notebook that is running


def executed_cells() -> list[str] | None:
    """The texts of the cells executed so far, as they were typed; None outside IPython."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or getattr(shell, "history_manager", None) is None:
        return None
    return list(shell.history_manager.input_hist_raw)


def source_of(task: Task, answer: Any, executed: Sequence[str] | None) -> str | Verdict:
    """Find the source of an answer in the running notebook, or of one that was handed over."""
    if answer is None:
        if executed is None:
            call = f'`check("{task.id}", {task.name})`'
            return Verdict("missing", 0, f"There is no notebook here to look into. Hand over the answer: {call}.")
        return latest(executed, task.name) or Verdict(
            "missing", 0, f"No cell that was run defines `{task.name}`. Run the cell of your answer, then this one."
        )
    if isinstance(answer, (bool, int, float, str)):
        return f"{task.name} = {answer!r}"
    name = getattr(answer, "__name__", "")
    source = latest(executed or [], name) or written_source(answer)
    if not source or not name.isidentifier():
        return Verdict("missing", 0, "The source of what you handed over is not to be found. Use `def` in a cell.")
    return source if name == task.name else f"{source}\n{task.name} = {name}"


def latest(executed: Sequence[str], name: str) -> str | None:
    """The text of the cell executed last among those that define a name."""
    return next((source for source in reversed(executed) if defines(source, name)), None)


def written_source(answer: Any) -> str | None:
    """The source of a function or class from a file."""
    try:
        return textwrap.dedent(inspect.getsource(answer))
    except (OSError, TypeError):
        return None
