"""Items of the catalog that a dataset's source no longer has.

Where the source is a folder, its files decide: an item has vanished when its file is gone. Other
formats list their items, so one that is not listed has vanished; but where the reader left
something out, or another source of the dataset overlaps, its file must be gone as well.
"""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hamsight_core.catalog.catalog import Catalog, CatalogModel, TableKind
from hamsight_core.catalog.paging import as_json, pages
from hamsight_core.catalog.statements import fill
from hamsight_core.images.places.uris import holding_file
from hamsight_core.moments import now_us
from hamsight_ingest.listing import printable
from hamsight_ingest.object_writer import delete_objects
from hamsight_ingest.source import Source
from hamsight_ingest.stored import ItemKey

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PAGE = 50_000
_LISTED = 20
_FILES_DECIDE = frozenset({"folder"})
_ENTRY = re.compile(
    r"\.(xml|json|jsonl|ndjson|csv|tsv[0-9]*|txt|caption|cls|ya?ml|data|names|labels|tar|parquet|pq"
    r"|arrow|feather|ipc)(:[^/].*)?$",
    re.DOTALL,
)
"""How the uri of a refused entry ends."""


class Seen:
    """The items that a run has met since it began, 8 bytes each, and when that was."""

    def __init__(self) -> None:
        self.since_us = now_us()
        self._hashes = array("q")
        self._sorted: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self._hashes)

    def add(self, identity: ItemKey) -> None:
        """Note an item's (subset, id)."""
        self._hashes.append(hash(identity))

    def missing(self, rows: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
        """Return those of the (subset, id, uri) whose item was not met; one at least was."""
        import numpy as np

        if self._sorted is None or len(self._sorted) != len(self._hashes):
            self._sorted = np.sort(np.frombuffer(self._hashes, np.int64))
        asked = np.array([hash((subset, id)) for subset, id, _ in rows], np.int64)
        places = np.searchsorted(self._sorted, asked).clip(max=len(self._sorted) - 1)
        met = self._sorted[places] == asked
        return [row for row, known in zip(rows, met, strict=True) if not known]


@dataclass(frozen=True, slots=True)
class Vanished:
    """How many items a source no longer has, the first of them, and whether they were deleted."""

    items: int = 0
    first: tuple[ItemKey, ...] = field(default=())
    pruned: bool = False


def find_vanished(
    catalog: Catalog,
    source: Source,
    dataset: str,
    model: CatalogModel,
    seen: Seen,
    sources: Sequence[str],
    *,
    subset: str | None = None,
    prune: bool = False,
) -> Vanished:
    """Return the items of the dataset that the source had and that a whole run did not meet.

    `sources` are the places from which the dataset was ingested before. With `subset` only items
    of it count. With `prune` their rows are deleted, and the rejects of
    files that are gone. Items that other sources of the dataset brought, or that were ingested
    since the run began, never count. Raises StatementError.
    """
    if not len(seen):
        return Vanished()
    search = _Search(catalog, source, dataset, subset, seen, sources)
    items, first = 0, list[ItemKey]()
    for found in search.pages(model.items_table, "ingested_at", fill("every_item"), {}):
        items += len(found)
        first.extend(found[: _LISTED - len(first)])
        if prune:
            for page in pages(found):
                _delete(catalog, model.name, dataset, page, seen.since_us)
    if prune or source.format not in _FILES_DECIDE:
        of_model, place = {"model": model.name}, ("rejects", "rejected_at", fill("of_model"))
        for found in search.pages(*place, of_model, entries=True, items=prune):
            for page in pages(found):
                of_page = {**of_model, "dataset": dataset, "identities": as_json(page)}
                catalog.run("delete_rejects", of_page)
    return Vanished(items, tuple(first), prune and items > 0)


def _delete(
    catalog: Catalog, model: str, dataset: str, page: Sequence[tuple[str, ...]], before_us: int
) -> None:
    """Delete rows of a model, and their objects, that are no newer than when the run began."""
    of_page = {"dataset": dataset, "ingested_us": before_us, "identities": as_json(page)}
    with catalog.locked("the deletion of items whose files are gone"):
        models = [one for one in catalog.models(None) if one.name == model]
        for one in models:
            if one.kind is TableKind.OBJECTS:  # before their pictures: a run may be killed
                delete_objects(catalog, one, dataset, page, before_us)
        for one in models:
            if one.kind is TableKind.ITEMS:
                catalog.run("delete_replaced", of_page, table=one.items_table)


class _Search:
    """What of the catalog belongs to a source and was not met."""

    def __init__(
        self,
        catalog: Catalog,
        source: Source,
        dataset: str,
        subset: str | None,
        seen: Seen,
        sources: Sequence[str],
    ) -> None:
        self._catalog, self._seen = catalog, seen
        self._parameters = {
            "dataset": dataset,
            "subsets": [] if subset is None else [subset],
            "before_us": seen.since_us,
            "limit": _PAGE,
        }
        self._root = printable(source.path)
        others = [one for one in sources if one != self._root]
        self._only_source = not others
        overlap = any(_under(self._root, one) or _under(one, self._root) for one in others)
        self._listing_decides = not (
            (source.format in _FILES_DECIDE and isinstance(source.path, Path))
            or overlap
            or bool(source.notes)
        )

    def pages(
        self,
        table: str,
        moment: str,
        condition: str,
        given: dict[str, str],
        *,
        entries: bool = False,
        items: bool = True,
    ) -> Iterator[list[ItemKey]]:
        """Yield identities of the table's rows that have vanished, in their order: of `items`,
        and with `entries` of entries of annotation files, which are read now or gone."""
        after = ("", "")
        fragments = {"table": table, "moment": moment, "condition": condition}
        while True:
            place = {"after_subset": after[0], "after_id": after[1]}
            parameters = {**self._parameters, **given, **place}
            rows = self._catalog.rows("identities_after", parameters, **fragments)
            missing = self._seen.missing([(row[0], row[1], row[2]) for row in rows])
            found = [
                (subset, id)
                for subset, id, uri in missing
                if (entries and self._is_entry(uri)) or (items and self._has_vanished(uri))
            ]
            if found:
                yield found
            if len(rows) < _PAGE:
                return
            after = (rows[-1][0], rows[-1][1])

    def _is_entry(self, uri: str) -> bool:
        """Return whether a reject is of an annotation file of this source, FILE or FILE:PLACE."""
        ours = self._only_source or uri.startswith(self._root)
        return ours and _ENTRY.search(uri) is not None

    def _has_vanished(self, uri: str) -> bool:
        file = holding_file(uri)
        if not self._only_source and (file is None or not _under(printable(file), self._root)):
            return False
        return self._listing_decides or (file is not None and _is_gone(file))


def _under(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/\\") + os.sep)


def _is_gone(file: Path) -> bool:
    """Return whether there is surely no such file; one that cannot be looked at may be there."""
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False
