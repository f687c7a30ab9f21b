"""The command `optlib`: each subcommand calls one function of the module that owns it, imported when it is needed."""

from __future__ import annotations

import argparse
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optlib import grading

DESCRIPTION = "The optimizer course: open it, build it, check and grade its exercises."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns 0 when all is well, 1 when something is not, 2 when it could not be tried."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no tick shows a question mark
    parser = command_line()
    options, further = parser.parse_known_args(arguments)
    if further and options.run is not lab:
        parser.error(f"unrecognized arguments: {' '.join(further)}")
    options.further = further

    from optlib.lab import CourseError

    try:
        return options.run(options)
    except CourseError as error:
        print(f"optlib {options.command}: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "optlib":
            if (error.name or "").count(".") != 1:
                raise
            print(f"optlib {options.command}: this copy is the hand-out for students and does without", file=sys.stderr)
            return 2
        print(f'optlib {options.command}: needs {error.name}: run `pip install -e ".[test]"`', file=sys.stderr)
        return 2


def command_line() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("optlib", description=DESCRIPTION, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], says: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=says, description=says, allow_abbrev=False)
        added.set_defaults(run=run)
        return added

    added = command("lab", lab, "Open the course in JupyterLab, on your own copies in my/.")
    added.add_argument("--no-browser", action="store_true", help="print the address instead of opening a browser")
    added.add_argument("--port", type=int, help="where to listen (8888, or the next free one)")
    added.epilog = "Further options go to `jupyter lab`."

    added = command("build", build, "Make notebooks/, exercises/ and solutions/ from course/.")
    added.add_argument("--check", action="store_true", help="write nothing, only say what is stale or wrong")

    added = command("check", check, "Check an exercise notebook, with the verdicts that check() gives in it.")
    added.add_argument("file", metavar="FILE")

    grading_options(
        command("grade", grade, "Grade exercise notebooks; the exit status is 1 when one could not be graded.")
    )

    release_options(command("release", release, "Make what is handed out: nbgrader, Gradescope, GitHub, or a zip."))

    command("mine", mine, "Compare the optimizers that you wrote with the library's.")

    added = command("bench", bench, "Run the benchmarks: ratios, measured side by side.")
    added.add_argument("name", nargs="?", metavar="NAME", help="one of them, as W1 or by its file's name")

    command("doctor", doctor, "Look whether everything is here that the course needs.")
    return parser


def grading_options(added: argparse.ArgumentParser) -> None:
    added.add_argument("files", nargs="*", metavar="FILE", help="notebooks, and folders or zip files with notebooks")
    for name, what in (
        ("json", "the report; beside it a journal, from which --resume goes on"),
        ("csv", "marks, in nbgrader's order of columns"),
        ("essays", "what a person has to read, with the rubric and empty columns for points and comment"),
    ):
        added.add_argument(f"--{name}", metavar="FILE", help=f"write there: {what}")
    added.add_argument("--html", metavar="FOLDER", help="write there: a page of feedback for each student")
    merge = "put the points of a filled-in --essays file into the report (without FILE: into the one that --json names)"
    added.add_argument("--merge", metavar="ESSAYS", help=merge)
    added.add_argument("--resume", action="store_true", help="grade only what an earlier run to this --json has not")
    added.add_argument("--seed", type=int, help="draw the inputs of an earlier report again")
    added.add_argument("--timeout", type=float, default=10.0, metavar="S", help="seconds for an answer (%(default)g)")
    added.add_argument("--memory", type=int, default=1024, metavar="MB", help="of memory for an answer (%(default)s)")
    added.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="grade so many at a time")
    added.add_argument("--require-sandbox", action="store_true", help="refuse to grade without a sandbox")
    added.add_argument("--chapter", metavar="NN", help="all must be this exercise")
    whose = "whose it is: `auto` (Canvas, Moodle, Gradescope, nbgrader, or else the folder), `folder`, or a regular "
    whose += "expression with a group for the file's name"
    added.add_argument("--student", default="auto", metavar="PATTERN", help=whose)


def release_options(added: argparse.ArgumentParser) -> None:
    added.add_argument("folder", metavar="FOLDER", help="where to write; without an option below, for nbgrader")
    kind = added.add_mutually_exclusive_group()
    kind.add_argument("--students", action="store_true", help="a zip of the course without solutions and references")
    kind.add_argument("--gradescope", action="store_true", help="an autograder zip for each exercise")
    kind.add_argument("--github", action="store_true", help="GitHub Classroom: a template, and the grader for yourself")
    kind.add_argument("--marks", metavar="REPORT", help="write the marks of a --json report into nbgrader's database")
    added.add_argument("--chapter", action="append", default=[], metavar="NN", help="only this one (may be repeated)")
    seen = "when Gradescope shows results: visible, after_due_date, after_published, hidden (%(default)s)"
    added.add_argument("--visibility", default="visible", metavar="WHEN", help=seen)


def lab(options: argparse.Namespace) -> int:
    from optlib.lab import lab

    lab(browser=not options.no_browser, port=options.port, options=options.further)
    return 0


def build(options: argparse.Namespace) -> int:
    from optlib.authoring import build
    from optlib.lab import checkout

    problems = build(checkout(), check=options.check)
    print("\n".join(problems) or "The notebooks are what course/ says.")
    return 1 if problems else 0


def check(options: argparse.Namespace) -> int:
    from optlib.checks import check_file

    try:
        feedback = check_file(options.file)
    except ValueError as error:
        print(f"optlib check: {options.file}: {error}", file=sys.stderr)
        return 2
    print("\n\n".join(map(str, feedback)))
    return 0 if all(one.status in ("correct", "manual") for one in feedback) else 1


def grade(options: argparse.Namespace) -> int:
    from optlib import grading

    names = ("seed", "timeout", "jobs", "student", "chapter", "resume", "require_sandbox")
    given = {name: getattr(options, name) for name in names}
    try:
        if options.files:
            given |= {"memory": options.memory << 20, "progress": sys.stderr.isatty()}
            report = grading.grade(options.files, json=options.json, **given)
        elif options.merge and options.json:
            report = grading.Report.read(options.json)
        else:
            raise ValueError("name the files to grade, or with --merge the report (--json)")
        if options.merge:
            report = grading.merge_essays(report, options.merge)
        print(f"{report}\n\n{grading.summary(report)}")
        if report.isolation == "none":
            print(without_sandbox())
        write_reports(report, options)  # after printing: a report that cannot be written is not lost
    except (ValueError, OSError, re.error) as error:
        print(f"optlib grade: {str(error).removeprefix('grade: ')}", file=sys.stderr)
        return 2
    return report.exit_code


def without_sandbox() -> str:
    from optlib.checks.sandbox import reason_against

    reason = reason_against()
    why = f" ({reason})" if reason else ""
    return f"isolation: none. The answers ran without a sandbox{why}: they could read the files of this machine."


def write_reports(report: grading.Report, options: argparse.Namespace) -> None:
    from optlib import grading

    if options.json:
        report.write(options.json)
    if options.csv:
        grading.write_marks(report, options.csv)
    if options.essays:
        print(f"{grading.write_essays(report, options.essays)} essays to read in {options.essays}")
    if options.html:
        print(f"{grading.write_pages(report, options.html)} pages of feedback in {options.html}")


def release(options: argparse.Namespace) -> int:
    from optlib import release
    from optlib.lab import checkout

    if options.marks:
        done = release.marks(options.folder, options.marks)
    elif options.gradescope:
        done = release.gradescope(checkout(), options.folder, options.chapter, options.visibility)
    else:
        make = release.students if options.students else release.github if options.github else release.nbgrader
        done = make(checkout(), options.folder, options.chapter)
    print(done)
    return 1 if done.kept else 0


def mine(options: argparse.Namespace) -> int:
    from optlib.mine import NotYours, compare

    try:
        print(compare())
    except NotYours as error:
        print(f"optlib mine: {error}", file=sys.stderr)
        return 2
    return 0


def bench(options: argparse.Namespace) -> int:
    from optlib.lab import CourseError, checkout

    folder = checkout() / "benchmarks"
    scripts = {}
    for script in sorted(folder.glob("*.py")):
        if named := re.match(r'"""(W\w+): ', script.read_text(encoding="utf-8")):
            scripts[named[1]] = script
    name = options.name
    chosen = [script for key, script in scripts.items() if name in (None, key, script.stem)]
    if not chosen:
        known = ", ".join(f"{key} ({script.stem})" for key, script in scripts.items())
        raise CourseError(f"no benchmark {name or 'at all'} in {folder}; there are {known or 'none'}")
    one_thread = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")}
    results = [subprocess.run([sys.executable, script], env=os.environ | one_thread) for script in chosen]
    return 1 if any(result.returncode for result in results) else 0


def doctor(options: argparse.Namespace) -> int:
    from optlib.doctor import doctor

    diagnosis = doctor()
    print(diagnosis)
    return 0 if diagnosis.healthy else 1
