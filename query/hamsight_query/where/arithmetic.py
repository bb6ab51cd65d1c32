"""Arithmetic on pieces: no integer leaves 64 bits, no division by zero fails."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from hamsight_core.catalog.statements import fill
from hamsight_query.where.pieces import INF, Kind, Piece, Power
from hamsight_query.where.tokens import INT64_MAX

_SUMS = {"+": "where_add", "-": "where_subtract", "*": "where_multiply"}


def calculate(operator: str, left: Piece, right: Piece) -> Piece:
    """Return `left operator right` with one of + - * / %, both of kind NUMBER."""
    if operator == "/":
        return _divide(left, right)
    if operator == "%":
        return _modulo(left, right)
    return _sum_or_product(operator, left, right)


def negate(number: Piece) -> Piece:
    """Return `-number`."""
    if number.integer and -number.low > INT64_MAX:
        number = _as_float(number)
    sql = fill("where_negate", operand=number.within(Power.ATOM))
    return replace(number, sql=sql, power=Power.SIGN, low=-number.high, high=-number.low)


def with_unsigned_zero(number: Piece) -> Piece:
    """Return the number with 0 in place of -0.0."""
    if number.integer:
        return number
    sql = fill("where_unsigned_zero", number=number.within(Power.SUM))
    return replace(number, sql=sql, power=Power.SUM)


def _sum_or_product(operator: str, left: Piece, right: Piece) -> Piece:
    integer = left.integer and right.integer
    low, high = -INF, INF
    if integer:
        low, high = _bounds(operator, left, right)
        if low < -INT64_MAX - 1 or high > INT64_MAX:
            left, integer, low, high = _as_float(left), False, -INF, INF
    power = Power.PRODUCT if operator == "*" else Power.SUM
    sql = fill(_SUMS[operator], left=left.within(power), right=right.within(Power(power + 1)))
    nullable = left.nullable or right.nullable
    return Piece(Kind.NUMBER, sql, power, integer, low, high, nullable)


def _bounds(operator: str, left: Piece, right: Piece) -> tuple[float, float]:
    """Return the least and greatest result; integers have integer bounds, so it is exact."""
    if operator == "+":
        return left.low + right.low, left.high + right.high
    if operator == "-":
        return left.low - right.high, left.high - right.low
    corners = [a * b for a, b in product((left.low, left.high), (right.low, right.high))]
    return min(corners), max(corners)


def _divide(left: Piece, right: Piece) -> Piece:
    may_fail = _may_be_zero(right)
    divisor = fill("where_divisor", divisor=right.sql) if may_fail else right.within(Power.SIGN)
    sql = fill("where_divide", left=left.within(Power.PRODUCT), right=divisor)
    nullable = may_fail or left.nullable or right.nullable
    return Piece(Kind.NUMBER, sql, Power.PRODUCT, nullable=nullable)


def _modulo(left: Piece, right: Piece) -> Piece:
    """Return the remainder with the sign of the divisor, as in Python."""
    if right.high < 0:
        return negate(_modulo(negate(left), negate(right)))
    may_fail = _may_be_zero(right)
    nullable = may_fail or left.nullable or right.nullable
    if right.low >= 0:
        integer = left.integer and right.integer
        fragment = "where_modulo_or_null" if may_fail else "where_modulo"
        sql = fill(fragment, left=left.sql, right=right.sql)
        high = right.high - 1 if integer else right.high
        return Piece(Kind.NUMBER, sql, integer=integer, low=0, high=high, nullable=nullable)
    left = _as_float(left) if left.integer else left
    parts = {"left": left.within(Power.ATOM), "right": right.within(Power.ATOM)}
    return Piece(Kind.NUMBER, fill("where_modulo_any_sign", **parts), nullable=nullable)


def _may_be_zero(number: Piece) -> bool:
    return number.low <= 0 <= number.high


def _as_float(number: Piece) -> Piece:
    sql = fill("where_float", number=number.sql)
    return replace(number, sql=sql, power=Power.ATOM, integer=False, low=-INF, high=INF)
