"""What the expression of a driver gives, without running it: arithmetic only, by Python's own grammar."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

_OPERATORS: Mapping[type, Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: math.pow, ast.USub: operator.neg,
    ast.UAdd: operator.pos, ast.Not: operator.not_, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "min": min, "max": max, "abs": abs, "pow": math.pow, "sqrt": math.sqrt, "float": float, "int": int,
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "radians": math.radians, "degrees": math.degrees,
    "clamp": lambda x, low=0.0, high=1.0: min(max(x, low), high),
    "lerp": lambda a, b, share: a + (b - a) * share,
    "smoothstep": lambda a, b, x: (t := min(max((x - a) / (b - a), 0.0), 1.0)) * t * (3.0 - 2.0 * t),
}  # fmt: skip
_CONSTANTS = {"pi": math.pi, "e": math.e}


def evaluated(expression: str, values: Mapping[str, float]) -> float | None:
    """The value of an expression of named values; None if it is more than arithmetic, or no number comes of it."""
    try:
        return float(_value(_parsed(expression), values))
    except (ArithmeticError, KeyError, SyntaxError, TypeError, ValueError):
        return None


@lru_cache(maxsize=4096)
def _parsed(expression: str) -> ast.expr:
    return ast.parse(expression.strip(), mode="eval").body


def _value(node: ast.expr, values: Mapping[str, float]) -> Any:
    def inner(part: ast.expr) -> Any:
        return _value(part, values)

    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.Name(id=name):
            return values[name] if name in values else _CONSTANTS[name]
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](inner(left), inner(right))
        case ast.UnaryOp(op=op, operand=operand):
            return _OPERATORS[type(op)](inner(operand))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _OPERATORS[type(op)](inner(left), inner(right))
        case ast.BoolOp(op=op, values=parts):
            return (all if isinstance(op, ast.And) else any)(inner(part) for part in parts)
        case ast.IfExp(test=test, body=body, orelse=other):
            return inner(body) if inner(test) else inner(other)
        case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]):
            return _FUNCTIONS[name](*map(inner, parts))
    raise ValueError(f"{ast.dump(node)} is no arithmetic")
