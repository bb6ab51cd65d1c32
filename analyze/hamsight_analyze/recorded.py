"""The analyses that a catalog keeps: of each kind, model and scope the latest."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

from hamsight_analyze.analysis import Analysis, Found
from hamsight_analyze.item_values import give_attributes, give_scores
from hamsight_analyze.items import Items, Scope, state_of
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import EmptyCatalogError, UsageError
from hamsight_core.moments import moment_text

if TYPE_CHECKING:
    import pyarrow as pa

_TABLES = {
    "analyses": "create_analyses",
    "findings": "create_findings",
    "map_points": "create_map_points",
}
_FORGETTING = {"findings": "delete_findings", "map_points": "delete_map_points"}
_INSERTED = 100_000


def record(
    catalog: Catalog, analysis: Analysis, scope: Scope, items: Items, found: Found, state: int
) -> None:
    """Keep what an analysis found, in place of what it found before, and give items their values.

    `state` is that of the items (`state_of`) before they were read.
    """
    for table in ("analyses", analysis.kept_in):
        if not catalog.has_table(table):
            catalog.run(_TABLES[table])
    of_kind = _of_kind(analysis, scope, items.model.name)
    former = _names(catalog, of_kind)
    name = uuid.uuid4().hex
    rows = found.table.slice(0, found.rows) if found.stored is None else found.stored
    rows = rows.select([one for one in rows.column_names if one != "flagged"])
    for start in range(0, rows.num_rows, _INSERTED):
        some = rows.slice(start, _INSERTED)
        catalog.insert(analysis.kept_in, analysis.kept(some, name, start))
    row = {
        **of_kind,
        "analysis": name,
        "settings": json.dumps(found.settings, ensure_ascii=False),
        "figures": json.dumps(found.figures, ensure_ascii=False),
        "items": len(items),
        "latest": moment_text(items.latest_us),
        "seconds": found.seconds,
        "state": state,
    }
    catalog.insert_rows("analyses", [row])
    if former:
        for statement in (_FORGETTING[analysis.kept_in], "delete_analyses"):
            catalog.run(statement, {"former": former})
    for score, numbers in found.scores.items():
        give_scores(catalog, items.model, items.keys(), score, numbers)
    for attribute, values in found.attributes.items():
        give_attributes(catalog, items.keys(), attribute, values)


def latest_of_kind(catalog: Catalog, analysis: Analysis, scope: Scope, model: str) -> str | None:
    """Return the name of the analysis that the catalog keeps of that kind, model and scope."""
    if not catalog.has_table("analyses"):
        return None
    return next(iter(_names(catalog, _of_kind(analysis, scope, model))), None)


def has_findings(catalog: Catalog) -> bool:
    """Return whether the catalog has the tables of findings."""
    return catalog.has_table("analyses") and catalog.has_table("findings")


def list_analyses(catalog: Catalog) -> pa.Table:
    """Return a row for each analysis whose findings stand, the latest first.

    Columns: kind, model, scope, settings, figures, items, latest, seconds, created_at, analysis,
    state, and `current`: whether no item of the scope came, went, moved or changed its tags since.
    """
    import pyarrow as pa

    if not has_findings(catalog):
        catalog.run("create_analyses")
    table = catalog.arrow(fill("list_analyses"))
    if "state" not in table.column_names:
        table = table.append_column("state", pa.nulls(table.num_rows, pa.uint64()))
    known: dict[tuple[str, str], int | None] = {}
    current = []
    asked = [table[name].cast(pa.string()).to_pylist() for name in ("model", "scope")]
    for model, scope, state in zip(*asked, table["state"].to_pylist(), strict=True):
        if (model, scope) not in known:
            known[model, scope] = _state(catalog, model, scope)
        current.append(known[model, scope] == state)
    return table.append_column("current", pa.array(current, pa.bool_()))


def _of_kind(analysis: Analysis, scope: Scope, model: str) -> dict[str, str]:
    """Return the columns by which an analysis replaces another."""
    described = json.dumps(analysis.described(scope), ensure_ascii=False, sort_keys=True)
    return {"kind": analysis.recorded, "model": model, "scope": described}


def _names(catalog: Catalog, of_kind: dict[str, str]) -> list[str]:
    """Return the names of the analyses with these columns, the latest first."""
    return [row[0] for row in catalog.rows("former_analyses", of_kind)]


def _state(catalog: Catalog, model: str, described: str) -> int | None:
    """Return the state of the items of a scope as it is recorded, None where there are none."""
    asked = json.loads(described)
    datasets, subsets = (tuple(asked.get(name, ())) for name in ("dataset", "subset"))
    scope = Scope(datasets, subsets, asked.get("where"), model, asked.get("objects", False))
    try:
        return state_of(catalog, scope)
    except (UsageError, EmptyCatalogError):  # the model, or what the scope names, is gone
        return None
