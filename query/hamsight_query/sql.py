"""An analyst's own SQL on the catalog."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.connect import engine_errors
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import StatementError, UsageError
from hamsight_core.names import as_text, listed

if TYPE_CHECKING:
    import pyarrow as pa
    from clickhouse_connect.driver.client import Client

FUNCTIONS = (
    "hamsight_sign_hash",
    "hamsight_directions",
    "hamsight_projections",
    "hamsight_bits",
    "hamsight_image_weights",
    "hamsight_words_weights",
    "hamsight_hash",
    "hamsight_planes",
)
"""The functions of sql/functions.sql, each after those that it uses."""
# What is not closed goes on to the end, as it does for the engine.
_HIDDEN = re.compile(
    r"""'(?:[^'\\]|\\.|'')*(?:'|\\?\Z) | "(?:[^"\\]|\\.|"")*(?:"|\\?\Z)
      | `(?:[^`\\]|\\.)*(?:`|\\?\Z) | --[^\n]* | \#[!\s][^\n]* | /\*(?:.*?\*/|.*)""",
    re.DOTALL | re.VERBOSE,
)
_SELECTING = ("SELECT", "WITH", "FROM", "(")
_ANSWERING = (*_SELECTING, "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS")
_PARAMETER = re.compile(r"\{\s*(\w+)\s*:\s*([^{}]+)\}")
_NESTED = ("Array", "Map", "Tuple")
_OF_SESSION = ("SET", "USE")
_CONTROLLING = ("SYSTEM", "KILL")  # what `readonly` of ClickHouse lets pass
_SYNTAX, _READONLY, _NO_PARAMETER = 62, 164, 456  # ClickHouse's codes of errors
# What ClickHouse's Arrow output gives as plain numbers or bytes, and what says the same.
_READABLE = (
    (re.compile(r"\bBFloat16\b"), "Float32"),
    (re.compile(r"\bDateTime\('([^']+)'\)"), r"DateTime64(0, '\1')"),
    (re.compile(r"\bDateTime\b"), "DateTime64(0)"),
    (re.compile(r"\bDate\b"), "Date32"),
    (re.compile(r"\bEnum(?:8|16)\((?:[^()']|'(?:[^'\\]|\\.)*')*\)"), "String"),
    (re.compile(r"\b(?:IPv4|IPv6|UUID|U?Int(?:128|256))\b"), "String"),
)


def run_sql(
    catalog: Catalog,
    statement: str,
    parameters: Mapping[str, Any],
    *,
    write: bool = False,
    settings: Mapping[str, str] | None = None,
) -> pa.Table | None:
    """Run one statement; return its answer, None for one that only changes something.

    A parameter's value is a Python value, or text as ClickHouse writes it: "['a', 'b']".
    `settings` are ClickHouse's, for a statement that only reads.
    Unless `write`, ClickHouse itself refuses every change. Raises UsageError for text that is
    not one statement and StatementError for a statement that ClickHouse refuses.
    """
    text, first = _checked(as_text("the statement", statement))
    if first in _CONTROLLING and not write:
        raise StatementError(f"{first} controls the server: it needs --write")
    if first in _OF_SESSION:
        raise UsageError(
            f"{first} would change what Hamsight's own statements see: write DATABASE.TABLE, or"
            " SETTINGS NAME = VALUE at the end of a statement"
        )
    parameters = _bindable(text, parameters)
    client = catalog.client if write else catalog.reader(settings)
    try:
        with engine_errors(client):
            if first not in _ANSWERING:
                client.command(text, parameters=dict(parameters))
                return None
            if first in _SELECTING:
                text = _readable(client, text, parameters)
            return _arrow(client, text, parameters)
    except StatementError as error:
        remedy = _remedy(getattr(error.__cause__, "code", None), text, write=write)
        if remedy is None:
            raise
        raise StatementError(f"{error}. {remedy}") from None
    finally:
        if not write:
            client.close()


def _checked(statement: str) -> tuple[str, str]:
    """Return the statement without a closing semicolon, and its first word."""

    def blank(found: re.Match[str]) -> str:
        is_quoted = found[0][0] in "'\"`"
        return ("." if is_quoted else " ") * len(found[0])

    bare = _HIDDEN.sub(blank, statement).rstrip()
    if bare.endswith(";"):
        bare = bare[:-1]
    if not bare.strip():
        raise UsageError("the statement is empty")
    if ";" in bare:
        raise UsageError("one statement at a time: there is a ';' in the midst")
    if re.search(r"\bINTO\s+OUTFILE\b", bare, re.IGNORECASE):
        raise UsageError("INTO OUTFILE writes past Hamsight: use --format and redirect stdout")
    first = re.match(r"\s*(\(|\w*)", bare)
    return statement[: len(bare)], first[1].upper() if first else ""


def _remedy(code: int | None, text: str, *, write: bool) -> str | None:
    """Return what to do about an error of ClickHouse's, where that can be said."""
    if code == _READONLY and not write:
        return "Without --write a statement can change neither data nor settings"
    if code == _NO_PARAMETER:
        return "Give each {NAME:Type} of the statement a value with --param NAME=VALUE"
    if code == _SYNTAX and re.search(r"\bFORMAT\s+\w+\s*$", text, re.IGNORECASE):
        return "Leave FORMAT out: --format says how the answer is written"
    return None


class _Literal:
    """Text that ClickHouse reads as a value of a nested type; the driver passes it on as it is."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text


def _bindable(text: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters for the driver; raises UsageError for one the statement lacks."""
    types = dict(_PARAMETER.findall(text))
    for name in parameters:
        if name not in types:
            names = listed([*types]) or "none"
            raise UsageError(
                f"the statement has no parameter {{{name}:Type}}; its parameters: {names}"
            )
        if isinstance(parameters[name], str):
            as_text(f"the parameter {name}", parameters[name])
    return {
        name: _Literal(value)
        if isinstance(value, str) and types[name].startswith(_NESTED)
        else value
        for name, value in parameters.items()
    }


def _arrow(client: Client, text: str, parameters: Mapping[str, Any]) -> pa.Table:
    import pyarrow as pa

    answer = client.raw_query(text, parameters=dict(parameters), fmt="ArrowStream")
    return pa.ipc.open_stream(answer).read_all()


def _readable(client: Client, text: str, parameters: Mapping[str, Any]) -> str:
    """Return the statement with columns cast whose type Arrow would not show."""
    from clickhouse_connect.driver.binding import quote_identifier

    described = fill("columns_of", statement=text)
    answer = client.raw_query(described, parameters=dict(parameters), fmt="JSONEachRow")
    types = [(one["name"], one["type"]) for one in map(json.loads, answer.splitlines())]
    columns, changed = [], False
    for name, kind in types:
        cast = kind
        for pattern, replacement in _READABLE:
            cast = pattern.sub(replacement, cast)
        column = quote_identifier(name)
        if cast != kind:
            changed = True
            column = fill("cast_column", column=column, type=cast.replace("'", "\\'"))
        columns.append(column)
    if not changed or len({name for name, _ in types}) < len(types):
        return text
    return fill("with_columns", columns=", ".join(columns), statement=text)


def make_functions(catalog: Catalog) -> list[str]:
    """Make the functions of sql/functions.sql; return their names. Raises StatementError."""
    for name in FUNCTIONS:
        catalog.run(name)
    return list(FUNCTIONS)
