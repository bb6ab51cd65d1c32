"""`hamsight find duplicates`: groups of items that show the same picture, and the one to keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from hamsight_analyze.analysis import Asked, Found, identity_columns, settings_of
from hamsight_analyze.copied_items import Copy, similarity_of
from hamsight_analyze.copy_groups import group_pairs
from hamsight_analyze.hash_distances import HashDistances
from hamsight_analyze.items import Items
from hamsight_analyze.kinds.copies import OfCopies, unseen_notes
from hamsight_analyze.progress import Advance
from hamsight_core.items import item_name
from hamsight_core.names import counted
from hamsight_core.show.row_sheet import Section, Tile


@dataclass(frozen=True)
class Duplicates(OfCopies):
    """Items that show the same picture, in groups, or with `pairs` as pairs."""

    kind: ClassVar[str] = "duplicates"
    finding: ClassVar[str] = "duplicate"
    pairs: bool = False

    @property
    def recorded(self) -> str:
        """The kind under which findings stand: pairs stand beside groups."""
        return "duplicate_pairs" if self.pairs else self.kind

    def find(self, items: Items, asked: Asked, on_progress: Advance) -> Found:
        """Return the pairs, or the groups with the item of each that is best kept."""
        copies = self.copies(items, on_progress)
        exact = sum(copy.exact for copy in copies)
        if self.pairs:
            found = self.pairs_found(items, copies, asked)
            found.said = f"{counted(len(copies), 'pair')}, {exact} of the same file"
        else:
            found = self._groups_found(items, copies, asked)
            found.figures = {"pairs": len(copies), "exact": exact, **found.figures}
        found.notes = unseen_notes(items)
        return found

    def _groups_found(self, items: Items, copies: Sequence[Copy], asked: Asked) -> Found:
        import pyarrow as pa

        groups = group_pairs([(copy.one, copy.other) for copy in copies])
        total = len(groups)
        groups = groups[: asked.cut(total)]
        distances = HashDistances(items.hashes())
        rows: list[tuple[int | None, int, bool, float, int | None]] = []
        sections, surplus = [], []
        for number, group in enumerate(groups, 1):
            best = min(group, key=lambda place: _worth(items, place))
            ordered = [best, *(place for place in group if place != best)]
            near = _compared(items, distances, ordered)
            rows += [
                (number, place, place == best, similarity, bits)
                for place, (similarity, bits) in zip(ordered, near, strict=True)
            ]
            surplus += [items.identities[place] for place in ordered[1:]]
            sections.append(_section(items, number, ordered, near))
        found = len(rows)
        if asked.all:
            in_groups = {row[1] for row in rows}
            others = (place for place in range(len(items)) if place not in in_groups)
            rows += [(None, place, True, 1.0, None) for place in others]
        table = pa.table(
            {
                "group": pa.array([row[0] for row in rows], pa.uint32()),
                **identity_columns([items.identities[row[1]] for row in rows]),
                "keep": pa.array([row[2] for row in rows], pa.bool_()),
                "similarity": pa.array([row[3] for row in rows], pa.float32()),
                "distance": pa.array([row[4] for row in rows], pa.uint16()),
            }
        )
        said = f"{counted(total, 'group')}, {counted(len(surplus), 'item')} to spare"
        figures = {"groups": total, "spare": len(surplus)}
        settings = settings_of(self)
        return Found(table, found, said, settings, figures, sections=sections, members=surplus)


def _worth(items: Items, place: int) -> tuple[int, int, bool, int]:
    """Return what sorts the best of a group first: pixels, bytes, annotated."""
    column = items.columns
    annotated = bool(column["annotated"][place])
    return -column["pixels"][place], -column["file_size"][place], not annotated, place


def _compared(
    items: Items, distances: HashDistances, group: Sequence[int]
) -> list[tuple[float, int]]:
    """Return the cosine and the bits in which each item of a group differs from the first."""
    import numpy as np

    assert items.features is not None
    first = group[0]
    near = similarity_of(items.features, first, group)
    bits, _ = distances.of_pairs(np.full(len(group), first), np.array(group))
    same = [items.sha256[place] == items.sha256[first] for place in group]
    return [
        (1.0, 0) if equal else (float(one), int(other))
        for equal, one, other in zip(same, near, bits, strict=True)
    ]


def _section(
    items: Items, number: int, group: Sequence[int], near: Sequence[tuple[float, int]]
) -> Section:
    tiles = []
    for place, (_, bits) in zip(group, near, strict=True):
        keep = place == group[0]
        beside = (
            "same file" if items.sha256[place] == items.sha256[group[0]] else counted(bits, "bit")
        )
        lines = (item_name(items.identities[place]), "keep" if keep else beside)
        tiles.append(Tile(items.uris[place], lines, marked=keep))
    return Section(f"Group {number}", tuple(tiles))
