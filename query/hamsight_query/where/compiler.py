"""From the syntax tree of an expression to a checked, parameterised ClickHouse condition."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from hamsight_core.catalog.statements import fill
from hamsight_query.where import syntax
from hamsight_query.where.arithmetic import calculate, negate
from hamsight_query.where.comparisons import compared, contained, in_list
from hamsight_query.where.functions import called, check_call
from hamsight_query.where.parser import parse
from hamsight_query.where.pieces import Kind, Piece, Power, joined, known, negated
from hamsight_query.where.scope import Parents, Scope, found, quoted, written

# ClickHouse takes statements of 128 KiB over HTTP where parameters are sent as a form.
MAX_SQL = 100_000


@dataclass(frozen=True)
class Filter:
    """A condition on the items table.

    `sql` is true or false, never NULL, and stands next to AND as it is, without parentheses
    around it. `parameters` holds the values of its ClickHouse parameters, all named `where_N`.
    `assumed_tags` are names that were taken for tags, where the catalog's were not known, and
    `assumed_of_parents` those taken for tags of the pictures that objects are on. `entries` are
    the attributes and scores of a key, which has `attributes` or `scores` before each name.
    """

    sql: str
    parameters: dict[str, object]
    assumed_tags: frozenset[str] = frozenset()
    assumed_of_parents: frozenset[str] = frozenset()
    entries: frozenset[tuple[str, str]] = frozenset()


def compile_filter(
    text: str, known_tags: Collection[str] | None, parents: Parents | None = None
) -> Filter:
    """Return the condition that the expression `text` means, on items, or objects of `parents`.

    A bare name that is no column is the count of that tag, if it is one of `known_tags`. None
    takes every such name for a tag: to be checked, and compiled again with the tags where one is
    none or where an error was raised, for a wrong name may be behind it.
    Raises ExpressionError, with the place and the remedy, for an expression that is wrong.
    """
    scope = Scope(text, known_tags, parents=parents)
    sql = _condition(scope, parse(text)).within(Power.AND)
    of_parents = frozenset(scope.picture.assumed if scope.picture else ())
    return Filter(sql, scope.parameters.values, frozenset(scope.assumed), of_parents)


def compile_key(
    text: str, known_tags: Collection[str] | None, parents: Parents | None = None
) -> Filter:
    """Return what the expression `text` orders items by: SQL for ORDER BY, without the last comma.

    A `-` before all of it is for the greatest first. Numbers and texts order as in comparisons, an
    attribute by number where it is one; what is missing comes last. Tags are as in
    `compile_filter`. Raises ExpressionError.
    """
    descending = text.lstrip().startswith("-")
    bare = text.replace("-", " ", 1) if descending else text
    scope = Scope(text, known_tags, "sort", parents)
    node = parse(bare)
    piece = _value(scope, node)
    direction = fill("descending" if descending else "ascending")
    if piece.kind is Kind.ATTRIBUTE:
        sql = fill("sort_by_number_or_text", attribute=piece.sql, direction=direction)
    elif piece.kind in (Kind.NUMBER, Kind.TEXT, Kind.CONDITION):
        sql = fill("order_by_key", key=piece.sql, direction=direction)
    else:
        message = f"found {found(piece, node)}, expected a number or a text to sort by"
        raise scope.fault(f"{message}; write length({written(node)})", node.column)
    named = [one for one in _names(node) if isinstance(one, syntax.Entry) and one.name != "tags"]
    entries = frozenset((one.name, one.key) for one in named)
    return Filter(sql, scope.parameters.values, frozenset(scope.assumed), entries=entries)


def _condition(scope: Scope, node: syntax.Node) -> Piece:
    """Compile a node that stands where a condition is expected."""
    if scope.parents and scope.picture and not isinstance(node, syntax.Junction | syntax.Not):
        own = [one for one in _names(node) if not isinstance(one, syntax.OfParent)]
        if len(own) < len(list(_names(node))):
            if own:
                message = f"found {written(own[0])} beside a value of the picture"
                remedy = "compare the two with numbers or texts, each by itself"
                raise scope.fault(f"{message}; {remedy}", own[0].column)
            inner = _condition(scope.picture, node).within(Power.AND)
            sql = fill("where_parent", table=scope.parents.table, condition=inner)
            return Piece(Kind.CONDITION, sql, Power.COMPARISON)
    piece = _value(scope, node)
    if piece.kind is Kind.CONDITION:
        return piece
    if piece.kind is Kind.NUMBER:
        sql = fill("where_true", number=piece.within(Power.SUM))
        return known(Piece(Kind.CONDITION, sql, Power.COMPARISON), piece.nullable)
    if piece.kind in (Kind.TEXTS, Kind.MAP):
        return Piece(Kind.CONDITION, fill("where_not_empty", value=piece.sql))
    remedy = 'compare it, as in subset == "train"'
    if isinstance(node, syntax.Text):
        remedy = f"for items with that tag write {written(node)} in tags"
    elif isinstance(node, syntax.Entry):
        remedy = f"for items that have it write {quoted(node.key)} in attributes"
    message = f"found {found(piece, node)}, expected a condition; {remedy}"
    raise scope.fault(message, node.column)


def _names(node: syntax.Node) -> Iterator[syntax.Name | syntax.Entry | syntax.OfParent]:
    """Yield what a node names, whether of the row itself or of its picture."""
    if isinstance(node, syntax.Name | syntax.Entry | syntax.OfParent):
        yield node
    else:
        for child in node.children:
            yield from _names(child)


def _value(scope: Scope, node: syntax.Node) -> Piece:
    """Compile a node of any kind."""
    piece = _compiled(scope, node)
    if len(piece.sql) > MAX_SQL:
        message = f"found an expression whose SQL has over {MAX_SQL} characters; write it shorter"
        raise scope.fault(message, node.column)
    return piece


def _number(scope: Scope, node: syntax.Node) -> Piece:
    return scope.as_number(_value(scope, node), node)


def _compiled(scope: Scope, node: syntax.Node) -> Piece:
    match node:
        case syntax.Number(value=value):
            return scope.parameters.number(value)
        case syntax.Text(value=text):
            return scope.parameters.text(text)
        case syntax.Name():
            return scope.name(node)
        case syntax.Entry():
            return scope.entry(node)
        case syntax.OfParent(of=of):
            if scope.is_picture:
                return _value(scope, of)
            remedy = "only objects have a parent; write" if scope.parents is None else "expected a"
            instead = written(of) if scope.parents is None else "value of the object itself"
            raise scope.fault(f"found {written(node)}, {remedy} {instead}", node.column)
        case syntax.Call(function=function, arguments=arguments):
            check_call(scope, node)
            return called(scope, function, [(_value(scope, each), each) for each in arguments])
        case syntax.Negation(operand=operand):
            return negate(_number(scope, operand))
        case syntax.Arithmetic(operator=operator, left=left, right=right):
            return calculate(operator, _number(scope, left), _number(scope, right))
        case syntax.Comparison():
            return _comparison(scope, node)
        case syntax.Membership(left=left, right=syntax.Sequence(items=items)):
            return in_list(scope, node, _value(scope, left), items)
        case syntax.Membership(left=left, right=right):
            return contained(scope, node, _value(scope, left), _value(scope, right))
        case syntax.Not(operand=operand):
            return negated(_condition(scope, operand))
        case syntax.Junction(word=word, operands=operands):
            return joined(word, [_condition(scope, operand) for operand in operands])
    raise AssertionError(f"a node without a rule: {node}")


def _comparison(scope: Scope, node: syntax.Comparison) -> Piece:
    """Compile `a < b <= c` as `a < b AND b <= c`."""
    nodes = [node.first, *(link.operand for link in node.links)]
    operands = [(_value(scope, each), each) for each in nodes]
    pairs = zip(node.links, operands, operands[1:], strict=False)
    return joined("and", [compared(scope, link.operator, *pair) for link, *pair in pairs])
