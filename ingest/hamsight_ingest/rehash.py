"""Making all hashes of a model anew, by a hash fitted to its features, while searches go on.

As when encoding again (`reencode`), what a search compares with is found through one
row of `models`: scheme, fit and table together. The rows get their new hashes in a table of another
name, and one statement switches the row. A run that is killed leaves the former table in use.

Rows that come, change or go meanwhile are made anew in the new table, last of all under a lease of
the former table (`hamsight_core.catalog.moving`), for the end of which all who change items wait.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.calibration import calibrate
from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_core.catalog.fits import add_fit
from hamsight_core.catalog.item_pages import item_pages
from hamsight_core.catalog.moving import leased
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import StatementError, UsageError
from hamsight_core.hashing.hash_settings import HashSettings
from hamsight_core.hashing.recall import features_of
from hamsight_core.hashing.sign import SIGN, TERNARY, Hash, SignHash, bits_of
from hamsight_core.hashing.vocabulary import words_to_fit
from hamsight_core.models.encoder import encode_texts
from hamsight_core.models.network import HERE, Compute
from hamsight_core.models.package import ModelPackage
from hamsight_ingest.catch_up import PASSES, Place, catch_up
from hamsight_ingest.tables import MAKING, base_of, drop_cells, stays, sweep_old

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE = 10_000
"""Features that a hash is fitted to."""
LEAST_ITEMS = 50
_LEAST_WORDS = 20
_MOST_BITS = 8192
_PAGE = 10_000
_SEED = 5


@dataclass(frozen=True, slots=True)
class Rehashed:
    """A model with its new hash; `sample` features and `words` took part in the fit.

    `former` is the table that it was in.
    """

    model: CatalogModel
    former: str
    items: int
    sample: int
    words: int


def rehash(
    catalog: Catalog,
    model: CatalogModel,
    package: ModelPackage | None,
    *,
    scheme: str = TERNARY,
    bits: int | None = None,
    chosen: bool = False,
    compute: Compute = HERE,
    on_progress: Callable[[int, int], None] = lambda done, items: None,
) -> Rehashed | None:
    """Give a model a hash fitted to its features, or signs, and all its items new hashes.

    `package` encodes the words of the fit and of the calibration; None leaves words out. `bits`
    are as many as before unless given. `chosen` keeps later ingests from changing the scheme.
    Return None where another process has given the model another table meanwhile, which then
    stays. Raises UsageError where the hash cannot be made.
    """
    table = f"{base_of(model.items_table)}_h{uuid.uuid4().hex[:8]}"
    width = (bits_of(model.dimension) if scheme == SIGN else bits) or model.bits
    made = replace(model, items_table=table, bits=width, hash_scheme=scheme)
    try:
        _check(catalog, model, scheme, bits)
        sweep_old(catalog, model.items_table)
        hash, fit, sample, words = _fitted(catalog, model, package, scheme, width, compute)
        work = _Work(catalog, model, made, hash, on_progress)
    except StatementError:
        if stays(catalog, model):
            raise
        return None
    switched = False
    try:
        work.all()
        calibration = calibrate(catalog, made, hash, package, compute)
        settings = HashSettings(fit, chosen, calibration)
        made = replace(made, hash_parameters=settings.to_text())
        with leased(catalog, model.items_table) as lease:
            work.catch_up(lease.renew)
            lease.renew(at_once=True)
            switched = switch(catalog, model, made)
        if not switched:
            return None
    except StatementError:
        if any(one.items_table in (model.items_table, table) for one in catalog.models()):
            raise
        return None
    finally:
        catalog.drop(table + MAKING)
        if not switched:
            catalog.drop(table)
    catalog.drop(model.items_table)
    drop_cells(catalog, model.items_table)
    items = int(catalog.rows("count_items", table=table)[0][0])
    return Rehashed(made, model.items_table, items, sample, words)


def _check(catalog: Catalog, model: CatalogModel, scheme: str, bits: int | None) -> None:
    if scheme not in (SIGN, TERNARY):
        raise UsageError(f"there is no hash {scheme!r}; choose {SIGN} or {TERNARY}")
    if bits is not None and (bits < 8 or bits % 8 or bits > _MOST_BITS):
        raise UsageError(f"--bits is {bits}; expected a multiple of 8, from 8 to {_MOST_BITS}")
    if scheme == SIGN and bits not in (None, bits_of(model.dimension)):
        raise UsageError(
            f"--bits is {bits}, but signs of {model.dimension} numbers are"
            f" {bits_of(model.dimension)} bits: leave --bits out"
        )
    table = model.items_table
    if catalog.rows("find_featureless", table=table):
        raise UsageError(
            f"items of the model {model.name!r} were imported with hashes alone:"
            " without features no other hash can be made of them"
        )
    items = catalog.rows("count_items", table=table)[0][0]
    if scheme == TERNARY and items < LEAST_ITEMS:
        raise UsageError(
            f"the model {model.name!r} has {items} items: a hash is fitted to {LEAST_ITEMS} or"
            " more, and of so few a search finds the best in any case"
        )


def _fitted(
    catalog: Catalog,
    model: CatalogModel,
    package: ModelPackage | None,
    scheme: str,
    bits: int,
    compute: Compute,
) -> tuple[Hash, str, int, int]:
    """Return the hash, the digest of its fit, and how many features and words made it."""
    if scheme == SIGN:
        return SignHash(), "", 0, 0
    from hamsight_core.hashing.ternary import fit

    items = catalog.rows("count_items", table=model.items_table)[0][0]
    given = {"seed": _SEED, "every": max(1, items // (4 * SAMPLE)), "limit": SAMPLE}
    found = catalog.arrow(fill("sample_features", table=model.items_table), given)
    features = features_of(found["feature"])
    words = _words(package, compute)
    parameters = fit(features, words, bits)
    known = 0 if words is None else len(words)
    digest = add_fit(catalog, model.name, parameters, len(features), known)
    return parameters, digest, len(features), known


def _words(package: ModelPackage | None, compute: Compute) -> NDArray[np.float32] | None:
    """Return features of the vocabulary, of the words that the model knows."""
    if package is None or package.text is None:
        return None
    features = encode_texts(package, words_to_fit(), compute)
    known = features[features.any(axis=1)]
    return known if len(known) >= _LEAST_WORDS else None


def switch(catalog: Catalog, former: CatalogModel, model: CatalogModel) -> bool:
    """Make the model's row name the new hash; return False where it is no longer the former."""
    values = {
        "name": model.name,
        "items_table": model.items_table,
        "bits": model.bits,
        "hash_scheme": model.hash_scheme,
        "hash_parameters": model.hash_parameters,
        "former": former.items_table,
    }
    catalog.run("switch_hash", values)
    return any(one.items_table == model.items_table for one in catalog.models())


class _Work:
    """Rows of the former table on their way into the new one."""

    def __init__(
        self,
        catalog: Catalog,
        former: CatalogModel,
        made: CatalogModel,
        hash: Hash,
        on_progress: Callable[[int, int], None],
    ) -> None:
        self._catalog, self._former, self._made, self._hash_of = catalog, former, made, hash
        self._making = made.items_table + MAKING
        self._on_progress = on_progress
        self._items = int(catalog.rows("count_items", table=former.items_table)[0][0])

    def all(self) -> None:
        """Fill the new table with all items, then with what changes meanwhile."""
        self._catalog.create_items(self._made)
        self._start()
        count = 0
        for condition, values in item_pages(self._catalog, self._former.items_table, _PAGE):
            count += self._hash(condition, values)
            self._on_progress(min(count, self._items), self._items)
        self._join()
        for _ in range(PASSES):
            if not self.catch_up():
                return

    def catch_up(self, renew: Callable[[], None] = lambda: None) -> int:
        """Bring the new table up to date with the former; return how many items differed."""
        former, made = self._former.items_table, self._made.items_table
        return catch_up(self._catalog, former, made, self._expected, self._refill, renew)

    def _expected(self, condition: str, place: Place) -> str:
        table = place(self._former.items_table)
        given = {"former": table, "digest": fill("row_digest"), "conditions": condition}
        return fill("rehashed_rows", **given)

    def _refill(self, condition: str, values: Mapping[str, Any]) -> None:
        """Hash those items of a page that the new table lacks."""
        absent = fill("not_in", table=self._made.items_table, conditions=condition)
        held = f"{condition} {fill('and_also')} {absent}"
        while True:
            self._start()
            if not self._hash(held, values):
                return
            self._join()

    def _start(self) -> None:
        """Make an empty table of hashes."""
        self._catalog.drop(self._making)
        hash_bytes = self._made.bits // 8
        self._catalog.run("create_hashes", table=self._making, hash_bytes=hash_bytes)
        self._catalog.spread(self._making)

    def _join(self) -> None:
        """Put the items of the hashes into the new table."""
        made, former = self._made.items_table, self._former.items_table
        self._catalog.run("join_rehashed", table=made, former=former, making=self._making)

    def _hash(self, condition: str, values: Mapping[str, Any]) -> int:
        """Hash one page of the items for which a condition holds; return how many."""
        import pyarrow as pa

        catalog = self._catalog
        page = fill("page_of_features", table=self._former.items_table, conditions=condition)
        rows = catalog.arrow(page, {**values, "limit": 2 * _PAGE})
        if rows.num_rows:
            hash_bytes = self._made.bits // 8
            hashes = self._hash_of.encode_images(features_of(rows["feature"]))
            buffers = [None, pa.py_buffer(hashes.tobytes())]
            column = pa.FixedSizeBinaryArray.from_buffers(
                pa.binary(hash_bytes), len(hashes), buffers
            )
            place = rows.schema.get_field_index("feature")
            catalog.insert(self._making, rows.remove_column(place).append_column("hash", column))
        return int(rows.num_rows)
