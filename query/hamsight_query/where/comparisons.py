"""Comparisons and memberships: which kinds go together, and their SQL."""

from __future__ import annotations

from collections.abc import Sequence

from hamsight_core.catalog.statements import fill
from hamsight_query.where import syntax
from hamsight_query.where.arithmetic import with_unsigned_zero
from hamsight_query.where.pieces import Kind, Piece, Power, compare, negated
from hamsight_query.where.scope import Scope, found, quoted, written

_COMPARISONS = {
    "<": "where_less",
    "<=": "where_less_or_equal",
    ">": "where_greater",
    ">=": "where_greater_or_equal",
    "==": "where_equal",
    "!=": "where_not_equal",
}
_MEMBERSHIPS = {
    "groups": "where_has_group",
    "captions": "where_caption_contains",
    "tags": "where_has_tag",
    "attributes": "where_has_attribute",
    "scores": "where_has_score",
}

Operand = tuple[Piece, syntax.Node]


def compared(scope: Scope, operator: str, left: Operand, right: Operand) -> Piece:
    """Return `left operator right`: numbers with numbers, texts with texts.

    An attribute is read as a number where the other side is one, else as a text.
    """
    for operand in (left, right):
        _check_comparable(scope, *operand)
    kinds = {left[0].kind, right[0].kind}
    if kinds == {Kind.NUMBER, Kind.TEXT}:
        raise scope.fault(
            f"found {found(*right)}, expected {left[0].kind.value} to compare with {found(*left)}",
            right[1].column,
        )
    convert = scope.as_number if Kind.NUMBER in kinds else scope.as_text
    return compare(_COMPARISONS[operator], convert(*left), convert(*right))


def in_list(
    scope: Scope, node: syntax.Membership, left: Piece, items: Sequence[syntax.Node]
) -> Piece:
    """Return whether a number or text is one of the literals `items`."""
    if left.kind is Kind.TEXTS:
        remedy = f'write "..." in {written(node.left)} for each text'
        raise scope.fault(f"found {found(left, node.left)}, before in; {remedy}", node.left.column)
    numbers: list[int | float] = []
    texts: list[str] = []
    for item in items:
        match item:
            case syntax.Number(value=value):
                numbers.append(value)
            case syntax.Text(value=text):
                texts.append(text)
            case syntax.Name(name=name):
                message = f"found the name {name}, expected a text or number; write {quoted(name)}"
                raise scope.fault(message, item.column)
            case _:
                raise scope.fault("expected only numbers and texts in a list", item.column)
        if numbers and texts:
            message = f"found {written(item)}, expected a list of numbers alone or texts alone"
            raise scope.fault(message, item.column)
    if numbers:
        operand = with_unsigned_zero(scope.as_number(left, node.left))
        members = scope.parameters.numbers([number + 0 for number in numbers])
    else:
        operand = scope.as_text(left, node.left)
        members = scope.parameters.texts(texts)
    fragment = "where_not_in" if node.negated else "where_in"
    return compare(fragment, operand, Piece(operand.kind, members))


def contained(scope: Scope, node: syntax.Membership, left: Piece, right: Piece) -> Piece:
    """Return whether a text is in a list, a map or another text."""
    if right.kind in (Kind.NUMBER, Kind.CONDITION):
        message = f"found {found(right, node.right)}, expected a list, a map or a text after in"
        raise scope.fault(message, node.right.column)
    part = scope.as_text(left, node.left).sql
    if right.kind in (Kind.TEXT, Kind.ATTRIBUTE):
        sql = fill("where_contains", text=right.sql, part=part)
        condition = Piece(Kind.CONDITION, sql, Power.COMPARISON)
    else:
        power = Power.COMPARISON if right.sql == "tags" else Power.ATOM
        condition = Piece(Kind.CONDITION, fill(_MEMBERSHIPS[right.sql], text=part), power)
    return negated(condition) if node.negated else condition


def _check_comparable(scope: Scope, piece: Piece, node: syntax.Node) -> None:
    shown = written(node)
    remedies = {
        Kind.TEXTS: f'write "..." in {shown}, or length({shown})',
        Kind.MAP: f'write {shown}["name"]',
        Kind.CONDITION: "join conditions with and, or, not",
    }
    if piece.kind in remedies:
        message = f"found {found(piece, node)}, expected a number or a text to compare"
        raise scope.fault(f"{message}; {remedies[piece.kind]}", node.column)
