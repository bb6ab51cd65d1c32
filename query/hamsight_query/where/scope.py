"""What the names of one expression mean, and which kinds fit where."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from hamsight_core.catalog.statements import fill
from hamsight_core.errors import ExpressionError
from hamsight_query.where import syntax
from hamsight_query.where.names import COLUMNS, OBJECT_COLUMNS, TAG_HIGH, nearest
from hamsight_query.where.pieces import Kind, Parameters, Piece


@dataclass(frozen=True, slots=True)
class Parents:
    """The pictures that objects are on: their table, and their tags, None where not known."""

    table: str
    known_tags: Collection[str] | None = None


class Scope:
    """The text of an expression, the tags that it may name, and its parameters so far.

    Where the tags are not known (None), every name that is no column is taken for a tag, and
    `assumed` says which were. With `parents` the rows are objects, and `picture` is the scope of
    what stands behind `parent.`
    """

    def __init__(
        self,
        text: str,
        known_tags: Collection[str] | None,
        prefix: str = "where",
        parents: Parents | None = None,
    ) -> None:
        self._text = text
        self._tags = None if known_tags is None else frozenset(known_tags)
        self.parameters = Parameters(prefix)
        self.assumed: set[str] = set()
        self.parents = parents
        self.picture: Scope | None = None
        self.is_picture = False
        self.columns = COLUMNS if parents is None else OBJECT_COLUMNS
        if parents is not None:
            self.picture = Scope(text, parents.known_tags, prefix)
            self.picture.parameters = self.parameters
            self.picture.is_picture = True

    def fault(self, message: str, column: int) -> ExpressionError:
        """Return the error of this expression at `column`."""
        return ExpressionError(message, self._text, column)

    def name(self, node: syntax.Name) -> Piece:
        """Return the column or the tag's count that a bare name means."""
        if column := self.columns.get(node.name):
            return column
        self._check_own(node, node.name)
        if self._tags is None:
            self.assumed.add(node.name)
            return self._count(node.name)
        if node.name in self._tags:
            return self._count(node.name)
        near = nearest(node.name, [*self.columns, *self._tags])
        if self.parents is None and not self.is_picture and node.name in OBJECT_COLUMNS:
            near = f"; {node.name} is of objects, which --objects finds"
        raise self.fault(
            f"found the name {node.name}, expected a column or a tag of the catalog{near}; "
            f"write tags[{quoted(node.name)}] for a tag that no item has, "
            f"{quoted(node.name)} for a text",
            node.column,
        )

    def entry(self, node: syntax.Entry) -> Piece:
        """Return what `tags["..."]`, `attributes["..."]` or `scores["..."]` means."""
        self._check_own(node, node.name)
        if node.name == "tags":
            return self._count(node.key)
        if node.name == "attributes":
            attribute = self.parameters.text(node.key).sql
            return Piece(Kind.ATTRIBUTE, fill("where_attribute", attribute=attribute))
        if node.name == "scores":
            score = self.parameters.text(node.key).sql
            return Piece(Kind.NUMBER, fill("where_score", score=score), nullable=True)
        near = nearest(node.name, ["tags", "attributes", "scores"])
        expected = 'tags["..."], attributes["..."] or scores["..."]'
        raise self.fault(f"found {written(node)}, expected {expected}{near}", node.column)

    def _check_own(self, node: syntax.Name | syntax.Entry, name: str) -> None:
        """Raise ExpressionError for what an object has not, but its picture."""
        if name in COLUMNS and name not in self.columns:
            message = f"found {written(node)}, which objects do not have; write"
            raise self.fault(f"{message} parent.{written(node)} for the picture's", node.column)

    def as_number(self, piece: Piece, node: syntax.Node) -> Piece:
        """Return the piece, which must be a number or an attribute to be read as one."""
        if piece.kind is Kind.ATTRIBUTE:
            sql = fill("where_attribute_number", attribute=piece.sql)
            return replace(piece, kind=Kind.NUMBER, sql=sql, nullable=True)
        return self._checked(piece, node, Kind.NUMBER)

    def as_text(self, piece: Piece, node: syntax.Node) -> Piece:
        """Return the piece, which must be a text or an attribute."""
        if piece.kind is Kind.ATTRIBUTE:
            return replace(piece, kind=Kind.TEXT)
        return self._checked(piece, node, Kind.TEXT)

    def _count(self, tag: str) -> Piece:
        sql = fill("where_tag", tag=self.parameters.text(tag).sql)
        return Piece(Kind.NUMBER, sql, integer=True, low=0, high=TAG_HIGH)

    def _checked(self, piece: Piece, node: syntax.Node, expected: Kind) -> Piece:
        if piece.kind is expected:
            return piece
        remedy = ""
        is_tag = isinstance(node, syntax.Name) and node.name not in self.columns
        if expected is Kind.TEXT and is_tag:
            remedy = f"; write {quoted(written(node))}"
        raise self.fault(
            f"found {found(piece, node)}, expected {expected.value}{remedy}", node.column
        )


def found(piece: Piece, node: syntax.Node) -> str:
    """Return what was found, for a message: `a number, width`."""
    return ", ".join(filter(None, (piece.kind.value, written(node))))


def written(node: syntax.Node) -> str:
    """Return a short node as a user writes it; nothing for one with operators."""
    match node:
        case syntax.Name(name=name):
            return name
        case syntax.Number(value=value):
            return repr(value)
        case syntax.Text(value=text):
            return quoted(text if len(text) <= 40 else f"{text[:37]}...")
        case syntax.Entry(name=name, key=key):
            return f"{name}[{quoted(key)}]"
        case syntax.OfParent(of=of):
            return f"parent.{written(of)}"
        case syntax.Call(function=function):
            return f"{function}(...)"
    return ""


def quoted(text: str) -> str:
    """Return the literal that means `text`."""
    escaped = text.translate({92: r"\\", 34: r"\"", 10: r"\n", 9: r"\t"})
    return f'"{escaped}"'
