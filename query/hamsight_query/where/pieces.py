"""Typed pieces of SQL, filled from the fragments of sql/where.sql."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from hamsight_core.catalog.statements import fill

INF = float("inf")


class Kind(Enum):
    """What a piece yields; the value is the word for it in messages."""

    NUMBER = "a number"
    TEXT = "a text"
    ATTRIBUTE = "an attribute"
    TEXTS = "a list of texts"
    MAP = "a map"
    CONDITION = "a condition"


class Power(IntEnum):
    """How tightly the outermost operator of a piece binds in SQL."""

    OR = 1
    AND = 2
    NOT = 3
    COMPARISON = 4
    SUM = 5
    PRODUCT = 6
    SIGN = 7
    ATOM = 8


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of SQL, what it yields, and for a number between which bounds.

    `integer` numbers fit Int64. `nullable` numbers are NULL where they have no value.
    """

    kind: Kind
    sql: str
    power: Power = Power.ATOM
    integer: bool = False
    low: float = -INF
    high: float = INF
    nullable: bool = False

    def within(self, power: Power) -> str:
        """Return the SQL, in parentheses unless it binds at least as tightly as `power`."""
        return self.sql if self.power >= power else fill("where_parentheses", inner=self.sql)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The literals of an expression; equal ones share a parameter, named `prefix_N`."""

    prefix: str = "where"
    values: dict[str, object] = field(default_factory=dict)
    _names: dict[tuple[str, object], str] = field(default_factory=dict)

    def number(self, value: int | float) -> Piece:
        """Bind a number; an integer must fit Int64."""
        integer = isinstance(value, int)
        sql = self._bind("Int64" if integer else "Float64", value)
        power = Power.SIGN if value < 0 else Power.ATOM
        return Piece(Kind.NUMBER, sql, power, integer, low=value, high=value)

    def text(self, value: str) -> Piece:
        """Bind a text."""
        return Piece(Kind.TEXT, self._bind("String", value))

    def numbers(self, values: Sequence[int | float]) -> str:
        """Return the SQL of a list of numbers."""
        integers = all(isinstance(value, int) for value in values)
        return self._bind(f"Array({'Int64' if integers else 'Float64'})", list(values))

    def texts(self, values: Sequence[str]) -> str:
        """Return the SQL of a list of texts."""
        return self._bind("Array(String)", list(values))

    def _bind(self, clickhouse_type: str, value: object) -> str:
        key = (clickhouse_type, repr(value))
        name = self._names.setdefault(key, f"{self.prefix}_{len(self._names)}")
        self.values[name] = value
        return fill("where_parameter", name=name, type=clickhouse_type)


def compare(fragment: str, left: Piece, right: Piece) -> Piece:
    """Return the comparison `fragment` of two pieces; it is false where one has no value."""
    sql = fill(fragment, left=left.within(Power.SUM), right=right.within(Power.SUM))
    return known(Piece(Kind.CONDITION, sql, Power.COMPARISON), left.nullable or right.nullable)


def known(condition: Piece, nullable: bool) -> Piece:
    """Return `condition`, made false where it would be NULL if it is `nullable`."""
    if not nullable:
        return condition
    return Piece(Kind.CONDITION, fill("where_known", condition=condition.sql))


def negated(condition: Piece) -> Piece:
    """Return `NOT condition`."""
    return Piece(Kind.CONDITION, fill("where_not", operand=condition.within(Power.ATOM)), Power.NOT)


def joined(word: str, conditions: Sequence[Piece]) -> Piece:
    """Return the conditions joined by `word`, `and` or `or`."""
    if len(conditions) == 1:
        return conditions[0]
    # AND within OR needs no parentheses, but is read more easily with them.
    fragment, power, inner = {
        "and": ("where_and", Power.AND, Power.AND),
        "or": ("where_or", Power.OR, Power.NOT),
    }[word]
    sql = conditions[0].within(inner)
    for condition in conditions[1:]:
        sql = fill(fragment, left=sql, right=condition.within(inner))
    return Piece(Kind.CONDITION, sql, power)
