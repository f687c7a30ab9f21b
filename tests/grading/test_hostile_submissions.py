"""Hostile and broken answers on the plain back end: each gets its status, and the next answer is graded."""

import os
import signal
import threading
import time
from dataclasses import replace

import pytest

from optlib.checks import running, task
from optlib.checks.learner import verdict
from optlib.checks.running import Runner
from optlib.checks.verdict import Trial

NEXT = "def best_rate(L, mu):\n    return 2 / (L + mu)"
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and forks are POSIX")


@pytest.fixture(scope="module")
def runner():
    with Runner() as runner:
        yield runner


def run(source, runner, seconds=10.0):
    trial = Trial(replace(task("99.3"), seconds=seconds), 0)
    return verdict(trial, source, (), runner)


def answer(body):
    return "def best_rate(L, mu):\n" + "\n".join("    " + line for line in body.splitlines())


HOSTILE = {
    "an endless loop": (answer("while True: pass"), "timeout"),
    "an endless loop while the cell is defined": ("while True: pass", "timeout"),
    "a loop that catches everything": (
        answer("while True:\n    try:\n        while True: pass\n    except BaseException: pass"),
        "timeout",
    ),
    "interrupts ignored": (
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)",
        "timeout",
    ),
    "a long sleep": ("import time\ntime.sleep(60)", "timeout"),
    "leaving Python": ("import os\nos._exit(0)", "died"),
    "a crash": ("import ctypes\nctypes.string_at(0)", "died"),
    "SystemExit": (answer("raise SystemExit"), "error"),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", "error"),
    "endless recursion": (answer("return best_rate(L, mu)"), "error"),
    "8 GB at once": (answer("return np.ones(10**9)"), "memory"),
    "memory piece by piece": (answer("kept = []\nwhile True: kept.append(bytearray(10**8))"), "memory"),
    "100 MB of output": (answer("print('x' * 10**8)\nreturn 2 / (L + mu)"), "output_limit"),
    "endless output": (answer("while True: print('x' * 1000)"), "output_limit"),
    "a huge result": (answer("return np.zeros(10**7)"), "output_limit"),
    "a list of ten million lists": (answer("return [[1.0]] * 10**7"), "output_limit"),
    "NaN": (answer("return float('nan')"), "wrong"),
    "an object that equals everything": (
        "class Yes(float):\n    def __eq__(self, other): return True\n    __hash__ = None\n" + answer("return Yes(0)"),
        "wrong",
    ),
    "an array that equals everything": (
        "class Yes(np.ndarray):\n    def __eq__(self, other): return True\n" + answer("return np.zeros(()).view(Yes)"),
        "wrong",
    ),
    "a pickled object": (
        "class Bomb:\n    def __reduce__(self): return (print, ('unpickled',))\n" + answer("return Bomb()"),
        "wrong",
    ),
    "an array of objects": (answer("return np.array([print], dtype=object)"), "wrong"),
    "NumPy's comparison replaced": (
        "np.testing.assert_allclose = np.allclose = np.array_equal = np.isclose = lambda *a, **k: True\n"
        + answer("return 0.0"),
        "wrong",
    ),
    "NumPy's square root replaced": ("np.sqrt = np.abs = np.asarray = lambda *a: 0\n" + answer("return 0.0"), "wrong"),
    "the worker replaced": ("import __main__\n__main__.attempt = lambda *a: None\n" + answer("return 0.0"), "died"),
    "forged frames of rubbish": (
        "import os\nfor fd in range(3, 20):\n    try: os.write(fd, b'x' * 64)\n    except OSError: pass\n"
        + answer("return 0.0"),
        "died",
    ),
    "a forged verdict": (
        "import os, __main__ as worker\nframe = worker.pack({'status': 'correct'})\nfor fd in range(3, 20):\n"
        "    try: os.write(fd, frame)\n    except OSError: pass\n" + answer("return 0.0"),
        "died",
    ),
    "a forged frame without end": (
        "import os, struct\nfor fd in range(3, 20):\n    try: os.write(fd, struct.pack('>II', 2**32 - 1, 2**32 - 1))\n"
        "    except OSError: pass\n" + answer("return 0.0"),
        "died",
    ),
    "an error without words": (
        "class Mute(BaseException):\n    def __str__(self): raise self\n" + answer("raise Mute"),
        "error",
    ),
    "an error of a million words": (answer("raise ValueError('x' * 10**6)"), "error"),
    "no end of brackets": ("(" * 10**5, "syntax_error"),
    "a null byte": ("x = '\0'", "syntax_error"),
    "asking the terminal": (answer("return float(input('rate? '))"), "error"),
    "a dict with keys that are no names": (answer("return {1: 2}"), "wrong"),
    "a result inside itself": (answer("x = []\nx.append(x)\nreturn x"), "wrong"),
}


@POSIX
@pytest.mark.parametrize("name", HOSTILE)
def test_it_gets_its_status_and_the_next_answer_is_graded(name, runner):
    source, status = HOSTILE[name]
    result = run(source, runner, seconds=1.0 if status == "timeout" else 10.0)
    assert result.status == status, result.message
    assert result.points == 0
    assert len(result.message) < 1000 and "Traceback" not in result.message
    assert run(NEXT, runner).status == "correct"


@POSIX
@pytest.mark.parametrize(
    "source",
    [
        "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)",
        "import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)",
        "import os, signal\nos.killpg(0, signal.SIGKILL)",
    ],
)
def test_an_attack_on_its_own_process_costs_the_next_answer_nothing(source, runner, monkeypatch):
    monkeypatch.setattr(running, "SETTLE", 0.5)
    assert run(source + "\n" + answer("return 0.0"), runner).points == 0
    assert run(NEXT, runner).status == "correct"


@POSIX
def test_what_an_answer_starts_ends_with_its_notebook(tmp_path):
    mark = tmp_path / "alive"
    source = f"""
import os, time
if os.fork() == 0:
    for _ in range(200):
        open({str(mark)!r}, "w").write(str(time.time()))
        time.sleep(0.05)
    os._exit(0)
"""
    with Runner() as runner:
        run(source + NEXT, runner)
        deadline = time.monotonic() + 5
        while not mark.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
    before = mark.read_text()
    time.sleep(0.3)
    assert mark.read_text() == before


@POSIX
def test_a_child_that_escapes_does_not_hold_the_grader_up(tmp_path):
    mark = tmp_path / "escaped"
    source = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    open({str(mark)!r}, "w").write(str(os.getpid()))
    time.sleep(60)
    os._exit(0)
while not os.path.exists({str(mark)!r}) or not open({str(mark)!r}).read():
    time.sleep(0.01)
"""
    with Runner() as runner:
        assert run(source + answer("os._exit(1)"), runner).status == "died"
    os.kill(int(mark.read_text()), signal.SIGKILL)  # raises if it is not running: then it would prove nothing


@POSIX
def test_one_answer_cannot_disturb_the_next(runner):
    run("import builtins\nbuiltins.float = builtins.len = None\nnp.sqrt = None\nnp.float64 = None\n" + NEXT, runner)
    assert run(NEXT, runner).status == "correct"


def test_where_nothing_can_fork_each_answer_has_a_new_process():
    with Runner(fork=False) as fresh:
        assert run("import os\nos._exit(1)", fresh).status == "died"
        assert run("while True: pass", fresh, seconds=1.0).status == "timeout"
        assert run("np.sqrt = None\n" + NEXT, fresh).status == "correct"
        assert run(NEXT, fresh).status == "correct"


@POSIX
def test_files_that_an_answer_writes_are_bounded_and_vanish(runner):
    source = "with open('large', 'wb') as file:\n    file.write(bytes(10**8))\n" + NEXT
    assert run(source, runner).status in ("error", "died")
    with Runner() as other:
        assert run("open('small', 'w').write('x')\n" + NEXT, other).status == "correct"
        folder = other._folder
        assert folder.exists()
    assert not folder.exists()


def test_the_environment_of_the_grader_is_not_handed_on(runner, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "x")
    with Runner() as fresh:
        source = "import os\nassert 'SECRET_TOKEN' not in os.environ\n" + NEXT
        assert run(source, fresh).status == "correct"


def test_checks_cannot_be_run_from_within_an_answer(runner):
    source = "from optlib.checks import check\nimport optlib.checks\n" + NEXT + '\ncheck("99.3")\n'
    source += "assert not hasattr(optlib.checks, 'tasks')"
    assert run(source, runner, seconds=10.0).status == "correct"


def test_no_threads_are_left_behind():
    before = threading.active_count()
    with Runner() as runner:
        run(NEXT, runner)
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= before
