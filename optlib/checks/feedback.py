"""What a learner sees: one content, written as plain text and as HTML that follows the theme of the notebook."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from html import escape

from optlib.checks.declaration import Task
from optlib.checks.verdict import STATUSES, Verdict

__all__ = ["Feedback", "Hint", "Note", "Progress", "Row"]

MARKS = {"correct": "✓", "partly": "◐", "not_attempted": "○", "manual": "✎"}  # others: ✗; always beside words
BOX = "border-left: 4px solid currentColor; padding: 0.2em 0.9em; margin: 0.5em 0"
LEFT = "text-align: left; vertical-align: top; padding: 0.1em 1em 0.1em 0; background: transparent"
VALUE = "margin: 0; padding: 0; background: transparent; color: inherit"
WIDTH = 100


class Note:
    """A heading, sentences, rows of values, and remarks; displays in a notebook and prints in a terminal."""

    def __init__(
        self,
        heading: str,
        sentences: str = "",
        rows: Sequence[tuple[str, str]] = (),
        remarks: Iterable[str] = (),
    ) -> None:
        self.heading = heading
        self.sentences = sentences
        self.rows = list(rows)
        self.remarks = [remark for remark in remarks if remark]

    def __str__(self) -> str:
        lines = [self.heading]
        lines += textwrap.wrap(self.sentences, WIDTH, break_long_words=False, break_on_hyphens=False)
        width = max((len(name) for name, _ in self.rows), default=0)
        for name, value in self.rows:
            lines.append(f"  {name:{width}}  " + value.replace("\n", "\n" + " " * (width + 4)))
        lines += self.remarks
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = [f"<p><strong>{escape(self.heading)}</strong></p>"]
        if self.sentences:
            parts.append(f"<p>{code(self.sentences)}</p>")
        if self.rows:
            rows = "".join(
                f'<tr><th scope="row" style="{LEFT}">{escape(name)}</th>'
                f'<td style="{LEFT}"><pre style="{VALUE}">{escape(value)}</pre></td></tr>'
                for name, value in self.rows
            )
            parts.append(f"<table>{rows}</table>")
        parts += [f"<p>{code(remark)}</p>" for remark in self.remarks]
        return f'<div style="{BOX}">{"".join(parts)}</div>'


class Feedback(Note):
    """What `check` answers.

    Attributes
    ----------
    status : one of `optlib.checks.verdict.STATUSES`.
    points, max_points : what the answer earns, and could.
    message : the sentences for the learner.
    """

    def __init__(self, task: Task, verdict: Verdict, remarks: Iterable[str] = ()) -> None:
        self.id = task.id
        self.status = verdict.status
        self.points, self.max_points = verdict.points, task.points
        self.message = verdict.message
        rows = []
        if verdict.case:
            case = verdict.case
            rows = [*case.inputs.items(), ("expected", case.expected), ("your answer", case.given)]
        super().__init__(heading(task, verdict), verdict.message, rows, remarks)

    @property
    def correct(self) -> bool:
        """Whether the answer is right."""
        return self.status == "correct"


class Hint(Note):
    """What `hint` answers."""


def heading(task: Task, verdict: Verdict) -> str:
    mark = MARKS.get(verdict.status, "✗")
    points = f"{verdict.points:g} of {task.points} points" if verdict.status != "manual" else f"{task.points} points"
    return f"{mark} {task.id} {task.title}: {STATUSES[verdict.status]} ({points})"


class Row:
    """One chapter in the table of progress."""

    def __init__(self, chapter: str, tasks: Sequence[tuple[str, str]], points: float, max_points: int) -> None:
        self.chapter, self.tasks = chapter, tasks
        self.points, self.max_points = points, max_points

    @property
    def cells(self) -> list[str]:
        """The texts of the row."""
        done = sum(status == "correct" for _, status in self.tasks)
        states = ", ".join(f"{id} {MARKS.get(status, '✗')}" for id, status in self.tasks)
        return [self.chapter, f"{done} of {len(self.tasks)}", f"{self.points:g} of {self.max_points}", states]


class Progress:
    """What `progress` answers: a table, one row a chapter."""

    columns = ("chapter", "correct", "points", "tasks")
    legend = "✓ correct  ◐ partly right  ✗ tried  ○ not attempted yet  ✎ graded by hand, not in the points"

    def __init__(self, rows: Sequence[Row], remarks: Iterable[str] = ()) -> None:
        self.rows = list(rows)
        self.remarks = [remark for remark in remarks if remark]

    @property
    def points(self) -> float:
        """The points earned in all chapters."""
        return sum(row.points for row in self.rows)

    @property
    def max_points(self) -> int:
        """The points that `check` can give in all chapters."""
        return sum(row.max_points for row in self.rows)

    @property
    def total(self) -> str:
        """The line under the table."""
        return f"{self.points:g} of {self.max_points} points"

    def __str__(self) -> str:
        table = [list(self.columns), *(row.cells for row in self.rows)]
        widths = [max(len(line[i]) for line in table) for i in range(len(self.columns))]
        lines = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in table]
        return "\n".join([*lines, self.total, self.legend, *self.remarks])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col" style="{LEFT}">{name}</th>' for name in self.columns)
        body = ""
        for row in self.rows:
            first, *others = row.cells
            cells = "".join(f'<td style="{LEFT}">{escape(cell)}</td>' for cell in others)
            body += f'<tr><th scope="row" style="{LEFT}">{escape(first)}</th>{cells}</tr>'
        under = "".join(f"<p>{escape(line)}</p>" for line in (self.total, self.legend, *self.remarks))
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f'<div style="{BOX}">{table}{under}</div>'


def code(text: str) -> str:
    """Escape a text and set what stands between backquotes as code."""
    parts = escape(text).split("`")
    if len(parts) % 2 == 0:  # a backquote without its partner
        return escape(text)
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
