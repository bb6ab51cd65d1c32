"""Rows of objects on their way into the catalog: those of `writer`, of a table of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from hamsight_core.catalog.catalog import Catalog, CatalogModel, TableKind
from hamsight_core.catalog.paging import as_json, pages
from hamsight_core.catalog.statements import all_of, fill
from hamsight_core.items import Item, ObjectItem
from hamsight_core.moments import microseconds
from hamsight_ingest.prepare import Known, Prepared
from hamsight_ingest.stored import ItemKey, delete_older
from hamsight_ingest.writer import Writer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hamsight_ingest.objects import Stored


class ObjectWriter(Writer):
    """Objects of one dataset's pictures under way to the catalog.

    An object is written where its picture stands in the catalog, so those of a picture are to be
    added after it. A picture's identity is (subset, id).
    """

    kind: ClassVar[TableKind] = TableKind.OBJECTS

    @cached_property
    def _gone(self) -> list[ItemKey]:
        """The objects to delete, whose boxes their pictures no longer have."""
        return []

    def stored(self, items: Sequence[Item]) -> Mapping[ItemKey, Stored]:
        """Return what the catalog holds of the objects of pictures, by the pictures' identities."""
        self._keep_fresh()
        found: dict[ItemKey, dict[str, Known]] = {}
        if self._model is not None and not self._new:
            for given in of_parents(self._dataset, [(one.subset, one.id) for one in items]):
                named = {"table": self._model.items_table, "conditions": fill("of_parents")}
                for row in self._catalog.rows("known_objects", given, **named):
                    subset, parent, id, *known = row
                    found.setdefault((subset, parent), {})[id] = Known(*known)
        return found

    def remove(self, identities: Sequence[ItemKey]) -> None:
        """Take objects whose boxes their pictures no longer have."""
        self._gone.extend(identities)

    @property
    def _gathered(self) -> bool:
        return super()._gathered or bool(self._gone)

    def _write_items(self, now: datetime) -> None:
        super()._write_items(now)
        if self._gone and self._model is not None:
            table = self._model.items_table
            delete_older(self._catalog, table, self._dataset, self._gone, microseconds(now))
            self.counts.deleted += len(self._gone)
        self._gone.clear()

    def _insert(
        self,
        model: CatalogModel,
        prepared: Sequence[Prepared],
        features: NDArray[np.float32],
        hashes: NDArray[np.uint8],
        now: datetime,
    ) -> None:
        there = self._parents(prepared)
        kept = [n for n, one in enumerate(prepared) if _parent(one.item) in there]
        if kept:
            some = [prepared[n] for n in kept]
            super()._insert(model, some, features[kept], hashes[kept], now)

    def _parents(self, prepared: Sequence[Prepared]) -> set[ItemKey]:
        """Return which pictures of objects stand in the catalog: others may be deleted by now."""
        asked = list(dict.fromkeys(_parent(one.item) for one in prepared))
        if self._apart:
            return set(asked)
        found: set[ItemKey] = set()
        for model in self._catalog.models():
            if model.name == self._package.name:
                for page in pages(asked):
                    given = {"dataset": self._dataset, "identities": as_json(page)}
                    rows = self._catalog.rows("present_parents", given, table=model.items_table)
                    found.update((row[0], row[1]) for row in rows)
        return found


def delete_objects(
    catalog: Catalog,
    model: CatalogModel,
    dataset: str,
    parents: Sequence[tuple[str, ...]],
    before_us: int | None = None,
) -> None:
    """Delete the objects of pictures; given a moment, in µs since 1970, those that came before."""
    condition, moment = fill("of_parents"), dict[str, Any]()
    if before_us is not None:
        condition = all_of((condition, fill("ingested_before")))
        moment["ingested_us"] = before_us
    for of_page in of_parents(dataset, parents):
        given = {**of_page, **moment}
        catalog.run("delete_items", given, table=model.items_table, condition=condition)


def of_parents(dataset: str, parents: Sequence[tuple[str, ...]]) -> Iterator[dict[str, Any]]:
    """Yield the parameters of the statement `of_parents`, some thousand pictures a time."""
    for page in pages(parents):
        yield {
            "dataset": dataset,
            "first_id": min(f"{id}#" for _, id in page),
            "last_id": max(f"{id}$" for _, id in page),
            "parents": as_json(page),
        }


def _parent(item: Item) -> ItemKey:
    assert isinstance(item, ObjectItem)
    return item.subset, item.parent
