"""What the catalog holds already of items that are about to be inserted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_core.catalog.paging import as_json, pages
from hamsight_core.catalog.statements import fill
from hamsight_ingest.prepare import Prepared
from hamsight_ingest.rows import Curated

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PICTURE = ("phash", "phash_trimmed", "width", "height", "orientation", "format")


def stored_pictures(
    catalog: Catalog, model: CatalogModel, dataset: str, prepared: Sequence[Prepared]
) -> tuple[list[Prepared], NDArray[np.float32], NDArray[np.uint8]]:
    """Return items that changed in words alone, with size, feature and hash of their pictures.

    Features are float32 (n, dimension), hashes uint8 (n, bits / 8). Items are left out whose row
    another run has replaced or deleted since it was compared.
    """
    import numpy as np

    asked = {(one.item.subset, one.item.id): one for one in prepared}
    found: list[Prepared] = []
    features, hashes = [], bytearray()
    for page in pages(asked):
        parameters = {"table": model.items_table, "dataset": dataset, "identities": as_json(page)}
        for row in catalog.rows("stored_pictures", parameters):
            subset, id, sha256, *picture, hash_hex, feature = row
            one = asked[subset, id]
            if sha256 != one.sha256:
                continue
            found.append(replace(one, **dict(zip(_PICTURE, picture, strict=True))))
            features.append(feature)
            hashes += bytes.fromhex(hash_hex)
    return (
        found,
        np.array(features, np.float32).reshape(len(found), model.dimension),
        np.frombuffer(bytes(hashes), np.uint8).reshape(len(found), model.bits // 8),
    )


def stored_curation(
    catalog: Catalog, tables: Sequence[str], dataset: str, identities: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Curated]:
    """Return what users and analyses made of the items that the tables have, by (subset, id).

    What the first table says counts, else what the next one says.
    """
    selects = f" {fill('or_also')} ".join(
        fill("curated_rows", place=place, table=table) for place, table in enumerate(tables)
    )
    found: dict[tuple[str, str], Curated] = {}
    for page in pages(identities) if tables else ():
        parameters = {"dataset": dataset, "identities": as_json(page)}
        for row in catalog.rows("curated_items", parameters, selects=selects):
            found[row[0], row[1]] = Curated(*row[2:])
    return found
