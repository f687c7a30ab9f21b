"""W7: submissions a minute, with and without a sandbox, beside nbgrader; and 1,000 of every kind in one run.

nbgrader is measured where its command is found, on the PATH or named by OPTLIB_NBGRADER. It grades all its submissions
with one command (its fastest way), the answers of the same exercise with a test of a line or two for each task.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from optlib.checks import tasks
from optlib.checks.running import PLAIN, Backend
from optlib.checks.sandbox import SANDBOX, reason_against
from optlib.grading import grade

ROOT = Path(__file__).parents[1]
EXERCISE = "01_gradient_descent"
JOBS = 2
GOAL_A_MINUTE, GOAL_RATIO = 400, 30
ROUNDS, OURS, THEIRS = 3, 40, 8  # submissions in a round
CLASS = 1000
POINTS_BY_HAND = sum(task.points for task in tasks(EXERCISE[:2]) if task.kind == "explain")

# what replaces the answers of a submission, the status of its tasks then, and how many of the class are such; a number
# in place of an answer is right in some case of a task, or stops what unpacks it
ANSWERS: dict[str, tuple[str | None, str, int]] = {
    "right": (None, "correct", 408),
    "wrong": ("def {name}(*inputs):\n    return 0.123", "wrong partly error", 250),
    "stopping with an error": ("def {name}(*inputs):\n    return inputs[99]", "error", 80),
    "a syntax error": ("def {name}(*inputs:", "syntax_error", 60),
    "untouched": ("def {name}(*inputs):\n    ...  # your code here", "not_attempted", 60),
    "ending Python": ("import os\nos._exit(0)\n{name} = 0", "died", 30),
    "a fork bomb": ("import os\nwhile True: os.fork()\n{name} = 0", "error", 15),
    "8 GB of memory": ("{name} = np.ones(10**9)", "memory", 15),
    "a flood of output": ("print('x' * 10**8)\n{name} = 0", "output_limit", 15),
    "another verdict": (
        "import os, __main__ as worker\nfor fd in range(3, 20):\n"
        "    try: os.write(fd, worker.pack({{'status': 'correct'}}))\n    except OSError: pass\n{name} = 0",
        "died",
        15,
    ),
    "an endless loop": ("while True: pass\n{name} = 0", "timeout", 2),
}
BROKEN: dict[str, tuple[Callable[[bytes], bytes], str, int]] = {
    "cut off": (lambda data: data[: len(data) // 2], "unreadable", 25),
    "another notebook": (lambda _: b'{"cells": [], "metadata": {}, "nbformat": 4}', "wrong_file", 25),
}
THEIR_TESTS = {
    "01.1": "assert diverges(3.0, np.array([1.0])) and not diverges(1.0, np.array([1.0]))",
    "01.2": "assert abs(best_step(np.ones(2), np.eye(2)) - 1) < 1e-9",
    "01.3": "assert callable(largest_safe_lr)",
    "01.4": "assert callable(numerical_gradient)",
    "01.5": "assert callable(residual_backward)",
}


def main() -> None:
    backends = [PLAIN] if reason_against() else [SANDBOX, PLAIN]
    with tempfile.TemporaryDirectory() as folder:
        rates(Path(folder), backends)
        a_class(Path(folder), backends[0])


def rates(folder: Path, backends: list[Backend]) -> None:
    """Interleaved rounds: each grades a few submissions, and the next one follows at once."""
    ours = [submission(folder / "ours", f"student{n}", "right", n) for n in range(OURS)]
    nbgrader = os.environ.get("OPTLIB_NBGRADER") or shutil.which("nbgrader")
    measured: dict[str, list[float]] = {backend.isolation: [] for backend in backends}
    for number in range(ROUNDS):
        for backend in backends:
            start = time.perf_counter()
            report = grade(ours, seed=number, jobs=JOBS, backend=backend)
            measured[backend.isolation].append(60 * OURS / (time.perf_counter() - start))
            assert all(one.score == one.max_score - POINTS_BY_HAND for one in report.submissions)
        if nbgrader:
            measured.setdefault("nbgrader", []).append(nbgraders_rate(nbgrader, folder / f"nbgrader{number}"))
    print(f"\nsubmissions a minute ({ROUNDS} interleaved rounds, {JOBS} jobs, load {os.getloadavg()[0]:.1f})")
    for name, values in measured.items():
        goal = f"   goal {GOAL_A_MINUTE}: {met(statistics.median(values), GOAL_A_MINUTE)}" if name != "nbgrader" else ""
        print(f"  {name:<12} {statistics.median(values):8.0f}   [{min(values):.0f}, {max(values):.0f}]{goal}")
    if nbgrader:
        first = backends[0].isolation
        ratios = [a / b for a, b in zip(measured[first], measured["nbgrader"], strict=True)]
        ratio = statistics.median(ratios)
        print(f"  {first} is {ratio:.0f}x faster than nbgrader   goal {GOAL_RATIO}: {met(ratio, GOAL_RATIO)}")
    else:
        print("  nbgrader is not here to compare with: name its command in OPTLIB_NBGRADER")


def met(value: float, goal: float) -> str:
    return "met" if value >= goal else "NOT MET"


def a_class(folder: Path, backend: Backend) -> None:
    """Grade a class of every kind in one run, and compare each status with what was handed in."""
    kinds = [kind for kind, (*_, count) in [*ANSWERS.items(), *BROKEN.items()] for _ in range(count)]
    assert len(kinds) == CLASS
    random.Random(0).shuffle(kinds)
    files = [submission(folder / "class", f"student{n}", kind, n) for n, kind in enumerate(kinds)]
    start = time.perf_counter()
    report = grade(files, seed=0, timeout=5, jobs=JOBS, backend=backend)
    seconds = time.perf_counter() - start
    surprises: Counter[str] = Counter()
    for kind, one in zip(kinds, report.submissions, strict=True):
        expected = BROKEN[kind][1] if kind in BROKEN else "ok"
        statuses = {task.status for task in one.tasks if task.status != "manual"}
        if (
            one.status != expected
            or (one.score > 0) != (kind == "right")
            or (kind in ANSWERS and not statuses <= set(ANSWERS[kind][1].split()))
        ):
            surprises[f"{kind}: {one.status} {one.reason} {sorted(statuses)}"] += 1
    print(f"\na class of {CLASS} (right, wrong, hostile, broken), isolation {backend.isolation}: {seconds:.0f} s")
    print(f"  {60 * CLASS / seconds:.0f} a minute; {CLASS - surprises.total()} with the status that they should have")
    for surprise, count in surprises.items():
        print(f"  {count} x {surprise}")


def submission(folder: Path, student: str, kind: str, number: int) -> Path:
    """Write one submission; no two have the same bytes."""
    notebook = json.loads((ROOT / "solutions" / f"{EXERCISE}.ipynb").read_text(encoding="utf-8"))
    notebook["cells"][1]["source"] = f"# submission {number}\nimport numpy as np"
    answer = ANSWERS[kind][0] if kind in ANSWERS else None
    names = {task.id: task.name for task in tasks(EXERCISE[:2]) if task.name}
    for cell in notebook["cells"]:
        id = cell["metadata"].get("optlib", {}).get("task")
        if answer is not None and id in names:
            cell["source"] = answer.format(name=names[id])
    data = json.dumps(notebook).encode()
    path = folder / student / f"{EXERCISE}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(BROKEN[kind][0](data) if kind in BROKEN else data)
    return path


def nbgraders_rate(command: str, course: Path) -> float:
    """How many submissions a minute nbgrader grades with one `nbgrader autograde`."""
    notebook = json.loads((ROOT / "solutions" / f"{EXERCISE}.ipynb").read_text(encoding="utf-8"))
    cells = [{"cell_type": "code", "id": "imports", "metadata": {}, "source": "import numpy as np"}]
    for cell in notebook["cells"]:
        ours, theirs = (cell["metadata"].get(name, {}) for name in ("optlib", "nbgrader"))
        if cell["cell_type"] == "code" and theirs:
            cells.append(cell | {"source": THEIR_TESTS.get(ours.get("check"), cell["source"])})
    for cell in cells:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    text = json.dumps(notebook | {"cells": cells})
    students = [f"student{n}" for n in range(THEIRS)]
    for place in ("source/ps1", *(f"submitted/{student}/ps1" for student in students)):
        (course / place).mkdir(parents=True)
        (course / place / f"{EXERCISE}.ipynb").write_text(text, encoding="utf-8")
    (course / "nbgrader_config.py").write_text(f"c = get_config()\nc.CourseDirectory.root = {str(course)!r}\n")
    quiet = {"cwd": course, "check": True, "capture_output": True}
    subprocess.run([command, "generate_assignment", "ps1", "--force"], **quiet)
    start = time.perf_counter()
    subprocess.run([command, "autograde", "ps1"], **quiet)
    seconds = time.perf_counter() - start
    assert len(list((course / "autograded").rglob("*.ipynb"))) == THEIRS
    return 60 * THEIRS / seconds


if __name__ == "__main__":
    main()
