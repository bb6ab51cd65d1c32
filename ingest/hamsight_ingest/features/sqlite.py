"""Features in a table of SQLite: blobs of float32, float16 or float64, or JSON lists."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.statements import fill, statements
from hamsight_core.errors import SourceError, UsageError
from hamsight_ingest.features.columns import find_roles

if TYPE_CHECKING:
    import pyarrow as pa


def read_sqlite(
    path: Path, columns: Mapping[str, str], table: str | None, rows: int
) -> Iterator[pa.Table]:
    """Yield the rows of a table, `rows` at a time, as `read_features` does.

    `table` may be left out where there is but one. Raises SourceError and UsageError.
    """
    import pyarrow as pa

    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as base:
            chosen = _table(base, path, table)
            asked = base.execute(fill("sqlite_columns", table=_quoted(chosen)))
            names = [one[0] for one in asked.description]
            roles = find_roles(f"the table {chosen!r} of {path}", names, columns)
            selected = ", ".join(_quoted(name) for name in roles.values())
            cursor = base.execute(fill("sqlite_rows", columns=selected, table=_quoted(chosen)))
            done = 0
            while found := cursor.fetchmany(rows):
                values = dict(zip(roles, zip(*found, strict=True), strict=True))
                yield pa.table({role: _column(path, role, of, done) for role, of in values.items()})
                done += len(found)
    except sqlite3.Error as error:
        raise SourceError(f"{path} cannot be read as SQLite: {error}") from None


def _table(base: sqlite3.Connection, path: Path, given: str | None) -> str:
    names = [row[0] for row in base.execute(statements()["sqlite_tables"])]
    if given is not None and given in names:
        return given
    there = ", ".join(map(repr, names)) or "none"
    if given is not None:
        raise UsageError(f"--table {given}: {path} has no such table; it has {there}")
    if len(names) != 1:
        raise UsageError(f"{path} has the tables {there}: choose one with --table NAME")
    return str(names[0])


def _column(path: Path, role: str, values: tuple[Any, ...], done: int) -> Any:
    import pyarrow as pa

    if role == "feature" and any(isinstance(value, str) for value in values):
        values = tuple(
            _list(path, value, done + number) for number, value in enumerate(values, start=1)
        )
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SourceError(f"{path}: the column of the role {role} mixes types: {error}") from None


def _list(path: Path, value: object, row: int) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise SourceError(f"{path}, row {row}: the feature is no JSON list of numbers") from None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
