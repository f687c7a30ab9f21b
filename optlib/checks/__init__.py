"""What the exercises are checked against, and the three words a learner needs: `check`, `hint`, `progress`.

In a notebook
-------------
>>> check("03.2")                # doctest: +SKIP
>>> hint("03.2")                 # doctest: +SKIP
>>> progress()                   # doctest: +SKIP

The learner's cell is run alone, after the prelude (`import numpy as np`), in a separate process. That process returns
data; the comparison happens here. `check`, `optlib check FILE` and `optlib grade` run an answer the same way, so that
they agree.

Writing the tasks of a chapter
------------------------------
One file a chapter, `optlib/checks/chapter_NN.py`, which exports `TASKS`, a list of `Task`. A complete one:

```python
import numpy as np

from optlib.checks import Mistake, Task


def momentum_step(theta, g, m, lr, beta):                      # the reference: right, in the lesson's own form
    m = beta * m + g
    return theta - lr * m, m


def drive(answer, theta, m, gradients, lr, beta):              # the harness: drives the answer, returns plain data
    theta, m = theta.copy(), m.copy()                          # the answer may change these two in place ...
    thetas, ms = [], []
    for g in gradients:                                        # ... but not g: that would be found and told
        new = answer(theta, g, m, lr, beta)
        if new is not None:                                    # returned; otherwise it worked in place
            theta, m = new
        thetas.append(np.array(theta))
        ms.append(np.array(m))
    return {"theta": np.array(thetas), "m": np.array(ms)}


def cases(rng):                                                # simple to complicated, extra hyperparameters off first
    zero, theta, m = np.zeros(3), rng.normal(size=3), rng.normal(size=3)
    gradients = rng.normal(size=(4, 3))                        # they vary: constant ones hide mistakes
    one, four = {"theta": theta, "gradients": gradients[:1]}, {"theta": theta, "gradients": gradients}
    return [
        {"label": "one step from rest, beta = 0", **one, "m": zero, "lr": 0.1, "beta": 0.0},
        {"label": "one step from a warm state", **one, "m": m, "lr": 0.1, "beta": 0.9},
        {"label": "four steps from a warm state", **four, "m": m, "lr": 0.1, "beta": 0.9},
    ]


def averaged(theta, g, m, lr, beta):
    m = beta * m + (1 - beta) * g
    return theta - lr * m, m


def late(theta, g, m, lr, beta):
    return theta - lr * m, beta * m + g


def uphill(theta, g, m, lr, beta):
    m = beta * m + g
    return theta + lr * m, m


def in_place(theta, g, m, lr, beta):
    m *= beta
    m += g
    theta -= lr * m


TASKS = [
    Task(
        id="03.2",
        title="Write momentum",
        kind="implement",                                      # one of KINDS in declaration.py
        minutes=8,                                             # one of MINUTES in declaration.py
        points=3,                                              # 1 to 10
        difficulty="medium",                                   # easy, medium, hard
        name="momentum_step",                                  # the function (or value) that the learner's cell defines
        done="Four steps from any state agree with the update above.",
        reference=momentum_step,
        cases=cases,
        run=drive,
        mistakes=[
            Mistake(averaged, "You average the gradients. Here the velocity is their sum: the gradient enters whole."),
            Mistake(late, "The step uses the velocity from before this gradient. Update `m` first, then step."),
            Mistake(uphill, "Which way is down? You walk along the velocity, up the hill."),
        ],
        right=[in_place],
        hints=["Which of the two arrays does the gradient enter?", "`m` first, then `theta` with the new `m`."],
    ),
]
```

The rules behind it:

- `cases(rng)` returns dicts of plain inputs: numbers, strings, True/False, None, NumPy arrays (floats, integers,
  booleans), lists and dicts of them. The first key is `label`, a short text for the learner. Two more keys are not
  passed on: `rtol` (for this case only, such as 1e-5 where arrays are float32) and `weight` (see `partial`). Everything
  random comes from `rng`: the grader draws anew.
- `run(answer, **inputs)` is sent as source to the learner's process, so it stands on its own: `np` is there, everything
  else is imported or defined inside. It returns numbers, strings, arrays, or tuples and dicts of them. `answer` is what
  the cell defines under `name`; call it as often as needed, with functions built inside (a `gradient`, say). When the
  answer is a value rather than a function, return it. Return what the answer gave as it is (no `float(...)`, no
  `np.array(...)` around a single result): the comparison accepts numbers in any guise and explains a wrong form.
- Equal means: the same shape, then `|given - expected| <= atol + rtol * |expected|` (`rtol` 1e-9, `atol` 1e-12 unless
  given); NaN equals nothing; strings, booleans and integers exactly. An input that differs afterwards is wrong, unless
  its name is in `may_change`.
- A mistake is recognised when the answer's outcomes equal the mistake's on every case where they differ from the
  reference. So the cases must tell the mistakes apart, which `tests/checks` verifies: each mistake is rejected with its
  own sentence, each of `right` passes, and mechanical mutations of the reference are noticed. A mistake may also raise,
  change an input, or return the wrong shape.
- Where many answers are right (tune, design), give `measure(output, **inputs)`: it runs on the trusted side, on what
  `run` returned, and its result is compared instead: `run` returns `lr`, `measure` trains with it and returns
  `{"reached": True}`. What `run` returns must still have the form of what it returns for the reference.
- Where evaluations are counted, give `oracle` and `budget`: `oracle(**inputs)` returns, on the trusted side, a function
  of theta that gives `(loss, gradient)`. `run(answer, oracle, **inputs)` gets an `oracle(theta)` that asks it, and that
  stops with an error when it is asked more than `budget` times in a case. `measure(output, evaluations, **inputs)` is
  told the count, which the learner's process cannot forge. An answer never sees the function itself.
- `partial=True` pays the share of the cases passed (by `weight`); otherwise all or nothing. The status is `partly`
  either way.
- An answer of kind implement that passes is kept in the learner's `my/my_optlib.py` (`keeping.py`). Where it is the
  rule of an optimizer, in place and with the hyperparameters as keywords (`rule(theta, g, v, *, t, lr, momentum)`),
  `keep="Momentum"` names the library's class: the learner's gets that name, and the library's defaults. Other answers
  are kept as functions, so no two of them have the same name in the course.
- `kind="explain"` takes `rubric=[...]` instead of name, reference, cases and run: it is graded by hand.
- `seconds` is what an answer may take over all cases (default 5); the reference should need milliseconds.
- `right` should hold answers written differently: in place, returning, with loops, in another algebraic form.
"""

from optlib.checks.catalogue import chapters, task, tasks
from optlib.checks.declaration import Mistake, Task
from optlib.checks.feedback import Feedback
from optlib.checks.learner import check, check_file, hint, keep_spare, progress
from optlib.checks.notebook import Unreadable

__all__ = [
    "Feedback",
    "Mistake",
    "Task",
    "Unreadable",
    "chapters",
    "check",
    "check_file",
    "hint",
    "progress",
    "task",
    "tasks",
]

keep_spare()  # only in a notebook: the first check then need not wait for a process to start
