"""Find tasks by their id; a chapter's file is imported when one of its tasks is first asked for."""

from __future__ import annotations

import importlib
import pkgutil
import re
from functools import cache

import optlib.checks
from optlib.checks.declaration import Task

__all__ = ["chapters", "task", "tasks"]


def chapters() -> list[str]:
    """Return the two-digit numbers of the chapters that have tasks, ascending."""
    found = (re.fullmatch(r"chapter_(\d\d)", module.name) for module in pkgutil.iter_modules(optlib.checks.__path__))
    return sorted(match[1] for match in found if match)


def tasks(chapter: str | None = None) -> list[Task]:
    """Return the tasks of one chapter (`"03"`), or of all, in their order."""
    if chapter is None:
        return [task for number in chapters() for task in tasks(number)]
    return list(_load(chapter).values()) if chapter in chapters() else []


def task(id: str) -> Task:
    """Return the task with this id.

    Raises
    ------
    KeyError
        When there is none; the message lists the ids of that chapter.
    """
    id = str(id)
    known = tasks(id[:2])
    for task in known:
        if task.id == id:
            return task
    if known:
        raise KeyError(f"no task {id!r}; this chapter has {', '.join(task.id for task in known)}")
    raise KeyError(f"no task {id!r}; the chapters with tasks are {', '.join(chapters()) or 'none yet'}")


@cache
def _load(chapter: str) -> dict[str, Task]:
    module = importlib.import_module(f"optlib.checks.chapter_{chapter}")
    found: dict[str, Task] = {}
    names: set[str] = set()
    if not hasattr(module, "TASKS"):
        raise TypeError(f"{module.__name__} exports no list TASKS")
    for task in module.TASKS:
        if not isinstance(task, Task):
            raise TypeError(f"{module.__name__}: TASKS must hold Task objects, got {type(task).__name__}")
        if task.chapter != chapter:
            raise ValueError(f"{module.__name__}: task {task.id} belongs into another chapter's file")
        if task.id in found:
            raise ValueError(f"{module.__name__}: two tasks have the id {task.id}")
        if task.name and task.name in names:  # answers are found by name
            raise ValueError(f"{module.__name__}: two tasks ask for the name {task.name!r}")
        found[task.id] = task
        names.add(task.name)
    return found
