"""The learner builds a library: what passes its check is kept, with its source, in `my/my_optlib.py`.

Each answer is a section between two marked lines. The first of them holds a digest of what was written, so that a
section that the learner edited is recognised, and left alone. `optlib.mine` reads the file.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

import optlib.optimizers
from optlib.checks.declaration import Task
from optlib.checks.worker import worker
from optlib.mine import FILE, MODULE
from optlib.optimizer import Hyper, Optimizer
from optlib.progress_file import home, write_text

__all__ = ["keep"]

VERSIONS = f"{MODULE}_versions"
SECTION = re.compile(
    r"^# ---- (?P<id>\d\d\.\d+) (?P<title>.*), kept (?P<day>[-\d]+) \((?P<digest>[0-9a-f]{12})\) ----\n"
    r"(?P<body>.*?)^# ---- end of (?P=id) ----\n",
    re.MULTILINE | re.DOTALL,
)
OPENING = '''"""My optimizer library: what I wrote that passed its checks. `optlib mine` compares it with the course.

This file is mine. What stands between two marked lines is replaced when I pass the same check with another answer,
unless I have edited it here; earlier versions are kept in my_optlib_versions/.
"""

import numpy as np

from optlib import Hyper, Optimizer
'''
IMPORTS = {"np": "import numpy as np", "Hyper": "from optlib import Hyper", "Optimizer": "from optlib import Optimizer"}
GIVEN = ("t", "loss", "grad")  # what a rule gets that is no hyperparameter


class NotKept(Exception):
    """Why an answer could not be kept, as a clause."""


def keep(task: Task, source: str) -> str:
    """Keep an answer that is right.

    Parameters
    ----------
    task : of kind implement; where its `keep` names an optimizer, the answer becomes the rule of a class.
    source : the learner's cell.

    Returns
    -------
    str
        What to tell the learner; empty when there is nothing new. Nothing that is in the files raises.
    """
    folder = home()
    if folder is None or task.kind != "implement":
        return ""
    try:
        return update(folder, task, section_body(task, source))
    except (NotKept, OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        return f"Not kept in {FILE}: {reason}."


def update(folder: Path, task: Task, body: str) -> str:
    """Put a section into the file."""
    file = folder / FILE
    text = file.read_text(encoding="utf-8") if file.exists() else OPENING
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise NotKept(f"it cannot be read, line {error.lineno}: {error.msg}. Mend it and check again") from None
    found = next((section for section in SECTION.finditer(text) if section["id"] == task.id), None)
    if found is None and re.search(rf"^# ---- (?:end of )?{re.escape(task.id)} ", text, re.MULTILINE):
        raise NotKept(f"the lines that mark its section {task.id} were edited. Remove the section to have it written")
    if found:
        if digest(found["body"]) != found["digest"]:
            return f"Your section {task.id} in {FILE} was edited by hand and stays as it is."
        if found["body"] == with_imports(body, ast.parse(text[: found.start()])):
            return ""
        tree = ast.parse(text[: found.start()] + text[found.end() :])
    refuse_clashes(tree, body)
    first = ast.parse(text[: found.start()]) if found else tree
    section = as_section(task, with_imports(body, first))
    if found is None:
        write_text(file, text.rstrip("\n") + "\n\n\n" + section)
    else:
        kept_as = keep_version(folder, task, found[0])
        write_text(file, text[: found.start()] + section + text[found.end() :])
    name = task.keep or task.name
    new = f"Kept in {FILE}: `from optlib.mine import {name}`."
    return new if found is None else f"{new} The earlier version is in {VERSIONS}/{kept_as}."


def keep_version(folder: Path, task: Task, section: str) -> str:
    """Put a section that is about to be replaced into a file of its own, and return its name."""
    versions, number = folder / VERSIONS, 1
    versions.mkdir(exist_ok=True)
    while True:
        name = f"{task.id.replace('.', '_')}_{task.keep or task.name}_{number}.py"
        try:
            with (versions / name).open("x", encoding="utf-8", newline="\n") as new:
                new.write(section)
        except FileExistsError:
            number += 1
        else:
            return name


def as_section(task: Task, body: str) -> str:
    title = " ".join(task.title.split())
    return f"# ---- {task.id} {title}, kept {date.today()} ({digest(body)}) ----\n{body}# ---- end of {task.id} ----\n"


def digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:12]


def with_imports(body: str, before: ast.Module) -> str:
    """A section that also imports what it needs and the file does not have, or no longer."""
    has = {name for node in before.body for name in bound(node)}
    used = names_in(ast.parse(body))
    missing = [line for name, line in IMPORTS.items() if name in used and name not in has]
    return "\n".join([*missing, "", "", ""] if missing else []) + body


def refuse_clashes(tree: ast.Module, body: str) -> None:
    """A name that the file already uses for something else would change its meaning there."""
    taken = {name: node for node in tree.body for name in bound(node)}
    for node in ast.parse(body).body:
        for name in bound(node):
            other = taken.get(name)
            if other is not None and ast.dump(other) != ast.dump(node):
                raise NotKept(f"it has another `{name}` in line {other.lineno}. Rename one of them")


# ---- from a cell to a section


@dataclass(frozen=True)
class Piece:
    """A statement at the top level of a cell, with its text."""

    node: ast.stmt
    text: str


def section_body(task: Task, source: str) -> str:
    """The definitions that an answer needs, and nothing else of its cell; as a class where it is a rule."""
    needed = pieces(cell_text(source), task.name)
    parts = [piece.text for piece in needed[:-1]]
    parts += as_class(task, needed) if task.keep else [needed[-1].text]
    body = "\n\n\n".join(parts) + "\n"
    run_alone(body)
    return body


def cell_text(source: str) -> str:
    """The text of a cell without IPython's magics, as the checker ran it."""
    try:
        ast.parse(source)
        return source
    except SyntaxError:
        return worker.MAGIC.sub(r"\1pass", re.sub(r"\A\s*%%.*", "", source))


def pieces(source: str, name: str) -> list[Piece]:
    """The statements that define `name` and what it uses, in their order, the last definition of `name` at the end."""
    nodes = ast.parse(source).body
    last = max(index for index, node in enumerate(nodes) if name in bound(node))
    wanted, names = {last}, names_in(nodes[last])
    while more := {i for i, node in enumerate(nodes) if i not in wanted and names & bound(node) - {name}}:
        wanted |= more
        names = names.union(*(names_in(nodes[i]) for i in more))
    if not isinstance(nodes[last], ast.FunctionDef) and name in names_in(nodes[last]):
        wanted |= {i for i, node in enumerate(nodes[:last]) if name in bound(node)}
    lines = source.splitlines()
    order = [*sorted(wanted - {last}), last]
    return [Piece(nodes[i], text_of(lines, nodes, i)) for i in order if not is_prelude(nodes[i])]


def is_prelude(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import) and ast.unparse(node) == IMPORTS["np"]


def text_of(lines: list[str], nodes: list[ast.stmt], index: int) -> str:
    """The lines of a statement, with the comments directly above it."""
    node = nodes[index]
    start = min([node.lineno, *(line.lineno for line in getattr(node, "decorator_list", []))]) - 1
    floor = nodes[index - 1].end_lineno or 0 if index else 0
    while start > floor and lines[start - 1].startswith("#"):
        start -= 1
    return "\n".join(line.rstrip() for line in lines[start : node.end_lineno])


def as_class(task: Task, needed: list[Piece]) -> Iterator[str]:
    """The optimizer that has the answer as its rule."""
    answer, library = needed[-1], getattr(optlib.optimizers, task.keep)
    lines = [f"class {task.keep}(Optimizer):", f'    """{" ".join(task.title.split())} (task {task.id})."""', ""]
    lines += [f"    {line}" for line in class_attributes(library, *rule_arguments(needed, task.name))]
    method = textwrap.indent(renamed(answer, task.name), "    ")
    if isinstance(answer.node, ast.FunctionDef) and not answer.node.decorator_list and same_code(answer, method):
        lines += ["", "    @staticmethod", *method.split("\n")]
    else:  # a name for something else, or a text that cannot be moved to the right
        yield answer.text
        lines += ["", f"    rule = staticmethod({task.name})"]
    yield "\n".join(lines)


def renamed(answer: Piece, name: str) -> str:
    return re.sub(rf"^def\s+{re.escape(name)}\b", "def rule", answer.text, count=1, flags=re.MULTILINE)


def same_code(answer: Piece, method: str) -> bool:
    """Whether the text still means the same inside a class (texts over several lines would not)."""
    try:
        moved = ast.parse(textwrap.dedent(f"class C:\n{method}")).body[0].body[-1]  # type: ignore[attr-defined]
    except SyntaxError:
        return False
    return body_dump(answer.node) == body_dump(moved)


def body_dump(node: Any) -> list[str]:
    """The statements of a function, its docstring aside."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return [ast.dump(node.args), *map(ast.dump, body)]


def rule_arguments(needed: list[Piece], name: str) -> tuple[tuple[str, ...], set[str]]:
    """The slots and the keywords of a rule, as the learner wrote it."""
    parameters = inspect.signature(run_alone("\n".join(piece.text for piece in needed))[name]).parameters
    positional = tuple(key for key, given in parameters.items() if given.kind is given.POSITIONAL_OR_KEYWORD)
    return positional[2:], parameters.keys() - positional


def class_attributes(library: type[Optimizer], slots: tuple[str, ...], keywords: set[str]) -> Iterator[str]:
    """The fields with the library's defaults, and the slots."""
    for field in fields(library):  # type: ignore[arg-type]
        if field.name in keywords:
            kind = field.type if isinstance(field.type, str) else "Hyper"
            yield f"{field.name}: {kind} = {field.default!r}"
    if slots:
        yield ""
        yield f"slots = {slots!r}"
    if not library.elementwise:
        yield "elementwise = False"


def run_alone(text: str) -> dict[str, Any]:
    """Run a text once, as the file would: one that cannot be imported would take all other optimizers with it."""
    space = {"__name__": __name__, "np": np, "Hyper": Hyper, "Optimizer": Optimizer}
    try:
        with np.errstate(all="ignore"):
            exec(compile(text, FILE, "exec"), space)
    except Exception as error:
        raise NotKept(f"outside its cell it stops with {type(error).__name__}: {error}") from None
    return space


# ---- names


def bound(node: ast.stmt) -> set[str]:
    """The names that a statement at the top level gives a meaning to."""
    return set(bound_in([node]))


def bound_in(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif not isinstance(node, ast.Lambda):
            yield from bound_in(ast.iter_child_nodes(node))


def names_in(node: ast.AST) -> set[str]:
    """The names that a statement looks up, its own locals among them."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}
