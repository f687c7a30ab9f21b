"""From files to a report."""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from optlib import __version__
from optlib.checks import catalogue
from optlib.checks.declaration import Task
from optlib.checks.learner import verdict
from optlib.checks.notebook import Notebook, Unreadable, essay_of, find_answer, parse
from optlib.checks.running import MEMORY, Backend, Runner
from optlib.checks.sandbox import choose
from optlib.checks.verdict import Trial, Verdict
from optlib.grading.collecting import Handed, Paths, Rule, collect
from optlib.grading.journal import Journal, digest_of_tasks, read_seed
from optlib.grading.report import Graded, Report, Submission, TaskResult

__all__ = ["grade"]

AHEAD = 64  # notebooks that are read before their turn, so that no worker waits


def grade(
    files: Paths,
    seed: int | None = None,
    timeout: float = 10.0,
    json: str | Path | None = None,
    jobs: int = 1,
    student: Rule = "auto",
    chapter: str | None = None,
    backend: Backend | None = None,
    require_sandbox: bool = False,
    memory: int = MEMORY,
    resume: bool = False,
    executor: Executor | None = None,
    progress: bool = False,
) -> Report:
    """Grade exercise notebooks; whatever is in them, it gives a report.

    Parameters
    ----------
    files : notebooks, folders and zip files; the latter are searched for notebooks.
    seed : what the inputs are drawn from; a fresh one when it is not given. It stands in the report.
    timeout : seconds that an answer may take, or as many as its task allows if that is more.
    json : where to write the report. Beside it, `.journal` holds what is graded so far.
    jobs : how many submissions are graded at a time.
    student : whose it is: "auto" (downloads of Canvas, Moodle, Gradescope, folders of nbgrader, otherwise the folder),
        "folder" (the name of the folder that the file lies in), a regular expression for the file's name (its group
        `student`, or its first group), or a function of the path. Empty where the rule finds nobody.
    chapter : such as "03" when all must be that exercise; otherwise each notebook says which it is.
    backend : how the answers' processes are started and isolated; the sandbox where it works when not given.
    require_sandbox : refuse to work without a sandbox.
    memory : bytes of address space that an answer may use.
    resume : take over from the journal what was graded before with the same seed, tasks and settings.
    executor : who grades: any `concurrent.futures.Executor`, of processes or of a cluster. `jobs` does not count then.
    progress : show a progress bar.

    Raises
    ------
    ValueError
        For arguments that cannot be meant, before anything is graded. Nothing in a submission raises.
    """
    if timeout <= 0 or jobs < 1 or memory < 1:
        given = f"{timeout}, {jobs} and {memory}"
        raise ValueError(f"grade: timeout must be positive, jobs at least 1, memory at least 1, got {given}")
    if chapter is not None and chapter not in catalogue.chapters():
        raise ValueError(f"grade: no tasks for chapter {chapter!r}; there are {', '.join(catalogue.chapters())}")
    if isinstance(student, str) and student not in ("auto", "folder") and not re.compile(student).groups:
        raise ValueError(f"grade: the pattern {student!r} needs a group around the student's name")
    if resume and json is None:
        raise ValueError("grade: to resume, say where the report is written (json): the journal lies beside it")
    if backend is None:
        backend = choose(require_sandbox)
    elif require_sandbox and backend.isolation == "none":
        raise ValueError("grade: a sandbox is required, but the back end given is none")
    journal_path = Path(f"{json}.journal") if json is not None else None
    if seed is None and resume and journal_path is not None:
        seed = read_seed(journal_path)
    settings = Settings(secrets.randbits(32) if seed is None else seed, timeout, chapter, backend, memory)
    journal = Journal(journal_path, settings.as_dict(), resume) if journal_path else None
    handed = collect(files, student)
    pool = executor or ThreadPoolExecutor(jobs)
    try:
        graded = grade_all(handed, settings, pool, journal)
        done = tqdm(graded, total=len(handed), unit="notebook", disable=not progress)
        report = Report(__version__, backend.isolation, settings.seed, tuple(done))
    finally:
        if executor is None:
            pool.shutdown(cancel_futures=True)
        if journal is not None:
            journal.close()
    if json is not None:
        report.write(json)
    return report


@dataclass(frozen=True)
class Settings:
    """What marks depend on besides the notebook; it travels to wherever notebooks are graded."""

    seed: int
    timeout: float
    chapter: str | None
    backend: Backend
    memory: int

    def as_dict(self) -> dict:
        """The settings as plain data, for the journal."""
        return {
            "grader": __version__,
            "tasks": digest_of_tasks(),
            "seed": self.seed,
            "timeout": self.timeout,
            "chapter": self.chapter,
            "isolation": self.backend.isolation,
            "memory": self.memory,
        }


def grade_all(
    handed: list[Handed], settings: Settings, pool: Executor, journal: Journal | None
) -> Iterator[Submission]:
    """Grade everything that was handed in, in its order, a few notebooks ahead of what was asked for."""
    waiting: deque[tuple[Handed, str, Graded | Future[Graded]]] = deque()

    def finished() -> Submission:
        one, sha256, result = waiting.popleft()
        graded = result if isinstance(result, Graded) else outcome(result, settings)
        if journal is not None and sha256 and not isinstance(result, Graded) and result.exception() is None:
            journal.add(sha256, graded)
        score = sum(task.points for task in graded.tasks)
        tasks, reason, essays = graded.tasks, graded.reason, graded.essays
        about = (one.file, one.student, sha256, graded.status, score, graded.max_score)
        return Submission(*about, tasks, reason=reason, essays=essays, rule=one.rule)

    for one in handed:
        try:
            data = one.read()
        except Unreadable as error:
            waiting.append((one, "", Graded("unreadable", full_score(settings.chapter), reason=str(error))))
        else:
            sha256 = hashlib.sha256(data).hexdigest()
            known = journal.known.get(sha256) if journal is not None else None
            waiting.append((one, sha256, known or pool.submit(grade_notebook, data, settings)))
        if len(waiting) > AHEAD:
            yield finished()
    while waiting:
        yield finished()


def outcome(future: Future[Graded], settings: Settings) -> Graded:
    """What became of a notebook, wherever it was graded; a fault of ours must not cost the others their marks."""
    error = future.exception()
    if error is None:
        return future.result()
    reason = f"the grader failed on it, please report: {type(error).__name__}: {error}"
    return Graded("unreadable", full_score(settings.chapter), reason=reason)


def grade_notebook(data: bytes, settings: Settings) -> Graded:
    """Grade the bytes of a notebook; the marks depend on nothing but these and the settings."""
    full = full_score(settings.chapter)
    try:
        notebook = parse(data)
    except Unreadable as error:
        return Graded("unreadable", full, reason=str(error))
    found = notebook.chapter
    if found is None or found != (settings.chapter or found):
        reason = f"it is the exercise of chapter {found}" if found else "it is no exercise of this course"
        return Graded("wrong_file", full, reason=reason)
    tasks = grade_tasks(notebook, found, settings)
    explained = (task for task in catalogue.tasks(found) if task.kind == "explain")
    essays = {task.id: text for task in explained if (text := essay_of(notebook, task))}
    return Graded("ok", sum(task.max_points for task in tasks), tasks, essays=essays)


def grade_tasks(notebook: Notebook, chapter: str, settings: Settings) -> tuple[TaskResult, ...]:
    """Grade all tasks of a notebook in one process of its own."""
    elsewhere = [cell.source for cell in notebook.code]
    results = []
    with Runner(settings.backend, settings.memory) as runner:
        for task in catalogue.tasks(chapter):
            found = find_answer(notebook, task)
            if isinstance(found, Verdict):
                result = found
            else:
                result = verdict(trial(task, settings.seed), found, elsewhere, runner, settings.timeout)
            results.append(TaskResult(task.id, result.status, result.points, task.points, result.message))
    return tuple(results)


_trials: dict[tuple[int, str], Trial] = {}
_drawing = threading.Lock()


def trial(task: Task, seed: int) -> Trial:
    """The inputs of a task in a run, drawn once in each process, with what answers are compared with."""
    with _drawing:
        known = _trials.get((seed, task.id))
        if known is None or known.task is not task:
            if any(key[0] != seed for key in _trials):  # another run
                _trials.clear()
            known = _trials[seed, task.id] = Trial(task, seed)
            known.prepare()
        return known


def full_score(chapter: str | None) -> int:
    """What a file that cannot be graded could have earned, where the chapter is known."""
    return sum(task.points for task in catalogue.tasks(chapter)) if chapter else 0
