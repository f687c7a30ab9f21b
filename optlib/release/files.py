"""What all releases have in common: which chapters, which files of the package, and writing without overwriting."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from optlib.lab import CourseError

LEFT_OUT = {"__pycache__", ".ipynb_checkpoints"}
EXECUTABLE = 0o755
READABLE = 0o644
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same course gives the same zip


@dataclass
class Released:
    """What a release did.

    Attributes
    ----------
    written, kept : paths as seen from the current folder; kept ones differ from what would have been written.
    then : what to do next, one line each.
    """

    written: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    then: list[str] = field(default_factory=list)

    def write(self, file: Path, data: bytes | str, mode: int = READABLE) -> None:
        """Write a file unless another one is there."""
        content = data.encode() if isinstance(data, str) else data
        if file.exists() and file.read_bytes() != content:
            self.kept.append(str(file))
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(mode)
        self.written.append(str(file))

    def __str__(self) -> str:
        kept = [f"kept, as it differs (delete it to have it written): {name}" for name in self.kept]
        return "\n".join([*(f"wrote {name}" for name in self.written), *kept, *self.then])


def exercises(root: Path, chapters: Sequence[str] = ()) -> list[Path]:
    """The built exercises, of all chapters or of those named by their two digits.

    Raises
    ------
    CourseError
        When one of them is not there.
    """
    found = {file.stem[:2]: file for file in sorted((root / "exercises").glob("*.ipynb"))}
    if unknown := [chapter for chapter in chapters if chapter not in found]:
        has = f"there are {', '.join(found)}" if found else "there are none, run `optlib build`"
        raise CourseError(f"no exercise of chapter {', '.join(unknown)}; {has}")
    return [file for chapter, file in found.items() if not chapters or chapter in chapters]


def package(root: Path) -> Iterator[tuple[str, bytes]]:
    """The files of optlib, named from the folder that holds the package."""
    for file in sorted((root / "optlib").rglob("*")):
        if file.is_file() and not LEFT_OUT & set(file.parts) and not file.name.endswith(".pyc"):
            yield file.relative_to(root).as_posix(), file.read_bytes()


def as_zip(files: Iterable[tuple[str, bytes | str]], executable: Iterable[str] = ()) -> Mapping[str, tuple[bytes, int]]:
    """Names with their bytes and modes, in order, each once."""
    named = set(executable)
    content = {name: data.encode() if isinstance(data, str) else data for name, data in files}
    return {name: (content[name], EXECUTABLE if name in named else READABLE) for name in sorted(content)}


def write_zip(file: Path, content: Mapping[str, tuple[bytes, int]]) -> None:
    """Write a zip whose bytes depend on its content alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.new")
    with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (data, mode) in content.items():
            info = zipfile.ZipInfo(name, EPOCH)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, (0o100000 | mode) << 16
            archive.writestr(info, data)
    new.replace(file)
