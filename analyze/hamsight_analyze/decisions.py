"""What people decide about findings, and which findings stand."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from itertools import combinations
from typing import NamedTuple

from hamsight_analyze.recorded import has_findings
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.paging import as_json, pages
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import UsageError
from hamsight_core.items import Identity

Pair = tuple[Identity, Identity]
Decided = frozenset[Pair]
"""Pairs of which both items are kept, the lesser identity first."""

Ignored = frozenset[tuple[str, Identity, str]]
"""Findings that are to be found no more: finding, item, tag."""
_NOBODY = ("", "", "")
_PAIR = ("dataset", "subset", "id", "other_dataset", "other_subset", "other_id")


class Finding(NamedTuple):
    """What a finding is known by, whichever analysis found it: as the columns of `findings`."""

    finding: str
    item: Identity
    other: Identity = _NOBODY
    tag: str = ""


def read_ignored(catalog: Catalog) -> Ignored:
    """Return the findings that somebody looked at and ignores."""
    if not catalog.has_table("decisions"):
        return frozenset()
    rows = catalog.rows("ignored_findings", decisions=fill("standing_decisions"))
    return frozenset((row[0], (row[1], row[2], row[3]), row[4]) for row in rows)


def decide(catalog: Catalog, findings: Iterable[Finding], decision: str) -> str:
    """Remember what was decided about findings; return the name by which `forget` undoes that."""
    catalog.run("create_decisions")
    change = uuid.uuid4().hex
    rows = [
        {
            "finding": one.finding,
            **dict(zip(_PAIR, (*one.item, *one.other), strict=True)),
            "tag": one.tag,
            "decision": decision,
            "change": change,
        }
        for one in findings
    ]
    if rows:
        catalog.insert_rows("decisions", rows)
    return change


def forget(catalog: Catalog, change: str) -> None:
    """Undo what `decide` remembered."""
    catalog.run("forget_decisions", {"change": change})


def read_decided(catalog: Catalog) -> Decided:
    """Return the pairs that somebody looked at and keeps both of."""
    if not catalog.has_table("not_duplicates"):
        return frozenset()
    return frozenset(
        ((row[0], row[1], row[2]), (row[3], row[4], row[5]))
        for row in catalog.rows("not_duplicates")
    )


def keep_all(catalog: Catalog, group: int) -> int:
    """Keep all items of a group of the latest `find duplicates`; return how many they are.

    They are no duplicates of each other from then on. Raises UsageError for an unknown group.
    """
    rows = catalog.rows("members_of_group", {"group": group}) if has_findings(catalog) else []
    members = sorted((row[0], row[1], row[2]) for row in rows)
    if not members:
        raise UsageError(
            f"the latest `hamsight find duplicates` has no group {group}: run it, and name one of"
            " its groups"
        )
    keep_pairs(catalog, pairs_of([members]))
    return len(members)


def pairs_of(groups: Iterable[Iterable[Identity]]) -> list[Pair]:
    """Return the pairs of items of each group, the lesser identity first."""
    return [pair for group in groups for pair in combinations(sorted(set(group)), 2)]


def keep_pairs(catalog: Catalog, pairs: Iterable[Pair]) -> None:
    """Remember pairs that are no duplicates of each other."""
    catalog.run("create_not_duplicates")
    rows = [dict(zip(_PAIR, (*one, *other), strict=True)) for one, other in pairs]
    if rows:
        catalog.insert_rows("not_duplicates", rows)


def forget_pairs(catalog: Catalog, pairs: Iterable[Pair]) -> None:
    """Undo what `keep_pairs` remembered."""
    for page in pages((*one, *other) for one, other in pairs):
        catalog.run("forget_not_duplicates", {"pairs": as_json(page)})
