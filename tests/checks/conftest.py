"""The example chapter, found like a real one; and one process for answers where many are checked."""

import sys
from pathlib import Path

import pytest

import optlib.checks
from optlib.checks import catalogue, learner
from optlib.checks.running import Runner

EXAMPLE = Path(__file__).parent / "example"


@pytest.fixture(autouse=True)
def example_chapter(monkeypatch):
    monkeypatch.setattr(optlib.checks, "__path__", [*optlib.checks.__path__, str(EXAMPLE)])
    catalogue._load.cache_clear()
    yield
    catalogue._load.cache_clear()
    sys.modules.pop("optlib.checks.chapter_99", None)


@pytest.fixture(autouse=True)
def fresh_record(monkeypatch, tmp_path):
    monkeypatch.setattr(learner, "_record", learner.Record())
    monkeypatch.chdir(tmp_path)


class Lasting(Runner):
    """A runner that stays open when a check is done with it."""

    def close(self):
        pass

    def end(self):
        super().close()


@pytest.fixture(scope="session")
def lasting():
    runner = Lasting()
    yield runner
    runner.end()


@pytest.fixture
def one_process(monkeypatch, lasting):
    """All answers of a test run in children of one process."""
    monkeypatch.setattr(learner, "take_runner", lambda: lasting)
    monkeypatch.setattr(learner, "Runner", lambda *_: lasting)
    return lasting
