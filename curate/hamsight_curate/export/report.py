"""What an export did, what it could not carry, and which images it did not find."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hamsight_core.items import Identity
from hamsight_curate.export.items import Stored

MISSING_KEPT = 1000
"""How many missing images an export lists; all are counted."""


@dataclass(frozen=True, slots=True)
class Missing:
    """An item that was left out, as its image could not be had."""

    identity: Identity
    uri: str
    reason: str


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export made: `items` written at `target`, `missing` left out.

    `notes` say what the format could not carry. `missing` lists the first 1,000 of
    `missing_count` items. Where nothing was selected nothing is made, and `items` is 0.
    """

    target: Path
    items: int
    missing_count: int
    missing: Sequence[Missing]
    notes: Sequence[str]


class Report:
    """Counts what a writer does.

    `on_missing` is told of each missing image as it is met, `on_progress` how many items were
    written or missing so far.
    """

    def __init__(
        self,
        on_missing: Callable[[Missing], None] | None = None,
        on_progress: Callable[[int], None] = lambda done: None,
    ) -> None:
        self._items = self.missing_count = 0
        self._on_progress = on_progress
        self._missing: list[Missing] = []
        self._notes: Counter[str] = Counter()
        self._on_missing = on_missing

    @property
    def items(self) -> int:
        """How many items were written."""
        return self._items

    @items.setter
    def items(self, count: int) -> None:
        self._items = count
        self._on_progress(self._items + self.missing_count)

    def note(self, words: str, count: int = 1) -> None:
        """Add to what is told at the end, as `WORDS: COUNT`."""
        if count:
            self._notes[words] += count

    def uncarried(self, item: Stored, *, tags: bool, captions: bool, attributes: set[str]) -> None:
        """Note what an item has and the format cannot hold, beyond these tags and attributes."""
        boxed = Counter(box.label for box in item.boxes)
        kinds = {
            "tags without a box": not tags
            and any(count > boxed[tag] for tag, count in item.tags.items()),
            "captions": not captions and bool(item.captions),
            "groups": bool(item.groups),
            "a status of their own": item.status not in ("annotated", "unannotated"),
            "attributes": bool(item.attributes.keys() - attributes),
        }
        for kind, present in kinds.items():
            if present:
                self.note(f"the format does not hold {kind}; items that have them")

    def missed(self, item: Stored, reason: str) -> None:
        """Count an item whose image cannot be had."""
        missing = Missing(item.identity, item.uri, reason)
        self.missing_count += 1
        if len(self._missing) < MISSING_KEPT:
            self._missing.append(missing)
        if self._on_missing is not None:
            self._on_missing(missing)
        self._on_progress(self._items + self.missing_count)

    def exported(self, target: Path) -> Exported:
        """Return what was counted."""
        notes = [f"{words}: {count}" for words, count in self._notes.items()]
        return Exported(target, self.items, self.missing_count, tuple(self._missing), notes)
