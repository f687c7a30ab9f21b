"""The learner's desk: the course's notebooks copied to `my/`, and JupyterLab opened there.

Tracked notebooks are never edited: exercises are copied to `my/NAME.ipynb`, lessons to `my/lessons/NAME.ipynb`, so that
a new version of the course can come in without a conflict. A copy is never overwritten, with one exception: a lesson in
which nobody changed a cell follows the course. `my/.copies.json` remembers what was copied, to tell the two apart.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DESKS = {"notebooks": "my/lessons", "exercises": "my"}  # folder of the course -> where its copies go
START = "my/lessons/00_start_here.ipynb"
RECORD = "my/.copies.json"

# The target of a Markdown or HTML link that leaves its folder; links between neighbours need no change.
LINK = re.compile(r"""(?<=\]\()\.\./[^\s)]+|(?<=\]\(<)\.\./[^>]+|(?<=\]:\s)\.\./\S+|(?<==["'])\.\./[^"']+""")


class CourseError(RuntimeError):
    """What was asked for cannot be done here; the message says what to do."""


@dataclass
class Copies:
    """What `copy_notebooks` did, as paths in `my/`."""

    new: list[str] = field(default_factory=list)
    refreshed: list[str] = field(default_factory=list)
    outdated: list[str] = field(default_factory=list)  # kept, although the course has a newer version

    def __str__(self) -> str:
        said = {
            "is new": self.new,
            "follows the new version of the course": self.refreshed,
            "is kept as it is, but the course has a newer version: rename yours to get it": self.outdated,
        }
        return "\n".join(f"{name} {what}" for what, names in said.items() for name in names)


def lab(browser: bool = True, port: int | None = None, options: Sequence[str] = ()) -> None:
    """Copy what is missing to `my/` and open JupyterLab at the start page; returns when JupyterLab is shut down.

    Parameters
    ----------
    browser : open a browser window; otherwise the address is only printed.
    port : where JupyterLab listens; if None or taken, it finds a free one.
    options : further options for `jupyter lab`, after ours and so stronger.

    Raises
    ------
    CourseError : outside a checkout of the course, or without JupyterLab.
    """
    root = checkout()
    try:
        from jupyterlab.labapp import LabApp
    except ImportError as error:
        raise CourseError(f"JupyterLab is not installed here ({error}): run `pip install -e .` in {root}") from None
    if lines := str(copy_notebooks(root)):
        print(lines, flush=True)
    if not (root / START).exists():
        raise CourseError(f"{root} has no start page: run `optlib build`")
    ours = [
        f"--ServerApp.root_dir={root}",
        f"--LabApp.default_url=/lab/tree/{START}",
    ]
    # defaults for JupyterLab's settings: no news from the network, and no question about them
    defaults = [str(Path(__file__).with_name("jupyter")), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, defaults))
    if not browser:
        ours.append("--no-browser")
    if port is not None:
        ours.append(f"--ServerApp.port={port}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        ours.append("--allow-root")  # containers: whoever asks for the lab as root has a root shell already
    LabApp.launch_instance([*ours, *options])


def checkout() -> Path:
    """The course's folder: the nearest one above the current folder, or else the one this package is run from."""
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[1]):
        project = folder / "pyproject.toml"
        if project.is_file() and '\nname = "optlib"\n' in project.read_text(encoding="utf-8"):
            return folder
    raise CourseError(f"{here} is not inside the course: go to the folder that holds its README.md and try again")


def copy_notebooks(root: Path) -> Copies:
    """Copy missing exercises and lessons to `my/`, and refresh the lessons in which no cell was changed."""
    done = Copies()
    known = read_record(root)
    for folder, desk in DESKS.items():
        (root / desk).mkdir(parents=True, exist_ok=True)
        for original in sorted((root / folder).glob("*.ipynb")):
            name = f"{desk}/{original.name}"
            notebook = with_links_from(json.loads(original.read_bytes()), folder, desk)
            text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
            now = digest(notebook)
            if write_new(root / name, text):
                done.new.append(name)
            elif now != known.get(name) and (mine := digest_of(root / name)) != now:
                if folder == "exercises" or mine != known.get(name):
                    done.outdated.append(name)
                    continue
                replace(root / name, text)
                done.refreshed.append(name)
            known[name] = now
    replace(root / RECORD, json.dumps(known, indent=1) + "\n")
    return done


def with_links_from(notebook: Any, folder: str, desk: str) -> Any:
    """The notebook with its links from `folder` written so that they lead to the same place from `desk`."""

    def moved(link: re.Match[str]) -> str:
        target, mark, anchor = link[0].partition("#")
        target = posixpath.normpath(posixpath.join(folder, target))
        parent, name = posixpath.split(target)
        return posixpath.relpath(posixpath.join(DESKS.get(parent, parent), name), desk) + mark + anchor

    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = LINK.sub(moved, "".join(cell["source"])).splitlines(keepends=True)
    return notebook


def digest(notebook: Any) -> str:
    """What the author or the learner wrote, in one word: outputs, counts and metadata do not matter."""
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def digest_of(file: Path) -> str | None:
    """The digest of a file, None when it is not a notebook (any more)."""
    try:
        return digest(json.loads(file.read_bytes()))
    except (ValueError, KeyError, TypeError):
        return None


def read_record(root: Path) -> dict[str, str]:
    """Path in `my/` -> digest of what was copied there. Without a record nothing is refreshed."""
    try:
        record = json.loads((root / RECORD).read_bytes())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def write_new(file: Path, text: str) -> bool:
    """Write a file unless there is one, in one step, so that two labs started at once do not overwrite each other."""
    try:
        with file.open("x", encoding="utf-8", newline="\n") as new:
            new.write(text)
    except FileExistsError:
        return False
    return True


def replace(file: Path, text: str) -> None:
    """Write a file such that a reader sees the old or the new text, never a part."""
    draft = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    draft.write_text(text, encoding="utf-8", newline="\n")
    draft.replace(file)
