"""`hamsight find duplicates`: groups of items that show the same picture, and the one to keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from hamsight_analyze.analysis import Analysis, Asked, Found, identity_columns, settings_of
from hamsight_analyze.copied_items import Copies, find_copies
from hamsight_analyze.copy_groups import group_pairs
from hamsight_analyze.decisions import Decided, read_decided
from hamsight_analyze.hash_distances import HashDistances
from hamsight_analyze.items import Items, Scope
from hamsight_analyze.kept_neighbours import COLUMNS, neighbours_of
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.items import item_name
from hamsight_core.show.row_sheet import Section, Tile

LOOKS = (*COLUMNS, "analyzed_looks")
"""The statements of the columns by which copies are found."""


class OfCopies(Analysis):
    """An analysis of the same picture in several items."""

    def read(
        self, catalog: Catalog, scope: Scope, on_progress: Callable[[int, int], None]
    ) -> Items:
        """Read the items, and the neighbours that are kept of all items."""
        items = super().read(catalog, scope, on_progress)
        if not scope.described():
            items.columns["near"] = [neighbours_of(catalog, items)]
        return items


@dataclass(frozen=True)
class Duplicates(OfCopies):
    """Items that show the same picture, in groups, or with `pairs` as pairs.

    `strict` asks for less difference, where drawings or objects on white make false pairs.
    """

    kind: ClassVar[str] = "duplicates"
    finding: ClassVar[str] = "duplicate"
    reads: ClassVar[tuple[str, ...]] = LOOKS
    pairs: bool = False
    strict: bool = False
    decided: Decided = field(default=frozenset(), repr=False)

    def prepare(self, catalog: Catalog) -> Analysis:
        """Take the pairs that somebody looked at and keeps both of."""
        return replace(self, decided=read_decided(catalog))

    @property
    def recorded(self) -> str:
        """The kind under which findings stand: pairs stand beside groups."""
        return "duplicate_pairs" if self.pairs else self.kind

    def work(self, items: Items) -> int:
        """Return the steps: each item is compared by hash and by feature."""
        return 2 * len(items)

    def find(self, items: Items, asked: Asked, on_progress: Callable[[int], None]) -> Found:
        """Return the pairs, or the groups with the item of each that is best kept."""
        copies = find_copies(
            items,
            strict=self.strict,
            near=next(iter(items.columns.pop("near", ())), None),
            decided=self.decided,
            on_progress=on_progress,
        )
        exact = sum(copies.exact)
        if self.pairs:
            found = pairs_found(items, copies, asked)
            found.said = f"{len(copies.pairs)} pairs, {exact} of the same file"
        else:
            found = _groups_found(items, copies, asked)
        found.settings = settings_of(self)
        found.figures = {"pairs": len(copies.pairs), "exact": exact, **found.figures}
        if copies.unseen:
            found.notes.append(unseen_note(copies.unseen))
        return found


def unseen_note(count: int) -> str:
    """Return what to do about items without a hash of how they look."""
    return (
        f"{count} items have no hash of how they look, so only copies of their files are found:"
        " `hamsight find quality --update` makes it"
    )


def pairs_found(items: Items, copies: Copies, asked: Asked) -> Found:
    """Return pairs of copies as rows, the nearest first."""
    import pyarrow as pa

    count = asked.cut(len(copies.pairs))
    both = copies.pairs[:count]
    first = [items.identities[one] for one, _ in both]
    second = [items.identities[other] for _, other in both]
    table = pa.table(
        {
            **identity_columns(first),
            **identity_columns(second, "other_"),
            "similarity": pa.array(_numbers(copies.similarity[:count]), pa.float32()),
            "distance": pa.array(copies.distance[:count], pa.uint16()),
            "exact": pa.array(copies.exact[:count], pa.bool_()),
        }
    )
    sections = [
        Section(
            "same file" if copies.exact[at] else f"{copies.distance[at]} bits",
            tuple(Tile(items.uris[one], _named(items, one)) for one in both[at]),
        )
        for at in range(count)
    ]
    members = list(dict.fromkeys([*first, *second]))
    return Found(table, count, "", {}, sections=sections, members=members)


def _groups_found(items: Items, copies: Copies, asked: Asked) -> Found:
    import pyarrow as pa

    groups = group_pairs(copies.pairs)
    total = len(groups)
    groups = groups[: asked.cut(total)]
    distances = HashDistances(items.hashes())
    rows: list[tuple[int | None, int, bool, float, int | None]] = []
    sections, surplus = [], []
    for number, group in enumerate(groups, 1):
        best = min(group, key=lambda place: _worth(items, place))
        ordered = [best, *(place for place in group if place != best)]
        near = _compared(items, distances, best, ordered)
        rows += [
            (number, place, place == best, similarity, bits)
            for place, (similarity, bits) in zip(ordered, near, strict=True)
        ]
        surplus += [items.identities[place] for place in ordered[1:]]
        sections.append(_section(items, number, ordered, near))
    found = len(rows)
    if asked.all:
        in_groups = {row[1] for row in rows}
        rows += [
            (None, place, True, 1.0, None) for place in range(len(items)) if place not in in_groups
        ]
    table = pa.table(
        {
            "group": pa.array([row[0] for row in rows], pa.uint32()),
            **identity_columns([items.identities[row[1]] for row in rows]),
            "keep": pa.array([row[2] for row in rows], pa.bool_()),
            "similarity": pa.array(_numbers([row[3] for row in rows]), pa.float32()),
            "distance": pa.array([row[4] for row in rows], pa.uint16()),
        }
    )
    said = f"{total} groups, {sum(map(len, groups)) - len(groups)} items to spare"
    figures = {"groups": total, "spare": sum(map(len, groups)) - len(groups)}
    return Found(table, found, said, {}, figures, sections=sections, members=surplus)


def _worth(items: Items, place: int) -> tuple[int, int, bool, int]:
    """Return what sorts the best of a group first: pixels, bytes, annotated."""
    column = items.columns
    annotated = bool(column["annotated"][place])
    return -column["pixels"][place], -column["file_size"][place], not annotated, place


def _compared(
    items: Items, distances: HashDistances, best: int, group: list[int]
) -> list[tuple[float, int]]:
    """Return the cosine and the bits in which each item of a group differs from the best."""
    import numpy as np

    features = items.features
    assert features is not None
    own = features[best].astype(np.float32)
    near = features[group].astype(np.float32) @ own
    bits, _ = distances.of_pairs(np.full(len(group), best), np.array(group))
    same = [items.sha256[place] == items.sha256[best] for place in group]
    return [
        (1.0, 0) if equal else (float(one), int(other))
        for equal, one, other in zip(same, near, bits, strict=True)
    ]


def _section(items: Items, number: int, group: list[int], near: list[tuple[float, int]]) -> Section:
    tiles = []
    for place, (_, bits) in zip(group, near, strict=True):
        keep = place == group[0]
        beside = "same file" if items.sha256[place] == items.sha256[group[0]] else f"{bits} bits"
        lines = (_named(items, place)[0], "keep" if keep else beside)
        tiles.append(Tile(items.uris[place], lines, marked=keep))
    return Section(f"Group {number}", tuple(tiles))


def _named(items: Items, place: int) -> tuple[str, ...]:
    return (item_name(items.identities[place]),)


def _numbers(values: list[Any]) -> list[float | None]:
    """Return numbers, None for what is none."""
    return [None if value != value else value for value in values]
