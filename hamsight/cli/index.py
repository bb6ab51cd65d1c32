"""`hamsight index`."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from hamsight.cli.options import Database, Device, StoredModel
from hamsight_core.models.network import DEFAULT_DEVICE, Compute
from hamsight_core.show.terminal import say, tell


def index(
    drop: Annotated[
        bool, typer.Option("--drop", help="Drop the cells. Searches then read all items.")
    ] = False,
    model: StoredModel = None,
    device: Device = DEFAULT_DEVICE,
    db: Database = None,
) -> None:
    """Build coarse cells, so that a search reads only the items near the query.

    For tables of a million items and more. Run it again when much of a table has
    been added or deleted, and after `hamsight rehash` or --re-encode. Searches
    use the old cells, or all items, until the new cells are complete. New items
    are added to their cell.
    """
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_core.hashing.hash_settings import MOST_READ
    from hamsight_ingest.index import LEAST_ITEMS
    from hamsight_ingest.job import index_items

    started = time.monotonic()
    with Catalog.open(db) as catalog:
        if drop:
            from hamsight_ingest.index import drop_index

            found = catalog.model(model)
            said = "cells dropped" if drop_index(catalog, found) else "there were no cells"
            tell(f"{found.name}: {said}; searches read all items")
            return
        done = index_items(catalog, model, compute=Compute(device), progress=True)
    if done.cells is None:
        tell(
            f"{done.model}: {done.items:,} items need no cells (from {LEAST_ITEMS:,} on);"
            " searches read all items"
        )
        return
    tell(
        f"{done.model}: {done.cells.items:,} items in {done.cells.cells:,} cells"
        f" ({time.monotonic() - started:.1f} s)"
    )
    for kind, label in (("image", "pictures and items"), ("words", "words")):
        probes = done.cells.probes_for(kind, 50, 0.95)
        if probes is not None:
            beyond = probes > MOST_READ * done.cells.cells
            instead = ": a search reads all items instead" if beyond else ""
            say(f"{label}: {probes} cells hold 0.95 of the 50 nearest{instead}")
