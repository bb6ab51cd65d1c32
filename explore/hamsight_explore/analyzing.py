"""Analyses that a page asks for: each a job, whose findings the catalog keeps."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hamsight.session import Session
from hamsight_analyze.analysis import Found
from hamsight_analyze.recorded import list_analyses
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.generations import view_of
from hamsight_core.catalog.statements import fill
from hamsight_core.show.values import records
from hamsight_explore.actions import Actions, Made
from hamsight_explore.findings import KINDS, identity_of
from hamsight_explore.jobs import Job, Jobs
from hamsight_explore.pool import Pool
from hamsight_explore.windows import Windows

CLUSTERS, COMPARISON = "clusters", "comparison"
ANALYSES = (*KINDS, CLUSTERS, COMPARISON)
MOST_CLUSTERS = 1000
_OF_LOOKS = ("duplicates", "leaks", "quality")
"""Analyses for which pictures must have been looked at."""
_SHOWN_ITEMS, _SHOWN_TAGS = 12, 5


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page asks: an analysis with its settings, of items for which `where` holds."""

    kind: str
    model: str | None = None
    where: str | None = None
    strict: bool = False
    number: int = 16
    density: bool = False
    name: str | None = None
    a: str = ""
    b: str = ""

    @property
    def label(self) -> str:
        """What the job is called."""
        if self.kind == COMPARISON:
            return f"compare {self.a} and {self.b}"
        return f"find {self.kind}"


class Analyses:
    """Runs analyses, and shows clusters and comparisons."""

    def __init__(self, pool: Pool, jobs: Jobs, actions: Actions, windows: Windows) -> None:
        self._pool, self._jobs, self._actions, self._windows = pool, jobs, actions, windows

    def start(self, asked: Asked) -> Job:
        """Begin an analysis."""

        def work(job: Job) -> str:
            with self._pool.own() as session:
                if asked.kind in _OF_LOOKS:
                    session.update_quality(asked.model, on_progress=job.step)
                if asked.kind == CLUSTERS and asked.name is not None:
                    found = self._cluster(session, asked, asked.name, job)
                else:
                    found = _run(session, asked, job)
            return found.said if asked.kind == COMPARISON else f"{asked.label}: {found.said}"

        return self._jobs.start(asked.label, work, asked.kind)

    def _cluster(self, session: Session, asked: Asked, name: str, job: Job) -> Found:
        """Find clusters that become an attribute, which can be undone."""
        undo = self._actions.way_back(session.catalog(), name)
        found = _run(session, asked, job)
        with self._actions.changing(session):
            label = f"clusters set as {name!r}"
            self._actions.done(Made(label, found.items, found.items, undo))
        return found

    def clusters(self, catalog: Catalog, analysis: str, model: str) -> list[dict[str, Any]]:
        """Return the clusters that an analysis found, each with its commonest tags and its middle.

        `purity` is the share of the items with tags that have the commonest tag.
        """
        chosen = catalog.model(model, folders=False)
        table = view_of(chosen.items_table)
        given = {"analysis": analysis}
        tags: dict[int, list[dict[str, Any]]] = {}
        parameters = {**given, "shown": _SHOWN_TAGS}
        for row in records(catalog.arrow(fill("cluster_tags", table=table), parameters)):
            of_cluster = tags.setdefault(row["cluster"], [])
            of_cluster.append({"tag": row["tag_name"], "items": row["items"]})
        middles: dict[int, list[Any]] = {}
        parameters = {**given, "shown": _SHOWN_ITEMS}
        near = list(records(catalog.arrow(fill("cluster_middles"), parameters)))
        shown = self._windows.rows_of(catalog, chosen, [identity_of(row) for row in near])
        for row, item in zip(near, shown, strict=True):
            middles.setdefault(row["cluster"], []).append(item)
        return [
            {
                **row,
                "tags": tags.get(row["cluster"], []),
                "purity": tags[row["cluster"]][0]["items"] / row["tagged"]
                if row["cluster"] in tags
                else None,
                "middle": middles.get(row["cluster"], []),
            }
            for row in records(catalog.arrow(fill("cluster_sizes", table=table), given))
        ]

    def compared(
        self, catalog: Catalog, model: str | None, a: str, b: str
    ) -> dict[str, Any] | None:
        """Return the last comparison of two sides among all items, None where there is none."""
        chosen = catalog.model(model, folders=False)
        for row in records(list_analyses(catalog)):
            sides = json.loads(row["scope"])
            of_model = row["kind"] == COMPARISON and row["model"] == chosen.name
            if of_model and sides == {"a": a, "b": b}:
                break
        else:
            return None
        figures = json.loads(row["figures"])
        if "tags" not in figures:  # an older version compared them
            return None
        sql = fill("typical_items")
        typical = list(records(catalog.arrow(sql, {"analysis": row["analysis"]})))
        identities = [identity_of(one) for one in typical]
        shown = self._windows.rows_of(catalog, chosen, identities)
        return {
            "p": figures["p"],
            "tests": [
                {"name": name.removeprefix("p_"), "p": p, "figure": figures[name[2:]]}
                for name, p in figures.items()
                if name.startswith("p_")
            ],
            "items": [figures["items_a"], figures["items_b"]],
            "tags": [
                dict(zip(("tag", "share_a", "share_b"), one, strict=True))
                for one in figures["tags"]
            ],
            "typical": {
                side: [
                    item
                    for one, item in zip(typical, shown, strict=True)
                    if one["side"] == side and item is not None
                ]
                for side in ("a", "b")
            },
            "created": str(row["created_at"]),
            "current": row["current"],
        }


def _run(session: Session, asked: Asked, job: Job) -> Found:
    given: dict[str, Any] = {
        "where": asked.where,
        "model": asked.model,
        "on_progress": job.step,
    }
    if asked.kind == "duplicates":
        return session.find_duplicates(strict=asked.strict, **given)
    if asked.kind == "leaks":
        return session.find_leaks(strict=asked.strict, **given)
    if asked.kind == "quality":
        return session.find_quality(**given)
    if asked.kind == "mislabelled":
        return session.find_mislabelled(**given)
    if asked.kind == "outliers":
        return session.find_outliers(**given)
    if asked.kind == COMPARISON:
        return session.compare(asked.a, asked.b, **given)
    return session.cluster(
        None if asked.density else asked.number, density=asked.density, name=asked.name, **given
    )
