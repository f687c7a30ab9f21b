"""The machine that runs update rules: one run or many, two coordinates or ten million.

An optimizer is a frozen dataclass of hyperparameters with one static method ``rule``, which is the algorithm box of the
paper, and ``slots``, the arrays it remembers between steps. Everything else is here: schedules are resolved,
hyperparameters with one value per run become columns, large arrays are fed to the rule in cache-sized blocks, and bad
input is refused before anything changes.

    class SignSGD(Optimizer):
        lr: Hyper = 1e-3

        @staticmethod
        def rule(theta, g, *, lr):
            theta[:] = theta - lr * np.sign(g)
"""

from __future__ import annotations

import dataclasses
import dis
import json
import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import FunctionType
from typing import Any, ClassVar, dataclass_transform

import numpy as np

#: A number, one value per run with shape ``(runs,)``, or a schedule: a callable of the number of updates already done.
Hyper = float | np.ndarray | Callable[..., Any]

#: The size of one temporary of a rule: arrays and temporaries of a block stay in the second-level cache together.
BLOCK_BYTES = 96 * 1024

# glibc returns freed memory to the system, and every page of it costs a fault when it is used again, until one array of
# some size has been freed: from then on it keeps as much. Elsewhere this does nothing.
np.empty(16 << 20, np.uint8)

#: An interval as it is printed, and its test.
Interval = tuple[str, Callable[[Any], Any]]

FINITE: Interval = ("(-inf, inf)", np.isfinite)
NONNEGATIVE: Interval = ("[0, inf)", lambda x: (x >= 0) & (x < np.inf))
POSITIVE: Interval = ("(0, inf)", lambda x: (x > 0) & (x < np.inf))
FRACTION: Interval = ("[0, 1)", lambda x: (x >= 0) & (x < 1))
UNIT: Interval = ("[0, 1]", lambda x: (x >= 0) & (x <= 1))

#: Where hyperparameters of these names may lie, unless a class says otherwise in its ``ranges``.
RANGES: dict[str, Interval] = {
    **dict.fromkeys(("lr", "eps", "weight_decay", "initial_accumulator"), NONNEGATIVE),
    **dict.fromkeys(("beta", "beta1", "beta2", "beta3", "rho", "momentum", "decay"), FRACTION),
    "dampening": UNIT,
}

State = dict[str, Any]
Layout = Mapping[str, tuple[int, ...]]


class NonFiniteGradient(ArithmeticError):
    """The gradient of a single run holds NaN or infinity: the step was refused and nothing has changed."""


@dataclass_transform(eq_default=False, frozen_default=True, field_specifiers=(dataclasses.field,))
class Optimizer:
    """Base class of every optimizer. Subclass it, declare hyperparameters and ``slots``, and write ``rule``.

    A subclass becomes a frozen dataclass by itself. Its rule is called as ``rule(theta, g, *slots, **hyperparameters)``
    and works in place: ``theta[:] = ...``. By keyword it receives each field it names, and, if it names them, ``t``
    (the number of this update, from 1), ``loss``, and ``grad`` (a function that evaluates the gradient elsewhere on
    the same batch). A rule that is not elementwise may also name ``axes``, the last axes, which belong to one parameter
    of one run.

    Attributes
    ----------
    slots : tuple of str
        Arrays remembered between steps, shaped like theta, zero at first.
    elementwise : bool
        True when every coordinate is treated alike and alone, so that the rule may be run block by block. A rule with
        ``elementwise = False`` gets each parameter of the layout as an array ``(runs?, *shape)``.
    scalars : tuple of str
        Numbers remembered between steps, one per run, which ``prepare`` reads and writes.
    prepared : tuple of str
        What ``prepare`` returns for the rule.
    choices : dict of str -> tuple
        The values that a field which is not a number may take.
    ranges : dict of str -> Interval
        Where hyperparameters may lie, beside the usual ``RANGES``.
    """

    slots: ClassVar[tuple[str, ...]] = ()
    elementwise: ClassVar[bool] = True
    scalars: ClassVar[tuple[str, ...]] = ()
    prepared: ClassVar[tuple[str, ...]] = ()
    choices: ClassVar[dict[str, tuple]] = {}
    ranges: ClassVar[dict[str, Interval]] = {}
    rule: ClassVar[Callable[..., None]]

    _rule_keywords: ClassVar[tuple[str, ...]] = ()
    _state_names: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        dataclasses.dataclass(frozen=True, eq=False)(cls)
        cls._state_names = frozenset(("t", *cls.slots, *cls.scalars, *(() if cls.elementwise else ("layout",))))
        if "rule" in cls.__dict__:
            if isinstance(cls.__dict__["rule"], FunctionType):
                cls.rule = staticmethod(cls.__dict__["rule"])
            cls._rule_keywords = _checked_keywords(cls)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if _is_hyper(field) and not (value is None and field.default is None):
                object.__setattr__(self, field.name, self._checked(field.name, value))
        for name, allowed in self.choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{type(self).__name__}: {name} must be one of {allowed}, got {getattr(self, name)!r}")
        _ = self.runs

    @property
    def runs(self) -> int | None:
        """How many runs the array hyperparameters describe, or None when every hyperparameter serves all runs."""
        found: dict[str, int] = {}
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            runs = _runs_in(getattr(self, field.name))
            if runs is not None:
                found[field.name] = runs
        if len(set(found.values())) > 1:
            told = ", ".join(f"{name} has {runs}" for name, runs in found.items())
            raise ValueError(f"{type(self).__name__}: hyperparameters disagree on the number of runs: {told}")
        return next(iter(found.values()), None)

    def select(self, runs: Any) -> Optimizer:
        """The same optimizer for some of its runs (a slice or an index array), as a sweep cuts its grid into chunks."""
        return _selected(self, runs)

    def init(self, theta: np.ndarray, layout: Layout | None = None) -> State:
        """The state before the first step: plain arrays and numbers, so that ``np.savez(file, **state)`` saves it.

        Parameters
        ----------
        theta : array of float, shape (n,) or (runs, n)
        layout : dict, optional
            Name and shape of each parameter inside theta, in order. Needed by rules that treat parameters as matrices.
        """
        self._check_theta(theta)
        state: State = {"t": 0, **{name: np.zeros((*theta.shape[:-1], 1)) for name in self.scalars}}
        if self.elementwise:
            return {**state, **{name: np.zeros_like(theta) for name in self.slots}}
        layout = layout or {"theta": (theta.shape[-1],)}
        text = layout_text(type(self).__name__, layout, theta.shape[-1])
        for name in self.slots:
            sizes = [math.prod(self.slot_shape(name, shape)) for shape in layout.values()]
            state[name] = np.zeros((*theta.shape[:-1], sum(sizes)), theta.dtype)
        return {**state, "layout": np.array(text)}

    def slot_shape(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of a remembered array for one parameter; rules that are not elementwise may choose another."""
        return shape

    def seen(self, parameter: np.ndarray) -> np.ndarray:
        """One parameter of theta or g, (runs?, *shape), as the rule sees it; another shape must be a view too."""
        return parameter

    def prepare(self, values: dict[str, Any], theta: np.ndarray, g: np.ndarray, state: State) -> dict[str, Any]:
        """Called once a step before the rule: may update the scalars of ``state``; returns ``prepared``."""
        return {}

    def step(
        self,
        theta: np.ndarray,
        g: np.ndarray,
        state: State,
        *,
        loss: Any = None,
        grad: Callable[[np.ndarray], np.ndarray] | None = None,
        check_finite: bool = True,
    ) -> None:
        """Update theta and state in place.

        Parameters
        ----------
        theta, g : array of float, shape (n,) or (runs, n)
            Parameters and gradient.
        state : dict
            What ``init`` returned, possibly saved and loaded in between.
        loss : float or array (runs,), optional
            Loss at theta, for rules that use it.
        grad : callable, optional
            ``grad(theta) -> g`` on the same batch, for rules that look at the gradient elsewhere.
        check_finite : bool
            Look for NaN and infinity in the gradient of a single run (many runs are watched by ``minimize``).

        Raises
        ------
        TypeError, ValueError
            Theta, g or state of the wrong kind or shape; the message names what was expected.
        NonFiniteGradient
            A single run whose gradient is not finite.
        """
        self._check_theta(theta)
        self._check_step(theta, g, state, loss, grad)
        if check_finite and theta.ndim == 1 and not all_finite(g):
            raise NonFiniteGradient(
                f"{type(self).__name__}: g has {np.sum(~np.isfinite(g))} non-finite of {g.size} values at update "
                f"{int(state['t']) + 1}; nothing was changed. Is the learning rate too large?"
            )
        t = int(state["t"]) + 1
        values = self._values(t, theta)
        values |= {"t": t, "loss": loss, "grad": grad, "axes": None}
        for name, value in self.prepare(values, theta, g, state).items():
            # a float64 scalar array would turn a float32 update into float64
            values[name] = np.asarray(value, theta.dtype) if theta.ndim == 2 else np.asarray(value).item()
        values = {name: values[name] for name in self._rule_keywords}
        arrays = [theta, g, *(state[name] for name in self.slots)]
        rebound = _rebound_names(type(self).rule, ("theta", *self.slots)) if t == 1 else ()
        before = [a.copy() for a in (theta, *arrays[2:])] if rebound else []
        if not self.elementwise:
            self._step_by_parameter(arrays, values, json_layout(str(state["layout"])))
        elif theta.nbytes <= BLOCK_BYTES or "grad" in values:
            self.rule(*arrays, **values)
        else:
            for rows, columns in _blocks(theta.shape, theta.itemsize):
                piece = [a[columns] if a.ndim == 1 else a[rows, columns] for a in arrays]
                own = values if theta.ndim == 1 else {name: _rows_of(value, rows) for name, value in values.items()}
                self.rule(*piece, **own)
        state["t"] = t
        if rebound:
            self._tell_rebinding(rebound, before, [theta, *arrays[2:]], g)

    def evaluation_point(self, theta: np.ndarray, state: State) -> np.ndarray:
        """Where the loss is reported: theta itself, unless the method keeps an average of it."""
        return theta

    def _checked(self, name: str, value: Any) -> Any:
        """A hyperparameter as it is kept: a float, a float array (runs,), or a schedule."""
        if callable(value):
            return value
        who = type(self).__name__
        try:
            array = np.asarray(value)
        except ValueError:  # a ragged list
            array = np.asarray(None)
        if array.dtype.kind not in "fiu":
            raise TypeError(f"{who}: {name} must be a number, an array (runs,) or a schedule, got {value!r}")
        if array.ndim > 1:
            raise ValueError(f"{who}: {name} must be a number or have shape (runs,), got shape {array.shape}")
        interval, inside = {**RANGES, **self.ranges}.get(name, FINITE)
        good = inside(array)
        if not np.all(good):
            worst = array[~good].flat[0] if array.ndim else array[()]
            raise ValueError(f"{who}: {name} must lie in {interval}, got {float(worst)}")
        if array.ndim == 0:
            return float(array)
        array = array.astype(float if array.dtype.kind != "f" else array.dtype)
        array.flags.writeable = False
        return array

    def _values(self, t: int, theta: np.ndarray) -> dict[str, Any]:
        """Hyperparameters and flags of update t: numbers as floats, one value per run as (runs, 1) in theta's dtype."""
        constants = self.__dict__.get("_constants")
        if constants is None or constants[0] != (theta.dtype, theta.shape):
            fixed, scheduled = {}, []
            for field in dataclasses.fields(self):  # type: ignore[arg-type]
                value = getattr(self, field.name)
                if _is_hyper(field) and callable(value):
                    scheduled.append((field.name, value))
                else:
                    fixed[field.name] = _column(type(self).__name__, field.name, value, theta)
            constants = ((theta.dtype, theta.shape), fixed, scheduled)
            object.__setattr__(self, "_constants", constants)
        values = dict(constants[1])
        for name, schedule in constants[2]:
            value = self._checked(name, schedule(t - 1))
            values[name] = _column(type(self).__name__, name, value, theta)
        return values

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if not name.startswith("_")}

    def _step_by_parameter(self, arrays: list[np.ndarray], values: dict[str, Any], layout: Layout) -> None:
        starts = [0] * len(arrays)
        for shape in layout.values():
            shapes = [shape, shape, *(self.slot_shape(name, shape) for name in self.slots)]
            views = []
            for i, (a, own_shape) in enumerate(zip(arrays, shapes, strict=True)):
                stop = starts[i] + math.prod(own_shape)
                views.append(a[..., starts[i] : stop].reshape(*a.shape[:-1], *own_shape))
                starts[i] = stop
            views[:2] = self.seen(views[0]), self.seen(views[1])
            axes = tuple(range(arrays[0].ndim - 1 - views[0].ndim, 0))
            columns = {k: v.reshape(-1, *[1] * len(axes)) if np.ndim(v) == 2 else v for k, v in values.items()}
            self.rule(*views, **({**columns, "axes": axes} if "axes" in values else columns))

    def _check_theta(self, theta: np.ndarray) -> None:
        who = type(self).__name__
        if not isinstance(theta, np.ndarray):
            raise TypeError(f"{who}: theta must be a NumPy array of floats, got {type(theta).__name__}")
        if theta.dtype.kind != "f":
            raise TypeError(f"{who}: theta must hold floats, got dtype {theta.dtype}; write theta.astype(float)")
        if theta.ndim not in (1, 2):
            raise ValueError(f"{who}: theta must have shape (n,) or (runs, n), got {theta.shape}")
        if not theta.flags.c_contiguous:
            raise ValueError(f"{who}: theta must be C-contiguous, since it is updated in place; pass a copy")
        if not theta.flags.writeable:
            raise ValueError(f"{who}: theta is read-only, but it is updated in place; pass a copy")

    def _check_step(self, theta: np.ndarray, g: Any, state: Any, loss: Any, grad: Any) -> None:
        who = type(self).__name__
        if not hasattr(type(self), "rule"):
            raise TypeError(f"{who} has no rule: define @staticmethod rule(theta, g, ...)")
        if not isinstance(g, np.ndarray) or g.dtype.kind != "f":
            raise TypeError(f"{who}: g must be a NumPy array of floats, got {getattr(g, 'dtype', type(g).__name__)}")
        if g.shape != theta.shape:
            raise ValueError(f"{who}: g must have the shape of theta {theta.shape}, got {g.shape}")
        if not isinstance(state, dict) or state.keys() != self._state_names:
            expected = sorted(self._state_names)
            got = sorted(state) if isinstance(state, dict) else type(state).__name__
            raise ValueError(f"{who}: state must hold {expected}, got {got}; make it with {who}.init(theta)")
        shape, dtype = theta.shape, theta.dtype
        for name in self.slots:
            slot = state[name]
            fits = slot.shape == shape if self.elementwise else slot.shape[:-1] == shape[:-1]
            if not fits or slot.dtype != dtype:
                raise ValueError(
                    f"{who}: state[{name!r}] must have shape {shape} and dtype {dtype} like theta, "
                    f"got {slot.shape} and {slot.dtype}; it belongs to another theta"
                )
        if loss is None and "loss" in self._rule_keywords:
            raise ValueError(f"{who} needs the loss: call step(theta, g, state, loss=loss); minimize does so")
        if grad is None and "grad" in self._rule_keywords:
            raise ValueError(f"{who} needs the gradient elsewhere: call step(..., grad=function); minimize does so")

    def _tell_rebinding(
        self, rebound: tuple[str, ...], before: list[np.ndarray], after: list[np.ndarray], g: np.ndarray
    ) -> None:
        for name, old, new in zip(("theta", *self.slots), before, after, strict=True):
            if name in rebound and np.any(g) and np.array_equal(old, new):
                raise TypeError(
                    f"{type(self).__name__}.rule changed nothing: '{name} = ...' only gives a local name a new array. "
                    f"Write {name}[:] = ... to change the array itself."
                )


def _checked_keywords(cls: type[Optimizer]) -> tuple[str, ...]:
    """The keyword names of a rule, after comparing its signature with the fields and slots of its class."""
    who, code = cls.__name__, cls.rule.__code__
    if code.co_flags & (CO_VARARGS | CO_VARKEYWORDS):
        raise TypeError(f"{who}.rule must name its arguments, without * or ** catch-alls")
    positional = code.co_varnames[: code.co_argcount]
    keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    expected = ("theta", "g", *cls.slots)
    if positional != expected:
        raise TypeError(f"{who}.rule must begin with ({', '.join(expected)}, *, ...), got ({', '.join(positional)})")
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    given = (*fields, *cls.prepared, "t", "loss", "grad", *(() if cls.elementwise else ("axes",)))
    unknown = [name for name in keywords if name not in given]
    if unknown:
        raise TypeError(f"{who}.rule asks for {unknown[0]!r}, which is not a field; fields are {list(fields)}")
    unused = [name for name, field in fields.items() if _is_hyper(field) and name not in keywords]
    if unused and cls.init is Optimizer.init and cls.prepare is Optimizer.prepare:
        raise TypeError(f"{who}.rule does not use the hyperparameter {unused[0]!r}; name it in the rule or remove it")
    return keywords


@cache
def _rebound_names(rule: Callable[..., None], names: tuple[str, ...]) -> tuple[str, ...]:
    """Which of the names the rule assigns as ``name = ...``, which leaves the array that was passed in unchanged."""
    rebound: set[str] = set()
    previous = None
    for instruction in dis.get_instructions(rule):
        if instruction.opname.startswith("STORE_FAST"):
            stored = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
            # "theta -= ..." works in place: the same array is stored back after an in-place operator
            in_place = previous is not None and previous.opname == "BINARY_OP" and previous.argrepr.endswith("=")
            if not in_place:
                rebound.update(name for name in stored if name in names)
        previous = instruction
    return tuple(name for name in names if name in rebound)


def _is_hyper(field: dataclasses.Field) -> bool:
    if isinstance(field.type, str):
        return field.type.removesuffix(" | None").split(".")[-1] == "Hyper"
    return field.type in (Hyper, Hyper | None)


def _column(who: str, name: str, value: Any, theta: np.ndarray) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    if theta.ndim != 2 or len(theta) != len(value):
        raise ValueError(
            f"{who}: {name} has {len(value)} runs, so theta must have shape ({len(value)}, n), got {theta.shape}"
        )
    return value.astype(theta.dtype)[:, None]


def _rows_of(value: Any, rows: slice) -> Any:
    return value[rows] if isinstance(value, np.ndarray) and value.ndim == 2 else value


def _runs_in(value: Any) -> int | None:
    if isinstance(value, np.ndarray):
        return len(value) if value.ndim == 1 else None
    if isinstance(value, dict):
        parts = list(value.values())
    elif isinstance(value, Optimizer):
        return value.runs
    elif dataclasses.is_dataclass(value):
        parts = [getattr(value, field.name) for field in dataclasses.fields(value)]
    else:
        return None
    found = {runs for part in parts if (runs := _runs_in(part)) is not None}
    if len(found) > 1:
        raise ValueError(f"{type(value).__name__}: parts disagree on the number of runs: {sorted(found)}")
    return next(iter(found), None)


def _selected(value: Any, runs: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value[runs] if value.ndim == 1 else value
    if isinstance(value, dict):
        return {key: _selected(part, runs) for key, part in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **{name: _selected(part, runs) for name, part in parts.items()})
    return value


def all_finite(g: np.ndarray) -> bool:
    """Whether an array holds neither NaN nor infinity."""
    # one fast pass, which never warns; a finite gradient whose squares overflow needs the slow one
    return math.isfinite(np.vdot(g, g)) or bool(np.isfinite(g).all())


def _blocks(shape: tuple[int, ...], itemsize: int) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of pieces of at most BLOCK_BYTES: whole rows where they are short, parts of a row otherwise."""
    elements = max(1, BLOCK_BYTES // itemsize)
    runs, n = (1, *shape)[-2:]
    height, width = max(1, elements // n), min(n, elements)
    for row in range(0, runs, height):
        for column in range(0, n, width):
            yield slice(row, row + height), slice(column, column + width)


def layout_text(who: str, layout: Layout, n: int) -> str:
    """The layout as JSON, so that a state can carry it through ``np.savez``; its size must be n."""
    total = sum(math.prod(shape) for shape in layout.values())
    if total != n:
        raise ValueError(f"{who}: the layout describes {total} parameters, but theta has {n}")
    return json.dumps({name: list(shape) for name, shape in layout.items()})


def check_count(who: str, name: str, value: Any, least: int = 1) -> None:
    """Refuse a field that must be a whole number."""
    if not isinstance(value, int) or value < least:
        raise ValueError(f"{who}: {name} must be a whole number >= {least}, got {value!r}")


@lru_cache
def json_layout(text: str) -> dict[str, tuple[int, ...]]:
    """The layout that ``layout_text`` wrote."""
    return {name: tuple(shape) for name, shape in json.loads(text).items()}
