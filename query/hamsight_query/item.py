"""All that the catalog knows of one item."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hamsight_core.catalog.catalog import Catalog, TableKind
from hamsight_core.catalog.generations import view_of
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import ImageError, UsageError
from hamsight_core.items import Box
from hamsight_query.filters import check_filled
from hamsight_query.named import item_rows, items_named
from hamsight_query.region import Region

if TYPE_CHECKING:
    import pyarrow as pa


def describe_item(catalog: Catalog, name: str, model: str | None = None) -> pa.Table:
    """Return the row of the item, or the object, of a name, without its feature.

    A name is [DATASET/][SUBSET/]ID.
    Of several models the row is that of the one named, else of the first that has the item.
    Raises EmptyCatalogError, UsageError for an unknown model, and UnknownItemError.
    """
    models = [catalog.model(model)] if model is not None else catalog.models()
    names = {one.name for one in models}
    of_objects = [one for one in catalog.models(TableKind.OBJECTS) if one.name in names]
    chosen = models[0] if models else catalog.model()
    for one in [*models[1:], *of_objects]:
        if not items_named(catalog, chosen.items_table, [name])[name]:
            chosen = one
    if not items_named(catalog, chosen.items_table, [name])[name] and models:
        chosen = models[0]  # whose items are most like the name
    check_filled(catalog, chosen)
    dataset, subset, id = item_rows(catalog, chosen.items_table, [name])[0][:3]
    given = {"dataset": dataset, "subset": subset, "id": id}
    # the view leaves out what objects have not
    is_object = chosen.kind is TableKind.OBJECTS
    table = view_of(chosen.items_table) if is_object else chosen.items_table
    return catalog.arrow(fill("whole_item", table=table), given)


def save_item(
    row: pa.Table, path: Path, *, objects: bool = False, region: Region | None = None
) -> None:
    """Write the picture of an item with its boxes, or of an object, its box with a margin.

    With `objects` it is a sheet of the item's boxes, each by itself; with `region` that part of the
    picture. The suffix of `path` names the format. Raises UsageError as `sheet_format` does, for a
    region outside of the picture and for an item without boxes, and ImageError where the picture
    cannot be read.
    """
    from hamsight_core.images.crops import crop_of
    from hamsight_core.images.decode import decode
    from hamsight_core.images.places import fetch
    from hamsight_core.images.thumbnails import Shown, thumbnails
    from hamsight_core.show.row_sheet import Section, Tile, draw_rows
    from hamsight_core.show.sheet import save_picture, sheet_format

    file_format = sheet_format(path)
    (item,) = row.select(["id", "uri", "width", "height", "boxes"]).to_pylist()
    uri, boxes = item["uri"], [Box(**box) for box in item["boxes"]]
    is_object = "parent" in row.column_names
    if objects and (is_object or not boxes):
        what = "is an object" if is_object else "has no boxes"
        raise UsageError(f"{item['id']} {what}: leave --objects out")
    if objects:
        tiles = (Tile(uri, (box.label, f"#{n}"), crop=box) for n, box in enumerate(boxes, 1))
        draw_rows([Section("", tuple(tiles))], path, title=item["id"])
        return
    if region is not None or is_object:
        try:
            image = decode(fetch(uri)).image
        except ImageError as error:
            raise ImageError(f"{uri}: {error}") from None
        part = region.pixels(*image.size) if region else crop_of(boxes[0], *image.size)
        save_picture(image.crop(part), path, file_format)
        return
    (picture,) = thumbnails([Shown(uri, boxes)], max(item["width"], item["height"]))
    if isinstance(picture, str):
        raise ImageError(f"{uri}: {picture}")
    save_picture(picture, path, file_format)
