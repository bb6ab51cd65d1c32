"""`hamsight find outliers`: items unlike the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hamsight_analyze.analysis import Asked, Found, identity_columns, settings_of
from hamsight_analyze.items import Items
from hamsight_analyze.kinds.reviewed import Reviewed
from hamsight_analyze.outliers import outlier_scores
from hamsight_analyze.progress import Advance
from hamsight_core.names import counted
from hamsight_core.show.row_sheet import Section


@dataclass(frozen=True)
class Outliers(Reviewed):
    """Items whose features are unlike those of the others; each item gets the score `outlier`."""

    kind: ClassVar[str] = "outliers"
    finding: ClassVar[str] = "outlier"
    of_objects: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("analyzed_features", "analyzed_key")

    def find(self, items: Items, asked: Asked, on_progress: Advance) -> Found:
        """Return an item a row, the most unlike first."""
        import numpy as np
        import pyarrow as pa

        assert items.features is not None
        score, flagged = outlier_scores(items.features)
        on_progress(len(items))
        self.leave_out_ignored(flagged, ((self.finding, one, "") for one in items.identities))
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
        said = counted(total, "outlier")
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
