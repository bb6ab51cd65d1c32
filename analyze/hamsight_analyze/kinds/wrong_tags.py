"""`hamsight find mislabelled`: tags that do not fit their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hamsight_analyze.analysis import Asked, Found, identity_columns, settings_of
from hamsight_analyze.items import Items
from hamsight_analyze.kinds.reviewed import Reviewed
from hamsight_analyze.mislabelled import find_mislabelled
from hamsight_analyze.progress import Advance
from hamsight_core.show.row_sheet import Section


@dataclass(frozen=True)
class Mislabelled(Reviewed):
    """Tags that another tag fits better than.

    Each item with tags gets the score `mislabelled` of its least fitting one.
    """

    kind: ClassVar[str] = "mislabelled"
    of_objects: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("analyzed_features", "analyzed_tags", "analyzed_key")

    def find(self, items: Items, asked: Asked, on_progress: Advance) -> Found:
        """Return an item and a tag of it a row, the least fitting first."""
        import numpy as np
        import pyarrow as pa

        tags = items.columns.get("tag_names", [])
        names = sorted({tag for own in tags for tag in own})
        number = {name: place for place, name in enumerate(names)}
        given = [(place, number[tag]) for place, own in enumerate(tags) for tag in own]
        assert items.features is not None
        places, numbers = (np.array([one[way] for one in given], np.int64) for way in (0, 1))
        found = find_mislabelled(items.features, places, numbers, on_progress=on_progress)
        each = ((self.kind, items.identities[place], names[one]) for place, one in given)
        self.leave_out_ignored(found.flagged, each)
        known = np.flatnonzero(np.isfinite(found.score))
        if not asked.all:
            known = known[found.flagged[known]]
        # Flagged first, each from the most suspicious on.
        order = known[np.lexsort((-found.score[known], ~found.flagged[known]))]
        order = order[: asked.cut(len(order))]
        identities = [items.identities[place] for place in places[order]]
        table = pa.table(
            {
                **identity_columns(identities),
                "tag": pa.array([names[one] for one in numbers[order]], pa.string()),
                "suggested": pa.array([names[one] for one in found.suggested[order]], pa.string()),
                "score": pa.array(found.score[order], pa.float32()),
                "flagged": pa.array(found.flagged[order], pa.bool_()),
            }
        )
        count = int(found.flagged[order].sum())
        total = int(found.flagged.sum())
        tiles = tuple(
            items.tile(place, (f"{tag} → {other}?", identity[2]))
            for place, tag, other, identity in zip(
                places[order[:count]],
                table["tag"].to_pylist(),
                table["suggested"].to_pylist(),
                identities,
                strict=False,
            )
        )
        figures = {"flagged": total, "tags": len(given)}
        said = f"{total} of {len(given):,} tags do not fit"
        result = Found(table, count, said, settings_of(self), figures)
        result.sections = [Section("", tiles)] if tiles else []
        worst = np.full(len(items), np.nan, np.float32)
        np.fmax.at(worst, places, found.score)
        result.scores = {"mislabelled": worst}
        result.members = list(dict.fromkeys(identities[:count]))
        judged = int(np.isfinite(found.score).sum())
        if judged < len(given):
            result.notes.append(
                f"{len(given) - judged} tags could not be judged: a tag needs two items, and there"
                " must be two such tags"
            )
        if 2 * sum(len(own) > 1 for own in tags) > len(items):
            result.notes.append(
                "most items have several tags, which share one picture: many that are flagged may"
                " be right; --objects judges each box by its own picture"
            )
        return result
