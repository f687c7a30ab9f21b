"""Where a learner's progress is kept: `progress.json` beside the notebooks in `my/`, nowhere else.

Outside a folder `my` nothing is written, so that running the course's own notebooks leaves no files behind. The file
has two parts: `tasks`, kept by `optlib.checks`, and `widgets`, what was predicted and reached in `optlib.explore`.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE = "progress.json"


def home() -> Path | None:
    """The learner's folder: the current one or its parent, if it is called `my`."""
    with contextlib.suppress(OSError):
        here = Path.cwd()
        for folder in (here, here.parent):
            if folder.name == "my":
                return folder
    return None


def write(folder: Path, content: Mapping[str, Any]) -> None:
    """Replace the progress file. Raises OSError."""
    write_text(folder / FILE, json.dumps({"version": 1, **content}, indent=1) + "\n")


def write_text(file: Path, text: str) -> None:
    """Replace a file of the learner: never half of it, whatever happens. Raises OSError."""
    with tempfile.TemporaryDirectory(prefix=f".{file.stem}-", dir=file.parent) as aside:
        new = Path(aside, file.name)
        new.write_text(text, encoding="utf-8", newline="\n")
        os.replace(new, file)


def keep_widget(note: Mapping[str, Any]) -> None:
    """Keep what was answered or reached in a widget, by the text of its question or challenge; the last answer counts.

    A file that cannot be read is left as it is: `optlib.checks` says so, and sets it aside.
    """
    folder = home()
    if folder is None:
        return
    text = note.get("question") or note.get("challenge")
    with contextlib.suppress(OSError, ValueError, AttributeError, TypeError):
        content: dict[str, Any] = {"tasks": {}}
        if (folder / FILE).exists():
            content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        known = content.setdefault("widgets", {})
        known[text] = {name: value for name, value in note.items() if value != text}
        write(folder, content)
