"""The example chapter of the checks' tests, and notebooks to submit."""

import json
import sys
from pathlib import Path

import pytest

import optlib.checks
from optlib.checks import catalogue, learner

EXAMPLE = Path(__file__).parents[1] / "checks" / "example"


@pytest.fixture(autouse=True)
def example_chapter(monkeypatch, tmp_path):
    monkeypatch.setattr(optlib.checks, "__path__", [*optlib.checks.__path__, str(EXAMPLE)])
    monkeypatch.setattr(learner, "_record", learner.Record())
    monkeypatch.chdir(tmp_path)
    catalogue._load.cache_clear()
    yield
    catalogue._load.cache_clear()
    sys.modules.pop("optlib.checks.chapter_99", None)


@pytest.fixture
def submit(tmp_path):
    """Write a notebook with an answer to each task that is named, by default into the folder of one student."""

    def write(answers, student="ada", name="99_example.ipynb", marked=True):
        cells = [{"cell_type": "code", "id": "imports", "metadata": {}, "source": "import numpy as np"}]
        for id, source in answers.items():
            mark = {"optlib": {"task": id}} if marked else {}
            kind = "markdown" if id == "99.5" else "code"
            cells.append({"cell_type": kind, "id": f"cell-{len(cells)}", "metadata": mark, "source": source})
            check = f'check("{id}")'
            cells.append({"cell_type": "code", "id": f"cell-{len(cells)}", "metadata": {}, "source": check})
        path = tmp_path / student / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
        return path

    return write
