"""Writing into the catalog so that a run killed at any moment loses nothing and doubles nothing.

A new row is inserted before the row that it replaces is deleted; `heal` deletes what a run left
that was killed in between.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_core.catalog.fits import hash_of
from hamsight_core.catalog.moving import change_tables, settle
from hamsight_core.catalog.paging import as_json, pages
from hamsight_core.errors import StatementError
from hamsight_core.hashing.sign import SIGN, stored_precision
from hamsight_core.items import Item
from hamsight_core.models.package import ModelPackage
from hamsight_ingest.healing import Identity, delete_older, heal_rejects, heal_some
from hamsight_ingest.prepare import Known, Prepared, Rejected, Unchanged
from hamsight_ingest.rejects import Rejects
from hamsight_ingest.rows import Curated, item_rows
from hamsight_ingest.stored import stored_curation, stored_pictures

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

FLUSH_ROWS = 2048
FLUSH_SECONDS = 2.0
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True)
class Counts:
    """What a run did with the items, counted once it stands in the catalog."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    rejected: int = 0

    @property
    def total(self) -> int:
        """All items that the run has dealt with."""
        return self.added + self.replaced + self.unchanged + self.rejected


class Writer:
    """Rows of one dataset under way to the catalog, inserted a few thousand at a time.

    `model` is the catalog's of the package; where it is None, it is registered with the first row.
    `under_way` holds the identities that are dealt with and not yet in the catalog. `apart` says
    that no model's row names the table of `model`.
    """

    def __init__(
        self,
        catalog: Catalog,
        package: ModelPackage,
        dataset: str,
        model: CatalogModel | None,
        *,
        apart: bool = False,
    ) -> None:
        self.counts = Counts()
        self._catalog, self._package, self._dataset = catalog, package, dataset
        self._model, self._apart = model, apart
        self._prepared: list[Prepared] = []
        self._features: list[NDArray[np.float32]] = []
        self._kept: list[Prepared] = []
        self._rejects = Rejects(catalog, package.name, dataset)
        self._unchanged = 0
        self._flushed_at = time.monotonic()
        self._moved: list[Unchanged] = []
        self._moments_us: set[int] = set()
        self.under_way: set[Identity] = set()

    def known(self, items: Sequence[Item]) -> dict[Identity, Known]:
        """Return what the catalog holds of the items; those it does not hold are missing."""
        found: dict[Identity, Known] = {}
        for page in pages(_identities(items)):
            parameters = {"dataset": self._dataset, "identities": as_json(page)}
            self._rejects.look_up(parameters)
            if self._model is not None:
                rows = self._known_items(parameters)
                found.update({(row[0], row[1]): Known(*row[2:]) for row in rows})
        return found

    def _known_items(self, parameters: Mapping[str, object]) -> Sequence[Sequence[Any]]:
        assert self._model is not None
        table = {"table": self._model.items_table}
        try:
            return self._catalog.rows("known_items", {**table, **parameters})
        except StatementError:
            if not self._follow():
                raise
            return self._known_items(parameters)

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
        """Insert what has gathered; `counts` then includes it."""
        now = datetime.now(timezone.utc)
        self._flush_items(now)
        self._update_places()
        self.counts.rejected += self._rejects.flush(now)
        self.counts.unchanged += self._unchanged
        self._unchanged = 0
        self._flushed_at = time.monotonic()

    def _flush_items(self, now: datetime) -> None:
        if not self._prepared and not self._kept:
            return
        import numpy as np

        if self._model is None:
            self._model = self._catalog.register(self._package)
        encoded = np.concatenate([np.empty((0, self._model.dimension), "f4"), *self._features])
        kept, kept_features, kept_hashes = stored_pictures(
            self._catalog, self._model, self._dataset, self._kept
        )
        of_model = self._model
        self._unchanged += len(self._kept) - len(kept)
        self.under_way.difference_update(_identities([one.item for one in self._kept]))
        self._kept.clear()
        self._prepared.extend(kept)
        if self._prepared:
            features = np.concatenate([encoded, kept_features])
            self._insert(now, features, kept_hashes, of_model)

    def _insert(
        self,
        now: datetime,
        features: NDArray[np.float32],
        kept_hashes: NDArray[np.uint8],
        of_model: CatalogModel,
    ) -> None:
        """Insert all that is prepared; the last have the hashes `kept_hashes` by `of_model`."""
        former = [one.known.ingested_us for one in self._prepared if one.known is not None]
        if former:  # a clock that was set back must not make a new row the older one
            now = max(now, _EPOCH + (max(former) + 1) * _MICROSECOND)
        now_us = (now - _EPOCH) // _MICROSECOND
        self._moments_us.add(now_us)
        self._insert_where_searched(now, features, kept_hashes, of_model)
        replaced = [one.item for one in self._prepared if one.known is not None]
        if replaced:
            delete_older(self._dataset, _identities(replaced), now_us, self._change)
        self._rejects.forget(_identities([one.item for one in self._prepared]))
        self.counts.replaced += len(replaced)
        self.counts.added += len(self._prepared) - len(replaced)
        self.under_way.difference_update(_identities([one.item for one in self._prepared]))
        self._prepared.clear()
        self._features.clear()

    def _curated(self) -> dict[Identity, Curated]:
        """Return what users made of the prepared items, in this model's rows or in another's."""
        assert self._model is not None
        models = self._catalog.models()
        others = [one.items_table for one in models if one.name != self._package.name]
        items = [one.item for one in self._prepared if others or one.known is not None]
        tables = [self._model.items_table, *others]
        try:
            return stored_curation(self._catalog, tables, self._dataset, _identities(items))
        except StatementError:  # another process may have moved another model's rows
            if self._catalog.models() == models:
                raise
            return self._curated()

    def _insert_where_searched(
        self,
        now: datetime,
        features: NDArray[np.float32],
        kept_hashes: NDArray[np.uint8],
        of_model: CatalogModel,
    ) -> None:
        """Insert into the table that the model's row names, before and after.

        Meanwhile the model may have moved to a table of other hashes (`catalog.moving`): what
        was inserted into the former goes into the new one as well, and `heal` keeps one of two.
        """
        import numpy as np

        self._follow()
        while True:
            model = self._model
            assert model is not None
            stay = len(kept_hashes) if model.items_table == of_model.items_table else 0
            fresh = len(features) - stay
            if model.hash_scheme != SIGN:
                features = stored_precision(features)
            hashes = kept_hashes[:stay]
            if fresh:
                made = hash_of(self._catalog, model).encode_images(features[:fresh])
                hashes = np.concatenate([made, hashes])
            try:
                curated = self._curated()
                rows = item_rows(self._dataset, self._prepared, features, hashes, now, curated)
                cells = model.hash_settings.cell_tables
                self._add_to_cells(rows, cells)
                self._catalog.insert(model.items_table, rows)
            except StatementError:
                if not self._follow() and self._model == model:
                    raise
            else:
                if not self._follow():
                    assert self._model is not None
                    new = self._model.hash_settings.cell_tables
                    self._add_to_cells(rows, set(new) - set(cells))
                    return

    def _add_to_cells(self, rows: pa.Table, tables: Collection[str]) -> None:
        if tables:
            from hamsight_core.catalog.cells import add_to_cells

            add_to_cells(self._catalog, sorted(tables), rows)

    def _follow(self) -> bool:
        """Take the model's row as it is now; return whether its table is another one.

        Waits while the model is being moved. Raises ModelMismatchError where it has other weights.
        """
        former = self._model
        if former is None or self._apart:
            return False
        settle(self._catalog, former.items_table)
        self._model = self._catalog.check(self._package) or former
        return self._model.items_table != former.items_table

    def _tables(self) -> list[str]:
        """Return the table that the model's row names now."""
        self._follow()
        assert self._model is not None
        return [self._model.items_table]

    def _update_places(self) -> None:
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
                self._change("update_places", parameters)
        self._moved.clear()

    def heal(self) -> None:
        """Delete all but the latest row of every identity of the dataset that stands twice."""
        heal_rejects(self._catalog, self._package.name, self._dataset)
        self._follow()
        while self._model is not None:
            table = self._model.items_table
            try:
                if not heal_some(self._catalog, table, self._dataset, self._change):
                    return
            except StatementError:
                if not self._follow():
                    raise

    def _change(self, statement: str, parameters: Mapping[str, object]) -> None:
        """Run a statement that changes rows of the model's table."""
        change_tables(
            self._catalog,
            self._tables,
            lambda table: self._catalog.run(statement, parameters, table=table),
        )


def _identities(items: Sequence[Item]) -> list[Identity]:
    return [(item.subset, item.id) for item in items]
