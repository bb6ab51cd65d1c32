"""Running an analysis: read the items of a scope, look at them, record what was found."""

from __future__ import annotations

import time

from hamsight_analyze.analysis import Analysis, Asked, Found
from hamsight_analyze.items import Scope, state_of
from hamsight_analyze.progress import Progress, bar_of, counted
from hamsight_analyze.recorded import record
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.errors import UsageError
from hamsight_core.items import picture_of


def analyze(
    catalog: Catalog,
    analysis: Analysis,
    scope: Scope,
    asked: Asked | None = None,
    *,
    progress: bool = False,
    on_progress: Progress | None = None,
) -> Found:
    """Read the items of a scope, analyze them, and record what was found in the catalog.

    Findings of the same kind, model and scope are replaced. `on_progress` is told how many of how
    many steps are done, first of reading and then of analyzing; what it raises ends the analysis
    before anything is recorded. Raises UsageError, EmptyCatalogError or ExpressionError.
    """
    if scope.objects and not analysis.of_objects:
        raise UsageError(f"{analysis.kind} are found among pictures alone: leave objects out")
    catalog.create()
    for needed in analysis.needs():
        analyze(catalog, needed, scope, progress=progress, on_progress=on_progress)
    analysis = analysis.prepare(catalog)
    started = time.monotonic()
    state = state_of(catalog, scope)
    with bar_of("items read", progress, on_progress) as show:
        items = analysis.read(catalog, scope, show)
    with bar_of(analysis.kind, progress, on_progress) as show:
        steps = counted(show, analysis.work(items))
        found = analysis.find(items, asked or Asked(), steps)
    found.items, found.seconds = len(items), time.monotonic() - started
    if scope.objects:  # groups are of pictures
        found.members = list(dict.fromkeys(map(picture_of, found.members)))
    if items.left_out:
        found.notes.append(f"{items.left_out:,} items have no embedding and are left out")
    record(catalog, analysis, scope, items, found, state)
    return found
