"""The instructor guide: each of its commands is one, and those that need no other tool are run, in their order."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from optlib import cli

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/instructors.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("optlib ")]
INLINE = re.findall(r"`(optlib [^`]+)`", GUIDE)


@pytest.mark.parametrize("command", sorted({*COMMANDS, *INLINE}))
def test_the_guides_commands_are_commands(command):
    arguments = shlex.split(command)[1:]
    if len(arguments) == 1:  # its name alone, in a sentence
        assert parser_help(*arguments)
    else:
        cli.command_line().parse_args(arguments)


def test_every_option_that_the_guide_names_is_one():
    helps = parser_help("grade") + parser_help("release")
    named = set(re.findall(r"`(--[a-z-]+)", GUIDE))
    assert named and not [option for option in named if option not in helps]


def parser_help(name):
    (commands,) = [action for action in cli.command_line()._actions if hasattr(action, "choices") and action.choices]
    return commands.choices[name].format_help()


def test_the_guides_commands_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for student in ("ada", "bob"):
        place = Path("submissions", student)
        place.mkdir(parents=True)
        shutil.copy(ROOT / "solutions/03_momentum.ipynb", place)
    Path("my").mkdir()
    shutil.copy(ROOT / "solutions/03_momentum.ipynb", "my")
    done = set()
    for command in COMMANDS:
        if command in done or "--require-sandbox" in command or "my-class/submitted" in command or "--marks" in command:
            continue  # they need bubblewrap or nbgrader: tests/grading and tests/classroom
        assert cli.main(shlex.split(command)[1:]) == 0, (command, capsys.readouterr())
        done.add(command)
    for name in ("marks.csv", "report.json", "essays.csv", "hand-out/optimizers.zip", "feedback"):
        assert Path(name).exists(), name
    for name in (
        "gradescope/03_momentum-autograder.zip",
        "classroom/template/README.md",
        "my-class/nbgrader_config.py",
    ):
        assert Path(name).exists(), name


def test_the_readme_leads_to_the_guide():
    assert "(docs/instructors.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
