"""Encoding all that a model has again, under other weights, while searches see the old rows.

Features of different weights must never be compared, and what a search compares with is found
through one row of `models`: digest and table together. What the new weights give is gathered in a
side table, so that a run that was killed goes on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from hamsight_core.catalog.catalog import Catalog, CatalogModel, TableKind
from hamsight_core.catalog.generations import (
    MAKING,
    create_items,
    new_generation,
    switch,
    view_of,
)
from hamsight_core.catalog.model_row import model_of
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import SourceError, UsageError
from hamsight_core.items import Box, Item, ObjectItem
from hamsight_core.models.package import ModelPackage, load_package
from hamsight_ingest.object_writer import ObjectWriter
from hamsight_ingest.pipeline import Settings, Stages
from hamsight_ingest.prepare import Rejected
from hamsight_ingest.progress import shown
from hamsight_ingest.upkeep.tune import tune
from hamsight_ingest.vanished import Seen
from hamsight_ingest.writer import Counts, Writer

PASSES = 5
"""How often what came meanwhile is encoded before the lock is taken in any case."""
_PAGE = 5_000
_LISTED = 5


@dataclass(frozen=True, slots=True)
class Reencoded:
    """What became of a model's items. `complete` is False where the run was stopped: searches
    then still see the old rows, and the next run goes on.

    `encoded` counts this run's, `items` all that stand under the new weights; the files of
    `rejected` could not be read, and their items are no longer in the catalog. `objects` says the
    same of the model's objects, which follow; `kind` is OBJECTS where these alone were left.
    """

    model: str
    encoded: int
    items: int
    rejected: tuple[Rejected, ...]
    complete: bool
    kind: TableKind = TableKind.ITEMS
    objects: Reencoded | None = None


def encode_again(
    catalog: Catalog,
    model: str | None,
    *,
    settings: Settings | None = None,
    progress: bool = False,
    stopped: Callable[[], bool] = lambda: False,
) -> Reencoded | None:
    """Encode all that a model has again with the package that `model` names, as it is now.

    `model` is a model of the catalog or a package; None is the only model of the catalog. Return
    None where the features are of that package already. Raises what `reencode` raises.
    """
    known = {one.name: one for one in catalog.models()}
    if model is None:
        model = catalog.model().name
    package = load_package(known[model].source if model in known else model)
    _present(catalog, package)
    catalog.create()
    given = settings or Settings()
    done: list[Reencoded] = []
    for kind, unit in ((TableKind.ITEMS, "images"), (TableKind.OBJECTS, "objects")):
        of_kind = [one for one in catalog.models(kind) if one.name == package.name]
        if not of_kind or (done and not done[-1].complete):
            continue
        with shown(f"{package.name} again", f" {unit}", progress) as show:
            found = reencode(catalog, package, given, on_progress=show, stopped=stopped, kind=kind)
        if found is not None:
            done.append(found)
            if found.complete and (registered := catalog.check(package, catalog.models(kind))):
                tune(catalog, registered, package, given.compute)
    if len(done) < 2:
        return done[0] if done else None
    return replace(done[0], objects=done[1], complete=done[1].complete)


def reencode(
    catalog: Catalog,
    package: ModelPackage,
    settings: Settings,
    *,
    on_progress: Callable[[int, int], None] = lambda done, items: None,
    stopped: Callable[[], bool] = lambda: False,
    kind: TableKind = TableKind.ITEMS,
) -> Reencoded | None:
    """Encode all items, or objects, of the catalog's model of the package's name with this package.

    Return None where the catalog's features are of this package already. `on_progress` is told
    how many of how many items are dealt with. Raises UsageError where the catalog has no such
    model, SourceError where no file of a dataset can be read (nothing is changed then), and what
    `hamsight_ingest.pipeline.run` raises.
    """
    former = _present(catalog, package, kind)
    view = view_of(former.items_table)
    making = replace(model_of(package), items_table=f"{view}_r{package.digest[:8]}{MAKING}")
    same = former.digest == package.digest
    _drop_others(catalog, view, "" if same else making.items_table)
    if same:
        return None
    create_items(catalog, making)
    work = _Work(catalog, package, settings, making, on_progress, stopped)
    for _ in range(PASSES):
        before = work.encoded
        if not work.all():
            return work.outcome()
        if work.encoded == before:
            break
    work.check_datasets()
    with catalog.locked(f"the switch of {package.name} to other weights") as lock:
        former = _present(catalog, package, kind)  # it may have got another hash
        if not work.all():
            return work.outcome()
        work.check_datasets()
        made = replace(making, items_table=new_generation(view))
        create_items(catalog, made)
        tables = {"former": former.items_table, "making": making.items_table}
        own = fill("own_of_former") if kind is TableKind.OBJECTS else ""
        catalog.run("join_reencoded", table=made.items_table, own=own, **tables)
        lock.check()
        switch(catalog, former, made)
    catalog.drop(making.items_table)
    items = catalog.rows("count_items", table=made.items_table)[0][0]
    return Reencoded(package.name, work.encoded, items, tuple(work.rejected), True, kind)


def _present(
    catalog: Catalog, package: ModelPackage, kind: TableKind = TableKind.ITEMS
) -> CatalogModel:
    models = catalog.models(kind)
    found = next((one for one in models if one.name == package.name), None)
    if found is None:
        names = ", ".join(one.name for one in models) or "no model"
        raise UsageError(
            f"the catalog has nothing of the model {package.name!r} to encode again;"
            f" it has {names}. Ingest without --re-encode"
        )
    return found


def _drop_others(catalog: Catalog, view: str, keep: str) -> None:
    """Drop the side tables of runs for other weights that were given up."""
    leftover = re.compile(rf"{view}_r[0-9a-f]{{8}}{MAKING}")
    for (name,) in catalog.rows("tables_of_prefix", {"prefix": view}):
        if leftover.fullmatch(name) and name != keep:
            catalog.drop(name)


class _Work:
    """Passes over the previous rows, which may be in another generation by then."""

    def __init__(
        self,
        catalog: Catalog,
        package: ModelPackage,
        settings: Settings,
        making: CatalogModel,
        on_progress: Callable[[int, int], None],
        stopped: Callable[[], bool],
    ) -> None:
        self.encoded = 0
        self.rejected: list[Rejected] = []
        self._catalog, self._package, self._settings = catalog, package, settings
        self._making = making
        self._on_progress, self._stopped = on_progress, stopped
        self._tried: set[tuple[str, str, str]] = set()
        self._first_rejected: dict[str, Rejected] = {}
        self._done = 0
        self._items = catalog.rows("count_items", table=self._former)[0][0]

    @property
    def _former(self) -> str:
        """The table that the model's row names now."""
        return _present(self._catalog, self._package, self._making.kind).items_table

    def all(self) -> bool:
        """Encode what the side table lacks; return False where the run was stopped."""
        self._done = 0
        return all(self._dataset(dataset) for dataset in self._datasets(self._former))

    def outcome(self) -> Reencoded:
        """Return what a run that was stopped has done."""
        kind = self._making.kind
        return Reencoded(self._package.name, self.encoded, 0, tuple(self.rejected), False, kind)

    def check_datasets(self) -> None:
        """Raise SourceError where no file of a dataset could be read: a disk may be missing."""
        lost = set(self._datasets(self._former)) - set(self._datasets(self._making.items_table))
        if lost:
            names = ", ".join(map(repr, sorted(lost)[:_LISTED]))
            first = self._first_rejected[min(lost)]
            raise SourceError(
                f"no file of the datasets {names} can be read (such as {first.item.uri}:"
                f" {first.reason}), so the previous features stay. Bring the files back, say where"
                " they are with `hamsight datasets move`, or delete the dataset with"
                " `hamsight datasets delete`; then the same command goes on"
            )

    def _dataset(self, dataset: str) -> bool:
        objects = self._making.kind is TableKind.OBJECTS
        of_kind = ObjectWriter if objects else Writer
        writer = of_kind(self._catalog, self._package, dataset, self._making, apart=True)
        writer.heal()
        done = self._done

        def show(counts: Counts) -> None:
            self._done = done + counts.total
            self._on_progress(self._done, self._items)

        if isinstance(writer, ObjectWriter):
            pictures, boxes = None, writer
        else:
            pictures, boxes = writer, None
        stages = Stages(
            pictures, self._package, self._settings, lambda: None, show, Seen(), None, boxes
        )
        complete = stages.all(self._unencoded(dataset), self._stopped)
        self.encoded += writer.counts.added + writer.counts.replaced
        self.rejected.extend(stages.rejected)
        if stages.rejected:
            self._first_rejected.setdefault(dataset, stages.rejected[0])
        self._tried.update((dataset, one.item.subset, one.item.id) for one in stages.rejected)
        return complete

    def _unencoded(self, dataset: str) -> Iterator[Item]:
        """Yield the previous rows that have no feature of the new weights, or changed since."""
        after = ("", "")
        while True:
            place = {"after_subset": after[0], "after_id": after[1], "limit": _PAGE}
            parameters = {"dataset": dataset, **place}
            own = fill("own_and_box") if self._making.kind is TableKind.OBJECTS else ""
            rows = self._catalog.rows("rows_after", parameters, table=self._former, own=own)
            if not rows:
                return
            after = (rows[-1][0], rows[-1][1])
            until = {"last_subset": after[0], "last_id": after[1]}
            table = self._making.items_table
            made = {
                (row[0], row[1]): row[2]
                for row in self._catalog.rows("rows_between", {**parameters, **until}, table=table)
            }
            for subset, id, uri, changed_us, *of_object in rows:
                if (dataset, subset, id) not in self._tried:
                    if made.get((subset, id), -1) <= changed_us:
                        yield _item(id, uri, subset, *of_object)
                    else:
                        self._done += 1

    def _datasets(self, table: str) -> list[str]:
        rows = self._catalog.rows("dataset_names", table=table)
        return list(dict.fromkeys(row[0] for row in rows))


def _item(
    id: str,
    uri: str,
    subset: str,
    parent: str = "",
    number: int = 0,
    box: tuple[str, float, float, float, float] | None = None,
) -> Item:
    if box is None:
        return Item(id, uri, subset)
    return ObjectItem(id, uri, subset, boxes=(Box(*box),), parent=parent, number=number)
