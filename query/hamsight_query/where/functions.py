"""The functions of the language: like, ilike, startswith, endswith, lower and length."""

from __future__ import annotations

import re

from hamsight_core.catalog.statements import fill
from hamsight_query.where import syntax
from hamsight_query.where.comparisons import Operand
from hamsight_query.where.names import nearest
from hamsight_query.where.pieces import Kind, Piece
from hamsight_query.where.scope import Scope, found

_MATCHERS = {
    "like": "where_like",
    "ilike": "where_ilike",
    "startswith": "where_startswith",
    "endswith": "where_endswith",
}
_ARGUMENTS = {**dict.fromkeys(_MATCHERS, 2), "lower": 1, "length": 1}
_LENGTH_HIGH = 2**31 - 1
_OPEN_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\\Z")


def check_call(scope: Scope, node: syntax.Call) -> None:
    """Raise ExpressionError where there is no such function of so many arguments."""
    if node.function not in _ARGUMENTS:
        near = nearest(node.function, _ARGUMENTS) or f"; there are {', '.join(_ARGUMENTS)}"
        raise scope.fault(f"found {node.function}(...), expected a function{near}", node.column)
    expected, given = _ARGUMENTS[node.function], len(node.arguments)
    if given != expected:
        plural = "s" if expected > 1 else ""
        message = f"found {node.function}(...) with {given} argument{'s' if given != 1 else ''}"
        raise scope.fault(f"{message}, expected {expected} argument{plural}", node.column)


def called(scope: Scope, function: str, arguments: list[Operand]) -> Piece:
    """Return the call of a function whose number of arguments is right."""
    if function in _MATCHERS:
        return _matched(scope, function, *arguments)
    if function == "lower":
        return Piece(Kind.TEXT, fill("where_lower", text=scope.as_text(*arguments[0]).sql))
    return _length(scope, *arguments[0])


def _matched(scope: Scope, function: str, subject: Operand, pattern: Operand) -> Piece:
    """Return whether a text, or any element of a list, fits the pattern."""
    piece, node = subject
    if piece.kind not in (Kind.TEXT, Kind.ATTRIBUTE, Kind.TEXTS):
        message = f"found {found(piece, node)}, expected a text or a list of texts"
        raise scope.fault(message, node.column)
    if function in ("like", "ilike"):
        _check_pattern(scope, pattern[1])
    each = fill("where_element") if piece.kind is Kind.TEXTS else piece.sql
    condition = fill(_MATCHERS[function], text=each, pattern=scope.as_text(*pattern).sql)
    if piece.kind is Kind.TEXTS:
        condition = fill("where_any", condition=condition, list=piece.sql)
    return Piece(Kind.CONDITION, condition)


def _check_pattern(scope: Scope, node: syntax.Node) -> None:
    if not isinstance(node, syntax.Text):
        raise scope.fault('expected a pattern in quotes, such as "IMG%"', node.column)
    if _OPEN_ESCAPE.search(node.value):
        message = "found a pattern that ends in a single backslash; write \\\\\\\\ to match one"
        raise scope.fault(message, node.column)


def _length(scope: Scope, piece: Piece, node: syntax.Node) -> Piece:
    if piece.kind in (Kind.TEXTS, Kind.MAP):
        sql = fill("where_length_of_list", list=piece.sql)
    elif piece.kind in (Kind.TEXT, Kind.ATTRIBUTE):
        sql = fill("where_length_of_text", text=piece.sql)
    else:
        raise scope.fault(
            f"found {found(piece, node)}, expected a text, a list or a map", node.column
        )
    return Piece(Kind.NUMBER, sql, integer=True, low=0, high=_LENGTH_HIGH)
