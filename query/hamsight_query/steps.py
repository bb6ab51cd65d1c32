"""A search as one statement, and in steps: ranking first, then the columns of its items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.paging import as_json, pages
from hamsight_core.catalog.statements import fill, quoted
from hamsight_core.controls import escaped
from hamsight_query.candidates import described_by

if TYPE_CHECKING:
    import pyarrow as pa

    from hamsight_query.resident_search import ResidentSearch

_WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with the values of its `{name:Type}` parameters.

    `steps` is how a program gets the same answer sooner, where the statement is a search.
    `in_cells` says that it does not read all items, `least` which similarity matches have at least.
    """

    sql: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    steps: Steps | None = None
    in_cells: bool = False
    least: float | None = None

    def script(self) -> str:
        """Return the statement for `clickhouse client`, with its parameters set before it."""
        from clickhouse_connect.driver.binding import bind_query

        _, bound = bind_query(self.sql, dict(self.parameters))
        lines = [
            fill("set_value", name=name, value=escaped(quoted(value), _as_bytes)) + ";"
            for name, value in bound.items()
        ]
        return "\n".join([*lines, self.sql + ";"])


@dataclass(frozen=True, slots=True)
class Steps:
    """A search in steps: a statement that ranks, then the columns of the answer's rows by key.

    `ranking` is exact. The others, where there are such, answer sooner, or tell that they cannot:

    - `resident` ranks hashes held in memory;
    - `one_scan` scans once instead of twice and fetches `fetched` rows, or reads cells (`fetched`
      is 0 then); its column `whole` is false where ties or candidates may be missing.

    All leave the columns to the second step if `apart`.
    """

    ranking: Statement
    apart: bool = False
    one_scan: Statement | None = None
    fetched: int = 0
    resident: ResidentSearch | None = None


def ask(catalog: Catalog, statement: Statement, table: str) -> pa.Table:
    """Return the answer of a search's statement on an items table, in as few reads as may be.

    Rows that another process deletes meanwhile are left out. Raises StatementError.
    """
    steps = statement.steps
    if steps is None:
        return catalog.arrow(statement.sql, statement.parameters)
    ranked = _ranked(catalog, steps, table)
    if statement.least is not None:
        alike = ranked["similarity"].to_pylist()
        ranked = _rows(ranked, [n for n, one in enumerate(alike) if one >= statement.least])
    return _described(catalog, ranked, table) if steps.apart else ranked


def ranked_items(catalog: Catalog, statement: Statement, table: str) -> pa.Table:
    """Return the ranking that `ask` describes: item, distance and similarity, the best first.

    `item` is the 64-bit hash of an item's identity. Raises StatementError.
    """
    steps = statement.steps
    if steps is None:
        return _items(catalog, statement)
    held = steps.resident
    narrow = replace(
        steps,
        ranking=_narrow(steps.ranking),
        one_scan=steps.one_scan and _narrow(steps.one_scan, f", {_WHOLE}"),
        resident=held and replace(held, statement=_narrow(held.statement)),
    )
    return _ranked(catalog, narrow, table)


def _narrow(statement: Statement, more: str = "") -> Statement:
    return replace(statement, sql=fill("ranked_items", statement=statement.sql, more=more))


def _items(catalog: Catalog, statement: Statement) -> pa.Table:
    narrow = _narrow(statement)
    return catalog.arrow(narrow.sql, narrow.parameters)


def _ranked(catalog: Catalog, steps: Steps, table: str) -> pa.Table:
    for answer in (_of_resident, _of_one_scan):
        found = answer(catalog, steps, table)
        if found is not None:
            return found
    return catalog.arrow(steps.ranking.sql, steps.ranking.parameters)


def _of_resident(catalog: Catalog, steps: Steps, table: str) -> pa.Table | None:
    """Return what hashes in memory answer, None where they do not."""
    return None if steps.resident is None else steps.resident.ask(catalog, table)


def _of_one_scan(catalog: Catalog, steps: Steps, table: str) -> pa.Table | None:
    """Return what one scan answers, None where it may lack something."""
    if steps.one_scan is None or steps.fetched > catalog.rows_fetched_late():
        return None
    found = catalog.arrow(steps.one_scan.sql, steps.one_scan.parameters)
    # an answer of no rows does not tell whether it is whole
    if len(found) and found[_WHOLE][0].as_py():
        return found.drop_columns([_WHOLE])
    return None


def _described(catalog: Catalog, ranked: pa.Table, table: str) -> pa.Table:
    """Return ranked items with the columns that describe them, in the order of a statement's."""
    import pyarrow as pa

    wanted = _identities(ranked)
    described = described_by(table)
    columns = f"{fill('identity_and_place')}, {described}"
    sql = fill("items_of_answer", columns=columns, table=table)
    # one page at least: its columns are those of an answer without rows
    found = pa.concat_tables(
        catalog.arrow(sql, {"identities": as_json(page)}) for page in list(pages(wanted)) or [[]]
    )
    # of an item that is being replaced there may be two rows: either will do
    places = {identity: place for place, identity in enumerate(_identities(found))}
    there = [rank for rank, identity in enumerate(wanted) if identity in places]
    found = _rows(found, [places[wanted[rank]] for rank in there])
    if len(there) < len(wanted):
        ranked = _rows(ranked, there)
    first = fill("identity_and_place").split(", ")
    told = ranked.drop_columns(fill("identity").split(", "))
    for name in first:
        told = told.add_column(first.index(name), found.schema.field(name), found[name])
    for name in described.split(", "):
        told = told.append_column(found.schema.field(name), found[name])
    return told


def _rows(table: pa.Table, places: Sequence[int]) -> pa.Table:
    """Return rows of a table in the order of their places.

    `Table.take` would load pyarrow.compute, which takes longer than the statement.
    """
    import pyarrow as pa

    rows = [table.slice(place, 1) for place in places]
    return pa.concat_tables([table.slice(0, 0), *rows]).combine_chunks()


def _identities(table: pa.Table) -> list[tuple[str, ...]]:
    columns = [table[name].to_pylist() for name in ("dataset", "subset", "id")]
    return list(zip(*columns, strict=True))


def _as_bytes(char: str) -> str:
    return "".join(f"\\x{byte:02X}" for byte in char.encode("utf-8", "surrogateescape"))
