"""GitHub Classroom: a template repository for students, and the grader, which stays in a private one.

Each task is a step of the workflow, and its exit code gives its points. The grader comes from the repository
`optlib-grader` of the same organisation. Who can edit the workflow can read it: `docs/instructors.md` says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from optlib import checks
from optlib.release.files import Released, exercises
from optlib.release.gradescope import grader_files
from optlib.release.students import hand_out

__all__ = ["github"]

# python -P: the template's own optlib is the hand-out, and must not take the place of the grader's
WORKFLOW = """name: Autograding
on: [push, workflow_dispatch]
permissions:
  checks: write
  actions: read
  contents: read
jobs:
  autograding:
    runs-on: ubuntu-latest
    if: github.actor != 'github-classroom[bot]'
    env:
      PYTHONPATH: grader
    steps:
      - uses: actions/checkout@v4
      - uses: actions/checkout@v4
        with:
          repository: ${{ github.repository_owner }}/optlib-grader
          token: ${{ secrets.GRADER_TOKEN }}
          path: grader
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - name: Install
        run: python -m pip install -q -r grader/requirements.txt
      - name: Grade
        run: python -P -m optlib.grading.github grade NOTEBOOKS
"""
STEP = """      - id: ID
        uses: classroom-resources/autograding-command-grader@v1
        with:
          test-name: NAME
          command: python -P -m optlib.grading.github passed ID
          timeout: 1
          max-score: POINTS
"""
REPORTER = """      - uses: classroom-resources/autograding-grading-reporter@v1
        env:
RESULTS
        with:
          runners: RUNNERS
"""


def github(root: Path | str, target: Path | str, chapters: Sequence[str] = ()) -> Released:
    """Write the folders `template`, for students, and `optlib-grader`, for you alone."""
    root, target, done = Path(root), Path(target), Released()
    chosen = exercises(root, chapters)
    for name, data in [*hand_out(root, chapters), (".github/workflows/classroom.yml", workflow(chosen))]:
        done.write(target / "template" / name, data)
    for name, data in grader_files(root):
        done.write(target / "optlib-grader" / name, data)
    done.written = [str(target / "template"), str(target / "optlib-grader")]
    done.then = [
        "Make a template repository of the first and a private one called optlib-grader of the second, both in the",
        "organisation of your classroom, and an organisation secret GRADER_TOKEN that may read the second.",
    ]
    return done


def workflow(chosen: Sequence[Path]) -> str:
    """The workflow that grades these exercises, a step for each task that is not an essay."""
    steps = "".join(step for exercise in chosen for step in steps_of(exercise.stem[:2]))
    ids = [line.removeprefix("      - id: ") for line in steps.splitlines() if line.startswith("      - id: ")]
    results = "\n".join(f"          {id.upper()}_RESULTS: ${{{{ steps.{id}.outputs.result }}}}" for id in ids)
    reporter = REPORTER.replace("RESULTS", results, 1).replace("RUNNERS", ",".join(ids))
    return WORKFLOW.replace("NOTEBOOKS", " ".join(exercise.name for exercise in chosen)) + steps + reporter


def steps_of(chapter: str) -> Iterator[str]:
    for task in checks.tasks(chapter):
        if task.kind != "explain":
            name = json.dumps(f"{task.id} {task.title}", ensure_ascii=False)
            step = STEP.replace("NAME", name).replace("POINTS", str(task.points))
            yield step.replace("ID", f"task-{task.id.replace('.', '-')}")
