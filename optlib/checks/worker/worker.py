"""Run a learner's answer and send back data. Whatever happens here is not trusted: the comparison is made elsewhere.

Started as `python -I worker.py LIMITS`. It reads requests from its standard input and writes replies to its standard
output; what an answer prints goes to standard error. A request holds source texts and inputs, a reply holds numbers,
texts and arrays, never pickled objects. On Linux each request runs in a fork, so that one answer cannot disturb the
next; elsewhere the process ends after one request.

This folder imports nothing but the standard library and NumPy. Besides it, a sandbox holds the modules of optlib that
an answer may use, and no others; without a sandbox the same ones can be imported.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.abc
import importlib.util
import json
import linecache
import math
import os
import re
import struct
import sys
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from typing import Any

import numpy as np

PRELUDE = """import numpy as np
check = hint = progress = lambda *_: None  # nothing is checked from within an answer
"""
CELL = "<the task's cell>"
HEADER = struct.Struct(">II")  # bytes of JSON, bytes of arrays
REPLY_CAP = 16 << 20  # bytes
TEXT_CAP = 500  # characters of an error's message
DEPTH_CAP = 20
ITEM_CAP = 200_000  # in all lists and dicts together; arrays count as one
FORKS = sys.platform == "linux"  # macOS can fork, but its BLAS does not survive it
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of Linux's prctl
MAGIC = re.compile(r"^(\s*)(?:[%!?]|\S.*\?\s*$).*", re.MULTILINE)


# ---- data on the wire: JSON in which every dict has one key that says what it stands for, then the arrays' bytes


class Foreign:
    """Stands for a value that cannot be sent; `kind` describes it for people."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return self.kind


class TooLarge(Exception):
    """More data than a frame may hold."""


def pack(value: Any, cap: int = 1 << 30) -> bytes:
    """Turn numbers, texts, arrays, and lists, tuples and dicts of them into a frame."""
    arrays: list[bytes] = []
    size = items = 0

    def numbers(mark: str, array: np.ndarray) -> Any:
        nonlocal size
        if array.dtype.kind not in "fiub":
            return {"foreign": f"an array of {array.dtype.name} values"}
        if array.dtype.kind == "f" and array.dtype.itemsize > 8:
            array = array.astype(np.float64)
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
        size += array.nbytes
        if size > cap:
            raise TooLarge
        arrays.append(array.tobytes())
        return {mark: [array.dtype.str.replace("|", "<"), list(array.shape)]}

    def encode(value: Any, depth: int) -> Any:
        nonlocal items
        items += 1
        if items > ITEM_CAP:
            raise TooLarge
        if depth > DEPTH_CAP:
            return {"foreign": "lists within lists without end"}
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, np.generic):
            return numbers("scalar", np.asarray(value))
        if isinstance(value, np.ndarray):
            return numbers("array", np.asarray(value))
        if isinstance(value, int):
            return int(value) if abs(value) < 1 << 63 else {"foreign": "a whole number of more than 63 bits"}
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else {"float": repr(float(value))}
        if isinstance(value, list):
            return [encode(item, depth + 1) for item in value]
        if isinstance(value, tuple):
            return {"tuple": [encode(item, depth + 1) for item in value]}
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return {"dict": [[key, encode(item, depth + 1)] for key, item in value.items()]}
        return {"foreign": describe_type(value)}

    text = json.dumps(encode(value, 0)).encode()
    if len(text) + size > cap:
        raise TooLarge
    return b"".join([HEADER.pack(len(text), size), text, *arrays])


def unpack(text: bytes, raw: bytes) -> Any:
    """Read what `pack` wrote.

    Raises
    ------
    ValueError
        When anything is not as it must be: the bytes may come from a hostile process.
    """
    position = 0

    def array(dtype: Any, shape: Any) -> np.ndarray:
        nonlocal position
        if not (isinstance(dtype, str) and re.fullmatch(r"<(f[248]|[iu][1248]|b1)", dtype)):
            raise ValueError(f"the dtype {dtype!r} is not accepted")
        if not (isinstance(shape, list) and len(shape) < 32 and all(type(n) is int and 0 <= n < 2**40 for n in shape)):
            raise ValueError(f"the shape {shape!r} is not accepted")
        start, position = position, position + math.prod(shape) * int(dtype[2:])
        if position > len(raw):
            raise ValueError("the arrays are shorter than announced")
        return np.frombuffer(raw[start:position], dtype).reshape(shape).copy()

    def decode(value: Any, depth: int) -> Any:
        if depth > 3 * DEPTH_CAP:
            raise ValueError("nested too deeply")
        if isinstance(value, list):
            return [decode(item, depth + 1) for item in value]
        if not isinstance(value, dict):
            return value
        ((mark, content),) = value.items()
        if mark in ("array", "scalar"):
            dtype, shape = content
            return array(dtype, shape) if mark == "array" else array(dtype, [])[()]
        if mark == "float" and content in ("nan", "inf", "-inf"):
            return float(content)
        if mark == "tuple" and isinstance(content, list):
            return tuple(decode(item, depth + 1) for item in content)
        if mark == "dict":
            return {str(key): decode(item, depth + 1) for key, item in content}
        if mark == "foreign":
            return Foreign(str(content)[:TEXT_CAP])
        raise ValueError(f"the mark {mark!r} is not known")

    try:
        return decode(json.loads(text), 0)
    except (ValueError, TypeError, RecursionError, OverflowError, MemoryError) as error:
        raise ValueError(f"not a frame: {error}") from None


def describe_type(value: Any) -> str:
    """Name a kind of value in words."""
    if isinstance(value, complex):
        return "a complex number"
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, types.MethodType)):
        return "a function"
    if isinstance(value, (types.GeneratorType, map, filter, zip, range)):
        return f"a {type(value).__name__} that has not been turned into a list or array"
    return f"an object of type {type(value).__name__}"


# ---- running an answer


class Oracle:
    """A function whose values the grader computes and counts; only the question and its answer travel."""

    def __init__(self, ask: Callable[[Any], Any], case: int) -> None:
        self._ask, self._case = ask, case

    def __call__(self, theta: Any) -> tuple[float, np.ndarray]:
        reply = self._ask({"oracle": self._case, "theta": np.asarray(theta, dtype=float)})
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply["loss"], reply["grad"]


def perform(request: dict[str, Any], ask: Callable[[Any], Any] | None = None) -> dict[str, Any]:
    """Define the answer from its source and call the harness with it on every case.

    Parameters
    ----------
    request : what `Trial.request` holds.
    ask : for tasks with an oracle, sends a question to the grader and returns what comes back.

    Returns
    -------
    reply : `{"cases": [outcome, ...]}`, or `{"status": ..., "error": ...}` when the answer could not be defined.
        An outcome is `{"value": ..., "inputs": what they are afterwards}` or `{"error": ...}`.
    """
    source = request["source"]
    try:
        code = compile_cell(source)
    except SyntaxError as error:
        return {"status": "syntax_error", "error": describe_syntax(error)}
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return {"status": "syntax_error", "error": {"type": "SyntaxError", "message": str(error)[:TEXT_CAP]}}
    linecache.cache[CELL] = (len(source), None, source.splitlines(keepends=True), CELL)
    space: dict[str, Any] = {"__name__": "__main__"}
    try:
        exec(PRELUDE, space)
        exec(code, space)
    except MemoryError:
        return {"status": "memory"}
    except BaseException as error:
        return {"status": "error", "error": describe(error)}
    if request["name"] not in space:
        return {"status": "missing"}
    answer = space[request["name"]]
    if answer is ... or is_stub(source, request["name"]):
        return {"status": "not_attempted"}
    run = harness(request["harness"], request["function"])
    cases = []
    for number, inputs in enumerate(request["cases"]):
        oracle = {"oracle": Oracle(ask, number)} if ask else {}
        cases.append(attempt(run, answer, inputs, **oracle))
    return {"cases": cases}


def compile_cell(source: str) -> types.CodeType:
    """Compile the text of a cell; IPython's magics are left out, as the grader has no IPython."""
    try:
        return compile(source, CELL, "exec", dont_inherit=True)
    except SyntaxError:
        plain = MAGIC.sub(r"\1pass", re.sub(r"\A\s*%%.*", "", source))
        return compile(plain, CELL, "exec", dont_inherit=True)


def is_stub(source: str, name: str) -> bool:
    """Whether the function `name` has no body yet, only `...` or `pass`."""
    with contextlib.suppress(SyntaxError):
        for node in reversed(ast.parse(source).body):
            if isinstance(node, ast.FunctionDef) and node.name == name:
                return all(isinstance(line, ast.Pass) or is_constant(line) for line in node.body)
    return False


def is_constant(line: ast.stmt) -> bool:
    """Whether a statement is a docstring or `...`."""
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


def harness(source: str, function: str) -> Callable[..., Any]:
    """Define the function that drives the answer."""
    space: dict[str, Any] = {"__name__": "harness", "np": np}
    exec(compile(source, "<harness>", "exec", dont_inherit=True), space)
    return space[function]


def attempt(run: Callable[..., Any], answer: Any, inputs: dict[str, Any], **oracle: Any) -> dict[str, Any]:
    """Drive the answer through one case; `oracle` is passed on to the harness of a task that has one."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = run(answer, **oracle, **inputs)
        return {"value": value, "inputs": inputs}
    except BaseException as error:
        return {"error": describe(error)}


def describe(error: BaseException) -> dict[str, Any]:
    """Say what was raised, and in which line of the cell."""
    told: dict[str, Any] = {"type": type(error).__name__[:TEXT_CAP]}
    try:
        told["message"] = str(error)[:TEXT_CAP]
    except BaseException:  # __str__ may be the learner's own
        told["message"] = ""
    if isinstance(error, NameError) and isinstance(error.name, str):
        told["name"] = error.name
    if isinstance(error, MemoryError):
        return told
    for line in lines_of(error):
        told["line"] = line
        told["text"] = linecache.getline(CELL, line).strip()[:TEXT_CAP]
    return told


def lines_of(error: BaseException) -> Iterator[int]:
    """Yield the lines of the cell that the error passed through, outermost first."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == CELL:
            yield trace.tb_lineno
        trace = trace.tb_next


def describe_syntax(error: SyntaxError) -> dict[str, Any]:
    """Say where Python stopped reading."""
    text = (error.text or "").strip()[:TEXT_CAP]
    return {"type": type(error).__name__, "message": str(error.msg)[:TEXT_CAP], "line": error.lineno, "text": text}


# ---- the process


def serve(limits: dict[str, Any]) -> None:
    """Answer requests until standard input ends, or one if this process may not fork."""
    requests, replies = take_over_streams()
    become(limits.get("user"))
    restrict(AS=limits.get("memory"), FSIZE=limits.get("file"), CORE=0)
    seal = sibling("seal").seal if limits["fork"] and limits.get("seal") else None
    adopt_orphans()
    sys.meta_path.insert(0, Course(limits["course"]))
    quiet = types.ModuleType("optlib.checks")
    quiet.check = quiet.hint = quiet.progress = lambda *_: None  # type: ignore[attr-defined]
    sys.modules["optlib.checks"] = quiet  # an answer's cell may import it; nothing is checked from within
    send(replies, pack({"ready": True}))
    while (request := receive(requests)) is not None:
        if not limits["fork"]:
            answer(request, requests, replies)
            return
        child = os.fork()
        if child == 0:
            restrict(NPROC=limits.get("processes"))
            if seal is not None:
                seal()
            answer(request, requests, replies)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        with contextlib.suppress(ChildProcessError):  # what it left behind and has ended by now
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        send(replies, pack({"ended": os.waitstatus_to_exitcode(status)}))


def answer(request: dict[str, Any], requests: int, replies: int) -> None:
    """Perform one request and send the reply."""
    os.chdir(request["folder"])
    os.environ["HOME"] = request["folder"]
    restrict(CPU=math.ceil(request["seconds"]) + 1)

    def ask(question: Any) -> Any:
        send(replies, pack(question, REPLY_CAP))
        return receive(requests)

    if not request["oracle"]:
        os.close(requests)
    reply = perform(request, ask if request["oracle"] else None)
    try:
        frame = pack(reply, REPLY_CAP)
    except TooLarge:
        frame = pack({"status": "output_limit"})
    except MemoryError:
        frame = pack({"status": "memory"})
    except BaseException as error:
        frame = pack({"status": "error", "error": describe(error)})
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    send(replies, frame)


class Course(importlib.abc.MetaPathFinder):
    """Finds the modules of optlib that an answer may use, in their folder, and says so about the others."""

    def __init__(self, folder: str) -> None:
        self._spec = importlib.util.spec_from_file_location(
            "optlib", beside("course"), submodule_search_locations=[folder]
        )
        self._modules = sibling("course").MODULES

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        first, *rest = name.split(".")
        if first != "optlib":
            return None
        if not rest:
            return self._spec
        if rest[0] not in self._modules:
            raise ModuleNotFoundError(f"an answer does without {name}: write it in the cell", name=name)
        return None


def beside(name: str) -> str:
    """A file of this folder."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.py")


def sibling(name: str) -> Any:
    """Another file of this folder as a module; a script that Python isolates cannot import it by its name."""
    spec = importlib.util.spec_from_file_location(name, beside(name))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def become(user: int | None) -> None:
    """Go on as a user without rights, for good."""
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)


def adopt_orphans() -> None:
    """Stay the ancestor of whatever answers start, so that the grader finds and ends it (Linux only)."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)


def take_over_streams() -> tuple[int, int]:
    """Keep the pipes for ourselves: an answer reads nothing from us, and what it prints goes to standard error."""
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, replies


def restrict(**limits: int | None) -> None:
    """Set resource limits where the system has them (Linux; macOS has some; Windows none)."""
    with contextlib.suppress(ImportError):
        import resource

        for name, limit in limits.items():
            with contextlib.suppress(AttributeError, ValueError, OSError):
                if limit is not None:
                    resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))


def send(stream: int, frame: bytes) -> None:
    """Write a whole frame."""
    view = memoryview(frame)
    while view:
        view = view[os.write(stream, view) :]


def receive(stream: int) -> Any:
    """Read a whole frame, None at the end of the stream."""
    header = read(stream, HEADER.size)
    if len(header) < HEADER.size:
        return None
    text, raw = HEADER.unpack(header)
    return unpack(read(stream, text), read(stream, raw))


def read(stream: int, size: int) -> bytes:
    """Read so many bytes, fewer only at the end of the stream."""
    parts = []
    while size and (part := os.read(stream, min(size, 1 << 20))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
