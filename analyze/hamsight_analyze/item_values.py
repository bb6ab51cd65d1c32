"""A value of its own for each of many items, as a score or an attribute, in one statement."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hamsight_core.catalog.catalog import Catalog, CatalogModel, TableKind
from hamsight_core.catalog.statements import fill

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_INSERTED = 100_000


def give_scores(
    catalog: Catalog,
    model: CatalogModel,
    items: NDArray[np.uint64],
    name: str,
    scores: NDArray[np.float32],
) -> None:
    """Give each item, or object, of a model its score; one that is NaN takes the item's score away.

    `items` (n,) are hashes of identities, `cityHash64(dataset, subset, id)`, and `scores` (n,).
    """
    import pyarrow as pa

    texts = pa.array([""] * len(items), pa.string())
    tables = (model.kind, [model.name])
    _give(catalog, tables, items, name, "score_given", "no_number", pa.array(scores), texts)


def give_attributes(
    catalog: Catalog, items: NDArray[np.uint64], name: str, values: Sequence[str]
) -> None:
    """Give each item its value of an attribute, in the tables of all models; none where empty."""
    import pyarrow as pa

    numbers = pa.array([0.0] * len(items), pa.float32())
    tables = (TableKind.ITEMS, [model.name for model in catalog.models()])
    texts = pa.array(values, pa.string())
    _give(catalog, tables, items, name, "attribute_given", "no_text", numbers, texts)


def _give(
    catalog: Catalog,
    tables: tuple[TableKind, Sequence[str]],
    items: NDArray[np.uint64],
    name: str,
    statement: str,
    absent: str,
    numbers: pa.Array,
    texts: pa.Array,
) -> None:
    import pyarrow as pa

    if not len(items):
        return
    if not catalog.has_table("item_values"):
        catalog.run("create_item_values")
    run = uuid.uuid4().hex
    given = {"run": run, "name": name}
    table = pa.table(
        {"run": pa.array([run] * len(items)), "item": items, "number": numbers, "text": texts}
    )
    column = "number" if absent == "no_number" else "text"
    try:
        for start in range(0, table.num_rows, _INSERTED):
            catalog.insert("item_values", table.slice(start, _INSERTED))
        catalog.await_replicas("item_values")
        value = fill("item_value", column=column, absent=fill(absent))
        pieces = {
            "condition": fill("has_item_value"),
            "assignments": fill(statement, value=value),
            "needed": fill("every_item"),
        }
        with catalog.locked("values that an analysis gives items"):
            kind, models = tables
            for model in catalog.models(kind):
                if model.name in models:
                    catalog.run("update_items", given, table=model.items_table, **pieces)
    finally:
        catalog.run("delete_item_values", {"run": run})
