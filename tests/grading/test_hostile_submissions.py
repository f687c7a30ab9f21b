"""The attack corpus, with and without a sandbox: each answer gets its status, and the next answer is graded."""

import os
import platform
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from optlib.checks import running, task
from optlib.checks.ending import marked
from optlib.checks.learner import verdict
from optlib.checks.running import PLAIN, Runner
from optlib.checks.sandbox import SANDBOX
from optlib.checks.verdict import Trial
from optlib.checks.worker import seal

NEXT = "def best_rate(L, mu):\n    return 2 / (L + mu)"
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and forks are POSIX")
LINUX = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks into /proc, as Linux has it")
SEALED = pytest.mark.skipif(platform.machine() not in seal.MACHINES, reason="the kernel's filter needs another machine")


@pytest.fixture(
    scope="module",
    params=[PLAIN, pytest.param(SANDBOX, marks=pytest.mark.sandbox)],
    ids=lambda backend: backend.isolation,
)
def backend(request):
    """Each back end; the sandbox where it works, and everywhere in CI."""
    return request.param


@pytest.fixture(scope="module")
def runner(backend):
    with Runner(backend) as runner:
        yield runner


@pytest.fixture
def unsealed(monkeypatch):
    """Workers whose answers may start processes, as on machines without the kernel's filter."""
    monkeypatch.setattr(running, "SEAL", False)


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
    "a frame with more cases than were asked": (
        "import os, __main__ as worker\nframe = worker.pack({'cases': [{'value': 1.0, 'inputs': {}}] * 9})\n"
        "for fd in range(3, 20):\n    try: os.write(fd, frame)\n    except OSError: pass\n" + answer("return 0.0"),
        "died",
    ),
    "a fork bomb": (answer("import os\nwhile True: os.fork()"), "error"),
    "another program": (answer("import subprocess\nsubprocess.Popen(['sleep', '60'])"), "error"),
    "a daemon": (answer("import os\nif os.fork() == 0:\n    os.setsid()\n    os.fork()"), "error"),
    "300 threads": (
        answer("import threading, time\nfor _ in range(300): threading.Thread(target=time.sleep, args=(60,)).start()"),
        # where root's threads are not counted, memory ends first, and Python then waits for a thread that never began
        "error or timeout",
    ),
    "the network": (answer("import socket\nsocket.create_connection(('localhost', 9), timeout=1)"), "error"),
    "a signal to the grader": (answer("import os\nos.kill(os.getppid(), 9)"), "error"),
    "a signal to everybody": (answer("import os\nos.kill(-1, 9)"), "error"),
    "a disk fill": (answer("for i in range(4): open('x', 'wb').write(bytes(3 * 10**7))"), "error"),
    "an input transformer": (
        "get_ipython().input_transformers_post.append(lambda lines: ['pass'])\n" + answer("return 0.0"),
        "error",
    ),
    "a library that is not the learner's": (answer("import optlib.optimizers\nreturn 0.0"), "error"),
    "the checks": ("import optlib.checks.catalogue\n" + answer("return 0.0"), "error"),
    "a dict with keys that are no names": (answer("return {1: 2}"), "wrong"),
    "a result inside itself": (answer("x = []\nx.append(x)\nreturn x"), "wrong"),
}


@POSIX
@SEALED
@pytest.mark.parametrize("name", HOSTILE)
def test_it_gets_its_status_and_the_next_answer_is_graded(name, runner):
    source, status = HOSTILE[name]
    result = run(source, runner, seconds={"timeout": 0.5, "error or timeout": 5.0}.get(status, 60.0))
    assert result.status in status.split(" or "), result.message
    assert result.points == 0
    assert len(result.message) < 1000 and "Traceback" not in result.message
    assert run(NEXT, runner).status == "correct"


@POSIX
@pytest.mark.usefixtures("unsealed")
@pytest.mark.parametrize(
    "source",
    [
        "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)",
        "import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)",
        "import os, signal\nos.killpg(0, signal.SIGKILL)",
    ],
)
def test_an_attack_on_its_own_process_costs_the_next_answer_nothing(source, backend, monkeypatch):
    monkeypatch.setattr(running, "SETTLE", 0.5)
    with Runner(backend) as runner:
        assert run(source + "\n" + answer("return 0.0"), runner).points == 0
        assert run(NEXT, runner).status == "correct"


def count(mark):
    """How many processes run that bear the mark of a worker."""
    return sum(os.close(handle) is None for _, handle in marked(mark))


LEFT_BEHIND = {
    "a child": "if os.fork() == 0: time.sleep(60)",
    "a child in a session of its own": "if os.fork() == 0:\n    os.setsid()\n    time.sleep(60)",
    "a daemon": "if os.fork() == 0:\n    os.setsid()\n    if os.fork(): os._exit(0)\n    time.sleep(60)",
    "a daemon that has ended its ancestor": "parent = os.getppid()\nif os.fork() == 0:\n    os.setsid()\n"
    "    if os.fork(): os._exit(0)\n    os.kill(parent, 9)\n    time.sleep(60)\ntime.sleep(0.3)",
    "thirty daemons": "for _ in range(30):\n    if os.fork() == 0:\n        os.setsid()\n        time.sleep(60)",
}


@LINUX
@pytest.mark.usefixtures("unsealed")
@pytest.mark.parametrize("name", LEFT_BEHIND)
def test_nothing_is_left_running(name, backend, monkeypatch):
    monkeypatch.setattr(running, "SETTLE", 0.5)
    with Runner(backend) as runner:
        run("import os, time\n" + LEFT_BEHIND[name] + "\n" + NEXT, runner)
        mark, deadline = runner._mark, time.monotonic() + 5
        while "ended" not in name and count(mark) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert count(mark) > 1 or "ended" in name  # otherwise it would prove nothing
    assert count(mark) == 0


@LINUX
def test_nothing_is_left_running_after_a_timeout(backend):
    with Runner(backend) as runner:
        runner.start()
        mark = runner._mark
        assert run("while True: pass", runner, seconds=0.3).status == "timeout"
        assert count(mark) == 0


SEARCH = """
import os
found = []
for place, folders, files in os.walk("/"):
    if place.startswith(("/proc", "/dev")):
        folders.clear()
    for name in files:
        path = os.path.join(place, name)
        if name.endswith(".ipynb") or "chapter_" in name or "solutions" in path or "optlib/checks" in path:
            found.append(path)
        elif name.endswith(".py") and "/numpy" not in path and "/python3" not in path:
            try:
                text = open(path).read()
            except (OSError, UnicodeDecodeError):
                continue
            if "TASKS =" in text or "class Mistake" in text or "class Adam(" in text:
                found.append(path)
"""


@pytest.mark.sandbox
def test_a_search_of_the_file_system_finds_no_reference_no_check_and_nobody_elses_answers(submit):
    other = submit({"99.3": NEXT}, "bob")
    code = SEARCH + f"found += [p for p in ({str(other)!r}, {str(Path(__file__))!r}) if os.path.exists(p)]\n"
    code += "assert os.path.exists(os.__file__)\n"  # it can read at all
    with Runner(SANDBOX) as runner:
        result = run(code + "assert not found, found[:5]\n" + NEXT, runner)
    assert result.status == "correct", result.message


OWN_OPTIMIZER = """
from optlib import Hyper, Optimizer, minimize, problems, schedules, sweep

class Descent(Optimizer):
    lr: Hyper = 0.1

    @staticmethod
    def rule(theta, g, *, lr):
        theta[:] = theta - lr * g

def best_rate(L, mu):
    run = minimize(problems.Quadratic(), Descent(lr=schedules.Cosine(0.1, 50)), steps=50)
    assert run.loss[-1] < run.loss[0] and run.gradient_evaluations
    digits = minimize(problems.Digits(), Descent(), steps=2)
    assert digits.loss.shape == (3,)
    return 2 / (L + mu)
"""


def test_minimize_runs_with_a_learners_own_optimizer(runner):
    result = run(OWN_OPTIMIZER, runner)
    assert result.status == "correct", result.message


@POSIX
def test_one_answer_cannot_disturb_the_next(runner):
    run("import builtins\nbuiltins.float = builtins.len = None\nnp.sqrt = None\nnp.float64 = None\n" + NEXT, runner)
    assert run(NEXT, runner).status == "correct"


def test_where_nothing_can_fork_each_answer_has_a_new_process():
    with Runner(PLAIN, fork=False) as fresh:
        assert run("import os\nos._exit(1)", fresh).status == "died"
        assert run("while True: pass", fresh, seconds=1.0).status == "timeout"
        assert run("np.sqrt = None\n" + NEXT, fresh).status == "correct"
        assert run(NEXT, fresh).status == "correct"


@POSIX
def test_files_that_an_answer_writes_vanish():
    with Runner() as other:
        assert run("open('small', 'w').write('x')\n" + NEXT, other).status == "correct"
        folder = other._folder
        assert folder.exists()
    assert not folder.exists()


def test_the_environment_of_the_grader_is_not_handed_on(backend, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "x")
    with Runner(backend) as fresh:
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
