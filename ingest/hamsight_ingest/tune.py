"""What follows an ingest: a hash fitted to the model's features once there are enough, and the
number of candidates measured whenever the table has grown."""

from __future__ import annotations

from dataclasses import replace

from hamsight_core.catalog.calibration import calibrate, stale
from hamsight_core.catalog.catalog import IMPORTED, Catalog, CatalogModel
from hamsight_core.catalog.fits import hash_of
from hamsight_core.catalog.hash_row import change_settings
from hamsight_core.errors import StatementError
from hamsight_core.hashing.sign import SIGN
from hamsight_core.models.network import HERE, Compute
from hamsight_core.models.package import ModelPackage
from hamsight_ingest.rehash import Rehashed, rehash
from hamsight_ingest.tables import stays

FIT_ITEMS = 5000
"""Items from which on a hash is fitted; in smaller tables a search misses hardly anything."""


def tune(
    catalog: Catalog, model: CatalogModel, package: ModelPackage, compute: Compute
) -> Rehashed | None:
    """Fit the hash of a model or measure what it keeps, where that is due; return a new fit.

    A scheme that a user chose, imported hashes, and a table that SQL views name stay, and so does
    what another process gives the model meanwhile.
    """
    try:
        if not _is_due(catalog, model):
            keep_measured(catalog, model, package, compute)
            return None
    except StatementError:
        if stays(catalog, model):
            raise
        return None
    return rehash(catalog, model, package, compute=compute)


def keep_measured(
    catalog: Catalog,
    model: CatalogModel,
    package: ModelPackage | None = None,
    compute: Compute = HERE,
) -> None:
    """Measure how many candidates a table needs, where it has grown and all items have features.

    Words are asked where there is a package with a text side.
    """
    items = int(catalog.rows("count_items", table=model.items_table)[0][0])
    if stale(model, items) and not catalog.rows("find_featureless", table=model.items_table):
        measured = calibrate(catalog, model, hash_of(catalog, model), package, compute)
        change_settings(catalog, model, lambda one: replace(one, calibration=measured))


def _is_due(catalog: Catalog, model: CatalogModel) -> bool:
    if int(catalog.rows("count_items", table=model.items_table)[0][0]) < FIT_ITEMS:
        return False
    if model.hash_scheme != SIGN or model.hash_settings.chosen or model.source == IMPORTED:
        return False
    if catalog.rows("find_featureless", table=model.items_table):
        return False
    return not catalog.rows("views_of", {"table": model.items_table})
