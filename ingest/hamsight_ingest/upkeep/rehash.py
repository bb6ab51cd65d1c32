"""Making all hashes of a model again, by a hash fitted to its features, while searches go on."""

from __future__ import annotations

import re
import uuid
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hamsight_core.catalog.calibration import calibrate
from hamsight_core.catalog.catalog import Catalog, CatalogModel, TableKind
from hamsight_core.catalog.fits import add_fit
from hamsight_core.catalog.generations import (
    MAKING,
    new_generation,
    server_time,
    view_of,
)
from hamsight_core.catalog.model_row import IMPORTED
from hamsight_core.catalog.paging import item_pages
from hamsight_core.catalog.statements import fill
from hamsight_core.catalog.successor import Successor
from hamsight_core.errors import UsageError
from hamsight_core.hashing.hash_settings import HashSettings
from hamsight_core.hashing.recall import features_of
from hamsight_core.hashing.sign import SIGN, TERNARY, Hash, SignHash, bits_of
from hamsight_core.hashing.vocabulary import words_to_fit
from hamsight_core.models.encoder import encode_texts
from hamsight_core.models.network import HERE, Compute
from hamsight_core.models.package import ModelPackage
from hamsight_ingest.progress import shown

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

SAMPLE = 10_000
"""Features that a hash is fitted to."""
LEAST_ITEMS = 50
FEW = 1000
"""Items that are hashed while the lock is held, where there are no more."""
PASSES = 5
"""How often what was added meanwhile is hashed before the lock is taken in any case."""
_LEAST_WORDS = 20
_MOST_BITS = 8192
_PAGE = 10_000
_PAGE_OF_FEW = 50_000
_SEED = 5


@dataclass(frozen=True, slots=True)
class Rehashed:
    """A model with its new hash; `sample` features and `words` took part in the fit.

    `former` is the generation that its items were in.
    """

    model: CatalogModel
    former: str
    items: int
    sample: int
    words: int


def hash_again(
    catalog: Catalog,
    model: str | None,
    *,
    scheme: str = TERNARY,
    bits: int | None = None,
    compute: Compute = HERE,
    progress: bool = False,
    kind: TableKind = TableKind.ITEMS,
) -> Rehashed | None:
    """Fit the hash of a model again, or give it signs; it then stays as it was chosen.

    `model` is a model of the catalog or the folder of its package; None is the only one. The hash
    is that of its items, or of its objects. Return None where another process has changed the model
    meanwhile. Raises what `rehash` raises.
    """
    found = catalog.model(model, kind=kind)
    catalog.create()
    package = None
    if found.source != IMPORTED or (model is not None and model != found.name):
        package = catalog.package(found, model)
    with shown(f"{found.name} hashed", f" {kind.value}", progress, delay=1) as show:
        return rehash(
            catalog,
            found,
            package,
            scheme=scheme,
            bits=bits,
            chosen=True,
            compute=compute,
            on_progress=show,
        )


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
    are as many as before unless given; views that fix the previous width are named before. `chosen`
    keeps later ingests from changing the scheme. Return None where another process has given the
    model another generation meanwhile, which then stays. Raises UsageError where the hash cannot be
    made.
    """
    width = (bits_of(model.dimension) if scheme == SIGN else bits) or model.bits
    _check(catalog, model, scheme, bits)
    if width != model.bits and (fixed := _of_width(catalog, model)):
        warnings.warn(
            f"these views fix hashes of {model.bits} bits and fail once {model.name} has {width}:"
            f" {', '.join(fixed)}. Make them again then",
            stacklevel=2,
        )
    hash, fit, sample, words = _fitted(catalog, model, package, scheme, width, compute)
    view = view_of(model.items_table)
    made = replace(model, items_table=new_generation(view), bits=width, hash_scheme=scheme)
    work = _Work(catalog, model, made, hash, f"{view}_h{uuid.uuid4().hex[:8]}{MAKING}")
    try:
        work.begin()
        work.hash(_PAGE, on_progress)
        for _ in range(PASSES):
            if work.hash(_PAGE_OF_FEW) <= FEW:
                break
        measured = calibrate(catalog, model, hash, package, compute, work.making)
        made = replace(made, hash_parameters=HashSettings(fit, chosen, measured).to_text())
        own = fill("own_of_former") if model.kind is TableKind.OBJECTS else ""
        with Successor(
            catalog, model, made, "rehashed_rows", making=work.making, own=own
        ) as successor:
            successor.fill()
            work.hash(_PAGE_OF_FEW)
            with catalog.locked(f"the rehash of {model.name}") as lock:
                if not any(one.items_table == model.items_table for one in catalog.models(None)):
                    return None
                work.hash(_PAGE_OF_FEW)
                successor.catch_up()
                lock.check()
                successor.switch()
    finally:
        catalog.drop(work.making)
    items = int(catalog.rows("count_items", table=made.items_table)[0][0])
    return Rehashed(made, model.items_table, items, sample, words)


def views_of(catalog: Catalog, items_table: str) -> list[str]:
    """Return the views of users that read a generation itself, as those of saved queries do."""
    own = view_of(items_table)
    views = catalog.rows("views", {"width": ""})
    return [name for name, reads, _ in views if name != own and items_table in _words(reads)]


def _of_width(catalog: Catalog, model: CatalogModel) -> list[str]:
    """Return the views of users over a model's items that fix the width of the hash."""
    kind = f"FixedString({model.bits // 8})"
    of_width = re.compile(rf"FixedString\((.*, )?{model.bits // 8}\)")
    views = catalog.rows("views", {"width": kind})
    reading = {view_of(model.items_table), model.items_table}
    own, found = view_of(model.items_table), dict[str, bool]()
    while True:
        new = {
            name: bool(wide) or of_width.search(reads) is not None
            for name, reads, wide in views
            if name != own and name not in found and _words(reads) & reading
        }
        if not new:
            return sorted(name for name, fixes in found.items() if fixes)
        found |= new
        reading |= new.keys()


def _words(sql: str) -> set[str]:
    return set(re.findall(r"\w+", sql))


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
    words = _words_of(package, compute)
    parameters = fit(features, words, bits)
    known = 0 if words is None else len(words)
    digest = add_fit(catalog, model.name, parameters, len(features), known)
    return parameters, digest, len(features), known


def _words_of(package: ModelPackage | None, compute: Compute) -> NDArray[np.float32] | None:
    """Return features of the vocabulary, of the words that the model knows."""
    if package is None or package.text is None:
        return None
    features = encode_texts(package, words_to_fit(), compute)
    known = features[features.any(axis=1)]
    return known if len(known) >= _LEAST_WORDS else None


class _Work:
    """New hashes of a generation's rows, by key and moment, on their way into another."""

    def __init__(
        self, catalog: Catalog, former: CatalogModel, made: CatalogModel, hash: Hash, making: str
    ) -> None:
        self.making = making
        self._catalog, self._former, self._made, self._hash_of = catalog, former, made, hash

    def begin(self) -> None:
        """Make the side table."""
        moment = server_time(self._catalog)
        width = self._made.bits // 8
        self._catalog.run("create_hashes", table=self.making, hash_bytes=width, moment=moment)
        self._catalog.spread(self.making)

    def hash(
        self, page: int, on_progress: Callable[[int, int], None] = lambda done, items: None
    ) -> int:
        """Hash all items that the side table lacks, `page` rows at a time; return how many."""
        table = self._former.items_table
        items = int(self._catalog.rows("count_items", table=table)[0][0])
        count = 0
        for condition, values in item_pages(self._catalog, table, page):
            named = {"table": table, "making": self.making, "conditions": condition}
            count += self._insert(self._catalog.arrow(fill("page_of_features", **named), values))
            on_progress(min(count, items), items)
        self._catalog.await_replicas(self.making)
        return count

    def _insert(self, rows: pa.Table) -> int:
        import pyarrow as pa

        if rows.num_rows:
            hashes = self._hash_of.encode_images(features_of(rows["feature"]))
            kind = pa.binary(self._made.bits // 8)
            buffers = [None, pa.py_buffer(hashes.tobytes())]
            column = pa.FixedSizeBinaryArray.from_buffers(kind, len(hashes), buffers)
            keys = rows.select(["dataset", "subset", "id", "ingested_at"])
            self._catalog.insert(self.making, keys.append_column("hash", column))
        return int(rows.num_rows)
