"""Saved queries as the page shows them: a view each, which `hamsight run` repeats."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hamsight.session import Session
from hamsight_core.errors import UsageError
from hamsight_explore.view import KINDS, UPLOAD, Asked, Filter, View
from hamsight_query.request import DEFAULT_K, Request
from hamsight_query.saved import find_saved, save_query


def listed(session: Session) -> list[dict[str, Any]]:
    """Return each saved query with the view that it is, null where the page cannot show it."""
    found = []
    for name in session.saved()["name"].to_pylist():
        view = _view_of(find_saved(session.catalog(), name).request)
        found.append({"name": name, "view": None if view is None else view.as_json()})
    return found


def save(session: Session, name: str, view: View, *, replace: bool) -> None:
    """Keep a view's search under a name. Raises UsageError for a view that is no search."""
    if not view.queries:
        raise UsageError("only a search can be saved: search by words or by a picture first")
    if any(one.kind == UPLOAD for one in view.queries):
        raise UsageError("a search by a picture of yours cannot be saved: the picture is not kept")
    request = view.request([one.query() for one in view.queries], DEFAULT_K)
    save_query(session.catalog(), name, request, replace=replace)


def _view_of(request: Request) -> View | None:
    """Return the view that asks the same as a request, None where no view does."""
    if any(query.kind.value not in KINDS for query in request.queries):
        return None
    asked = [Asked(one.kind.value, one.given, one.weight, one.box) for one in request.queries]
    named = {"dataset": request.datasets, "subset": request.subsets}
    view = View(
        model=request.model,
        queries=tuple(asked),
        combine=request.combine,
        filters=tuple(Filter(field, value) for field in named for value in named[field]),
        where=request.where,
        sort=request.sort,
        min_similarity=request.min_similarity,
        calibrated=request.calibrated,
        models=request.models,
    )
    plain = replace(request, k=DEFAULT_K, datasets=(), subsets=(), where=view.expression())
    return view if view.request(request.queries, DEFAULT_K) == plain else None
