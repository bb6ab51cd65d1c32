"""Encoding all that a model has again, under other weights, while searches see the former rows.

Features of different weights must never be compared, and what a search compares with is found
through one row of `models`: digest and table together. So the new features are made in a table of
their own name, and the one statement that changes digest and table in that row is the switch: who
read the row before it searches the former table with the former weights, who reads it after the
new one with the new. A table under the same name (EXCHANGE TABLES) would let a query that was
encoded before meet rows that came after. The former table is dropped once the row names the new.

What the new weights give is gathered beside the rows (in `…_making`), so that a killed run goes
on. What comes, changes or goes meanwhile is followed, last of all under a lease of the former table
(`hamsight_core.catalog.moving`), for the end of which all who change items wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from hamsight_core.catalog.catalog import Catalog, CatalogModel, model_of
from hamsight_core.catalog.moving import leased
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import SourceError, UsageError
from hamsight_core.items import Item
from hamsight_core.models.package import ModelPackage
from hamsight_ingest.catch_up import PASSES, Place, catch_up
from hamsight_ingest.pipeline import Settings, Stages
from hamsight_ingest.prepare import Rejected
from hamsight_ingest.tables import MAKING, base_of, sweep
from hamsight_ingest.vanished import Seen
from hamsight_ingest.writer import Counts, Writer

_PAGE = 5_000
_LISTED = 5


@dataclass(frozen=True, slots=True)
class Reencoded:
    """What became of a model's items. `complete` is False where the run was stopped: searches
    then see the former rows still, and the next run goes on.

    `encoded` counts this run's, `items` all that stand under the new weights; the files of
    `rejected` could not be read, and their items are no longer in the catalog.
    """

    model: str
    encoded: int
    items: int
    rejected: tuple[Rejected, ...]
    complete: bool


def reencode(
    catalog: Catalog,
    package: ModelPackage,
    settings: Settings,
    *,
    on_progress: Callable[[int, int], None] = lambda done, items: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Reencoded | None:
    """Encode all items of the catalog's model of the package's name with this package.

    Return None where the catalog's features are of this package already. `on_progress` is told
    how many of how many items are dealt with. Raises UsageError where the catalog has no such
    model, SourceError where no file of a dataset can be read (nothing is changed then), and what
    `hamsight_ingest.pipeline.run` raises.
    """
    former = next((one for one in catalog.models() if one.name == package.name), None)
    if former is None:
        names = ", ".join(one.name for one in catalog.models()) or "no model"
        raise UsageError(
            f"the catalog has nothing of the model {package.name!r} to encode again;"
            f" it has {names}. Ingest without --re-encode"
        )
    table = base_of(former.items_table) + f"_r{package.digest[:8]}"
    making = replace(model_of(package), items_table=table + MAKING)
    if former.digest == package.digest:
        sweep(catalog, former.items_table)
        return None
    sweep(catalog, former.items_table, keep=making.items_table)
    catalog.create_items(making)
    model = replace(making, items_table=table)
    work = _Work(catalog, package, settings, former, making, on_progress, stopped)
    if not work.all():
        return work.outcome()
    work.check_datasets()
    catalog.drop(table)
    catalog.create_items(model)
    work.refill(fill("every_item"), {})
    for _ in range(PASSES):
        if not work.all():
            return work.outcome()
        if not work.catch_up():
            break
    with leased(catalog, former.items_table) as lease:
        stays = any(one.items_table == former.items_table for one in catalog.models())
        if stays:
            if not work.all(lease.renew):
                return work.outcome()
            work.check_datasets()
            work.catch_up(lease.renew)
            lease.renew(at_once=True)
            catalog.run("switch_model", asdict(model))
    if not stays:  # another process hashed the model again; what was encoded serves on
        return reencode(catalog, package, settings, on_progress=on_progress, stopped=stopped)
    sweep(catalog, model.items_table)
    items = catalog.rows("count_items", table=table)[0][0]
    return Reencoded(package.name, work.encoded, items, tuple(work.rejected), True)


class _Work:
    """The passes over the former rows, until one finds nothing left to encode."""

    def __init__(
        self,
        catalog: Catalog,
        package: ModelPackage,
        settings: Settings,
        former: CatalogModel,
        making: CatalogModel,
        on_progress: Callable[[int, int], None],
        stopped: Callable[[], bool],
    ) -> None:
        self.encoded = 0
        self.rejected: list[Rejected] = []
        self._catalog, self._package, self._settings = catalog, package, settings
        self._renew: Callable[[], None] = lambda: None
        self._former, self._making = former, making
        self._gathered = making.items_table
        self._table = self._gathered.removesuffix(MAKING)
        self._on_progress, self._stopped = on_progress, stopped
        self._tried: set[tuple[str, str, str]] = set()
        self._first_rejected: dict[str, Rejected] = {}
        self._done = 0
        self._items = catalog.rows("count_items", table=former.items_table)[0][0]

    def all(self, renew: Callable[[], None] = lambda: None) -> bool:
        """Return whether all is done; False where the run was stopped. `renew` is called often."""
        self._renew = renew
        while True:
            before = self.encoded
            for dataset in self._datasets(self._former):
                if not self._dataset(dataset):
                    return False
            if self.encoded == before:
                return True

    def outcome(self) -> Reencoded:
        """Return what a run that was stopped has done."""
        return Reencoded(self._package.name, self.encoded, 0, tuple(self.rejected), False)

    def catch_up(self, renew: Callable[[], None] = lambda: None) -> int:
        """Bring the new table up to date with what is encoded; return how many items differed."""
        former = self._former.items_table
        return catch_up(self._catalog, former, self._table, self._expected, self.refill, renew)

    def _expected(self, condition: str, place: Place) -> str:
        tables = {"former": place(self._former.items_table), "making": place(self._gathered)}
        return fill("reencoded_rows", **tables, digest=fill("row_digest"), conditions=condition)

    def refill(self, condition: str, values: Mapping[str, Any]) -> None:
        """Put those items into the new table that are encoded and that it lacks."""
        tables = {"former": self._former.items_table, "making": self._gathered}
        lacking = fill("not_among", table=self._table, conditions=condition)
        held = f"{condition} {fill('and_also')} {lacking}"
        self._catalog.run("join_reencoded", values, table=self._table, **tables, conditions=held)

    def check_datasets(self) -> None:
        """Raise SourceError where no file of a dataset could be read: a disk may be missing."""
        lost = set(self._datasets(self._former)) - set(self._datasets(self._making))
        if lost:
            names = ", ".join(map(repr, sorted(lost)[:_LISTED]))
            first = self._first_rejected[min(lost)]
            raise SourceError(
                f"no file of the datasets {names} can be read (such as {first.item.uri}:"
                f" {first.reason}), so the former features stay. Bring the files back, say where"
                " they are with `hamsight datasets move`, or delete the dataset with"
                " `hamsight datasets delete`; then the same command goes on"
            )

    def _dataset(self, dataset: str) -> bool:
        writer = Writer(self._catalog, self._package, dataset, self._making, apart=True)
        writer.heal()
        done = self._done

        def show(counts: Counts) -> None:
            self._done = done + counts.total
            self._renew()
            self._on_progress(self._done, self._items)

        stages = Stages(writer, self._package, self._settings, lambda: None, show, Seen())
        complete = stages.all(self._unencoded(dataset), self._stopped)
        self.encoded += writer.counts.added + writer.counts.replaced
        self.rejected.extend(stages.rejected)
        if stages.rejected:
            self._first_rejected.setdefault(dataset, stages.rejected[0])
        self._tried.update((dataset, one.item.subset, one.item.id) for one in stages.rejected)
        return complete

    def _unencoded(self, dataset: str) -> Iterator[Item]:
        """Yield the former rows that have no feature of the new weights, or changed since."""
        after = ("", "")
        while True:
            place = {"after_subset": after[0], "after_id": after[1], "limit": _PAGE}
            parameters = {"dataset": dataset, **place}
            rows = self._catalog.rows("rows_after", parameters, table=self._former.items_table)
            if not rows:
                return
            after = (rows[-1][0], rows[-1][1])
            until = {"last_subset": after[0], "last_id": after[1]}
            table = self._making.items_table
            made = {
                (row[0], row[1]): row[2]
                for row in self._catalog.rows("rows_between", {**parameters, **until}, table=table)
            }
            for subset, id, uri, changed_us in rows:
                if (dataset, subset, id) not in self._tried:
                    if made.get((subset, id), -1) <= changed_us:
                        yield Item(id, uri, subset)
                    else:
                        self._done += 1

    def _datasets(self, model: CatalogModel) -> list[str]:
        rows = self._catalog.rows("dataset_names", table=model.items_table)
        return list(dict.fromkeys(row[0] for row in rows))
