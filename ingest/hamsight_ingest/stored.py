"""What an items table has of items that an ingest brings again, and what it has twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_core.catalog.paging import as_json, pages
from hamsight_core.catalog.statements import fill, union_of
from hamsight_ingest.prepare import Prepared
from hamsight_ingest.rows import Curated

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ItemKey: TypeAlias = tuple[str, str]
"""What names an item within its dataset: (subset, id)."""
_HEALED = 10_000
_PICTURE = ("phash", "phash_trimmed", "width", "height", "orientation", "format")


@dataclass(frozen=True, slots=True)
class Present:
    """What the catalog has of an item that is about to be inserted.

    `own` says that the model itself has it, `ingested_us` since when, in µs since 1970.
    """

    own: bool
    ingested_us: int
    curated: Curated


def present_items(
    catalog: Catalog, tables: Sequence[str], dataset: str, identities: Sequence[ItemKey]
) -> dict[ItemKey, Present]:
    """Return what the tables have of items of a dataset, by (subset, id).

    The first table is the model's own; what it says counts, else what the next one says.
    """
    selects = union_of(
        fill("present_rows", place=place, table=table) for place, table in enumerate(tables)
    )
    found: dict[ItemKey, Present] = {}
    for page in pages(identities):
        parameters = {"dataset": dataset, "identities": as_json(page)}
        for row in catalog.rows("present_items", parameters, selects=selects):
            found[row[0], row[1]] = Present(bool(row[2]), row[3], Curated(*row[4:]))
    return found


def stored_pictures(
    catalog: Catalog, model: CatalogModel, dataset: str, prepared: Sequence[Prepared]
) -> tuple[list[Prepared], NDArray[np.float32], NDArray[np.uint8]]:
    """Return items that changed in words alone, with size, feature and hash of their pictures.

    Features are float32 (n, dimension), hashes uint8 (n, bits / 8). Items are left out whose row
    another run has replaced or deleted since it was compared. Several objects may be stored as one.
    """
    import numpy as np

    asked: dict[ItemKey, list[Prepared]] = {}
    for one in prepared:
        asked.setdefault((one.item.subset, one.stored_as or one.item.id), []).append(one)
    found: list[Prepared] = []
    features, hashes = [], bytearray()
    for page in pages(asked):
        parameters = {"table": model.items_table, "dataset": dataset, "identities": as_json(page)}
        for row in catalog.rows("stored_pictures", parameters):
            subset, id, sha256, digest, *picture, hash_hex, feature = row
            for one in asked[subset, id]:
                if sha256 != one.sha256 or (one.stored_as and digest != _digest(one)):
                    continue
                found.append(replace(one, **dict(zip(_PICTURE, picture, strict=True))))
                features.append(feature)
                hashes += bytes.fromhex(hash_hex)
    return (
        found,
        np.array(features, np.float32).reshape(len(found), model.dimension),
        np.frombuffer(bytes(hashes), np.uint8).reshape(len(found), model.bits // 8),
    )


def _digest(prepared: Prepared) -> bytes | None:
    """Return what tells the words and the box of the row that an object is stored as."""
    return prepared.known.metadata_digest if prepared.known else None


def delete_older(
    catalog: Catalog, table: str, dataset: str, identities: Sequence[ItemKey], than_us: int
) -> None:
    """Delete the rows of items that were ingested before a moment, in µs since 1970."""
    for page in pages(identities):
        given = {"dataset": dataset, "ingested_us": than_us, "identities": as_json(page)}
        catalog.run("delete_replaced", given, table=table)


def is_twice(catalog: Catalog, table: str, dataset: str) -> bool:
    """Tell whether a table has more than one row of an item of a dataset."""
    return bool(catalog.rows("count_twice", {"dataset": dataset}, table=table)[0][0])


def heal(catalog: Catalog, table: str, dataset: str) -> None:
    """Delete all but the latest row of every item of a dataset.

    Of rows of one moment one is inserted again as of a later moment.
    """
    of_dataset = {"table": table, "dataset": dataset, "limit": _HEALED}
    while twice := catalog.rows("find_twice", of_dataset):
        by_time: dict[int, list[ItemKey]] = {}
        for subset, id, latest_us, latest_rows in twice:
            kept_us = latest_us if latest_rows == 1 else latest_us + 1
            by_time.setdefault(kept_us, []).append((subset, id))
        tied = [(subset, id) for subset, id, _, latest_rows in twice if latest_rows > 1]
        for page in pages(tied):
            given = {"dataset": dataset, "identities": as_json(page)}
            catalog.run("insert_later", given, table=table)
        for latest_us, identities in by_time.items():
            delete_older(catalog, table, dataset, identities, latest_us)
