"""Running checks, and what came of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hamsight_analyze.analysis import Found
from hamsight_analyze.checks.read import Check
from hamsight_analyze.run_analysis import analyze
from hamsight_core.catalog.catalog import Catalog

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 20
_COUNTED = {
    "duplicates": "items to spare",
    "leaks": "pairs",
    "quality": "items with faults",
    "mislabelled": "tags that do not fit",
    "outliers": "outliers",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a check: how many findings, or p, of how many items, and in what time.

    `limit` is said as in the file, and `rows` are the first findings, the worst first.
    """

    check: Check
    found: float
    limit: str
    broken: bool
    said: str
    items: int
    seconds: float
    rows: Sequence[dict[str, Any]]
    notes: Sequence[str]


def run_checks(
    catalog: Catalog, checks: Sequence[Check], *, progress: bool = False
) -> Iterator[Outcome]:
    """Yield what comes of each check, whose findings are recorded as those of its analysis.

    Raises what the analyses raise.
    """
    for check in checks:
        found = analyze(catalog, check.analysis, check.scope, progress=progress)
        yield _outcome(check, found)


def _outcome(check: Check, found: Found) -> Outcome:
    kind = check.analysis.kind
    if check.p is not None:
        number, limit = found.figures["p"], f"p at least {check.p:g}"
        broken, said = number < check.p, f"p = {number:.3f}"
    else:
        number = _count(kind, found)
        said = f"{number} {_COUNTED[kind]}"
        if check.share is not None:
            limit = f"at most {check.share * 100:g}%"
            broken = number > check.share * found.items
            said += f", {100 * number / max(1, found.items):.1f}% of the items"
        else:
            limit, broken = f"at most {check.count}", number > (check.count or 0)
    shown = found.table if found.shown is None else found.shown
    rows = shown.slice(0, min(found.rows, _ROWS)).to_pylist()
    return Outcome(
        check, number, limit, broken, said, found.items, found.seconds, rows, found.notes
    )


def _count(kind: str, found: Found) -> int:
    """Return how many of an analysis' findings count."""
    if kind == "duplicates":
        return int(found.figures["spare"])
    return len(found.members) if kind == "quality" else len(found)


def outcome_table(outcomes: Sequence[Outcome]) -> pa.Table:
    """Return a row for each check: check, result, found, limit, items, seconds."""
    import pyarrow as pa

    return pa.table(
        {
            "check": pa.array([one.check.name for one in outcomes], pa.string()),
            "result": pa.array(["broken" if one.broken else "holds" for one in outcomes]),
            "found": pa.array([one.found for one in outcomes], pa.float64()),
            "limit": pa.array([one.limit for one in outcomes], pa.string()),
            "items": pa.array([one.items for one in outcomes], pa.uint64()),
            "seconds": pa.array([one.seconds for one in outcomes], pa.float32()),
        }
    )
