"""From files to a report."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from optlib import __version__
from optlib.checks import catalogue
from optlib.checks.declaration import Task
from optlib.checks.learner import verdict
from optlib.checks.notebook import Notebook, Unreadable, find_answer, load, parse
from optlib.checks.running import MEMORY, PLAIN, Backend, Runner
from optlib.checks.verdict import Trial, Verdict
from optlib.grading.report import Report, Submission, TaskResult

__all__ = ["grade"]

Rule = str | Callable[[Path], str]
Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


def grade(
    files: Paths,
    seed: int | None = None,
    timeout: float = 10.0,
    json: str | Path | None = None,
    jobs: int = 1,
    student: Rule = "folder",
    chapter: str | None = None,
    backend: Backend = PLAIN,
    memory: int = MEMORY,
    progress: bool = False,
) -> Report:
    """Grade exercise notebooks; whatever is in them, it gives a report.

    Parameters
    ----------
    files : notebooks, and folders that are searched for them.
    seed : what the inputs are drawn from; a fresh one when it is not given. It stands in the report.
    timeout : seconds that an answer may take, or as many as its task allows if that is more.
    json : where to write the report.
    jobs : how many submissions are graded at a time.
    student : whose it is: "folder" (the name of the folder that the file lies in), a regular expression for the file's
        name (its group `student`, or its first group), or a function of the path. Empty where the rule finds nobody.
    chapter : such as "03" when all must be that exercise; otherwise each notebook says which it is.
    backend : how the answers' processes are started and isolated.
    memory : bytes of address space that an answer may use.
    progress : show a progress bar.

    Raises
    ------
    ValueError
        For arguments that cannot be meant, before anything is graded. Nothing in a submission raises.
    """
    if timeout <= 0 or jobs < 1:
        raise ValueError(f"grade: timeout must be positive and jobs at least 1, got {timeout} and {jobs}")
    if chapter is not None and chapter not in catalogue.chapters():
        raise ValueError(f"grade: no tasks for chapter {chapter!r}; there are {', '.join(catalogue.chapters())}")
    if isinstance(student, str) and student != "folder" and not re.compile(student).groups:
        raise ValueError(f"grade: the pattern {student!r} needs a group around the student's name")
    run = GradingRun(secrets.randbits(32) if seed is None else seed, timeout, student, chapter, backend, memory)
    paths = list(notebooks(files))
    with ThreadPoolExecutor(jobs) as pool:
        done = tqdm(pool.map(run.grade_file, paths), total=len(paths), unit="notebook", disable=not progress)
        report = Report(__version__, backend.isolation, run.seed, tuple(done))
    if json is not None:
        report.write(json)
    return report


def notebooks(files: Paths) -> Iterable[Path]:
    """The files, with each folder replaced by the notebooks in it."""
    single = isinstance(files, (str, os.PathLike))
    for path in map(Path, [files] if single else files):  # type: ignore[arg-type, list-item]
        inside = sorted(path.rglob("*.ipynb")) if path.is_dir() else []
        yield from [file for file in inside if ".ipynb_checkpoints" not in file.parts] or [path]


@dataclass
class GradingRun:
    """What all submissions of a run share."""

    seed: int
    timeout: float
    student: Rule
    chapter: str | None
    backend: Backend
    memory: int
    _trials: dict[str, Trial] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def grade_file(self, path: Path) -> Submission:
        """Grade one file; the marks of a file depend on nothing but the file and the seed."""
        student, sha256 = self.student_of(path), ""
        try:
            data = load(path)
            sha256 = hashlib.sha256(data).hexdigest()
            notebook = parse(data)
            found = notebook.chapter
            if found is None or found != (self.chapter or found):
                reason = f"it is the exercise of chapter {found}" if found else "it is no exercise of this course"
                return Submission(str(path), student, sha256, "wrong_file", 0, self.full_score, reason=reason)
            tasks = self.grade_notebook(notebook, found)
        except Unreadable as error:
            return Submission(str(path), student, sha256, "unreadable", 0, self.full_score, reason=str(error))
        except Exception as error:  # a fault of ours must not cost the others their marks, nor pass unnoticed
            reason = f"the grader failed on it, please report: {type(error).__name__}: {error}"
            return Submission(str(path), student, sha256, "unreadable", 0, self.full_score, reason=reason)
        score, full = sum(task.points for task in tasks), sum(task.max_points for task in tasks)
        return Submission(str(path), student, sha256, "ok", score, full, tasks)

    def grade_notebook(self, notebook: Notebook, chapter: str) -> tuple[TaskResult, ...]:
        """Grade all tasks of a notebook in one process of its own."""
        elsewhere = [cell.source for cell in notebook.code]
        results = []
        with Runner(self.backend, self.memory) as runner:
            for task in catalogue.tasks(chapter):
                found = find_answer(notebook, task)
                if isinstance(found, Verdict):
                    result = found
                else:
                    result = verdict(self.trial(task), found, elsewhere, runner, self.timeout)
                results.append(TaskResult(task.id, result.status, result.points, task.points, result.message))
        return tuple(results)

    def trial(self, task: Task) -> Trial:
        """The inputs of a task in this run, drawn once, with what answers are compared with."""
        with self._lock:
            if task.id not in self._trials:
                self._trials[task.id] = Trial(task, self.seed)
                self._trials[task.id].prepare()
            return self._trials[task.id]

    def student_of(self, path: Path) -> str:
        """Whose submission it is, by the rule of this run."""
        if callable(self.student):
            return str(self.student(path))
        if self.student == "folder":
            return path.resolve().parent.name
        match = re.search(self.student, path.name)
        if match is None:
            return ""
        return (match["student"] if "student" in match.groupdict() else match[1]) or ""

    @property
    def full_score(self) -> int:
        """What a file that cannot be graded could have earned, where the chapter is known."""
        return sum(task.points for task in catalogue.tasks(self.chapter)) if self.chapter else 0
