"""From text to notebooks: what is built, what stays as it is, and what each rule says when it is broken."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optlib import authoring

LESSON = r"""---
title: How big a step
chapter: 1
minutes: 12
jupytext:
  text_representation:
    extension: .md
    format_name: myst
---

# How big a step

You will know where the cliff is.

<!-- total -->

```{code-cell} ipython3
from optlib import plots
```

## The cliff

It comes home below

$$\eta < \frac{2}{\lambda}. \tag{gd-threshold}$$

and costs $5. Try the [exercise](../exercises/01_steps.ipynb#Task).

```{code-cell} ipython3
:tags: [hide-input]
lr = 0.5
```

The end.
"""

EXERCISE = r"""---
title: How big a step
chapter: 1
---

# How big a step

Back to the [lesson](../notebooks/01_steps.ipynb).

<!-- total -->

```{code-cell} ipython3
import numpy as np
from optlib.checks import check, hint, progress
```

## Task 01.1  Write `largest` (again)  (implement, 8 minutes, 3 points, medium)

Write `largest(curvature)`.

```{code-cell} ipython3
:task: "01.1"
def largest(curvature):
    "The largest learning rate."
    if curvature:
        ### BEGIN SOLUTION
        # the cliff stands where the factor is minus one
        return 2 / curvature  # nothing else happens in one dimension
        ### END SOLUTION
```

```{code-cell} ipython3
:check: "01.1"
check("01.1")
```

```{code-cell} ipython3
:hint: "01.1"
# hint("01.1")
```

<!-- BEGIN SOLUTION -->
Every step multiplies by the same number.
<!-- END SOLUTION -->

## Task 01.2  In your words  (explain, 4 minutes, 2 points, easy)

Why?

+++ {"task": "01.2"}

<!-- BEGIN SOLUTION -->
Because the largest curvature decides where it breaks.
<!-- END SOLUTION -->

+++

Done.
"""


def declared(task, title, kind, minutes, points, difficulty):
    return SimpleNamespace(id=task, title=title, kind=kind, minutes=minutes, points=points, difficulty=difficulty)


TASKS = [
    declared("01.1", "Write `largest` (again)", "implement", 8, 3, "medium"),
    declared("01.2", "In your words", "explain", 4, 2, "easy"),
]


class Course:
    """A tiny course in a folder; `lesson` and `exercise` are replaced whole or by one substitution."""

    def __init__(self, root):
        self.root = root
        self.lesson, self.exercise = root / "course/01_steps/lesson.md", root / "course/01_steps/exercise.md"
        self.lesson.parent.mkdir(parents=True, exist_ok=True)
        self.lesson.write_text(LESSON)
        self.exercise.write_text(EXERCISE)

    def change(self, file, old, new):
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def build(self, check=False):
        return authoring.build(self.root, check)

    def notebook(self, folder):
        return nbformat.read(self.root / folder / "01_steps.ipynb", as_version=4)

    def files(self):
        return {path: path.read_bytes() for path in sorted(self.root.rglob("*.ipynb"))}


@pytest.fixture
def course(tmp_path, monkeypatch):
    monkeypatch.setattr(authoring.checks, "tasks", lambda chapter: list(TASKS) if chapter == "01" else [])
    return Course(tmp_path)


def source_text(notebook):
    return "\n".join(cell.source for cell in notebook.cells)


def ids(notebook):
    return [cell.id for cell in notebook.cells]


# ---- what is built


def test_a_good_course_builds_without_problems_and_is_up_to_date_afterwards(course):
    assert course.build() == []
    assert course.build(check=True) == []
    assert {str(path.relative_to(course.root)) for path in course.files()} == {
        "notebooks/01_steps.ipynb",
        "exercises/01_steps.ipynb",
        "solutions/01_steps.ipynb",
    }


def test_notebooks_are_valid_without_outputs_and_end_with_a_newline(course):
    course.build()
    for path, data in course.files().items():
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        assert notebook.metadata.kernelspec.name == "python3"
        assert all(cell.outputs == [] and cell.execution_count is None for cell in notebook.cells if "outputs" in cell)
        assert data.endswith(b"}\n")


def test_an_exercise_has_stubs_where_the_solution_notebook_has_solutions(course):
    course.build()
    exercise, solution = source_text(course.notebook("exercises")), source_text(course.notebook("solutions"))
    assert "    if curvature:\n        ...  # your code here" in exercise
    assert "*Your answer here.*" in exercise
    assert "2 / curvature" not in exercise and "same number" not in exercise and "decides" not in exercise
    assert "        return 2 / curvature" in solution and "same number" in solution and "decides" in solution
    assert "SOLUTION" not in exercise + solution


def test_a_cell_that_is_all_solution_is_absent_from_the_exercise(course):
    course.change(course.exercise, "## Task 01.2", "+++\n\n## Task 01.2")
    assert course.build() == []
    assert len(course.notebook("solutions").cells) == len(course.notebook("exercises").cells) + 1
    assert all(cell.source for cell in course.notebook("exercises").cells)


def test_task_cells_carry_the_task_and_the_metadata_of_nbgrader(course):
    course.build()
    for folder in ("exercises", "solutions"):
        cells = {cell.id: cell.metadata for cell in course.notebook(folder).cells}
        answer, check, essay = cells["task-01-1"], cells["check-01-1"], cells["task-01-2"]
        flags = {"schema_version": 3, "task": False}
        assert answer.optlib == {"task": "01.1"}
        assert answer.nbgrader == flags | {"grade_id": "task-01-1", "solution": True, "grade": False, "locked": False}
        assert check.optlib == {"check": "01.1"}
        assert check.nbgrader == flags | {
            "grade_id": "check-01-1",
            "solution": False,
            "grade": True,
            "locked": True,
            "points": 3,
        }
        assert essay.nbgrader == flags | {
            "grade_id": "task-01-2",
            "solution": True,
            "grade": True,
            "locked": False,
            "points": 2,
        }
        assert cells["hint-01-1"] == {"optlib": {"hint": "01.1"}}


def test_the_first_cell_says_how_long_it_takes(course):
    course.build()
    assert "*12 minutes*" in course.notebook("notebooks").cells[0].source
    for folder in ("exercises", "solutions"):
        assert "*2 tasks, 12 minutes, 5 points*" in course.notebook(folder).cells[0].source


def test_a_second_build_writes_nothing(course):
    course.build()
    files = course.files()
    times = [path.stat().st_mtime_ns for path in files]
    assert course.build() == []
    assert course.files() == files and [path.stat().st_mtime_ns for path in files] == times


def test_a_check_writes_nothing(course):
    assert len(course.build(check=True)) == 3 + 2  # three notebooks missing, and two links to them
    assert course.files() == {}


CELLS = st.lists(
    st.tuples(st.sampled_from(["code", "text"]), st.text("aé_ \n'", max_size=9)),
    min_size=1,
    unique_by=lambda cell: (cell[0], *cell[1].split()),
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cells=CELLS, data=st.data())
def test_building_twice_is_identical_and_editing_one_cell_renames_no_other(course, cells, data):
    course.exercise.unlink(missing_ok=True)

    def built():
        texts = [
            f"```{{code-cell}}\nx = {text}\n```" if kind == "code" else f"+++\n\nText {text}" for kind, text in cells
        ]
        course.lesson.write_text(LESSON + "\n" + "\n\n".join(texts) + "\n")
        course.build()
        files = course.files()
        for path in files:
            path.unlink()
        course.build()
        assert files and course.files() == files
        return ids(course.notebook("notebooks"))

    before = built()
    edited = data.draw(st.integers(0, len(cells) - 1))
    cells[edited] = (cells[edited][0], "that no other cell says")
    after = built()
    assert len(before) == len(after) == len(set(after))
    assert sum(old != new for old, new in zip(before, after, strict=True)) <= 1


def test_equal_cells_have_different_ids(course):
    course.lesson.write_text(LESSON + "\n```{code-cell}\n1\n```\n\n```{code-cell}\n1\n```\n")
    course.build()
    assert len(set(ids(course.notebook("notebooks")))) == len(course.notebook("notebooks").cells)


def test_a_task_cell_keeps_its_id_when_its_text_changes(course):
    course.build()
    before = ids(course.notebook("solutions"))
    course.change(course.exercise, "The largest learning rate.", "The largest rate.")
    course.build()
    assert ids(course.notebook("solutions")) == before


# ---- stale, missing and foreign files


def test_an_edited_source_makes_its_notebook_stale(course):
    course.build()
    course.change(course.lesson, "The end.", "The very end.")
    (problem,) = course.build(check=True)
    assert problem == "notebooks/01_steps.ipynb:0: differs from course/01_steps/lesson.md, run `optlib build`"


def test_a_missing_notebook_is_a_problem(course):
    course.build()
    (course.root / "solutions/01_steps.ipynb").unlink()
    (problem,) = course.build(check=True)
    assert problem.startswith("solutions/01_steps.ipynb:0: is missing, it is made from course/01_steps/exercise.md")


def test_an_exercise_with_the_solution_in_its_outputs_is_stale(course):
    course.build()
    notebook = course.notebook("exercises")
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="return 2 / curvature")]
    nbformat.write(notebook, course.root / "exercises/01_steps.ipynb")
    (problem,) = course.build(check=True)
    assert "exercises/01_steps.ipynb:0: differs from" in problem


def test_a_notebook_whose_source_is_gone_is_a_problem_and_the_next_build_deletes_it(course):
    course.build()
    course.change(course.lesson, "Try the [exercise](../exercises/01_steps.ipynb#Task).", "")
    course.exercise.unlink()
    course.build()
    for file in course.files():
        assert file.parent.name == "notebooks"


def test_a_check_names_a_notebook_whose_source_is_gone_and_leaves_it(course):
    course.build()
    course.change(course.lesson, "Try the [exercise](../exercises/01_steps.ipynb#Task).", "")
    course.exercise.unlink()
    problems = course.build(check=True)
    assert "exercises/01_steps.ipynb:0: its source course/01_steps/exercise.md is gone, run `optlib build`" in problems
    assert len(course.files()) == 3


def test_a_build_never_deletes_what_it_did_not_make(course):
    course.build()
    mine = course.root / "exercises/01_mine.ipynb"
    mine.write_bytes((course.root / "exercises/01_steps.ipynb").read_bytes())
    foreign = course.root / "notebooks/foreign.ipynb"
    foreign.write_text("no notebook")
    for check in (False, True):
        problems = course.build(check)
        assert len(problems) == 2
        assert "notebooks/foreign.ipynb:0: is not built from course/" in problems[0]
        assert "exercises/01_mine.ipynb:0: is not built from course/" in problems[1]
    assert mine.exists() and foreign.exists()


def test_a_folder_without_a_course_is_a_problem(tmp_path):
    (problem,) = authoring.build(tmp_path)
    assert "run this in the root of the repository" in problem


# ---- rules: (file, what is replaced, by what, what is said)

CHECK_CELL = '```{code-cell} ipython3\n:check: "01.1"\ncheck("01.1")\n```\n'
ANSWER_TWO = '+++ {"task": "01.2"}\n'

BROKEN = {
    "a misspelled marker": ("exercise", "### END SOLUTION", "### END SOLUTON", "unknown marker ### END SOLUTON"),
    "a hidden test": ("exercise", 'check("01.1")\n', 'check("01.1")\n### BEGIN HIDDEN TESTS\n', "unknown marker ###"),
    "a marker with fewer hashes": (
        "exercise",
        "        ### BEGIN SOL",
        "        # BEGIN SOL",
        "unknown marker # BEGIN",
    ),
    "a marker behind code": ("exercise", "if curvature:\n", "if curvature:  ### BEGIN SOLUTION\n", "unknown marker"),
    "a marker of code in text": (
        "exercise",
        "<!-- BEGIN SOLUTION -->\nBec",
        "### BEGIN SOLUTION\nBec",
        "write <!-- BEGIN",
    ),
    "a marker that text follows": (
        "exercise",
        "<!-- BEGIN SOLUTION -->\nBec",
        "<!-- BEGIN SOLUTION --> Bec",
        "unknown",
    ),
    "another comment": (
        "lesson",
        "The end.",
        "The end. <!-- BEGIN ANYTHING -->",
        "unknown marker <!-- BEGIN ANYTHING -->",
    ),
    "unknown metadata": (
        "exercise",
        ":hint:",
        ":hnit:",
        "unknown cell metadata 'hnit', use check, given, hint, tags, task",
    ),
    "an unknown tag": ("lesson", "hide-input", "hide-inptu", "unknown tag 'hide-inptu', use hide-input, hide-output"),
    "a task in a lesson": ("lesson", ":tags: [hide-input]", ':task: "01.1"', "unknown cell metadata 'task', use tags"),
    "an id without quotes": (
        "exercise",
        ':task: "01.1"',
        ":task: 01.1",
        'task is 1.1, not the id of a task, quote it: "01.',
    ),
    "a misspelled cell": (
        "lesson",
        "{code-cell} ipython3\n:",
        "{code-cel} ipython3\n:",
        "a directive that JupyterLab does",
    ),
    "an open solution": (
        "exercise",
        "        ### END SOLUTION\n",
        "",
        "### BEGIN SOLUTION has no END, balance the markers",
    ),
    "a solution that only ends": (
        "exercise",
        "<!-- BEGIN SOLUTION -->\nE",
        "E",
        "END SOLUTION --> has no BEGIN, balance",
    ),
    "a nested solution": (
        "exercise",
        "        ### BEGIN SOLUTION\n",
        "        ### BEGIN SOLUTION\n" * 2,
        "### BEGIN SOLUTION is nested, balance the markers",
    ),
    "a solution in a lesson": (
        "lesson",
        "The end.",
        "<!-- BEGIN SOLUTION -->\nThe end.\n<!-- END SOLUTION -->",
        "<!-- BEGIN SOLUTION --> in a lesson, move the task to exercise.md",
    ),
    "a solution outside an answer": (
        "exercise",
        "import numpy as np\n",
        "### BEGIN SOLUTION\nx = 1\n### END SOLUTION\n",
        "### BEGIN SOLUTION outside an answer",
    ),
    "a raw cell": ("lesson", "The end.", "```{raw-cell}\nx\n```", "raw cells are not built, write text or code"),
    "a header that is no YAML": ("lesson", "title: How", "title: a: How", "0: cannot be read (mapping values are not"),
    "no title": ("lesson", "title: How big a step\n", "", "cell 1: does not open with the header's title (None)"),
    "another title": (
        "lesson",
        "\n# How",
        "\n# So how",
        "cell 1: does not open with the header's title (How big a step)",
    ),
    "another chapter": ("lesson", "chapter: 1", "chapter: 2", "0: chapter is 2 in 01_steps, write chapter: 1 into"),
    "no line of minutes": (
        "lesson",
        "<!-- total -->",
        "",
        "cell 1: the line of minutes is missing or doubled, write <!--",
    ),
    "two lines of minutes": ("lesson", "The end.", "<!-- total -->", "the line of minutes is missing or doubled"),
    "no minutes": ("lesson", "minutes: 12\n", "", "0: minutes is None, measure and write minutes: 30 into the header"),
    "no time at all": ("lesson", "minutes: 12\n", "minutes: 0\n", "0: minutes is 0, measure"),
    "other minutes than its tasks": ("exercise", "chapter: 1", "chapter: 1\nminutes: 5", "is 5 but its tasks take 12"),
    "an image without alt text": (
        "lesson",
        "The end.",
        "![ ](../course)",
        "![ ](../course) has no alt text, say in words",
    ),
    "an img without alt text": ("lesson", "The end.", '<img src="../course">', 'src="../course"> has no alt text'),
    "an img with empty alt text": ("lesson", "The end.", '<img alt="" src="../course">', "has no alt text"),
    "Matplotlib imported": ("lesson", "lr = 0.5", "import matplotlib", "uses Matplotlib directly (no alt text"),
    "Matplotlib used": ("exercise", "import numpy as np", "plt.plot([1])", "uses Matplotlib directly (no alt text"),
    "a broken link": (
        "lesson",
        "The end.",
        "[x](../docs/x.md#y)",
        "the link ../docs/x.md#y leads nowhere, write the path",
    ),
    "a broken reference": ("lesson", "The end.", "[x]\n\n[x]: ../docs/x.md", "the link ../docs/x.md leads nowhere"),
    "a broken image": ("lesson", "The end.", "![a cliff](x.png)", "the link x.png leads nowhere"),
    "a broken anchor": ("exercise", "Done.", '<a href="../nowhere.md">x</a>', "the link ../nowhere.md leads nowhere"),
    "an open equation": ("lesson", "The end.", "The $$x end.", "$$ without a second $$, balance them"),
    "a tag outside an equation": ("lesson", "The end.", r"\tag{x-y}", r"\tag outside a display equation, put"),
    "two tags in an equation": ("lesson", "The end.", r"$$x \tag{a} y \tag{b}$$", r"write \tag{gd-threshold}"),
    "a label not in kebab-case": (
        "lesson",
        "The end.",
        r"$$x \tag{GD_1}$$",
        r"in kebab-case, write \tag{gd-threshold}",
    ),
    "a label used twice": (
        "exercise",
        "Done.",
        r"$$y \tag{gd-threshold}$$",
        "the label gd-threshold is taken (course/01_steps/lesson.md:cell 3), choose another",
    ),
    "an equation repeated without its label": (
        "exercise",
        "Done.",
        r"$$\eta <  \frac{2}{\lambda}$$",
        "repeats the equation gd-threshold without its label, refer to it instead",
    ),
    "a cell longer than a screen": (
        "lesson",
        "lr = 0.5",
        "lr = 0.5\n" * 31,
        "31 lines of code do not fit a screen (30)",
    ),
    "a heading of another form": ("exercise", "3 points, ", "", "is not a task's heading, write it like '## Task 01.3"),
    "a task of another chapter": ("exercise", "01.1", "02.1", "task 02.1 is of another chapter, call it 01.1"),
    "a task id used twice": ("exercise", "01.2", "01.1", "task 01.1 comes twice, give the second an id of its own"),
    "an answer under another heading": (
        "exercise",
        '"task": "01.2"',
        '"task": "01.3"',
        "stands under the heading of 01.2",
    ),
    "an answer before all headings": (
        "exercise",
        "## Task 01.1 ",
        "## ",
        "task 01.1 stands under the heading of no task",
    ),
    "two checks": ("exercise", CHECK_CELL, CHECK_CELL + "\n" + CHECK_CELL, "a second check cell of 01.1, keep one"),
    "a check cell that checks another": ("exercise", '\ncheck("01.1")', '\ncheck("01.2")', 'write check("01.1")'),
    "no check": ("exercise", CHECK_CELL, "", 'task 01.1 has no check after its answer, add a cell with check: "01.1"'),
    "a check before the answer": (
        "exercise",
        "Write `largest(curvature)`.\n",
        "Write `largest(curvature)`.\n\n" + CHECK_CELL,
        "a second check cell of 01.1, keep one",
    ),
    "no answer": ("exercise", ANSWER_TWO, "+++\n", 'task 01.2 has no answer, add a cell with task: "01.2"'),
    "an answer without a solution": (
        "exercise",
        "<!-- BEGIN SOLUTION -->\nBecause the largest curvature decides where it breaks.\n<!-- END SOLUTION -->",
        "Because.",
        "the answer of 01.2 has no solution, mark it with <!-- BEGIN SOLUTION -->",
    ),
    "an essay that is code": (
        "exercise",
        "(implement,",
        "(explain,",
        "the answer of 01.1 is code, write text for explain",
    ),
    "code that is an essay": (
        "exercise",
        "(explain,",
        "(derive,",
        "the answer of 01.2 is markdown, write text for explain",
    ),
    "a check of a later chapter": (
        "exercise",
        '\ncheck("01.1")',
        '\ncheck("01.1")\ncheck("03.2")',
        "needs task 03.2 of a later chapter, move it there",
    ),
    "a solution in text": (
        "exercise",
        "Why?",
        "Why? Hint: `return 2/curvature`",
        "shows 'return 2/curvature' of the solution",
    ),
    "a solution in code": (
        "exercise",
        "import numpy as np",
        "return 2 / curvature",
        "shows 'return 2/curvature' of the",
    ),
    "a comment of a solution": (
        "exercise",
        "Why?",
        "Why? The cliff: the cliff stands where the factor is minus one.",
        "shows 'the cliff stands where the factor is minus one' of the solution",
    ),
    "an explanation of a solution": (
        "exercise",
        "Done.",
        "Every step multiplies\nby the same number.",
        "shows 'Every step multiplies by the same number.' of the solution",
    ),
    "a solution in the title": (
        "exercise",
        "How big a step",
        "Every step multiplies by the same number.",
        "shows 'Every step multiplies by the same number.' of the solution",
    ),
    "a task that is not declared": (
        "exercise",
        "01.2",
        "01.3",
        "task 01.3 is not declared, add it to optlib/checks/chapter_01.py",
    ),
    "a declared task that is not set": (
        "exercise",
        "01.2",
        "01.3",
        "0: task 01.2 is declared in optlib/checks/chapter_01.py and not set here, write it or remove it there",
    ),
    "a title that differs": (
        "exercise",
        "In your words",
        "Words",
        "title is 'Words' here, 'In your words' in optlib/checks",
    ),
    "a kind that differs": (
        "exercise",
        "(implement,",
        "(find the bug,",
        "kind is 'find_the_bug' here, 'implement' in opt",
    ),
    "minutes that differ": (
        "exercise",
        "8 minutes",
        "1 minute",
        "minutes is 1 here, 8 in optlib/checks/chapter_01.py, make",
    ),
    "points that differ": ("exercise", "3 points", "1 point", "task 01.1: points is 1 here, 3 in optlib/checks"),
    "a difficulty that differs": ("exercise", "medium", "hard", "difficulty is 'hard' here, 'medium' in optlib/checks"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_rule_is_named_with_file_and_cell(course, case):
    kind, old, new, message = BROKEN[case]
    file = getattr(course, kind)
    course.change(file, old, new)
    problems = course.build(check=True)
    said = [problem for problem in problems if message in problem]
    assert said, problems
    assert all(re.match(rf"course/01_steps/{kind}\.md:(cell \d+|0): \S", problem) for problem in said)
    assert all("\n" not in problem and ", " in problem for problem in problems)


def test_a_source_with_broken_markers_is_not_built_and_others_are(course):
    course.change(course.exercise, "        ### END SOLUTION\n", "")
    course.build()
    assert [path.parent.name for path in course.files()] == ["notebooks"]


def test_a_check_must_follow_its_answer(course):
    course.change(course.exercise, CHECK_CELL, "")
    course.change(course.exercise, "Write `largest(curvature)`.\n", "Write `largest(curvature)`.\n\n" + CHECK_CELL)
    assert any("task 01.1 has no check after its answer" in problem for problem in course.build())


def test_given_code_may_repeat_the_lines_of_a_solution_of_its_own_task_only(course):
    cell = '```{code-cell} ipython3\n:given: "01.1"\nreturn 2 / curvature\n```\n'
    course.change(course.exercise, "Write `largest(curvature)`.\n", "Write `largest(curvature)`.\n\n" + cell)
    assert course.build() == []
    course.change(course.exercise, "Why?", "Why? `return 2 / curvature`")
    assert len(course.build()) == 1


def test_common_lines_of_a_solution_are_no_leak(course):
    course.change(
        course.exercise, "        return 2 / c", "        for _ in range(3):\n            pass\n        return 2 / c"
    )
    course.change(course.exercise, "import numpy as np\n", "import numpy as np\nfor _ in range(3):\n    print()\n")
    assert course.build() == []


def test_a_file_with_another_name_is_not_silently_left_out(course):
    (course.lesson.parent / "excercise.md").write_text(EXERCISE)
    (problem,) = course.build()
    assert problem.startswith("course/01_steps/excercise.md:0: is not built, call it")


def test_code_in_text_is_not_taken_for_links_tasks_or_equations(course):
    text = "Like `[x](nowhere)` and `![](x)`, $a[1](b)$\n\n```md\n## Task 9\n[x](nowhere) $$ <img>\n```\n"
    course.change(course.exercise, "Done.", text)
    course.change(course.lesson, "The end.", text)
    assert course.build() == []


def test_a_broken_chapter_of_checks_is_a_problem_not_a_crash(course, monkeypatch):
    def tasks(chapter):
        raise ValueError("Task 01.1: the id must look like '03.2'")

    monkeypatch.setattr(authoring.checks, "tasks", tasks)
    assert any(
        "optlib/checks/chapter_01.py cannot be loaded (Task 01.1: the id" in problem for problem in course.build()
    )


def test_labelled_equations_are_those_with_a_tag_without_tag_and_full_stop(course):
    assert authoring.labelled_equations(course.root) == {"gd-threshold": r"\eta < \frac{2}{\lambda}"}


def test_the_examples_of_the_guide_for_authors_keep_its_rules(tmp_path, monkeypatch):
    guide = (Path(authoring.__file__).parents[1] / "course/README.md").read_text()
    lesson, task = re.findall(r"^````md\n(.*?)^````$", guide, re.DOTALL | re.MULTILINE)
    folder = tmp_path / "course/01_gradient_descent"
    folder.mkdir(parents=True)
    (folder / "lesson.md").write_text(lesson)
    header = lesson[: lesson.index("# Gradient")].replace("minutes: 60\n", "")
    first = "# Gradient descent: how big a step?\n\n<!-- total -->\n\n"
    (folder / "exercise.md").write_text(header + first + task.replace("../notebooks/03_momentum.ipynb", "#next"))
    tasks = [
        declared("01.3", "Which way does it fail?", "implement", 8, 3, "medium"),
        declared("01.4", "In your own words", "explain", 5, 2, "easy"),
    ]
    monkeypatch.setattr(authoring.checks, "tasks", lambda chapter: tasks)
    assert authoring.build(tmp_path) == []
    cells = json.loads((tmp_path / "exercises/01_gradient_descent.ipynb").read_text())["cells"]
    assert [cell["id"] for cell in cells if "optlib" in cell["metadata"]] == [
        "task-01-3",
        "check-01-3",
        "hint-01-3",
        "task-01-4",
    ]
