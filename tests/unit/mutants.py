"""Small changes of a function's source, one at a time: what goes wrong when a line is written from memory.

sign, operator, off by one, transposed, order of what is unpacked or called with, missing term, wrong axis, in place.
"""

import ast
import copy
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

OPERATORS = {ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Add, ast.Div], ast.Div: [ast.Mult]}
COMPARISONS = {ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
FUNCTIONS = {
    "tanh": "sigmoid",
    "sigmoid": "tanh",
    "min": "max",
    "max": "min",
    "zeros_like": "ones_like",
    "ones": "zeros",
}


def _expressions(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """What may stand in the place of a node, and what has changed."""
    if isinstance(node, ast.BinOp):
        for operator in OPERATORS.get(type(node.op), []):
            yield f"{type(node.op).__name__} -> {operator.__name__}", ast.BinOp(node.left, operator(), node.right)
        yield "right term missing", node.left
        yield "left term missing", node.right
        if isinstance(node.op, ast.MatMult | ast.Sub | ast.Div):
            yield "the two terms swapped", ast.BinOp(node.right, node.op, node.left)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        for new in (node.value + 1, node.value - 1):
            yield f"{node.value} -> {new}", ast.Constant(new)
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield f"{node.value} -> {not node.value}", ast.Constant(not node.value)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id.startswith("W_"):
        yield f"{node.id} transposed", ast.Attribute(node, "mT", ast.Load())
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield "not transposed", node.value
    if isinstance(node, ast.Attribute) and node.attr in FUNCTIONS:
        yield f"{node.attr} -> {FUNCTIONS[node.attr]}", ast.Attribute(node.value, FUNCTIONS[node.attr], node.ctx)
    if isinstance(node, ast.Name) and node.id in FUNCTIONS:
        yield f"{node.id} -> {FUNCTIONS[node.id]}", ast.Name(FUNCTIONS[node.id], node.ctx)
    if isinstance(node, ast.Call) and len(node.args) == 1 and not isinstance(node.args[0], ast.Starred):
        yield "call missing", node.args[0]
    if isinstance(node, ast.Tuple) and len(node.elts) > 1:
        for first in range(len(node.elts) - 1):
            elements = list(node.elts)
            elements[first], elements[first + 1] = elements[first + 1], elements[first]
            yield f"{first} and {first + 1} swapped", ast.Tuple(elements, node.ctx)
    if isinstance(node, ast.UnaryOp):
        yield "sign missing", node.operand
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        yield "comparison", ast.Compare(node.left, [COMPARISONS[type(node.ops[0])]()], node.comparators)
    if isinstance(node, ast.Call) and node.keywords:
        yield "options missing", ast.Call(node.func, node.args, [])
    if isinstance(node, ast.Slice):
        yield "slice without its bounds", ast.Slice()


def _statements(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.AugAssign):
        yield "not in place", ast.Assign([node.target], ast.BinOp(_loaded(node.target), node.op, node.value))
        yield "no sum, the last one alone", ast.Assign([node.target], node.value)
        yield "the statement missing", ast.Pass()
    if isinstance(node, ast.If | ast.Expr):
        yield "the statement missing", ast.Pass()


def _loaded(target: ast.expr) -> ast.expr:
    loaded = copy.deepcopy(target)
    loaded.ctx = ast.Load()  # type: ignore[attr-defined]
    return loaded


def _children(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Every node below, and the place where it stands: parent, field, number in the field."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for number, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST):
                yield node, field, number, child
                yield from _children(child)


def mutants_of(function: Callable[..., Any]) -> list[tuple[str, Callable[..., Any]]]:
    """(what has changed, the changed function or class), for every place and every change."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    found = []
    for parent, field, number, child in list(_children(tree)):
        for what, new in [*_expressions(child), *_statements(child)]:
            here = getattr(parent, field)
            if number is None:
                setattr(parent, field, new)
            else:
                here[number] = new
            source = ast.unparse(ast.fix_missing_locations(copy.deepcopy(tree)))
            if number is None:
                setattr(parent, field, child)
            else:
                here[number] = child
            line = f"line {getattr(child, 'lineno', 0)}: {what}"
            names = dict(inspect.getmodule(function).__dict__)  # type: ignore[union-attr]
            try:
                exec(compile(source, f"<mutant {line}>", "exec"), names)
            except (SyntaxError, TypeError, ValueError):
                continue  # not Python any more
            found.append((line, names[function.__name__]))
    return found
