"""`hamsight find leaks`: the same picture in two subsets, or in two datasets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, ClassVar

from hamsight_analyze.analysis import Analysis, Asked, Found, settings_of
from hamsight_analyze.copied_items import Copies, find_copies, similarity_of
from hamsight_analyze.copy_groups import connected
from hamsight_analyze.decisions import Decided, read_decided
from hamsight_analyze.hash_distances import HashDistances
from hamsight_analyze.items import Items
from hamsight_analyze.kinds.duplicate_groups import LOOKS, OfCopies, pairs_found, unseen_note
from hamsight_core.catalog.catalog import Catalog


@dataclass(frozen=True)
class Leaks(OfCopies):
    """Pairs of items of two sides, `across` subsets, of one dataset or of several, or datasets.

    `together` names an attribute: items of one value, say of a video, belong on one side, so that
    each is a leak whose value is on another side too.
    """

    kind: ClassVar[str] = "leaks"
    finding: ClassVar[str] = "leak"
    reads: ClassVar[tuple[str, ...]] = LOOKS
    across: str = "subsets"
    together: str | None = None
    strict: bool = False
    decided: Decided = field(default=frozenset(), repr=False)

    def prepare(self, catalog: Catalog) -> Analysis:
        """Take the pairs that somebody looked at and keeps both of."""
        return replace(self, decided=read_decided(catalog))

    def columns(self) -> tuple[str, ...]:
        """Return the columns of looks, and the attribute by which items belong together."""
        return (*self.reads, "analyzed_attribute") if self.together else self.reads

    def parameters(self) -> dict[str, Any]:
        """Return the name of the attribute."""
        return {"together": self.together} if self.together else {}

    def work(self, items: Items) -> int:
        """Return the steps: each item is compared by hash and by feature."""
        return 2 * len(items)

    def find(self, items: Items, asked: Asked, on_progress: Callable[[int], None]) -> Found:
        """Return the pairs whose items are on two sides."""
        copies = find_copies(
            items,
            strict=self.strict,
            near=next(iter(items.columns.pop("near", ())), None),
            decided=self.decided,
            on_progress=on_progress,
        )
        rows = list(
            zip(copies.pairs, copies.distance, copies.similarity, copies.exact, strict=True)
        )
        if self.together:
            known = set(copies.pairs)
            rows += [row for row in self._of_one_value(items) if row[0] not in known]
        across = [
            row for row in rows if self._side(items, row[0][0]) != self._side(items, row[0][1])
        ]
        leaks = Copies(
            [row[0] for row in across],
            [row[1] for row in across],
            [row[2] for row in across],
            [row[3] for row in across],
            copies.unseen,
        )
        found = pairs_found(items, leaks, asked)
        counts = Counter(
            " | ".join(sorted("/".join(self._side(items, one)) for one in pair))
            for pair in leaks.pairs
        )
        found.together = [
            [items.identities[place] for place in group]
            for group in self._groups(items, [row[0] for row in rows])
        ]
        found.said = f"{len(leaks.pairs)} pairs"
        found.settings = settings_of(self)
        found.figures = {"pairs": len(leaks.pairs), "exact": sum(leaks.exact), **counts}
        found.notes = [f"{count:>6}  {sides}" for sides, count in counts.most_common()]
        if copies.unseen:
            found.notes.append(unseen_note(copies.unseen))
        return found

    def _side(self, items: Items, place: int) -> tuple[str, ...]:
        """Return the side on which an item is."""
        dataset, subset, _ = items.identities[place]
        return (dataset,) if self.across == "datasets" else (dataset, subset)

    def _groups(self, items: Items, pairs: list[tuple[int, int]]) -> list[list[int]]:
        """Return the items that belong on one side, in groups that stand on several.

        Chains of pairs are followed: one item left behind would be a leak again.
        """
        links = [*pairs, *(self._of_same_value(items) if self.together else ())]
        groups = connected(links)
        return [one for one in groups if len({self._side(items, place) for place in one}) > 1]

    def _of_same_value(self, items: Items) -> Iterator[tuple[int, int]]:
        """Yield the first item of each value with each other item of it."""
        first: dict[str, int] = {}
        for place, value in enumerate(items.columns["together"]):
            if value and first.setdefault(value, place) != place:
                yield first[value], place

    def _of_one_value(self, items: Items) -> Iterator[tuple[tuple[int, int], int, float, bool]]:
        """Yield, for each value on several sides, each of its items with the first side's first."""
        import numpy as np

        distances = HashDistances(items.hashes())
        features = items.features
        assert features is not None
        values = items.columns["together"]
        places = sorted(
            (place for place in range(len(items)) if values[place]), key=values.__getitem__
        )
        for _, of_value in groupby(places, values.__getitem__):
            first, *others = of_value
            others = [one for one in others if self._side(items, one) != self._side(items, first)]
            if others:
                bits, _ = distances.of_pairs(np.full(len(others), first), np.array(others))
                near = similarity_of(features, first, others)
                for one, distance, similarity in zip(others, bits, near, strict=True):
                    yield (
                        (min(first, one), max(first, one)),
                        int(distance),
                        float(similarity),
                        False,
                    )
