"""Mechanical mutations of a reference: each is a wrong answer, unless it computes the same by another way.

`EQUIVALENT` lists those that do, or that lie within what a task leaves open, with the reason. Everything else must be
rejected by the task's cases: a survivor shows a case that is missing.
"""

import ast
import inspect
import sys
import textwrap
from types import FunctionType

# task id -> {line of the mutated reference, as `ast` writes it: why it is as right as the original}
EQUIVALENT = {
    "00.1": {"def descend(theta, lr, g):": "only their product is used"},
    "01.1": {"def diverges(curvatures, lr):": "only their product is used"},
    "01.3": {
        "def largest_safe_lr(gradient, theta, steps=51):": "one round more",
        "for _ in range(steps + 1):": "one round more",
        "for _ in range(steps - 1):": "one round less, within the 1 % that the task leaves open",
        "v = theta": "the first round shortens it",
        "w = gradient(theta - v) - gradient(theta)": "turns w around, and only its length is used",
    },
    "03.1": {"def travel(lr, g, beta, pushes):": "only their product is used"},
    "03.3": {"def diverges(L, lr, beta):": "only their product is used"},
    "03.5": {
        **dict.fromkeys(
            (
                "third, last = (loss[101:150].mean(), loss[150:].mean())",
                "third, last = (loss[100:151].mean(), loss[150:].mean())",
                "third, last = (loss[100:150].mean(), loss[151:].mean())",
                "slope = np.diff(loss[101:])",
                "if last > 0.3 * loss[1]:",
            ),
            "one step more or less of two hundred",
        ),
        "if last > 2.5 * third:": "runs that leave grow at least fivefold in fifty steps",
    },
}

COUNTERS = ("t", "step", "steps", "k")


def mutants(reference):
    """Yield `(what the changed line looks like, the mutated answer)`."""
    if not isinstance(reference, (FunctionType, type)):
        return
    source = textwrap.dedent(inspect.getsource(reference))
    tree = ast.parse(source)
    space = sys.modules[reference.__module__].__dict__
    seen = {ast.unparse(tree)}
    for number, node in enumerate(ast.walk(tree)):
        if not isinstance(node, CHANGEABLE):
            continue
        for change in CHANGES:
            for variant in range(3):
                mutated = ast.parse(source)
                twin = list(ast.walk(mutated))[number]
                new = change(twin, variant)
                if new is None:
                    break
                replace(mutated, twin, new)
                text = ast.unparse(ast.fix_missing_locations(mutated))
                if text in seen:
                    continue
                seen.add(text)
                names = dict(space)
                exec(compile(text, "<mutant>", "exec"), names)
                yield changed_line(ast.unparse(tree), text), names[reference.__name__]


def replace(tree, old, new):
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
            elif isinstance(value, list) and any(item is old for item in value):
                value[next(i for i, item in enumerate(value) if item is old)] = new


def changed_line(before, after):
    pairs = zip(before.splitlines(), after.splitlines(), strict=True)
    return next(new.strip() for old, new in pairs if old != new)


# ---- changes: each takes a node of a fresh copy and gives its variant with this number, or None when there is none


def drop_a_term(node, variant):
    """a + b becomes a, or b."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)) and variant < 2:
        return (node.left, node.right)[variant]
    return None


def drop_a_factor(node, variant):
    """a * b becomes a, or b; a / b and a ** b become a."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div, ast.Pow)):
        kept = (node.left, node.right) if isinstance(node.op, ast.Mult) else (node.left,)
        return kept[variant] if variant < len(kept) else None
    return None


def swap_plus_and_minus(node, variant):
    """a + b becomes a - b, and the reverse."""
    if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, (ast.Add, ast.Sub)) and variant == 0:
        node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        return node
    return None


def swap_arguments(node, variant):
    """f(a, b) becomes f(b, a): in calls, and for each two neighbours in a signature."""
    if isinstance(node, ast.Call) and len(node.args) >= 2 and variant == 0:
        node.args[0], node.args[1] = node.args[1], node.args[0]
        return node
    if isinstance(node, ast.FunctionDef):
        arguments = node.args.args[-4:]  # the last ones are the hyperparameters, of one type
        if variant < len(arguments) - 1:
            one, other = arguments[variant], arguments[variant + 1]
            one.arg, other.arg = other.arg, one.arg
            return node
    return None


def count_off_by_one(node, variant):
    """t becomes t + 1, or t - 1."""
    if isinstance(node, ast.Name) and node.id in COUNTERS and isinstance(node.ctx, ast.Load) and variant < 2:
        return ast.BinOp(node, (ast.Add(), ast.Sub())[variant], ast.Constant(1))
    return None


def move_eps(node, variant):
    """sqrt(v) + eps becomes sqrt(v + eps), and the reverse."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and variant == 0:
        for call, eps in ((node.left, node.right), (node.right, node.left)):
            if isinstance(call, ast.Call) and len(call.args) == 1 and isinstance(eps, ast.Name) and eps.id == "eps":
                call.args[0] = ast.BinOp(call.args[0], ast.Add(), eps)
                return call
    if isinstance(node, ast.Call) and len(node.args) == 1 and variant == 0:
        inner = node.args[0]
        if isinstance(inner, ast.BinOp) and isinstance(inner.right, ast.Name) and inner.right.id == "eps":
            node.args[0] = inner.left
            return ast.BinOp(node, inner.op, inner.right)
    return None


def change_a_constant(node, variant):
    """2 becomes 3, 0.5 becomes 1.5."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float) and variant == 0:
        return ast.Constant(node.value + 1)
    return None


def turn_a_comparison(node, variant):
    """a < b becomes a > b."""
    turned = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE}
    if isinstance(node, ast.Compare) and type(node.ops[0]) in turned and variant == 0:
        node.ops[0] = turned[type(node.ops[0])]()
        return node
    return None


CHANGEABLE = (ast.AugAssign, ast.BinOp, ast.Call, ast.Compare, ast.Constant, ast.FunctionDef, ast.Name)
CHANGES = [
    drop_a_term,
    drop_a_factor,
    swap_plus_and_minus,
    swap_arguments,
    count_off_by_one,
    move_eps,
    change_a_constant,
    turn_a_comparison,
]
