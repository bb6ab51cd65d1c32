"""`hamsight find leaks`: the same picture in two subsets, or in two datasets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar

from hamsight_analyze.analysis import Asked, Found
from hamsight_analyze.copied_items import Copy, similarity_of
from hamsight_analyze.copy_groups import connected
from hamsight_analyze.hash_distances import HashDistances
from hamsight_analyze.items import Items
from hamsight_analyze.kinds.copies import OfCopies, unseen_notes
from hamsight_analyze.progress import Advance
from hamsight_core.errors import UsageError

SIDES = ("subsets", "datasets")


@dataclass(frozen=True)
class Leaks(OfCopies):
    """Pairs of items of two sides, `across` subsets, of one dataset or of several, or datasets.

    `together` names an attribute: items of one value, say of a video, belong on one side, so that
    each is a leak whose value is on another side too.
    """

    kind: ClassVar[str] = "leaks"
    finding: ClassVar[str] = "leak"
    across: str = "subsets"
    together: str | None = None

    def __post_init__(self) -> None:
        """Raise UsageError for sides that are neither subsets nor datasets."""
        if self.across not in SIDES:
            raise UsageError(f"across is {self.across!r}; expected {' or '.join(SIDES)}")

    def columns(self) -> tuple[str, ...]:
        """Return the columns of looks, and the attribute by which items belong together."""
        return (*self.reads, "analyzed_attribute") if self.together else self.reads

    def parameters(self) -> dict[str, Any]:
        """Return the name of the attribute."""
        return {"together": self.together} if self.together else {}

    def find(self, items: Items, asked: Asked, on_progress: Advance) -> Found:
        """Return the pairs whose items are on two sides."""
        pairs = self.copies(items, on_progress)
        if self.together:
            known = {(copy.one, copy.other) for copy in pairs}
            pairs += [
                pair for pair in self._of_one_value(items) if (pair.one, pair.other) not in known
            ]
        leaks = [
            pair for pair in pairs if self._side(items, pair.one) != self._side(items, pair.other)
        ]
        found = self.pairs_found(items, leaks, asked)
        counts = Counter(
            " | ".join(sorted("/".join(self._side(items, place)) for place in pair[:2]))
            for pair in leaks
        )
        found.together = [
            [items.identities[place] for place in group] for group in self._groups(items, pairs)
        ]
        found.figures |= counts
        found.notes = [f"{count:>6}  {sides}" for sides, count in counts.most_common()]
        found.notes += unseen_notes(items)
        return found

    def _side(self, items: Items, place: int) -> tuple[str, ...]:
        """Return the side on which an item is."""
        dataset, subset, _ = items.identities[place]
        return (dataset,) if self.across == "datasets" else (dataset, subset)

    def _groups(self, items: Items, pairs: Sequence[Copy]) -> list[list[int]]:
        """Return the items that belong on one side, in groups that stand on several.

        Chains of pairs are followed: one item left behind would be a leak again.
        """
        import numpy as np

        links = [pair[:2] for pair in pairs]
        links += self._of_same_value(items) if self.together else ()
        first, second = np.array(links, np.int64).reshape(-1, 2).T
        groups = [group.tolist() for group in connected(first, second)]
        return [one for one in groups if len({self._side(items, place) for place in one}) > 1]

    def _of_same_value(self, items: Items) -> Iterator[tuple[int, int]]:
        """Yield the first item of each value with each other item of it."""
        first: dict[str, int] = {}
        for place, value in enumerate(items.columns["together"]):
            if value and first.setdefault(value, place) != place:
                yield first[value], place

    def _of_one_value(self, items: Items) -> Iterator[Copy]:
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
                for other, distance, cosine in zip(others, bits, near, strict=True):
                    yield Copy(first, other, int(distance), float(cosine), False)
