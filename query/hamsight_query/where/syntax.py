"""The syntax tree of an expression.

Every node knows the 1-based `column` where a fault in it is shown, and its `depth`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Node:
    """A part of an expression."""

    column: int

    @property
    def children(self) -> tuple[Node, ...]:
        """The nodes right below."""
        return ()

    @cached_property
    def depth(self) -> int:
        """The nodes from this one down to its lowest, both counted."""
        return 1 + max((child.depth for child in self.children), default=0)


@dataclass(frozen=True)
class Number(Node):
    """A number literal, its minus sign included."""

    value: int | float


@dataclass(frozen=True)
class Text(Node):
    """A text literal, without quotes and escapes."""

    value: str


@dataclass(frozen=True)
class Name(Node):
    """A column, or the count of a tag."""

    name: str


@dataclass(frozen=True)
class Entry(Node):
    """An entry of a map: `tags["dog"]`."""

    name: str
    key: str


@dataclass(frozen=True)
class OfParent(Node):
    """A column, tag or entry of the picture that an object is on: `parent.width`."""

    of: Name | Entry

    @property
    def children(self) -> tuple[Node, ...]:
        """What is of the picture."""
        return (self.of,)


@dataclass(frozen=True)
class Sequence(Node):
    """A list to the right of `in`."""

    items: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        """The items."""
        return self.items


@dataclass(frozen=True)
class Call(Node):
    """A call of a function."""

    function: str
    arguments: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        """The arguments."""
        return self.arguments


@dataclass(frozen=True)
class Negation(Node):
    """`-operand`."""

    operand: Node

    @property
    def children(self) -> tuple[Node, ...]:
        """The operand."""
        return (self.operand,)


@dataclass(frozen=True)
class Arithmetic(Node):
    """`left operator right` with one of + - * / %."""

    operator: str
    left: Node
    right: Node

    @property
    def children(self) -> tuple[Node, ...]:
        """Both operands."""
        return (self.left, self.right)


@dataclass(frozen=True)
class Link(Node):
    """One `operator operand` of a comparison."""

    operator: str
    operand: Node

    @property
    def children(self) -> tuple[Node, ...]:
        """The operand."""
        return (self.operand,)


@dataclass(frozen=True)
class Comparison(Node):
    """`first < second <= third`: a comparison of each operand with the next."""

    first: Node
    links: tuple[Link, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        """The first operand and the links."""
        return (self.first, *self.links)


@dataclass(frozen=True)
class Membership(Node):
    """`left in right`, or `left not in right`."""

    left: Node
    right: Node
    negated: bool

    @property
    def children(self) -> tuple[Node, ...]:
        """Both operands."""
        return (self.left, self.right)


@dataclass(frozen=True)
class Not(Node):
    """`not operand`."""

    operand: Node

    @property
    def children(self) -> tuple[Node, ...]:
        """The operand."""
        return (self.operand,)


@dataclass(frozen=True)
class Junction(Node):
    """Two conditions or more, joined by `word`: `and` or `or`."""

    word: str
    operands: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        """The conditions."""
        return self.operands
