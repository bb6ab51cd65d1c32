"""What analyses found, as lists that the page goes through and decides."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hamsight_analyze.recorded import list_analyses
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.paging import as_json
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import UnknownItemError, UsageError
from hamsight_core.items import Identity
from hamsight_core.show.values import records
from hamsight_explore.last_kept import LastKept
from hamsight_explore.windows import Windows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KINDS = ("duplicates", "leaks", "mislabelled", "outliers", "quality")
"""Analyses that have lists."""
SHOWN = ("open", "decided", "all")
_FIRST = 6
_KEPT = 24


@dataclass(frozen=True, slots=True)
class Entries:
    """What is to decide, in its order: groups of duplicates, or else findings.

    `keys` (n,) uint32 are numbers of groups or ranks, `findings` (n,) what was found, and
    `decided` (n,) whether a decision stands.
    """

    keys: NDArray[np.uint32]
    findings: NDArray[np.object_]
    decided: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Listed:
    """Entries of an analysis as a page goes through them. `keys` (n,) uint32."""

    name: str
    analysis: str
    kind: str
    model: str
    keys: NDArray[np.uint32]


class Findings:
    """The findings that stand, and the last lists of them by name."""

    def __init__(self, windows: Windows) -> None:
        self._windows = windows
        self._kept: LastKept[str, Listed] = LastKept(_KEPT)

    def overview(self, catalog: Catalog, model: str | None) -> list[dict[str, Any]]:
        """Return each analysis of a model whose findings stand, the latest first.

        Of those with lists, `findings` counts what was found and what is open, and `first` are
        rows of the first open ones.
        """
        models = catalog.models()
        if not models:
            return []
        chosen = catalog.model(model, folders=False)
        made = []
        for row in records(list_analyses(catalog)):
            scope = json.loads(row["scope"])
            if row["model"] != chosen.name or scope.get("objects"):
                continue
            about = {
                "analysis": row["analysis"],
                "kind": row["kind"],
                "scope": scope,
                "settings": json.loads(row["settings"]),
                "figures": json.loads(row["figures"]),
                "items": row["items"],
                "created": str(row["created_at"]),
                "current": row["current"],
            }
            if row["kind"] in KINDS:
                entries = _entries(catalog, row["analysis"], row["kind"])
                open_ = entries.keys[~entries.decided]
                about["findings"] = _counted(entries)
                about["total"], about["open"] = len(entries.keys), len(open_)
                shown = self.rows(catalog, row["analysis"], row["kind"], open_[:_FIRST])
                together = entries_of(shown, row["kind"])
                first = list(dict.fromkeys(items_of(one)[0] for one in together))
                about["first"] = [
                    one for one in self._windows.rows_of(catalog, chosen, first) if one
                ]
            made.append(about)
        return made

    def open_list(
        self, catalog: Catalog, analysis: str, finding: str | None, shown: str
    ) -> tuple[Listed, dict[str, dict[str, int]]]:
        """Keep a list of an analysis' entries; return it and the counts of its findings.

        Raises UsageError for an unknown analysis.
        """
        import numpy as np

        known = {row["analysis"]: row for row in records(list_analyses(catalog))}
        row = known.get(analysis)
        if row is None or row["kind"] not in KINDS:
            raise UsageError("this analysis was made again: open its list again")
        entries = _entries(catalog, analysis, row["kind"])
        wanted = np.ones(len(entries.keys), bool)
        if shown != "all":
            wanted &= entries.decided if shown == "decided" else ~entries.decided
        if finding:
            wanted &= entries.findings == finding
        name = secrets.token_urlsafe(9)
        listed = Listed(name, analysis, row["kind"], row["model"], entries.keys[wanted])
        self._kept.put(name, listed)
        return listed, _counted(entries)

    def get(self, name: str) -> Listed:
        """Return a list. Raises UnknownItemError where it is not kept any more."""
        found = self._kept.get(name)
        if found is None:
            raise UnknownItemError("this list is not kept any more: ask again")
        return found

    def window(
        self, catalog: Catalog, listed: Listed, start: int, count: int
    ) -> Sequence[dict[str, Any]]:
        """Return entries of a list with the rows of their items, as the page shows them."""
        keys = listed.keys[start : start + count]
        together = entries_of(self.rows(catalog, listed.analysis, listed.kind, keys), listed.kind)
        identities = list(dict.fromkeys(one for rows in together for one in items_of(rows)))
        shown = self._windows.rows_of(catalog, catalog.model(listed.model), identities)
        by_identity = dict(zip(identities, shown, strict=True))
        return [_entry(rows, listed.kind, by_identity) for rows in together]

    def rows(
        self, catalog: Catalog, analysis: str, kind: str, keys: NDArray[np.uint32]
    ) -> list[dict[str, Any]]:
        """Return what `findings` holds of entries, with the decisions, in the order of ranks."""
        if not len(keys):
            return []
        column = "group" if kind == "duplicates" else "rank"
        sql = _found(catalog, fill("found_whole"), fill("of_found", column=column))
        given = {"analysis": analysis, "keys": as_json(keys.tolist())}
        return list(records(catalog.arrow(sql, given)))


def _found(catalog: Catalog, columns: str, condition: str) -> str:
    decided = catalog.has_table("decisions")
    decisions = fill("standing_decisions" if decided else "nothing_decided")
    return fill("found", columns=columns, condition=condition, decisions=decisions)


def _entries(catalog: Catalog, analysis: str, kind: str) -> Entries:
    import numpy as np

    sql = _found(catalog, fill("found_places"), fill("every_item"))
    table = catalog.arrow(sql, {"analysis": analysis})
    ranks, groups = (table[name].to_numpy() for name in ("rank", "group"))
    findings = np.array(table["finding"].to_pylist(), object)
    decided = np.array([bool(one) for one in table["decision"].to_pylist()], bool)
    if kind != "duplicates":
        return Entries(ranks, findings, decided)
    keys, first, which = np.unique(groups, return_index=True, return_inverse=True)
    open_members = np.bincount(which, ~decided, minlength=len(keys))
    order = np.argsort(first)
    return Entries(keys[order], findings[first[order]], open_members[order] == 0)


def _counted(entries: Entries) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for finding, decided in zip(entries.findings.tolist(), entries.decided.tolist(), strict=True):
        count = counts.setdefault(finding, {"total": 0, "open": 0})
        count["total"] += 1
        count["open"] += not decided
    return counts


def entries_of(rows: Sequence[dict[str, Any]], kind: str) -> list[list[dict[str, Any]]]:
    """Return the rows of each entry: those of a group of duplicates, or one."""
    entries: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        entries.setdefault(row["group" if kind == "duplicates" else "rank"], []).append(row)
    return list(entries.values())


def items_of(rows: Sequence[dict[str, Any]]) -> list[Identity]:
    """Return the items of an entry: those of a group, those of a pair, or one."""
    found = [identity_of(row) for row in rows]
    if rows[0]["other_id"]:
        found.append(identity_of(rows[0], "other_"))
    return found


def identity_of(row: dict[str, Any], prefix: str = "") -> Identity:
    """Return the item of a row, from the columns dataset, subset and id with that prefix."""
    return row[f"{prefix}dataset"], row[f"{prefix}subset"], row[f"{prefix}id"]


def _entry(
    rows: Sequence[dict[str, Any]], kind: str, shown: dict[Identity, dict[str, Any] | None]
) -> dict[str, Any]:
    first = rows[0]
    of_group = kind == "duplicates"
    beside = ("similarity", "distance", "keep")
    return {
        "key": first["group" if of_group else "rank"],
        "finding": first["finding"],
        "decision": min(row["decision"] for row in rows),
        "items": [
            {"row": shown[identity], "id": identity[2]}
            | ({name: row[name] for name in beside} if of_group else {})
            for identity, row in zip(
                items_of(rows), rows if of_group else [first, first], strict=False
            )
        ],
        **{name: first[name] for name in ("tag", "suggested", "score")},
        **{name: first[name] for name in ("exact", "similarity", "distance")},
    }
