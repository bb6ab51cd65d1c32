"""The rows of `rejects`: one for each file of a dataset that a model could not use, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.paging import as_json, pages
from hamsight_core.items import Item
from hamsight_ingest.prepare import Rejected
from hamsight_ingest.stored import ItemKey


class Rejects:
    """The rejects of one dataset and model under way to the catalog.

    `gathered` are those to be inserted. Of items that an earlier run rejected and that are dealt
    with now, the earlier rows are deleted.
    """

    def __init__(self, catalog: Catalog, model: str, dataset: str) -> None:
        self.gathered: list[Rejected] = []
        self._catalog = catalog
        self._of_model = {"model": model, "dataset": dataset}
        self._former: set[ItemKey] = set()
        self._used: list[ItemKey] = []

    def look_up(self, page: Mapping[str, object]) -> None:
        """Note which of a page of items are among the rejects."""
        rows = self._catalog.rows("known_rejects", {**self._of_model, **page})
        self._former.update((subset, id) for subset, id in rows)

    def now_used(self, item: Item) -> None:
        """Note that the catalog holds an item; `flush` forgets that it was rejected."""
        if (item.subset, item.id) in self._former:
            self._used.append((item.subset, item.id))

    @property
    def due(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.gathered or self._used)

    def flush(self, now: datetime) -> int:
        """Insert what has gathered in place of former rows; return how many those are.

        Called while the lock is held: another run may just have rejected the same items.
        """
        self.forget(self._used)
        self._used.clear()
        count = len(self.gathered)
        if count:
            rejected = [(one.item.subset, one.item.id) for one in self.gathered]
            for page in pages(rejected):
                self.look_up({"identities": as_json(page)})
            self.forget(rejected)
            rows = [self._row(one, now) for one in self.gathered]
            self._catalog.insert_rows("rejects", rows)
            self._catalog.await_replicas("rejects")
            self.gathered.clear()
        return count

    def forget(self, identities: Sequence[ItemKey]) -> None:
        """Delete the rows that an earlier run left of items."""
        again = [one for one in identities if one in self._former]
        for page in pages(again):
            given = {**self._of_model, "identities": as_json(page)}
            self._catalog.run("delete_rejects", given)
        self._former.difference_update(again)

    def _row(self, rejected: Rejected, now: datetime) -> dict[str, object]:
        return {
            **self._of_model,
            "subset": rejected.item.subset,
            "id": rejected.item.id,
            "uri": rejected.item.uri,
            "reason": rejected.reason,
            "rejected_at": now.strftime("%Y-%m-%d %H:%M:%S.%f"),
        }
