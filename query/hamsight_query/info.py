"""What `hamsight info` shows of a catalog."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.catalog import Catalog, CatalogModel, TableKind
from hamsight_core.catalog.generations import view_of
from hamsight_core.catalog.statements import fill
from hamsight_core.show.formats import Format, as_json, write

if TYPE_CHECKING:
    import pyarrow as pa

_INGESTS = 10
_REJECTS = 2**31


def describe(catalog: Catalog, format: Format) -> str:
    """Return the catalog's models, searches, datasets, last ingests, rejects and tables as text.

    Raises EmptyCatalogError for a database that is no catalog.
    """
    sections = _sections(catalog)
    if format is Format.JSON:
        objects = {name: json.loads(_written(table, Format.JSON)) for name, table in sections}
        return as_json(objects, indent=2)
    shown = [
        f"{name}\n{_written(table, Format.TABLE)}"
        for name, table in sections
        if table.num_rows or name != "rejects"
    ]
    return "\n".join(shown).rstrip()


def list_rejects(catalog: Catalog) -> pa.Table:
    """Return the files that could not be used, with the reason of each."""
    _check(catalog)
    return catalog.arrow(fill("list_rejects"), {"limit": _REJECTS})


def _check(catalog: Catalog) -> None:
    if not catalog.has_table("rejects"):
        raise catalog.nothing_yet()


def _sections(catalog: Catalog) -> list[tuple[str, pa.Table]]:
    import pyarrow as pa

    _check(catalog)
    every = catalog.models(None)
    models = [one for one in every if one.kind is TableKind.ITEMS]
    of_objects = [one for one in every if one.kind is TableKind.OBJECTS]
    objects = {one.name: view_of(one.items_table) for one in of_objects}
    datasets: list[Any] = []
    for model in models:
        table = catalog.arrow(fill("list_datasets"), {"table": model.items_table})
        names = pa.array([model.name] * table.num_rows, pa.string())
        datasets.append(table.add_column(0, "model", names))
    shown = ("dimension", "bits", "words", "source", "digest")
    columns = {
        "name": [model.name for model in models],
        "items": [view_of(model.items_table) for model in models],
        **({"objects": [objects.get(model.name) for model in models]} if objects else {}),
        **{key: [getattr(model, key) for model in models] for key in shown},
    }
    cells = [table for model in every for table in model.hash_settings.cell_tables]
    items = [model.items_table for model in every]
    tables = ["models", "hash_fits", "ingests", "rejects", *items, *cells]
    return [
        ("models", pa.table(columns)),
        ("search", _search(catalog, every)),
        ("datasets", pa.concat_tables(datasets) if datasets else pa.table({"model": []})),
        ("ingests", catalog.arrow(fill("list_ingests"), {"limit": _INGESTS})),
        ("rejects", catalog.arrow(fill("count_rejects"))),
        ("tables", _sizes(catalog, tables)),
    ]


def _sizes(catalog: Catalog, tables: list[str]) -> pa.Table:
    """Return each table's rows, those that were deleted left out, and its bytes on disk."""
    import pyarrow as pa

    given: dict[str, Any] = {"tables": tables}
    statement = fill("list_tables")
    if cluster := catalog.layout.cluster:
        given["database"] = catalog.client.database
        statement = fill("list_cluster_tables", cluster=cluster)
    sizes = catalog.arrow(statement, given)
    names = sizes["table"].to_pylist()
    rows = [int(catalog.rows("count_items", table=name)[0][0]) for name in names]
    return sizes.add_column(1, "rows", pa.array(rows, pa.uint64()))


def _search(catalog: Catalog, models: Sequence[CatalogModel]) -> pa.Table:
    """Return how each model is searched: hash, default candidates, and what they keep.

    `keeps` is the share of exact cosine's ten best, and null where it was not measured.
    """
    import pyarrow as pa

    rows: list[dict[str, object]] = []
    for model in models:
        settings, measured = model.hash_settings, model.hash_settings.calibration
        items = int(catalog.rows("count_items", table=model.items_table)[0][0])
        for kind, label in (("image", "pictures"), ("words", "words")):
            if kind == "words" and not model.words:
                continue
            candidates = settings.candidates(kind)
            keeps = 1.0 if candidates >= items else None
            if keeps is None and measured is not None:
                keeps = measured.recall.get(kind)
            of = "" if model.kind is TableKind.ITEMS else "objects by "
            shown = {"model": model.name, "hash": model.hash_scheme, "queries": of + label}
            rows.append({**shown, "candidates": candidates, "keeps": keeps})
    columns = [("model", pa.string()), ("hash", pa.string()), ("queries", pa.string())]
    numbers = [("candidates", pa.int64()), ("keeps", pa.float64())]
    return pa.Table.from_pylist(rows, pa.schema([*columns, *numbers]))


def _written(table: pa.Table, format: Format) -> str:
    buffer = io.BytesIO()
    write(table, format, buffer)
    return buffer.getvalue().decode("utf-8")
