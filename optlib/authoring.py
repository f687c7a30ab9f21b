"""From text to notebooks: course/*/lesson.md and exercise.md become notebooks/, exercises/ and solutions/.

`build` writes what changed, or with `check` says what is stale, and holds the sources to `course/README.md`.
A rule is a function that looks at one source and yields `(cell number, "what, what to do")`, 0 for the whole file.
jupytext and nbformat are development dependencies: learners get the notebooks.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jupytext
import nbformat
from nbformat import v4

from optlib import checks

FOLDERS = {"lesson": ("notebooks",), "exercise": ("exercises", "solutions")}  # kind of source -> where it is built to
BEGIN = {"code": "### BEGIN SOLUTION", "markdown": "<!-- BEGIN SOLUTION -->"}
END = {"code": "### END SOLUTION", "markdown": "<!-- END SOLUTION -->"}
STUB = {"code": "...  # your code here", "markdown": "*Your answer here.*"}
TOTAL = "<!-- total -->"
TASK_KEYS = ("task", "check", "hint", "given")  # cell metadata whose value is the id of a task
TAGS = {"hide-input", "hide-output", "raises-exception"}
SCREEN = 30  # lines
HEADING = re.compile(r"##+ Task (\d\d\.\d+)\s+(\S.*?)\s+\(([^()]+), (\d+) minutes?, (\d+) points?, (\w+)\)")
HEADING_FORM = "## Task 01.3  Title  (implement, 8 minutes, 3 points, medium)"
MARKER_LIKE = re.compile(r"<!--.*?(?:-->|$)|#+\s*(?:BEGIN|END)\b.*|#+\s*(?i:begin|end)[\s_-]*(?i:solution).*")
TAG = re.compile(r"\\tag\{([a-z0-9]+(?:-[a-z0-9]+)*)\}")
LINK = re.compile(r"""\]\(\s*<?([^)\s>]+)|^\[[^\]^][^\]]*\]:\s*<?([^\s>]+)|<[^>]*\b(?:href|src)=["']([^"']+)""", re.M)
COMMON = re.compile(r"(?:for|with|def|class)\b.*:|(?:import|from)\b.*")  # lines of a solution that give nothing away

Findings = Iterator[tuple[int, str]]


@dataclass(frozen=True)
class Source:
    """One lesson.md or exercise.md, as read; `path` is relative to `root`."""

    root: Path
    path: Path
    header: dict[str, Any]
    cells: list[Any]

    @property
    def name(self) -> str:
        return self.path.parent.name

    @property
    def kind(self) -> str:
        return self.path.stem

    @property
    def chapter(self) -> str:
        return self.name[:2]


@dataclass(frozen=True)
class Heading:
    """What the heading of a task says, in the words of `optlib.checks.Task`."""

    id: str
    title: str
    kind: str
    minutes: int
    points: int
    difficulty: str


def build(root: Path | str, check: bool = False) -> list[str]:
    """Build all notebooks of the course, or only check them.

    The command `optlib build [--check]` prints each problem on a line of its own and exits with 1 if there are any.

    Parameters
    ----------
    root : the folder that holds `course/`.
    check : write and delete nothing; a missing, stale or orphaned notebook is then a problem, too.

    Returns
    -------
    problems : lines like `course/01_x/exercise.md:cell 3: what, what to do`, none if all is well. A source whose
        markers or cell metadata are broken is not built, the others are.
    """
    root = Path(root)
    sources, problems = read_course(root)
    sound = []
    for source in sources:
        if broken := [*marker_problems(source), *metadata_problems(source)]:
            problems += [at(source, *finding) for finding in broken]
            continue
        sound.append(source)
        for folder in FOLDERS[source.kind]:
            notebook = to_notebook(source, with_solutions=folder != "exercises")
            problems += update(root, Path(folder, f"{source.name}.ipynb"), source.path, notebook, check)
    problems += remove_orphans(root, check)
    for source in sound:  # after everything is written, so that links between notebooks are found
        problems += [at(source, *finding) for rule in RULES[source.kind] for finding in rule(source)]
    return problems + repeated_equations(sound)


def labelled_equations(root: Path | str) -> dict[str, str]:
    """Label -> LaTeX of every labelled equation of the course; `tests/formulas` holds a test for each."""
    sources, _ = read_course(Path(root))
    return {label: latex for source in sources for _, latex, label in equations(source) if label}


def read_course(root: Path) -> tuple[list[Source], list[str]]:
    """All sources in the order of chapters, and what could not be read."""
    sources, problems = [], []
    for file in sorted((root / "course").glob("*/*.md"), key=lambda file: (file.parent, file.stem != "lesson")):
        path = file.relative_to(root)
        if path.stem not in FOLDERS or not re.fullmatch(r"\d\d_[a-z0-9_]+", path.parent.name):
            problems.append(f"{path.as_posix()}:0: is not built, call it course/NN_name/lesson.md or exercise.md")
            continue
        try:
            notebook = jupytext.reads(file.read_text(encoding="utf-8"), fmt="md:myst")
        except Exception as error:  # jupytext lets the errors of its YAML, JSON and schema parsers through
            reason = " ".join(str(error).split())
            problems.append(f"{path.as_posix()}:0: cannot be read ({reason}), mend the header or the metadata")
        else:
            sources.append(Source(root, path, notebook.metadata, notebook.cells))
    if not sources and not problems:
        problems.append("course:0: holds no NN_name/lesson.md, run this in the root of the repository")
    return sources, problems


def at(source: Source, number: int, message: str) -> str:
    return f"{source.path.as_posix()}:{f'cell {number}' if number else '0'}: {message}"


# ---- building


def to_notebook(source: Source, with_solutions: bool) -> Any:
    """The notebook of a source; without solutions, each region becomes a stub (code) or vanishes (text)."""
    points = {heading.id: heading.points for _, heading in headings(source)}
    seen: Counter[str] = Counter()
    cells = []
    for number, cell in enumerate(source.cells, 1):
        text = render(cell, with_solutions)
        if number == 1:
            text = text.replace(TOTAL, total(source))
        if cell.cell_type == "markdown" and not text:
            if "task" not in cell.metadata:
                continue  # the whole cell is for the solution only
            text = STUB["markdown"]
        new = v4.new_code_cell if cell.cell_type == "code" else v4.new_markdown_cell
        cells.append(new(text, id=cell_id(cell, seen), metadata=cell_metadata(cell, points)))
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "optlib": {"source": source.path.as_posix()},
        "title": str(source.header.get("title", "")),
    }
    return v4.new_notebook(cells=cells, metadata=metadata)


def render(cell: Any, with_solutions: bool) -> str:
    """The text of a cell without markers, and with or without what stands between them."""
    is_code, lines = cell.cell_type == "code", []
    for line, role in marked_lines(cell):
        if role == "given" or (role == "solution" and with_solutions):
            lines.append(line)
        elif role == "begin" and is_code and not with_solutions:
            lines.append(line[: len(line) - len(line.lstrip())] + STUB["code"])
    text = "\n".join(lines)
    return text if is_code else re.sub(r"\n{3,}", "\n\n", text).strip()


def marked_lines(cell: Any) -> Iterator[tuple[str, str]]:
    """Each line of a cell with its role: given, begin, solution or end."""
    inside = False
    for line in cell.source.splitlines():
        if line.strip() in (BEGIN[cell.cell_type], END[cell.cell_type]):
            inside = line.strip() == BEGIN[cell.cell_type]
            yield line, "begin" if inside else "end"
        else:
            yield line, "solution" if inside else "given"


def cell_id(cell: Any, seen: Counter[str]) -> str:
    """Task cells are named after their task, others after a hash of their text: an edit renames no other cell."""
    name = f"{cell.cell_type}-{hashlib.sha256(cell.source.encode()).hexdigest()[:12]}"
    for key in TASK_KEYS:
        if key in cell.metadata:
            name = f"{key}-{cell.metadata[key].replace('.', '-')}"
            break
    seen[name] += 1
    return name if seen[name] == 1 else f"{name}-{seen[name]}"


def cell_metadata(cell: Any, points: dict[str, int]) -> dict[str, Any]:
    """Ours, which names the task, and nbgrader's (schema 3): answers are solutions, checks and essays are graded."""
    metadata: dict[str, Any] = {"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {}
    ours = {key: cell.metadata[key] for key in TASK_KEYS if key in cell.metadata}
    if ours:
        metadata["optlib"] = ours
    if "task" in ours or "check" in ours:
        answer = "task" in ours
        nbgrader = {"schema_version": 3, "grade_id": cell_id(cell, Counter()), "solution": answer, "locked": not answer}
        nbgrader["grade"] = not answer or cell.cell_type == "markdown"
        if nbgrader["grade"]:
            nbgrader["points"] = points.get(ours["task" if answer else "check"], 0)
        metadata["nbgrader"] = nbgrader | {"task": False}
    return metadata


def total(source: Source) -> str:
    """What stands in the notebook for `<!-- total -->`."""
    if source.kind == "lesson":
        return f"*{source.header.get('minutes')} minutes*"
    tasks = [heading for _, heading in headings(source)]
    minutes, points = sum(task.minutes for task in tasks), sum(task.points for task in tasks)
    return f"*{len(tasks)} tasks, {minutes} minutes, {points} points*"


def update(root: Path, target: Path, source: Path, notebook: Any, check: bool) -> list[str]:
    """Write a notebook if it differs from the file, or say that it does."""
    nbformat.validate(notebook)
    data = (nbformat.writes(notebook).rstrip("\n") + "\n").encode()
    file = root / target
    if file.exists() and file.read_bytes() == data:
        return []
    if check:
        state = "differs from" if file.exists() else "is missing, it is made from"
        return [f"{target.as_posix()}:0: {state} {source.as_posix()}, run `optlib build`"]
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(data)
    return []


def remove_orphans(root: Path, check: bool) -> list[str]:
    """Delete the notebooks that were built from a source that is gone; point at those that were never built."""
    problems = []
    for kind, folder in [(kind, folder) for kind, folders in FOLDERS.items() for folder in folders]:
        for file in sorted((root / folder).glob("*.ipynb")):
            source, place = Path("course", file.stem, f"{kind}.md"), f"{folder}/{file.name}:0"
            if (root / source).exists():
                continue
            if made_from(file) != source.as_posix():
                problems.append(f"{place}: is not built from course/, write {source.as_posix()} or move it away")
            elif check:
                problems.append(f"{place}: its source {source.as_posix()} is gone, run `optlib build`")
            else:
                file.unlink()
    return problems


def made_from(file: Path) -> Any:
    """The source that a notebook says it was built from, None for a foreign one."""
    try:
        return json.loads(file.read_bytes())["metadata"]["optlib"]["source"]
    except (ValueError, KeyError, TypeError):
        return None


# ---- what rules look at


def code(source: Source) -> Iterator[tuple[int, str]]:
    return ((number, cell.source) for number, cell in enumerate(source.cells, 1) if cell.cell_type == "code")


def prose(source: Source) -> Iterator[tuple[int, str]]:
    """The text cells, without the code in them."""
    for number, cell in enumerate(source.cells, 1):
        if cell.cell_type == "markdown":
            yield number, re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", without_fences(cell.source))


def without_fences(text: str) -> str:
    return re.sub(r"^[ \t]*(`{3,}|~{3,}).*?^[ \t]*\1[ \t]*$", "", text, flags=re.DOTALL | re.MULTILINE)


def heading_lines(source: Source) -> Iterator[tuple[int, str]]:
    """Every line that wants to be the heading of a task."""
    for number, cell in enumerate(source.cells, 1):
        if cell.cell_type == "markdown":
            lines = without_fences(cell.source).splitlines()
            yield from ((number, line.strip()) for line in lines if re.match(r"#+\s*Task\b", line))


def headings(source: Source) -> Iterator[tuple[int, Heading]]:
    """The headings that are one."""
    for number, line in heading_lines(source):
        if found := HEADING.fullmatch(line):
            task, title, kind, minutes, points, difficulty = found.groups()
            yield number, Heading(task, title, kind.replace(" ", "_"), int(minutes), int(points), difficulty)


def sections(source: Source) -> Iterator[tuple[int, Any, str]]:
    """Each cell with the id of the task under whose heading it stands, "" before the first."""
    starts, task = {number: heading.id for number, heading in headings(source)}, ""
    for number, cell in enumerate(source.cells, 1):
        task = starts.get(number, task)
        yield number, cell, task


def equations(source: Source) -> Iterator[tuple[int, str, str]]:
    """Display equations: cell number, LaTeX, and label or ""."""
    for number, text in prose(source):
        for display in text.split("$$")[1::2]:
            label = TAG.search(display)
            yield number, plain_latex(TAG.sub("", display)), label[1] if label else ""


def plain_latex(latex: str) -> str:
    """LaTeX as it is compared: blanks normalised, without the comma or full stop of the sentence around it."""
    return " ".join(latex.split()).rstrip(" .,;")


# ---- rules that a source must keep to be built


def marker_problems(source: Source) -> Findings:
    """Solutions are closed, not nested, and in answers or text of an exercise; nothing else looks like a marker."""
    for number, cell in enumerate(source.cells, 1):
        if cell.cell_type not in BEGIN:
            yield number, f"{cell.cell_type} cells are not built, write text or code"
            continue
        inside = False
        for line, role in marked_lines(cell):
            marker = line.strip()
            if role in ("given", "solution"):
                for found in MARKER_LIKE.findall(line):
                    if found != TOTAL:
                        known = BEGIN[cell.cell_type]
                        yield number, f"unknown marker {found}, remove it or write {known} on its own line"
                continue
            if inside == (role == "begin"):
                yield number, f"{marker} {'is nested' if inside else 'has no BEGIN'}, balance the markers"
            if source.kind == "lesson":
                yield number, f"{marker} in a lesson, move the task to exercise.md"
            elif cell.cell_type == "code" and "task" not in cell.metadata:
                yield number, f"{marker} outside an answer, say whose answer the cell is with `:task:`"
            inside = role == "begin"
        if inside:
            yield number, f"{BEGIN[cell.cell_type]} has no END, balance the markers"


def metadata_problems(source: Source) -> Findings:
    """Cell metadata are the few that mean something, with ids that YAML left alone."""
    known = {"tags", *(TASK_KEYS if source.kind == "exercise" else ())}
    for number, cell in enumerate(source.cells, 1):
        for key in sorted(set(cell.metadata) - known):
            yield number, f"unknown cell metadata {key!r}, use {', '.join(sorted(known))}"
        for tag in sorted(set(cell.metadata.get("tags", [])) - TAGS):
            yield number, f"unknown tag {tag!r}, use {', '.join(sorted(TAGS))}"
        for key in sorted(known & set(TASK_KEYS) & set(cell.metadata)):
            task = cell.metadata[key]
            if not isinstance(task, str) or not re.fullmatch(r"\d\d\.\d+", task):
                yield number, f'{key} is {task!r}, not the id of a task, quote it: "{source.chapter}.1"'
        if cell.cell_type == "markdown" and re.search(r"^\s*(`{3,}|~{3,}|:{3,})\{", cell.source, re.MULTILINE):
            yield number, "a directive that JupyterLab does not know, write {code-cell} ipython3 or plain Markdown"


# ---- rules for lessons and exercises


def opening_problems(source: Source) -> Findings:
    """Header and first cell agree on title and chapter, and say how long it takes."""
    title, minutes, chapter = (source.header.get(key) for key in ("title", "minutes", "chapter"))
    first = source.cells[0].source if source.cells else ""
    if str(chapter).zfill(2) != source.chapter:
        yield 0, f"chapter is {chapter!r} in {source.name}, write chapter: {int(source.chapter)} into the header"
    if not title or first.partition("\n")[0].strip() != f"# {title}":
        yield 1, f"does not open with the header's title ({title}), begin with # and the title"
    if [cell.source.count(TOTAL) for cell in source.cells] != [1] + [0] * (len(source.cells) - 1):
        yield 1, f"the line of minutes is missing or doubled, write {TOTAL} once, in the first cell"
    if source.kind == "lesson" and (type(minutes) is not int or minutes <= 0):
        yield 0, f"minutes is {minutes!r}, measure and write minutes: 30 into the header"
    tasks = sum(heading.minutes for _, heading in headings(source))
    if source.kind == "exercise" and minutes not in (None, tasks):
        yield 0, f"minutes is {minutes!r} but its tasks take {tasks}, leave it out of the header"


def figure_problems(source: Source) -> Findings:
    """Pictures have alt text, and figures come from where alt text is written with them."""
    for number, text in code(source):
        if re.search(r"\b(?:matplotlib|pyplot|pylab)\b|\bplt\.", text):
            yield number, "uses Matplotlib directly (no alt text, own style), call optlib.plots or optlib.explore"
    for number, text in prose(source):
        tags = [tag for tag in re.findall(r"<img\b[^>]*>", text) if not re.search(r"""\balt=["'][^"']*\w""", tag)]
        for picture in [*re.findall(r"!\[\s*\]\S*", text), *tags]:
            yield number, f"{picture} has no alt text, say in words what it shows"


def link_problems(source: Source) -> Findings:
    """Links to files lead to files, as seen from the folder of the built notebook."""
    folder = source.root / FOLDERS[source.kind][0]
    for number, text in prose(source):
        text = re.sub(r"\$\$.*?\$\$|\$[^$\n]+\$", "", text, flags=re.DOTALL)
        for link in ("".join(groups) for groups in LINK.findall(text)):
            file = unquote(link.partition("#")[0])
            if file and not re.match(r"[a-z]+:", file) and not (folder / file).exists():
                yield number, f"the link {link} leads nowhere, write the path as seen from {folder.name}/"


def latex_problems(source: Source) -> Findings:
    """Display equations are closed, and tags are in them, one each, in kebab-case."""
    for number, text in prose(source):
        parts = text.split("$$")
        if len(parts) % 2 == 0:
            yield number, "$$ without a second $$, balance them"
        elif any(r"\tag" in part for part in parts[::2]):
            yield number, r"\tag outside a display equation, put the equation between $$ and $$"
        for display in parts[1::2]:
            if display.count(r"\tag") > 1 or display.count(r"\tag") != len(TAG.findall(display)):
                yield number, r"tags are one an equation and in kebab-case, write \tag{gd-threshold}"


def repeated_equations(sources: list[Source]) -> list[str]:
    """A label names one equation of the course, which is not repeated in its chapter without the label."""
    problems: list[str] = []
    places: dict[str, str] = {}
    labels: dict[tuple[str, str], str] = {}
    found = [(source, *equation) for source in sources for equation in equations(source)]
    for source, number, latex, label in found:
        if label and label in places:
            problems.append(at(source, number, f"the label {label} is taken ({places[label]}), choose another"))
        elif label:
            places[label], labels[source.chapter, latex] = at(source, number, "").rstrip(": "), label
    for source, number, latex, label in found:
        if not label and (source.chapter, latex) in labels:
            name = labels[source.chapter, latex]
            problems.append(at(source, number, f"repeats the equation {name} without its label, refer to it instead"))
    return problems


def screen_problems(source: Source) -> Findings:
    """A code cell of a lesson fits a screen."""
    for number, text in code(source):
        if (length := len(text.splitlines())) > SCREEN:
            yield number, f"{length} lines of code do not fit a screen ({SCREEN}), split it or move logic to optlib"


# ---- rules for exercises


def heading_problems(source: Source) -> Findings:
    """The headings of tasks have the one form, and ids of this chapter, each once."""
    for number, line in heading_lines(source):
        if not HEADING.fullmatch(line):
            yield number, f"{line!r} is not a task's heading, write it like {HEADING_FORM!r}"
    seen = set()
    for number, heading in headings(source):
        if not heading.id.startswith(f"{source.chapter}."):
            yield number, f"task {heading.id} is of another chapter, call it {source.chapter}{heading.id[2:]}"
        if heading.id in seen:
            yield number, f"task {heading.id} comes twice, give the second an id of its own"
        seen.add(heading.id)


def task_problems(source: Source) -> Findings:
    """Under each heading stands one answer with a solution, and after it, unless it is an essay, one check."""
    kinds = {heading.id: heading.kind for _, heading in headings(source)}
    places: dict[tuple[str, str], int] = {}
    for number, cell, section in sections(source):
        for key, task in ((key, cell.metadata[key]) for key in TASK_KEYS if key in cell.metadata):
            if task != section:
                yield number, f"{key} {task} stands under the heading of {section or 'no task'}, move it or correct it"
            if key != "given" and places.setdefault((key, task), number) != number:
                yield number, f"a second {key} cell of {task}, keep one"
            if key in ("check", "hint") and not re.search(rf"""\b{key}\(["']{task}["']""", cell.source):
                yield number, f'the {key} cell of {task} does not call it, write {key}("{task}")'
            if key == "task":
                if (kinds.get(task) == "explain") != (cell.cell_type == "markdown"):
                    yield number, f"the answer of {task} is {cell.cell_type}, write text for explain and code otherwise"
                if not any(role == "solution" and line.strip() for line, role in marked_lines(cell)):
                    yield number, f"the answer of {task} has no solution, mark it with {BEGIN[cell.cell_type]}"
    for number, heading in headings(source):
        answer, check = places.get(("task", heading.id)), places.get(("check", heading.id))
        if answer is None:
            yield number, f'task {heading.id} has no answer, add a cell with task: "{heading.id}"'
        elif heading.kind != "explain" and (check is None or check <= answer):
            yield number, f'task {heading.id} has no check after its answer, add a cell with check: "{heading.id}"'


def later_chapter_problems(source: Source) -> Findings:
    """No check needs a chapter that the learner has not reached."""
    for number, text in code(source):
        for task in re.findall(r"""\b(?:check|hint)\(\s*["'](\d\d\.\d+)""", text):
            if task[:2] > source.chapter:
                yield number, f"needs task {task} of a later chapter, move it there"


def declaration_problems(source: Source) -> Findings:
    """Exercise and `optlib.checks` agree on which tasks there are and on what their headings say."""
    file = f"optlib/checks/chapter_{source.chapter}.py"
    try:
        declared = {task.id: task for task in checks.tasks(source.chapter)}
    except (TypeError, ValueError) as error:
        yield 0, f"{file} cannot be loaded ({error}), mend it"
        return
    for number, heading in headings(source):
        task = declared.pop(heading.id, None)
        if task is None:
            yield number, f"task {heading.id} is not declared, add it to {file}"
            continue
        for name in (field.name for field in fields(Heading)):
            here, there = getattr(heading, name), getattr(task, name)
            if here != there:
                yield number, f"task {heading.id}: {name} is {here!r} here, {there!r} in {file}, make them equal"
    for task_id in declared:
        yield 0, f"task {task_id} is declared in {file} and not set here, write it or remove it there"


def leak_problems(source: Source) -> Findings:
    """No telling line of a solution stands anywhere in the exercise: in text, code, metadata or outputs.

    Only cells marked `given` for the same task may repeat its lines: the broken code of a "find the bug".
    """
    exercise = to_notebook(source, with_solutions=False)
    for number, cell, task in sections(source):
        if telling := list(secrets(cell)):
            others = [shown for shown in exercise.cells if shown.metadata.get("optlib", {}).get("given", "-") != task]
            text = squeeze("\n".join(strings([others, exercise.metadata])))
            for secret in telling:
                left, right = r"\b" * secret[0].isalnum(), r"(?!\w|\.\d)" * secret[-1].isalnum()
                if re.search(left + re.escape(secret) + right, text):
                    yield number, f"the exercise shows {secret!r} of the solution, rewrite it or mark its cell given"


def secrets(cell: Any) -> Iterator[str]:
    """The telling pieces of a solution: statements of three words or more, comments and prose of five or more."""
    for line, role in marked_lines(cell):
        if role == "solution":
            statement, _, text = f" {line}".partition(" # ") if cell.cell_type == "code" else ("", "", line)
            if len(re.findall(r"\w+", statement)) >= 3 and not COMMON.fullmatch(statement.strip()):
                yield squeeze(statement)
            if len(re.findall(r"\w+", text)) >= 5:
                yield squeeze(text)


def squeeze(text: str) -> str:
    """Text without the blanks that mean nothing, so that a reformatted solution is still recognised."""
    return " ".join(re.sub(r"\s*([^\w\s])\s*", r"\1", text).split())


def strings(value: Any) -> Iterator[str]:
    """All texts inside a notebook."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


EVERYWHERE = (opening_problems, figure_problems, link_problems, latex_problems)
EXERCISES = (heading_problems, task_problems, later_chapter_problems, declaration_problems, leak_problems)
RULES: dict[str, tuple[Callable[[Source], Findings], ...]]
RULES = {"lesson": (*EVERYWHERE, screen_problems), "exercise": (*EVERYWHERE, *EXERCISES)}
