"""All that the catalog knows of one item."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import ImageError
from hamsight_query.filters import check_filled
from hamsight_query.named import item_rows, items_named

if TYPE_CHECKING:
    import pyarrow as pa


def describe_item(catalog: Catalog, name: str, model: str | None = None) -> pa.Table:
    """Return the row of the item of a name, [DATASET/][SUBSET/]ID, without its feature.

    Of several models the row is that of the one named, else of the first that has the item.
    Raises EmptyCatalogError, UsageError for an unknown model, and UnknownItemError.
    """
    models = [catalog.model(model)] if model is not None else catalog.models()
    chosen = models[0] if models else catalog.model()
    for one in models[1:]:
        if not items_named(catalog, chosen.items_table, [name])[name]:
            chosen = one
    check_filled(catalog, chosen)
    dataset, subset, id = item_rows(catalog, chosen.items_table, [name])[0][:3]
    given = {"dataset": dataset, "subset": subset, "id": id}
    return catalog.arrow(fill("whole_item", table=chosen.items_table), given)


def save_item(row: pa.Table, path: Path) -> None:
    """Write the picture of an item with its boxes; the suffix of `path` names the format.

    Raises UsageError as `sheet_format` does, and ImageError where the picture cannot be read.
    """
    from hamsight_core.images.thumbnails import Shown, thumbnails
    from hamsight_core.items import Box
    from hamsight_core.show.sheet import save_picture, sheet_format

    file_format = sheet_format(path)
    (item,) = row.select(["uri", "width", "height", "boxes"]).to_pylist()
    boxes = [Box(**box) for box in item["boxes"]]
    (picture,) = thumbnails([Shown(item["uri"], boxes)], max(item["width"], item["height"]))
    if isinstance(picture, str):
        raise ImageError(f"{item['uri']}: {picture}")
    save_picture(picture, path, file_format)
