"""What follows an ingest: a hash fitted to the model's features once there are enough, and the
number of candidates measured whenever the table has grown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hamsight_core.catalog.catalog import IMPORTED, Catalog, CatalogModel
from hamsight_core.hashing.sign import SIGN
from hamsight_core.models.network import HERE, Compute
from hamsight_core.models.package import ModelPackage

if TYPE_CHECKING:
    from hamsight_ingest.upkeep.rehash import Rehashed

FIT_ITEMS = 5000
"""Items from which on a hash is fitted; in smaller tables a search misses hardly anything."""


def tune(
    catalog: Catalog, model: CatalogModel, package: ModelPackage, compute: Compute
) -> Rehashed | None:
    """Fit the hash of a model or measure what it keeps, where that is due; return a new fit.

    A scheme that a user chose, imported hashes, and a generation that views of saved queries name
    stay, and so does what another process gives the model meanwhile.
    """
    items = int(catalog.rows("count_items", table=model.items_table)[0][0])
    if not _is_due(catalog, model, items):
        keep_measured(catalog, model, package, compute, items)
        return None
    from hamsight_ingest.upkeep.rehash import rehash

    return rehash(catalog, model, package, compute=compute)


def keep_measured(
    catalog: Catalog,
    model: CatalogModel,
    package: ModelPackage | None = None,
    compute: Compute = HERE,
    items: int | None = None,
) -> None:
    """Measure how many candidates a table needs, where it has grown and all items have features.

    Words are asked where there is a package with a text side. `items` is how many there are.
    """
    if items is None:
        items = int(catalog.rows("count_items", table=model.items_table)[0][0])
    if not model.hash_settings.is_stale(items):
        return
    if catalog.rows("find_featureless", table=model.items_table):
        return
    from hamsight_core.catalog.calibration import calibrate
    from hamsight_core.catalog.fits import hash_of

    measured = calibrate(catalog, model, hash_of(catalog, model), package, compute)
    catalog.change_settings(model, lambda one: replace(one, calibration=measured))


def _is_due(catalog: Catalog, model: CatalogModel, items: int) -> bool:
    if items < FIT_ITEMS:
        return False
    if model.hash_scheme != SIGN or model.hash_settings.chosen or model.source == IMPORTED:
        return False
    if catalog.rows("find_featureless", table=model.items_table):
        return False
    from hamsight_ingest.upkeep.rehash import views_of

    return not views_of(catalog, model.items_table)
