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
    """Give each item, or object, of a model its score; NaN takes the item's score away.

    `items` (n,) are hashes of identities, `cityHash64(dataset, subset, id)`, and `scores` (n,).
    """
    import pyarrow as pa

    values = pa.table({"item": items, "number": scores})
    assignments = fill("score_given", value=_value("number", "no_number"))
    _give(catalog, model.kind, [model.name], name, values, assignments)


def give_attributes(
    catalog: Catalog, items: NDArray[np.uint64], name: str, values: Sequence[str]
) -> None:
    """Give each item its value of an attribute, in the tables of all models; "" takes it away.

    `items` (n,) are hashes of identities, and `values` (n,).
    """
    import pyarrow as pa

    given = pa.table({"item": items, "text": pa.array(values, pa.string())})
    models = [model.name for model in catalog.models()]
    assignments = fill("attribute_given", value=_value("text", "no_text"))
    _give(catalog, TableKind.ITEMS, models, name, given, assignments)


def _value(column: str, absent: str) -> str:
    return fill("item_value", column=column, absent=fill(absent))


def _give(
    catalog: Catalog,
    kind: TableKind,
    models: Sequence[str],
    name: str,
    values: pa.Table,
    assignments: str,
) -> None:
    import pyarrow as pa

    if not values.num_rows:
        return
    if not catalog.has_table("item_values"):
        catalog.run("create_item_values")
    run = uuid.uuid4().hex
    values = values.append_column("run", pa.array([run] * values.num_rows))
    pieces = {
        "condition": fill("has_item_value"),
        "assignments": assignments,
        "needed": fill("every_item"),
    }
    try:
        for start in range(0, values.num_rows, _INSERTED):
            catalog.insert("item_values", values.slice(start, _INSERTED))
        catalog.await_replicas("item_values")
        given = {"run": run, "name": name}
        with catalog.locked("values that an analysis gives items"):
            for model in catalog.models(kind):
                if model.name in models:
                    catalog.run("update_items", given, table=model.items_table, **pieces)
    finally:
        catalog.run("delete_item_values", {"run": run})
