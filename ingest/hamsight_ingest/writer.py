"""Rows on their way into the catalog, gathered and then written together while the lock is held.

A new row is inserted before the row that it replaces is deleted, so a run that is killed at any
moment loses nothing; what it doubles, `heal` deletes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, ClassVar

from hamsight_core.catalog.catalog import Catalog, CatalogModel, TableKind
from hamsight_core.catalog.fits import hash_of
from hamsight_core.catalog.paging import as_json, pages
from hamsight_core.hashing.sign import SIGN, stored_precision
from hamsight_core.items import Item
from hamsight_core.models.package import ModelPackage
from hamsight_core.moments import microseconds, moment_at
from hamsight_ingest.prepare import Known, Prepared, Rejected, Unchanged
from hamsight_ingest.rejects import Rejects
from hamsight_ingest.rows import item_rows
from hamsight_ingest.stored import (
    ItemKey,
    Present,
    delete_older,
    heal,
    is_twice,
    present_items,
    stored_pictures,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FLUSH_ROWS = 2048
FLUSH_SECONDS = 2.0
FRESH_SECONDS = 60.0
"""How old what is known of the model's row may be to read its table, which is there for minutes."""


@dataclass(slots=True)
class Counts:
    """What a run did with the items, counted once it stands in the catalog.

    `deleted` are objects whose boxes are gone.
    """

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    rejected: int = 0
    deleted: int = 0

    @property
    def total(self) -> int:
        """All items that the run has dealt with."""
        return self.added + self.replaced + self.unchanged + self.rejected


class Writer:
    """Rows of one dataset under way to the catalog, inserted a few thousand at a time.

    `model` is the catalog's of the package; where it is None, it is registered with the first row.
    `under_way` holds the identities that are dealt with and not yet in the catalog. `apart` says
    that the table of `model` is a side table of this run alone. `new` says that the catalog knows
    nothing yet of the dataset.
    """

    kind: ClassVar[TableKind] = TableKind.ITEMS
    """The kind of table that the rows go to."""

    def __init__(
        self,
        catalog: Catalog,
        package: ModelPackage,
        dataset: str,
        model: CatalogModel | None,
        *,
        apart: bool = False,
        new: bool = False,
    ) -> None:
        self.counts = Counts()
        self._catalog, self._package, self._dataset = catalog, package, dataset
        self._model, self._apart, self._new = model, apart, new
        self._models: Sequence[CatalogModel] = ()
        self._model_at = time.monotonic()
        self._prepared: list[Prepared] = []
        self._features: list[NDArray[np.float32]] = []
        self._kept: list[Prepared] = []
        self._rejects = Rejects(catalog, package.name, dataset)
        self._unchanged = 0
        self._flushed_at = time.monotonic()
        self._moved: list[Unchanged] = []
        self._moments_us: set[int] = set()
        self.under_way: set[ItemKey] = set()

    def known(self, items: Sequence[Item]) -> dict[ItemKey, Known]:
        """Return what the catalog holds of the items; those it does not hold are missing."""
        found: dict[ItemKey, Known] = {}
        self._keep_fresh()
        for page in pages(_identities(items)):
            parameters = {"dataset": self._dataset, "identities": as_json(page)}
            if not self._new:
                self._rejects.look_up(parameters)
            if self._model is not None:
                table = {"table": self._model.items_table}
                rows = self._catalog.rows("known_items", {**table, **parameters})
                found.update({(row[0], row[1]): Known(*row[2:]) for row in rows})
        return found

    def add(self, prepared: Sequence[Prepared], features: NDArray[np.float32]) -> None:
        """Take encoded items; features is float32 (n, dimension) of unit length."""
        self._prepared.extend(prepared)
        self._features.append(features)

    def keep(self, prepared: Prepared) -> None:
        """Take an item whose picture the catalog holds as it is, while its metadata changed."""
        self._kept.append(prepared)

    def reject(self, rejected: Rejected) -> None:
        """Take an item that cannot be used."""
        self._rejects.gathered.append(rejected)

    def leave(self, unchanged: Unchanged) -> None:
        """Count an item that the catalog holds as it is, but for its place where it moved.

        If it was rejected since, it is no longer.
        """
        self._unchanged += 1
        if unchanged.moved:
            self._moved.append(unchanged)
        self.under_way.discard((unchanged.item.subset, unchanged.item.id))
        self._rejects.now_used(unchanged.item)

    def is_new(self, known: Known) -> bool:
        """Whether this run itself wrote what the catalog holds of an item."""
        return known.ingested_us in self._moments_us

    @property
    def due(self) -> bool:
        """Whether enough rows or time have gathered for a flush."""
        gathered = (self._prepared, self._kept, self._rejects.gathered, self._moved)
        late = time.monotonic() - self._flushed_at >= FLUSH_SECONDS
        return late or any(len(rows) >= FLUSH_ROWS for rows in gathered)

    def flush(self) -> None:
        """Write what has gathered, as one batch; `counts` then includes it."""
        if self._gathered:
            with self._batch():
                now = datetime.now(timezone.utc)
                self._write_items(now)
                self._update_places()
                self.counts.rejected += self._rejects.flush(now)
        self.counts.unchanged += self._unchanged
        self._unchanged = 0
        self._flushed_at = time.monotonic()

    @property
    def _gathered(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._prepared or self._kept or self._moved or self._rejects.due)

    def heal(self) -> None:
        """Delete what a run that was killed left twice."""
        if self._new or self._model is None:
            return
        if is_twice(self._catalog, self._model.items_table, self._dataset):
            with self._batch():
                heal(self._catalog, self._model.items_table, self._dataset)

    @property
    def model(self) -> CatalogModel | None:
        """The model's row as it was read last; None where the catalog has none."""
        return self._model

    @contextmanager
    def _batch(self) -> Iterator[None]:
        """Hold the lock, with the model's row as it is then."""
        if self._apart:
            yield
            return
        with self._catalog.locked("a batch of an ingest"):
            self._refresh()
            yield

    def _keep_fresh(self) -> None:
        if time.monotonic() - self._model_at > FRESH_SECONDS:
            self._refresh()

    def _refresh(self) -> None:
        """Read the models' rows. Raises ModelMismatchError where the model has other weights."""
        if not self._apart:
            self._models = self._catalog.models(self.kind)
            self._model = self._catalog.check(self._package, self._models)
        self._model_at = time.monotonic()

    def _write_items(self, now: datetime) -> None:
        """Insert what is prepared and what is kept, and delete the rows that these replace."""
        if not self._prepared and not self._kept:
            return
        import numpy as np

        model = self._model
        if model is None:
            model = self._model = self._catalog.register(self._package, self._models, self.kind)
        kept, features, hashes = stored_pictures(self._catalog, model, self._dataset, self._kept)
        self._unchanged += len(self._kept) - len(kept)
        prepared = [*self._prepared, *kept]
        if prepared:
            if self._features:
                encoded = np.concatenate(self._features)
                if model.hash_scheme != SIGN:
                    encoded = stored_precision(encoded)
                made = hash_of(self._catalog, model).encode_images(encoded)
                features = np.concatenate([encoded, features])
                hashes = np.concatenate([made, hashes])
            self._insert(model, prepared, features, hashes, now)
        for one in (*self._prepared, *self._kept):
            self.under_way.discard((one.item.subset, one.item.id))
        self._prepared.clear()
        self._kept.clear()
        self._features.clear()

    def _insert(
        self,
        model: CatalogModel,
        prepared: Sequence[Prepared],
        features: NDArray[np.float32],
        hashes: NDArray[np.uint8],
        now: datetime,
    ) -> None:
        identities = _identities([one.item for one in prepared])
        present = self._present(model, identities)
        own = {identity: one for identity, one in present.items() if one.own}
        if own:  # a clock that was set back must not make a new row the older one
            latest_us = max(one.ingested_us for one in own.values())
            now = max(now, moment_at(latest_us + 1))
        now_us = microseconds(now)
        self._moments_us.add(now_us)
        curated = {identity: one.curated for identity, one in present.items()}
        rows = item_rows(self._dataset, prepared, features, hashes, now, curated)
        if tables := model.hash_settings.cell_tables:
            from hamsight_core.catalog.cells import add_to_cells

            add_to_cells(self._catalog, tables, rows)
        self._catalog.insert(model.items_table, rows)
        self._catalog.await_replicas(model.items_table)
        delete_older(self._catalog, model.items_table, self._dataset, list(own), now_us)
        self._rejects.forget(identities)
        self.counts.replaced += len(own)
        self.counts.added += len(prepared) - len(own)

    def _present(
        self, model: CatalogModel, identities: Sequence[ItemKey]
    ) -> dict[ItemKey, Present]:
        """Return what stands of the items, in this model's table or in another's."""
        others = [one.items_table for one in self._models if one.name != model.name]
        known = any(one.name == model.name for one in self._models)
        if self._apart:
            others, known = [], True
        tables = [model.items_table, *others]
        return (
            present_items(self._catalog, tables, self._dataset, identities)
            if known or others
            else {}
        )

    def _update_places(self) -> None:
        if self._model is None:
            return
        by_subset: dict[str, list[tuple[str, ...]]] = {}
        for one in self._moved:
            compared = (one.known.sha256.hex(), one.known.metadata_digest.hex())
            place = (one.item.id, one.item.uri, *compared)
            by_subset.setdefault(one.item.subset, []).append(place)
        for subset, places in by_subset.items():
            for page in pages(places):
                parameters = {
                    "dataset": self._dataset,
                    "subset": subset,
                    "ids": as_json([id for id, *_ in page]),
                    "uris": as_json([uri for _, uri, *_ in page]),
                    "compared": as_json([(id, *digests) for id, _, *digests in page]),
                }
                self._catalog.run("update_places", parameters, table=self._model.items_table)
        self._moved.clear()


def _identities(items: Sequence[Item]) -> list[ItemKey]:
    return [(item.subset, item.id) for item in items]
