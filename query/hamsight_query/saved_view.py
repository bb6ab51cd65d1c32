"""Saved queries as SQL views, whose text holds every value as a literal."""

from __future__ import annotations

import re
from typing import Any

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.connect import engine_errors
from hamsight_core.catalog.statements import fill, quoted, statements
from hamsight_core.errors import UsageError
from hamsight_query.saved import prepare_saved
from hamsight_query.statement import LONGEST
from hamsight_query.steps import Statement

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_PARAMETER = re.compile(r"\{(\w+):([^{}]+)\}")
_OWN_TABLE = re.compile(r"\bTABLE IF NOT EXISTS (\w+)")
_MADE_BY_US = "Hamsight's saved query: "


def save_view(catalog: Catalog, name: str, view: str, *, replace: bool = False) -> None:
    """Make a view of a saved query: its answer with a column `rank`, from 1.

    The view holds the query, filter and options as they are now, and answers from the items that
    the catalog has when it is read. With `replace` it takes the place of a view that was made so.
    Raises what `prepare_saved` raises, and UsageError for a view's name that is no identifier or
    is taken, and for queries that make the view's text longer than ClickHouse takes.
    """
    _check_view(catalog, view, replace)
    prepared = prepare_saved(catalog, name, exact=True)
    prepared.check(catalog)
    statement, targets = prepared.statement, prepared.targets
    ranked = fill("ranked", statement=statement.sql)
    given = {**statement.parameters, "offset": prepared.request.offset}
    text = with_literals(Statement(ranked, given))
    made = fill(
        "replace_view" if replace else "create_view",
        view=view,
        on_cluster=catalog.layout.fragments()["on_cluster"],
        statement=text,
        comment=quoted(_MADE_BY_US + name),
    )
    length = len(made.encode())
    if length > LONGEST:
        raise UsageError(
            f"{len(targets)} queries make a view of {length} bytes, but ClickHouse takes"
            f" {LONGEST}: make views of some {len(targets) * LONGEST // length} queries each"
        )
    with engine_errors():
        catalog.client.command(made)


def with_literals(statement: Statement) -> str:
    """Return the statement's text with a literal in place of each parameter, of its type."""

    def literal(found: re.Match[str]) -> str:
        return fill("value_as", value=_literal(statement.parameters[found[1]]), type=found[2])

    return _PARAMETER.sub(literal, statement.sql)


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(_literal, value))})"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, (int, float)):
        return repr(value)
    raise TypeError(f"no literal for {type(value).__name__}")


def _check_view(catalog: Catalog, view: str, replace: bool) -> None:
    if not _IDENTIFIER.fullmatch(view):
        raise UsageError(
            f"{view!r} cannot name a view: a name begins with a letter or '_' and goes on with"
            " letters, digits and '_', 100 at most"
        )
    own = {table for sql in statements().values() for table in _OWN_TABLE.findall(sql)}
    if view in own or view.startswith(("items_", "objects_")):
        raise UsageError(f"{view!r} is a name of Hamsight's own tables: choose another for a view")
    found = catalog.rows("find_table", {"table": view})
    if not found:
        return
    engine, comment = found[0]
    ours = engine == "View" and comment.startswith(_MADE_BY_US)
    if not ours:
        kind = "view of another origin" if engine.endswith("View") else "table"
        raise UsageError(f"the catalog has a {kind} {view!r} already: choose another name")
    if not replace:
        raise UsageError(
            f"there is a view {view!r} already, of the saved query"
            f" {comment.removeprefix(_MADE_BY_US)!r}: choose another name, or say --replace"
        )
