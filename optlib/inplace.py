"""Rewrite the text of a rule so that it computes into buffers: the same operations, without an array for each result.

NumPy makes a new array for every operation of a rule and copies the last one into its place. Rewritten,

    m[:] = beta1 * m + (1 - beta1) * g

becomes

    add(multiply(beta1, m, out=b0), multiply(1 - beta1, g, out=b1), out=m)

These are the same operations in the same order, so the bits are the same, in less time. What a number that is exactly 0
takes away is not computed: with ``weight_decay=0`` there is no ``g + weight_decay * theta``.

Rewritten are sums, products, quotients, squares and ufuncs of numbers and of arrays like theta. Everything else stays
as it is written.
"""

from __future__ import annotations

import ast
import copy
import inspect
import textwrap
from collections.abc import Callable
from functools import lru_cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

_OPERATORS: dict[type, str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.USub: "negative",
}
_UFUNCS = (*_OPERATORS.values(), "square")

# What an expression is: an array like theta, a number (or a column of them, one a run, in theta's dtype), or unknown.
_ARRAY, _NUMBER, _UNKNOWN = "array", "number", "unknown"


@lru_cache(maxsize=256)
def in_place(
    rule: Callable, arrays: tuple[str, ...], numbers: frozenset[str], zeros: frozenset[str]
) -> tuple[Callable, int]:
    """The rule with one more argument after its arrays, a list of buffers; and how many of them it needs.

    Parameters
    ----------
    rule : function
    arrays : tuple of str
        Its positional arguments, all of one shape and dtype.
    numbers : set of str
        Its arguments that are numbers, or columns of numbers in the dtype of the arrays.
    zeros : set of str
        Those that are 0.

    Returns
    -------
    tuple of function and int
        The rule itself and 0 if its text cannot be read or has nothing to rewrite.
    """
    rewritten = rewrite(rule, arrays, numbers, zeros)
    if rewritten is None:
        return rule, 0
    definition, buffers = rewritten
    # ufuncs come from around the function, names of the rule from its own module; lines are those of its own text
    module = ast.parse(f"def make({', '.join(_UFUNCS)}):\n    return {definition.name}")
    module.body[0].body[:0] = [definition]  # type: ignore[attr-defined]
    ast.increment_lineno(definition, rule.__code__.co_firstlineno - 1)
    namespace: dict[str, Any] = {}
    exec(compile(ast.fix_missing_locations(module), rule.__code__.co_filename, "exec"), rule.__globals__, namespace)
    return namespace["make"](*(getattr(np, name) for name in _UFUNCS)), buffers


def rewrite(
    rule: Callable, arrays: tuple[str, ...], numbers: frozenset[str], zeros: frozenset[str]
) -> tuple[ast.FunctionDef, int] | None:
    """The definition that `in_place` compiles (``ast.unparse`` shows it), and how many buffers it needs."""
    definition = _definition(rule)
    if definition is None or not _names(definition).isdisjoint({"buffers", *_UFUNCS}):
        return None
    if any(name[:1] == "b" and name[1:].isdigit() for name in _names(definition)):
        return None
    rewriter = _Rewriter(rule, definition, arrays, numbers, zeros)
    definition.body = rewriter.body(definition.body)
    if not rewriter.buffers:
        return None
    definition.args.args.append(ast.arg("buffers"))
    unpacked = "".join(f"{_buffer(i)}, " for i in range(rewriter.buffers))
    definition.body[:0] = ast.parse(f"{unpacked}= buffers").body
    return ast.fix_missing_locations(definition), rewriter.buffers


def _definition(rule: Callable) -> ast.FunctionDef | None:
    """The rule's text as a tree without annotations, if it is to be had and is what runs."""
    if not isinstance(rule, FunctionType) or rule.__code__.co_freevars:
        return None
    try:
        definition = ast.parse(textwrap.dedent(inspect.getsource(rule))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return None
    if not isinstance(definition, ast.FunctionDef) or definition.args.defaults or any(definition.args.kw_defaults):
        return None
    if any(isinstance(node, ast.NamedExpr | ast.Global) for node in ast.walk(definition)):
        return None
    definition.decorator_list, definition.returns = [], None
    for argument in (*definition.args.args, *definition.args.kwonlyargs):
        argument.annotation = None
    return definition if _is_what_runs(definition, rule) else None


def _is_what_runs(definition: ast.FunctionDef, rule: FunctionType) -> bool:
    """Whether this text makes the very code of the rule: its file may have changed since it was imported."""
    # calls of names that the same file imports compile to another instruction
    modules = [name for name in rule.__code__.co_names if isinstance(rule.__globals__.get(name), ModuleType)]
    for imports in ([], [ast.Import([ast.alias(name)]) for name in modules]):
        tree = ast.fix_missing_locations(ast.Module([definition, *imports], []))
        code = next(c for c in compile(tree, "", "exec").co_consts if isinstance(c, CodeType))
        if all(getattr(code, a) == getattr(rule.__code__, a) for a in ("co_code", "co_consts", "co_names")):
            return True
    return False


def _names(*nodes: ast.AST) -> set[str]:
    return {node.id for top in nodes for node in ast.walk(top) if isinstance(node, ast.Name)}


def _buffer(i: int) -> str:
    return f"b{i}"


class _Rewriter:
    """Rewrites statements in order, and knows what each name holds at that point."""

    def __init__(
        self,
        rule: Callable,
        definition: ast.FunctionDef,
        arrays: tuple[str, ...],
        numbers: frozenset[str],
        zeros: frozenset[str],
    ) -> None:
        self.globals = rule.__globals__
        self.kinds = dict.fromkeys(rule.__code__.co_varnames, _UNKNOWN)
        self.kinds |= {**dict.fromkeys(arrays, _ARRAY), **dict.fromkeys(numbers, _NUMBER)}
        self.zeros = set(zeros)
        self.changed = _changed(definition)
        self.buffers = 0
        self.free: list[str] = []
        self.held: dict[str, str] = {}  # name -> the buffer in which its array lies
        self.shared: set[str] = set()  # names whose arrays something else may still hold

    def body(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """All statements; a buffer is free again after the last one that reads its name."""
        rewritten = []
        for i, statement in enumerate(body):
            rewritten += self.statements([statement])
            done = self.held.keys() - _names(*body[i + 1 :]) - self.shared
            self.free += [self.held.pop(name) for name in sorted(done)]
        return rewritten

    def statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        return [ast.copy_location(new, statement) for statement in body for new in self.statement(statement)]

    def statement(self, statement: ast.stmt) -> list[ast.stmt]:
        match statement:
            case ast.Assign([ast.Name()], ast.IfExp(test, yes, no)) if self.kind(statement.value) == _UNKNOWN:
                # x = y if test else z, as two assignments
                first, second = (ast.Assign(statement.targets, value) for value in (yes, no))
                return self.statement(ast.If(test, [first], [second]))
            case ast.If(test, yes, no):
                before = dict(self.kinds)
                yes = self.statements(yes)
                after, self.kinds = self.kinds, before
                no = self.statements(no)
                for name in self.kinds:
                    if after[name] != self.kinds[name]:
                        self.kinds[name] = _UNKNOWN
                return [ast.If(test, yes, no)]
            case ast.Assign([ast.Name(name)], value):
                kind, lean = self.kind(value), self.without_zeros(value)
                # y + 0 is another array than y: x = y + 0 may become x = y only where nobody writes to either
                same = isinstance(lean, ast.Name) and {name, lean.id}.isdisjoint(self.changed)
                if self.kind(lean) == kind and (same or not isinstance(lean, ast.Name)):
                    value = lean
                if self.is_operation(value):
                    value, self.held[name] = self.into(value)
                else:
                    self.shared |= _names(value) | {name}
                self.kinds[name] = kind
                self.zeros.discard(name)
                return [ast.Assign(statement.targets, value)]
            case ast.Assign([ast.Subscript(ast.Name(name), ast.Slice(None, None, None))], value) if self.is_array(name):
                value = self.without_zeros(value)
                if self.is_operation(value):
                    return [ast.Expr(self.into(value, name)[0])]
                self.shared |= _names(value)
                return [ast.Assign(statement.targets, value)]
            case ast.AugAssign(ast.Name(name), operator, value) if self.is_array(name):
                value = self.without_zeros(value)
                whole = ast.copy_location(ast.BinOp(ast.Name(name, ast.Load()), operator, value), statement)
                if self.is_operation(whole):
                    return [ast.Expr(self.into(whole, name)[0])]
                self.shared |= _names(value)
                return [ast.AugAssign(statement.target, operator, value)]
        names = (node for node in ast.walk(statement) if isinstance(node, ast.Name))
        stored = {node.id for node in names if not isinstance(node.ctx, ast.Load)}
        self.kinds |= dict.fromkeys(stored, _UNKNOWN)
        self.zeros -= stored
        self.shared |= _names(statement)
        return [statement]

    def is_array(self, name: str) -> bool:
        return self.kinds.get(name) == _ARRAY

    def is_operation(self, node: ast.expr) -> bool:
        """Whether this is an array that `into` can compute."""
        return not isinstance(node, ast.Name) and self.kind(node) == _ARRAY

    def kind(self, node: ast.expr) -> str:
        match node:
            case ast.Constant(value):
                return _NUMBER if isinstance(value, int | float) else _UNKNOWN
            case ast.Name(name) if name in self.kinds:
                return self.kinds[name]
            case ast.Name(name):
                return _NUMBER if type(self.globals.get(name)) in (int, float) else _UNKNOWN
            case ast.IfExp(_, yes, no):
                return _NUMBER if self.kind(yes) == self.kind(no) == _NUMBER else _UNKNOWN
        if operation := self.operation(node):
            kinds = {self.kind(operand) for operand in operation[1]}
            if _ARRAY in kinds and _UNKNOWN not in kinds:
                return _ARRAY
        if isinstance(node, ast.BinOp | ast.UnaryOp):
            # but not a call: np.sqrt of a number is a float64, whatever theta is
            operands = [node.left, node.right] if isinstance(node, ast.BinOp) else [node.operand]
            return _NUMBER if all(self.kind(operand) == _NUMBER for operand in operands) else _UNKNOWN
        return _UNKNOWN

    def operation(self, node: ast.expr) -> tuple[ast.expr, list[ast.expr]] | None:
        """The ufunc that computes a node, and its operands."""
        match node:
            case ast.BinOp(left, ast.Pow(), ast.Constant(2)):
                return ast.Name("square", ast.Load()), [left]
            case ast.BinOp(left, operator, right) if type(operator) in _OPERATORS:
                return ast.Name(_OPERATORS[type(operator)], ast.Load()), [left, right]
            case ast.UnaryOp(ast.USub() as operator, operand):
                return ast.Name(_OPERATORS[type(operator)], ast.Load()), [operand]
            case ast.Call(ast.Attribute(ast.Name("np"), name) as function, operands, []):
                ufunc = getattr(np, name, None) if self.globals.get("np") is np else None
                if isinstance(ufunc, np.ufunc) and f"{'f' * len(operands)}->f" in ufunc.types:
                    return function, operands
        return None

    def into(self, node: ast.expr, out: str | None = None) -> tuple[ast.expr, str]:
        """The call that computes a node and stores it in ``out`` or else in a buffer, and where that is."""
        operation = self.operation(node)
        assert operation is not None
        function, operands = operation
        arguments, taken = [], []
        for operand in operands:
            if self.is_operation(operand):
                operand, buffer = self.into(operand)
                taken.append(buffer)
            arguments.append(operand)
        if isinstance(function, ast.Name):  # sums, products and the like may write over what they read
            self.free += taken
            taken = []
        out = out or self.take()
        self.free += taken
        keyword = ast.keyword("out", ast.Name(out, ast.Load()))
        return ast.copy_location(ast.Call(function, arguments, [keyword]), node), out

    def take(self) -> str:
        if self.free:
            return self.free.pop()
        self.buffers += 1
        return _buffer(self.buffers - 1)

    def without_zeros(self, node: ast.expr) -> ast.expr:
        return _WithoutZeros(self).visit(copy.deepcopy(node))


def _changed(definition: ast.FunctionDef) -> set[str]:
    """Names of arrays that a rule may write to: in place, in part, in a function, or under another name."""
    changed: set[str] = set()
    for node in ast.walk(definition):
        match node:
            case ast.AugAssign(target) | ast.Subscript(target, _, ast.Store()):
                changed |= _names(target)
            case ast.Call():
                changed |= _names(node)
            case ast.Assign(targets, value) if not isinstance(value, ast.BinOp | ast.UnaryOp):
                changed |= _names(*targets, value)
    return changed


class _WithoutZeros(ast.NodeTransformer):
    """0 * x = 0, x + 0 = x - 0 = x and 1 * x = x, where names that are 0 stand for 0; not in calls."""

    def __init__(self, rewriter: _Rewriter) -> None:
        self.rewriter = rewriter

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.copy_location(ast.Constant(0.0), node) if node.id in self.rewriter.zeros else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        return node  # np.sqrt of the number 0 is a float64, whatever theta is

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        left, right = node.left, node.right
        if _UNKNOWN in (self.rewriter.kind(left), self.rewriter.kind(right)):
            return node
        match node.op, left, right:
            case ast.Mult(), ast.Constant(0) as zero, _:
                return zero
            case ast.Mult(), _, ast.Constant(0) as zero:
                return zero
            case (ast.Mult(), ast.Constant(1), other) | (ast.Add(), ast.Constant(0), other):
                return other
            case (ast.Mult(), other, ast.Constant(1)) | (ast.Add() | ast.Sub(), other, ast.Constant(0)):
                return other
        return node
