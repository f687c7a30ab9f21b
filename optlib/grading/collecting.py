"""Find what was handed in, and whose it is: folders, zip files, and what course platforms give for download."""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from optlib.checks.notebook import LARGEST, Unreadable, load

__all__ = ["Handed", "Paths", "Rule", "collect"]

Rule = str | Callable[[Path], str]
Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
Who = tuple[str, str]  # the student, and the rule that says so

CANVAS = re.compile(r"(?P<name>[^_/]+)(?:_LATE)?_(?P<id>\d+)_\d+_.+")  # lovelaceada_LATE_1234_56789_exercise.ipynb
MOODLE = re.compile(
    r"(?P<name>[^/]+)_(?P<id>\d+)_assignsubmission_[a-z]+(_.*)?"
)  # Ada Lovelace_1234_assignsubmission_file
GRADESCOPE = re.compile(r"submission_\d+")  # a folder; whose it is stands in a file beside it
METADATA = "submission_metadata.yml"
PLATFORMS = ("Canvas", "Moodle", "Gradescope")
SKIPPED = re.compile(r"\.ipynb_checkpoints|__MACOSX|\..+")
MEMBERS = 20_000  # files in a zip
LARGEST_ZIP = 10 * LARGEST  # bytes of a zip within another


@dataclass(frozen=True)
class Handed:
    """One file that was handed in.

    Attributes
    ----------
    file : where it lies; within a zip file, as if that were a folder.
    student, rule : whose it is (empty when no rule finds anybody), and what says so.
    read : gives its bytes, or raises `Unreadable`.
    """

    file: str
    student: str
    rule: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Entry:
    """A file in a folder or a zip."""

    path: PurePosixPath
    read: Callable[[], bytes]


def collect(files: Paths, student: Rule = "auto") -> list[Handed]:
    """Find the notebooks in files, folders and zip files, in the order of their names, with their students.

    Parameters
    ----------
    student : "auto" (the layouts of Canvas, Moodle, Gradescope and nbgrader, otherwise the folder), "folder", a regular
        expression for the file's name (its group `student`, or its first group), or a function of the path.

    A student of a platform who handed in no notebook is listed with what there is instead.
    """
    single = isinstance(files, (str, os.PathLike))
    found = []
    for given in map(Path, [files] if single else files):  # type: ignore[arg-type, list-item]
        entries = list(entries_of(given))
        names = gradescope_names(entries)
        whose = [(entry, who(entry.path, student, names)) for entry in entries]
        with_notebook = {by for entry, by in whose if entry.path.suffix == ".ipynb"}
        for entry, (person, rule) in whose:
            if entry.path.suffix == ".ipynb" or entry.path == PurePosixPath(given.as_posix()):
                found.append(Handed(str(entry.path), person, rule, entry.read))
        others: dict[Who, list[Entry]] = {}
        for entry, by in whose:
            if by[1] in PLATFORMS and by not in with_notebook and entry.path.name != METADATA:
                others.setdefault(by, []).append(entry)
        for (person, rule), instead in others.items():
            names_of = ", ".join(entry.path.name for entry in instead[:3])
            message = f"no notebook was handed in, but {names_of}"
            found.append(Handed(str(instead[0].path), person, rule, partial(refuse, message)))
    return found


def entries_of(given: Path) -> Iterator[Entry]:
    """All files in a folder or zip file, or the file itself."""
    if given.is_dir():
        before = 0
        for path in sorted(given.rglob("*")):
            inside = path.relative_to(given)
            if path.is_file() and not any(SKIPPED.fullmatch(part) for part in inside.parts):
                entry = Entry(PurePosixPath(path.as_posix()), partial(load, path))
                before += path.suffix == ".ipynb"
                yield from unzipped(entry, path) if path.suffix == ".zip" else [entry]
        if not before and not any(given.rglob("*.zip")):
            yield Entry(PurePosixPath(given.as_posix()), partial(refuse, "no notebook lies in this folder"))
    elif given.suffix == ".zip" and given.is_file():
        yield from unzipped(Entry(PurePosixPath(given.as_posix()), partial(load, given)), given)
    else:
        yield Entry(PurePosixPath(given.as_posix()), partial(load, given))


def unzipped(entry: Entry, source: Path | io.BytesIO, depth: int = 0) -> Iterator[Entry]:
    """The files in a zip, and in zips within it: students hand in such."""
    try:
        archive = zipfile.ZipFile(source)
        members = sorted(archive.infolist(), key=lambda member: member.filename)
        if len(members) > MEMBERS:
            raise zipfile.BadZipFile
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        yield Entry(entry.path / "?.ipynb", partial(refuse, "the zip file is broken"))
        return
    for member in members:
        inside = PurePosixPath(member.filename)
        if member.is_dir() or any(SKIPPED.fullmatch(part) for part in inside.parts):
            continue
        path = entry.path.joinpath(*(part for part in inside.parts if part not in ("/", "..")))
        if path.suffix == ".zip" and depth == 0 and member.file_size <= LARGEST_ZIP:
            try:
                yield from unzipped(Entry(path, entry.read), io.BytesIO(archive.read(member)), depth + 1)
            except (zipfile.BadZipFile, RuntimeError, OSError, EOFError, NotImplementedError):
                yield Entry(path / "?.ipynb", partial(refuse, "the zip file is broken"))
        else:
            yield Entry(path, partial(member_of, archive, member))


def member_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Read a file of a zip, however large it claims to be."""
    try:
        with archive.open(member) as stream:
            data = stream.read(LARGEST + 1)
    except (zipfile.BadZipFile, RuntimeError, OSError, EOFError, ValueError, NotImplementedError) as error:
        raise Unreadable(f"it cannot be taken out of the zip file ({error})") from None
    except Exception as error:  # each method of compression has errors of its own
        raise Unreadable(f"it cannot be taken out of the zip file ({type(error).__name__})") from None
    if len(data) > LARGEST:
        raise Unreadable(f"it is larger than {LARGEST >> 20} MB")
    return data


def refuse(reason: str) -> bytes:
    raise Unreadable(reason)


def who(path: PurePosixPath, student: Rule, names: dict[str, str]) -> Who:
    """Whose a file is, and by which rule."""
    if callable(student):
        return str(student(Path(path))), "the given function"
    if student not in ("auto", "folder"):
        match = re.search(student, path.name)
        groups = match.groupdict() if match else {}
        return (groups["student"] if "student" in groups else match[1] if match else "") or "", "the file's name"
    if student == "auto" and (known := by_platform(path, names)):
        return known
    folder = Path(path).resolve().parent.name
    return ("", "a zip file without folders") if folder.endswith(".zip") else (folder, "the folder")


def by_platform(path: PurePosixPath, names: dict[str, str]) -> Who | None:
    """Whose a file is, when it was downloaded from a platform or collected by nbgrader."""
    for part in path.parts:
        if match := MOODLE.fullmatch(part):
            return f"{match['name']}_{match['id']}", "Moodle"
        if GRADESCOPE.fullmatch(part):
            return names.get(part, ""), "Gradescope"
    for part in path.parts:
        if (match := CANVAS.fullmatch(part)) and (part == path.name or part.endswith(".zip")):
            return f"{match['name']}_{match['id']}", "Canvas"
    if "submitted" in path.parts[:-3]:  # submitted/STUDENT/ASSIGNMENT/NOTEBOOK
        return path.parts[path.parts.index("submitted") + 1], "nbgrader"
    return None


def gradescope_names(entries: Iterable[Entry]) -> dict[str, str]:
    """Who belongs to which folder, from the file that Gradescope puts beside them: `Ada Lovelace_1234`, or several."""
    found: dict[str, list[dict[str, str]]] = {}
    for entry in entries:
        if entry.path.name != METADATA:
            continue
        folder = ""
        for line in entry.read().decode(errors="replace").splitlines():
            if match := re.fullmatch(r"(submission_\d+):\s*", line):
                folder = match[1]
                found[folder] = []
            elif folder and (match := re.fullmatch(r"\s+(- )?:(name|sid|email):\s*(.*?)\s*", line)):
                if match[1] or not found[folder]:
                    found[folder].append({})
                found[folder][-1].setdefault(match[2], match[3].strip("'\""))
    return {
        folder: " and ".join(
            "_".join(filter(None, (person.get("name", ""), person.get("sid") or person.get("email"))))
            for person in people
        )
        for folder, people in found.items()
    }
