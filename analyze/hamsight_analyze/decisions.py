"""What people decide about findings, and which findings stand."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from hamsight_analyze.items import Scope, state_of
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.paging import as_json, pages
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import EmptyCatalogError, UsageError
from hamsight_core.items import Identity

if TYPE_CHECKING:
    import pyarrow as pa

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
    rows = catalog.rows("members_of_group", {"group": group}) if _has_findings(catalog) else []
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


def to_one_subset(groups: Iterable[Iterable[Identity]], subset: str) -> list[Identity]:
    """Return the items of groups that move so that each dataset's are in one subset.

    Those of a dataset that has but one item in a group, or all in one subset, stay.
    """
    moving = []
    for group in groups:
        subsets: dict[str, dict[str, list[Identity]]] = {}
        for item in group:
            subsets.setdefault(item[0], {}).setdefault(item[1], []).append(item)
        for of_subset in subsets.values():
            if len(of_subset) > 1:
                moving += [one for items in of_subset.values() for one in items]
    return [item for item in moving if item[1] != subset]


def list_analyses(catalog: Catalog) -> pa.Table:
    """Return a row for each analysis whose findings stand, the latest first.

    Columns: kind, model, scope, settings, figures, items, latest, seconds, created_at, analysis,
    state, and `current`: whether no item of the scope came, went, moved or changed its tags since.
    """
    import pyarrow as pa

    if not _has_findings(catalog):
        catalog.run("create_analyses")
    table = catalog.arrow(fill("list_analyses"))
    if "state" not in table.column_names:
        table = table.append_column("state", pa.nulls(table.num_rows, pa.uint64()))
    known: dict[tuple[str, str], int | None] = {}
    current = []
    for row in table.select(["model", "scope", "state"]).to_pylist():
        key = (_text(row["model"]), _text(row["scope"]))
        if key not in known:
            known[key] = _state(catalog, *key)
        current.append(known[key] == row["state"])
    return table.append_column("current", pa.array(current, pa.bool_()))


def _state(catalog: Catalog, model: str, described: str) -> int | None:
    """Return the state of the items of a scope as it is recorded, None where there are none."""
    asked = json.loads(described)
    datasets, subsets = (tuple(asked.get(name, ())) for name in ("dataset", "subset"))
    scope = Scope(datasets, subsets, asked.get("where"), model, asked.get("objects", False))
    try:
        return state_of(catalog, scope)
    except (UsageError, EmptyCatalogError):  # the model, or what the scope names, is gone
        return None


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _has_findings(catalog: Catalog) -> bool:
    return catalog.has_table("analyses") and catalog.has_table("findings")
