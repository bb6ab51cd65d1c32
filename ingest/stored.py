"""Hashes and features that the catalog holds already of pictures whose items changed otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hamsight.catalog import Catalog, CatalogModel
from hamsight.paging import pages
from ingest.prepare import Prepared

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def stored_pictures(
    catalog: Catalog, model: CatalogModel, dataset: str, prepared: Sequence[Prepared]
) -> tuple[list[Prepared], NDArray[np.float32], NDArray[np.uint8]]:
    """Return the items with what the catalog holds of their pictures, features and hashes.

    Features are float32 (n, dimension), hashes uint8 (n, bits / 8). Items are left out whose row
    another run has replaced or deleted since it was compared.
    """
    import numpy as np

    asked = {(one.item.subset, one.item.id): one for one in prepared}
    found: list[Prepared] = []
    features, hashes = [], bytearray()
    for page in pages(asked):
        parameters = {"table": model.items_table, "dataset": dataset, "identities": page}
        for row in catalog.rows("stored_pictures", parameters):
            subset, id, sha256, width, height, orientation, format, hash_hex, feature = row
            one = asked[subset, id]
            if sha256 != one.sha256:
                continue
            picture = {"width": width, "height": height, "orientation": orientation}
            found.append(replace(one, **picture, format=format))
            features.append(feature)
            hashes += bytes.fromhex(hash_hex)
    return (
        found,
        np.array(features, np.float32).reshape(len(found), model.dimension),
        np.frombuffer(bytes(hashes), np.uint8).reshape(len(found), model.bits // 8),
    )
