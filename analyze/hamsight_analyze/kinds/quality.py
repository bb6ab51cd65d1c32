"""`hamsight find quality`: pictures that are blurred, dark, light, grey, empty, or of odd size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hamsight_analyze.analysis import Asked, Found, identity_columns, settings_of
from hamsight_analyze.items import Items
from hamsight_analyze.kinds.reviewed import Reviewed
from hamsight_analyze.progress import Advance
from hamsight_core.errors import UsageError
from hamsight_core.images.picture_quality import LIMITS
from hamsight_core.names import nearest
from hamsight_core.show.row_sheet import Section, Tile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ODD_SIZE = "odd_size"
ISSUES = (*LIMITS, ODD_SIZE)
_FLAGGED = 0.5
_SMALL = 1 / 3
_DRAWN = 16
"""Pictures of each issue on a sheet."""


@dataclass(frozen=True)
class Quality(Reviewed):
    """Pictures with a score above 0.5, of all issues or of those named."""

    kind: ClassVar[str] = "quality"
    reads: ClassVar[tuple[str, ...]] = ("analyzed_quality",)
    issues: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise UsageError for an issue that there is not."""
        for issue in self.issues:
            if issue not in ISSUES:
                raise UsageError(f"there is no issue {issue!r}; {nearest(issue, ISSUES)}")

    def find(self, items: Items, asked: Asked, on_progress: Advance) -> Found:
        """Return an item and an issue a row, the worst first."""
        import numpy as np
        import pyarrow as pa

        issues = self.issues or ISSUES
        score = np.concatenate([_scores(items, issue) for issue in issues])
        faulty = score > _FLAGGED
        each = ((issue, one, "") for issue in issues for one in items.identities)
        self.leave_out_ignored(faulty, each)
        order = np.lexsort((-np.nan_to_num(score, nan=-1.0), ~faulty))
        count = int(faulty.sum())
        wanted = order[: len(score) if asked.all else asked.cut(count)]
        at, place = np.divmod(wanted, max(1, len(items)))
        flagged = faulty[wanted]
        table = pa.table(
            {
                **identity_columns([items.identities[one] for one in place]),
                "issue": pa.array([issues[one] for one in at], pa.string()),
                "score": pa.array(score[wanted].astype(np.float32), from_pandas=True),
                "flagged": pa.array(flagged, pa.bool_()),
            }
        )
        counts = {
            issue: int(row.sum())
            for issue, row in zip(issues, faulty.reshape(len(issues), -1), strict=True)
        }
        found = {issue: number for issue, number in counts.items() if number}
        shown = ", ".join(f"{number} {issue}" for issue, number in found.items()) or "no fault"
        result = Found(table, int(flagged.sum()), shown, settings_of(self), dict(counts))
        result.members = list(dict.fromkeys(items.identities[one] for one in place[: result.rows]))
        result.sections = _sections(items, counts, at, place, score[wanted], result.rows)
        unseen = sum(not set(LIMITS) & set(one) for one in items.columns.get("scores", ()))
        if unseen:
            result.notes.append(
                f"{unseen} items have no scores of quality: `hamsight find quality --update`"
                " makes them"
            )
        on_progress(len(items))
        return result


def _scores(items: Items, issue: str) -> NDArray[np.float64]:
    """Return the score of each item, NaN where it is not known."""
    import numpy as np

    if issue != ODD_SIZE:
        return np.array([one.get(issue, np.nan) for one in items.columns["scores"]])
    sides = np.sqrt(
        np.array(items.columns["width"], float) * np.array(items.columns["height"], float)
    )
    known = sides[sides > 0]
    limit = float(np.median(known)) * _SMALL if len(known) else 0.0
    return np.where(sides > 0, limit / np.maximum(sides + limit, 1e-9), np.nan)


def _sections(
    items: Items,
    counts: dict[str, int],
    at: NDArray[np.int64],
    place: NDArray[np.int64],
    score: NDArray[np.float64],
    count: int,
) -> list[Section]:
    """Return a section for each issue, whose heading says how many items have it."""
    sections = []
    for number, (issue, every) in enumerate(counts.items()):
        mine = [one for one in range(count) if at[one] == number]
        tiles = tuple(
            Tile(items.uris[place[one]], (items.identities[place[one]][2], f"{score[one]:.2f}"))
            for one in mine[:_DRAWN]
        )
        if tiles:
            cut = f", the worst {len(tiles)}" if len(tiles) < every else ""
            sections.append(Section(f"{issue}: {every}{cut}", tiles))
    return sections
