"""Deleting what stands twice: a run that was killed leaves it, and another at the same time does.

A new row is inserted before the row that it replaces is deleted, so of two rows the later counts.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.paging import as_json, pages

_ROWS = 10_000
_LATER_US = 1000

Identity: TypeAlias = tuple[str, str]
"""An item's subset and id."""

Change: TypeAlias = Callable[[str, Mapping[str, object]], None]
"""Runs a statement of `sql/` with parameters in the table of the items."""


def heal_rejects(catalog: Catalog, model: str, dataset: str) -> None:
    """Delete all but the latest reject of each item of a dataset."""
    of_rejects = {"model": model, "dataset": dataset}
    if catalog.rows("count_rejected_twice", of_rejects)[0][0]:
        catalog.run("delete_rejected_twice", of_rejects)


def heal_some(catalog: Catalog, table: str, dataset: str, change: Change) -> int:
    """Delete all but the latest row of some items; return how many stood twice, 0 where none does.

    Of rows of one moment one is inserted again as of a later one. Another process may do that at
    the same time and choose the same moment, so this is done until nothing stands twice.
    """
    of_dataset = {"table": table, "dataset": dataset}
    if not catalog.rows("count_twice", of_dataset)[0][0]:
        return 0
    twice = catalog.rows("find_twice", {**of_dataset, "limit": _ROWS})
    by_time: dict[int, list[Identity]] = {}
    tied: dict[int, list[Identity]] = {}
    for subset, id, latest_us, latest_rows in twice:
        of_moment = by_time if latest_rows == 1 else tied
        of_moment.setdefault(latest_us, []).append((subset, id))
    for latest_us, identities in tied.items():
        later_us = latest_us + random.randint(1, _LATER_US)  # noqa: S311
        for page in pages(identities):
            given = {"dataset": dataset, "later_us": later_us, "identities": as_json(page)}
            change("insert_later", given)
        by_time.setdefault(later_us, []).extend(identities)
    for latest_us, identities in by_time.items():
        delete_older(dataset, identities, latest_us, change)
    return len(twice)


def delete_older(
    dataset: str, identities: Sequence[Identity], than_us: int, change: Change
) -> None:
    """Delete the rows of items that were ingested before a moment, in µs since 1970."""
    for page in pages(identities):
        given = {"dataset": dataset, "ingested_us": than_us, "identities": as_json(page)}
        change("delete_replaced", given)
