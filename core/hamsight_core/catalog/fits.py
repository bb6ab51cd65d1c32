"""Fitted hashes as the catalog keeps them: a row of `hash_fits` each, which never changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_core.errors import CatalogError
from hamsight_core.hashing.sign import TERNARY, Hash, SignHash

if TYPE_CHECKING:
    from hamsight_core.hashing.ternary import HashParameters

TABLE = "hash_fits"
_KEPT = 2
_kept: dict[str, HashParameters] = {}


def hash_of(catalog: Catalog, model: CatalogModel) -> Hash:
    """Return what makes the hashes of a model's features, by its row.

    Raises CatalogError where the row names a fit that is missing or damaged.
    """
    if model.hash_scheme != TERNARY:
        return SignHash()
    fit = model.hash_settings.fit
    kept = _kept.get(fit)
    if kept is None:
        kept = _found(catalog, model, fit)
        if len(_kept) >= _KEPT:
            _kept.clear()
        _kept[fit] = kept
    return kept


def _found(catalog: Catalog, model: CatalogModel, fit: str) -> HashParameters:
    from hamsight_core.hashing.ternary import HashParameters

    rows = catalog.rows_if_any("find_hash_fit", {"digest": fit})
    if not rows:
        raise CatalogError(
            f"the hash of the model {model.name!r} was fitted, but the catalog lacks the fit"
            f" {fit[:12]}: fit it again with `hamsight rehash`"
        )
    return HashParameters.from_text(rows[0][0])


def add_fit(
    catalog: Catalog, model: str, parameters: HashParameters, items: int, words: int
) -> str:
    """Keep a fit of a model, made of so many items and words; return its digest."""
    digest = parameters.digest
    catalog.run("create_hash_fits")
    if not catalog.rows("find_hash_fit", {"digest": digest}):
        row = {
            "digest": digest,
            "model": model,
            "scheme": parameters.scheme,
            "version": parameters.version,
            "dimension": parameters.dimension,
            "bits": parameters.bits,
            "items": items,
            "words": words,
            "parameters": parameters.to_text(),
        }
        catalog.insert_rows(TABLE, [row])
    return digest
