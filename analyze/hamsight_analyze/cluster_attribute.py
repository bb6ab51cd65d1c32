"""The cluster of each item as an attribute, so that expressions and SQL read it."""

from __future__ import annotations

from hamsight_analyze.analysis import Found
from hamsight_core.catalog.catalog import Catalog
from hamsight_curate.fields import set_fields
from hamsight_curate.selection import Selection


def set_clusters(catalog: Catalog, name: str, found: Found) -> int:
    """Set the attribute `name` of each item to the number of its cluster; return how many changed.

    `found` is of `hamsight_analyze.kinds.Clusters`.
    """
    assert found.stored is not None
    columns = found.stored.select(["dataset", "subset", "id", "group"]).to_pydict()
    members: dict[int, list[tuple[str, str, str]]] = {}
    for dataset, subset, id, cluster in zip(*columns.values(), strict=True):
        members.setdefault(cluster, []).append((dataset, subset, id))
    return sum(
        set_fields(catalog, Selection(identities), attributes={name: str(cluster)}).changed
        for cluster, identities in members.items()
    )
