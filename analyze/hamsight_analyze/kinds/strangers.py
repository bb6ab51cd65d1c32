"""`hamsight find outliers`: items unlike the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import ClassVar

from hamsight_analyze.analysis import Analysis, Asked, Found, identity_columns, settings_of
from hamsight_analyze.decisions import Ignored, read_ignored
from hamsight_analyze.items import Items
from hamsight_analyze.outliers import outlier_scores
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.show.row_sheet import Section


@dataclass(frozen=True)
class Outliers(Analysis):
    """Items whose features are unlike those of the others; each item gets the score `outlier`."""

    kind: ClassVar[str] = "outliers"
    finding: ClassVar[str] = "outlier"
    of_objects: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("analyzed_features", "analyzed_key")
    ignored: Ignored = field(default=frozenset(), repr=False)

    def prepare(self, catalog: Catalog) -> Analysis:
        """Take the findings that somebody looked at and ignores."""
        return replace(self, ignored=read_ignored(catalog))

    def find(self, items: Items, asked: Asked, on_progress: Callable[[int], None]) -> Found:
        """Return an item a row, the most unlike first."""
        import numpy as np
        import pyarrow as pa

        assert items.features is not None
        score, flagged = outlier_scores(items.features)
        on_progress(len(items))
        if self.ignored:
            flagged &= [(self.finding, one, "") not in self.ignored for one in items.identities]
        order = np.lexsort((-score, ~flagged))
        total = int(flagged.sum())
        order = order[: len(order) if asked.all else asked.cut(total)]
        identities = [items.identities[place] for place in order]
        table = pa.table(
            {
                **identity_columns(identities),
                "score": pa.array(score[order], pa.float32()),
                "flagged": pa.array(flagged[order], pa.bool_()),
            }
        )
        count = int(flagged[order].sum())
        tiles = tuple(
            items.tile(place, (identity[2], f"{score[place]:.2f}"))
            for place, identity in zip(order[:count], identities, strict=False)
        )
        said = f"{total} outliers"
        return Found(
            table,
            count,
            said,
            settings_of(self),
            {"flagged": total},
            sections=[Section("", tiles)] if tiles else [],
            members=identities[:count],
            scores={"outlier": score},
        )
