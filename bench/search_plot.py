"""The plot of recall against time of bench/search_speed.py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot

if TYPE_CHECKING:
    from search_speed import Figure

_PANELS = (("hash", "recall@50 of exact Hamming"), ("cosine", "recall@10 of exact cosine"))


def draw(figures: Sequence[Figure], rows: int, feature_rows: int, path: Path) -> None:
    """Write a PNG: time of a query against recall, by hash on the left, by cosine on the right."""
    sheet, panels = pyplot.subplots(1, 2, figsize=(12, 5), layout="constrained")
    for panel, (answers, label), count in zip(panels, _PANELS, (rows, feature_rows), strict=True):
        kinds: dict[str, list[Figure]] = {}
        for one in figures:
            if one.answers == answers and one.queries == 1 and one.recall is not None:
                kinds.setdefault(one.name.split(",")[0], []).append(one)
        for kind, points in kinds.items():
            recalls = [point.recall or 0.0 for point in points]
            panel.plot(recalls, [point.median_ms for point in points], "o-", label=kind)
        panel.set(xlabel=label, ylabel="milliseconds a query", yscale="log")
        panel.set_title(f"{count:,} rows")
        panel.grid(True, which="both", alpha=0.3)
        panel.legend(fontsize=8)
    sheet.savefig(path, dpi=100)
    pyplot.close(sheet)
