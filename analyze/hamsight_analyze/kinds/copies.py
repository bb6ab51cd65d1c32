"""What `find duplicates` and `find leaks` share: the same picture in two items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from hamsight_analyze.analysis import Analysis, Asked, Found, identity_columns, settings_of
from hamsight_analyze.copied_items import Copy, find_copies
from hamsight_analyze.decisions import Decided, read_decided
from hamsight_analyze.items import Items, Scope
from hamsight_analyze.kept_neighbours import COLUMNS, neighbours_of
from hamsight_analyze.progress import Advance, Progress
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.items import item_name
from hamsight_core.names import counted
from hamsight_core.show.row_sheet import Section, Tile


@dataclass(frozen=True)
class OfCopies(Analysis):
    """An analysis of the same picture in several items.

    `strict` asks for less difference, where drawings or objects on white make false pairs.
    """

    reads: ClassVar[tuple[str, ...]] = (*COLUMNS, "analyzed_looks")
    strict: bool = field(default=False, kw_only=True)
    decided: Decided = field(default=frozenset(), repr=False, kw_only=True)

    def prepare(self, catalog: Catalog) -> Analysis:
        """Take the pairs that somebody looked at and keeps both of."""
        return replace(self, decided=read_decided(catalog))

    def read(self, catalog: Catalog, scope: Scope, on_progress: Progress) -> Items:
        """Read the items, and of all items of a model the neighbours that are kept."""
        items = super().read(catalog, scope, on_progress)
        if not scope.described():
            items.beside["near"] = neighbours_of(catalog, items)
        return items

    def work(self, items: Items) -> int:
        """Return the steps: each item is compared by hash and by feature."""
        return 2 * len(items)

    def copies(self, items: Items, on_progress: Advance) -> list[Copy]:
        """Return the pairs of items that show the same picture, the nearest first."""
        return find_copies(
            items,
            strict=self.strict,
            near=items.beside.get("near"),
            decided=self.decided,
            on_progress=on_progress,
        )

    def pairs_found(self, items: Items, copies: Sequence[Copy], asked: Asked) -> Found:
        """Return pairs as rows, the nearest first."""
        import pyarrow as pa

        shown = copies[: asked.cut(len(copies))]
        first = [items.identities[copy.one] for copy in shown]
        second = [items.identities[copy.other] for copy in shown]
        table = pa.table(
            {
                **identity_columns(first),
                **identity_columns(second, "other_"),
                "similarity": pa.array([copy.similarity for copy in shown], pa.float32()),
                "distance": pa.array([copy.distance for copy in shown], pa.uint16()),
                "exact": pa.array([copy.exact for copy in shown], pa.bool_()),
            }
        )
        figures = {"pairs": len(copies), "exact": sum(copy.exact for copy in copies)}
        found = Found(table, len(shown), counted(len(copies), "pair"), settings_of(self), figures)
        found.members = list(dict.fromkeys([*first, *second]))
        found.sections = [
            Section(
                "same file" if copy.exact else counted(copy.distance, "bit"),
                tuple(
                    Tile(items.uris[place], (item_name(items.identities[place]),))
                    for place in (copy.one, copy.other)
                ),
            )
            for copy in shown
        ]
        return found


def unseen_notes(items: Items) -> list[str]:
    """Return what to do about items without a hash of how they look, if there are any."""
    unseen = int((~items.hashes().any(axis=(1, 2))).sum())
    if not unseen:
        return []
    return [
        f"{unseen} items have no hash of how they look, so only copies of their files are found:"
        " `hamsight find quality --update` makes it"
    ]
