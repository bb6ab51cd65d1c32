"""What a catalog lacks when it is opened for writing: it is found by two statements, and made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hamsight_core.catalog.database import Database
from hamsight_core.catalog.generations import (
    KEPT_SECONDS,
    adopt,
    is_generation,
    name_generation,
    read_by,
    renew_views,
    show,
    shown_columns,
    view_of,
)
from hamsight_core.catalog.leftovers import begun_before, drop_leftover, leftovers
from hamsight_core.catalog.model_row import CatalogModel, read_models

_OF_EVERY_CATALOG = {
    "models": "create_models",
    "ingests": "create_ingests",
    "rejects": "create_rejects",
}
_ADDED_TO_INGESTS = {"run", "options", "categories", "not_read"}
_ADDED_TO_ITEMS = {"scores", "phash", "phash_trimmed"}
_FORMER_FILENAMES = (
    "basename(uri)",
    "if(match(uri, '^(zip|tar)://'),"
    " toValidUTF8(decodeURLComponent(basename(extract(uri, '://(.*?)::')))), basename(uri))",
)
"""What `filename` was made of in older versions, which had the archive's name of a member, and of a
URL the query."""


@dataclass(frozen=True, slots=True)
class _Table:
    """A table or view of the catalog; `definition` is a view's SELECT."""

    engine: str
    comment: str
    definition: str
    columns: Sequence[str]
    filename: str


def complete(database: Database) -> list[CatalogModel]:
    """Make the tables that every catalog has, and what those of older versions lack.

    Views are mended that do not read what the models' rows name, and former generations dropped
    that are old. Return the models. No statement changes anything where nothing lacks.
    """
    tables, now = _tables(database)
    for table, statement in _OF_EVERY_CATALOG.items():
        if table not in tables:
            database.run(statement)
    if "ingests" in tables and not set(tables["ingests"].columns) >= _ADDED_TO_INGESTS:
        database.run("add_ingest_columns")
    if "analyses" in tables and "state" not in tables["analyses"].columns:
        database.run("add_analysis_columns")
    if "models" not in tables:
        return []
    models = read_models(database)
    old = _old(database, tables, models, now)
    if old or any(_lacks(tables, model) for model in models):
        with database.locked("an upgrade of the catalog"):
            tables, now = _tables(database)
            models = [_mended(database, tables, model) for model in read_models(database)]
            _drop(database, _old(database, tables, models, now), models)
    return read_models(database) if old else models


def left(database: Database, kept: int) -> list[str]:
    """Return the tables of killed runs, and former generations given up `kept` seconds ago."""
    tables, now = _tables(database)
    return _old(database, tables, read_models(database), now, kept)


def sweep(database: Database) -> list[str]:
    """Drop what `left` returns of an embedded catalog, and all former generations; return it."""
    with database.locked("a repair of the catalog"):
        old = left(database, 0)
        _drop(database, old, read_models(database))
    return old


def _tables(database: Database) -> tuple[dict[str, _Table], int]:
    """Return the tables by name, and the time of the server in seconds since 1970."""
    rows = database.rows("tables_and_columns")
    return {row[0]: _Table(*row[1:-1]) for row in rows}, int(rows[0][-1]) if rows else 0


def _old(
    database: Database,
    tables: Mapping[str, _Table],
    models: Sequence[CatalogModel],
    now: int,
    kept: int = KEPT_SECONDS,
) -> list[str]:
    known = {name: (table.engine, table.comment) for name, table in tables.items()}
    return leftovers(known, models, now, begun_before(database, now), kept)


def _drop(database: Database, old: Sequence[str], models: Sequence[CatalogModel]) -> None:
    if old:
        renew_views(database)
    for table in old:
        drop_leftover(database, table, models)


def _lacks(tables: Mapping[str, _Table], model: CatalogModel) -> bool:
    """Tell whether a model's table or view is not as this version makes it."""
    table = tables.get(model.items_table)
    if table is None:  # `verify` says so
        return False
    return (
        not is_generation(model.items_table)
        or not set(table.columns) >= _ADDED_TO_ITEMS
        or table.filename in _FORMER_FILENAMES
        or not _is_shown(tables, model.items_table)
    )


def _is_shown(tables: Mapping[str, _Table], items_table: str) -> bool:
    view = tables.get(view_of(items_table))
    return (
        view is not None
        and read_by(view.definition) == items_table
        and set(shown_columns(items_table).replace(",", " ").split()) <= set(view.columns)
    )


def _mended(database: Database, tables: Mapping[str, _Table], model: CatalogModel) -> CatalogModel:
    if not _lacks(tables, model):
        return model
    named = tables[model.items_table]
    if not set(named.columns) >= _ADDED_TO_ITEMS and named.engine != "View":
        shards = database.layout.shard_table(model.items_table)
        for table in dict.fromkeys([shards, model.items_table]):
            database.run("add_item_columns", table=model.items_table, shard_table=table)
    if named.filename in _FORMER_FILENAMES:
        database.run("modify_filename", table=model.items_table)
    if is_generation(model.items_table):
        view = tables.get(view_of(model.items_table))
        if view is not None and view.engine != "View":  # a generation that a killed run left
            database.drop(view_of(model.items_table))
        show(database, model.items_table)
        return model
    if named.engine == "View":  # a run was killed between exchanging the names and the row
        return name_generation(database, model, read_by(named.definition))
    return adopt(database, model)
