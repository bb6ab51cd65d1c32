"""Saved queries as the page shows them: a view each, which `hamsight run` repeats."""

from __future__ import annotations

from typing import Any

from hamsight.session import Session
from hamsight_core.errors import UsageError
from hamsight_explore.view import UPLOAD, View
from hamsight_query.saved import find_saved


def listed(session: Session) -> list[dict[str, Any]]:
    """Return each saved query with the view that it is, null where the page cannot show it."""
    found = []
    for name in session.saved()["name"].to_pylist():
        request = find_saved(session.catalog(), name).request
        queries = [{"kind": one.kind.value, "given": one.given} for one in request.queries]
        is_shown = all(one["kind"] in ("text", "item") for one in queries)
        is_shown = is_shown and not (request.datasets or request.subsets or request.dissimilar)
        is_shown = is_shown and not (request.models or request.sort or request.calibrated)
        view = {"model": request.model, "queries": queries, "where": request.where}
        found.append({"name": name, "view": view if is_shown else None})
    return found


def save(session: Session, name: str, view: View, *, replace: bool) -> None:
    """Keep a view's search under a name. Raises UsageError for a view that is no search."""
    if not view.queries:
        raise UsageError("only a search can be saved: search by words or by a picture first")
    if any(one.kind == UPLOAD for one in view.queries):
        raise UsageError("a search by a picture of yours cannot be saved: the picture is not kept")
    session.save_query(
        name,
        replace=replace,
        text=[one.given for one in view.queries if one.kind == "text"],
        item=[one.given for one in view.queries if one.kind == "item"],
        combine=view.combine.value,
        where=view.expression(),
        model=view.model,
    )
