"""`hamsight sample`: few items that stand for many, to label next or to keep."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, ClassVar

from hamsight_analyze.analysis import Analysis, Asked, Found, identity_columns, settings_of
from hamsight_analyze.coverage import cover
from hamsight_analyze.items import Items
from hamsight_analyze.progress import Advance
from hamsight_core.errors import UsageError
from hamsight_core.items import Identity
from hamsight_core.show.row_sheet import Section, Tile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


BALANCES = ("tag", "dataset", "subset")


@dataclass(frozen=True)
class Sample(Analysis):
    """`number` items that stand for all, the most telling first.

    `balance` takes as many of each `tag`, `dataset` or `subset`; `together` names an attribute, of
    each value of which one item is taken before a second; items of `keep_group` are in the sample
    already and are not returned. `among`, where given, are the items to choose from.
    """

    kind: ClassVar[str] = "sample"
    reads: ClassVar[tuple[str, ...]] = ("analyzed_features",)
    number: int = 0
    balance: str | None = None
    together: str | None = None
    keep_group: str | None = None
    among: frozenset[Identity] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raise UsageError for a number below 1, and for what there is not as many of each of."""
        if self.number < 1:
            raise UsageError(f"a sample of {self.number} items; expected 1 or more")
        if self.balance not in (None, *BALANCES):
            raise UsageError(f"balance is {self.balance!r}; expected {', '.join(BALANCES)}")

    def columns(self) -> tuple[str, ...]:
        """Return the columns that the settings need."""
        more = {
            "analyzed_tags": self.balance == "tag",
            "analyzed_attribute": self.together,
            "analyzed_kept": self.keep_group,
        }
        return (*self.reads, *(name for name, needed in more.items() if needed))

    def parameters(self) -> dict[str, Any]:
        """Return the names of the attribute and of the group."""
        given = {"together": self.together, "keep_group": self.keep_group}
        return {name: value for name, value in given.items() if value}

    def work(self, items: Items) -> int:
        """Return the steps: each pick is one."""
        return min(self.number, len(items))

    def find(self, items: Items, asked: Asked, on_progress: Advance) -> Found:
        """Return an item a row, by rank."""
        import numpy as np
        import pyarrow as pa

        kept = np.flatnonzero(np.array(items.columns["kept"], bool))
        chosen = self._chosen(items, kept, on_progress)
        identities = [items.identities[place] for place in chosen]
        table = pa.table(
            {
                **identity_columns(identities),
                "rank": pa.array(range(1, len(chosen) + 1), pa.uint32()),
            }
        )
        tiles = tuple(
            Tile(items.uris[place], (identity[2], f"{rank}"))
            for rank, (place, identity) in enumerate(zip(chosen, identities, strict=True), 1)
        )
        said = f"{len(chosen)} items chosen"
        return Found(
            table,
            len(chosen),
            said,
            settings_of(self),
            {"chosen": len(chosen), "kept": len(kept)},
            sections=[Section("", tiles)] if tiles else [],
            members=identities,
        )

    def _chosen(self, items: Items, kept: NDArray[np.int64], on_progress: Advance) -> list[int]:
        """Return the places of the sample, in order.

        Rounds: of each value of `together` one item is free in a round, and of those each tag
        gives its share.
        """
        import numpy as np

        assert items.features is not None
        free = [place for place in range(len(items)) if self._is_asked(items, place)]
        free = sorted(set(free) - set(kept.tolist()))
        chosen: list[int] = []
        while free and len(chosen) < self.number:
            lots = self._lots(items, free)
            held = np.concatenate([kept, np.array(chosen, np.int64)])
            room = self.number - len(chosen)
            picks = [self._picked(items, lot, held, room, on_progress) for lot in lots]
            turns = [one for turn in zip_longest(*picks) for one in turn if one is not None]
            taken = list(dict.fromkeys(self._apart(items, turns)))[:room]
            if not taken:
                break
            chosen += taken
            free = sorted(set(free) - set(taken))
        return chosen

    def _picked(
        self,
        items: Items,
        lot: list[int],
        held: NDArray[np.int64],
        room: int,
        on_progress: Advance,
    ) -> list[int]:
        import numpy as np

        assert items.features is not None
        some = np.sort(np.concatenate([held, np.array(lot, np.int64)]))
        features = items.features if len(some) == len(items) else items.features[some]
        own = np.flatnonzero(np.isin(some, held))
        # One item of each value is free at a time, so that more are ranked than there is room for.
        wanted = len(lot) if self.together else room
        return [int(some[one]) for one in cover(features, wanted, own, on_progress=on_progress)]

    def _apart(self, items: Items, turns: list[int]) -> list[int]:
        """Return the first of each value of the attribute by which items belong together."""
        if not self.together:
            return turns
        values = items.columns["together"]
        first: dict[str, int] = {}
        for place in turns:
            first.setdefault(values[place] or f"\0{place}", place)
        return list(first.values())

    def _lots(self, items: Items, free: list[int]) -> list[list[int]]:
        """Return the free items in lots, of each of which as many are taken."""
        if self.balance is None:
            return [free]
        if self.balance == "tag":
            return _by_tag(items, free)
        width = 1 if self.balance == "dataset" else 2
        lots: dict[tuple[str, ...], list[int]] = {}
        for place in free:
            lots.setdefault(items.identities[place][:width], []).append(place)
        return [lots[name] for name in sorted(lots)]

    def _is_asked(self, items: Items, place: int) -> bool:
        return self.among is None or items.identities[place] in self.among


def _by_tag(items: Items, free: list[int]) -> list[list[int]]:
    """Return the items of each tag, those of several by the rarest, those of none together."""
    tags = items.columns["tag_names"]
    counts: dict[str, int] = {}
    for place in free:
        for tag in tags[place]:
            counts[tag] = counts.get(tag, 0) + 1
    lots: dict[str, list[int]] = {}
    for place in free:
        rarest = min(tags[place], key=lambda tag: (counts[tag], tag), default="")
        lots.setdefault(rarest, []).append(place)
    return [lots[tag] for tag in sorted(lots)]
