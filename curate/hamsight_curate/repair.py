"""Putting right the files of an embedded catalog that does not open."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

from hamsight_core.catalog.address import parse_dsn
from hamsight_core.catalog.connect import connect
from hamsight_core.catalog.definitions import Fault, changed, faults, restore
from hamsight_core.catalog.embedded import check_free, check_is_catalog
from hamsight_core.catalog.room import check_room
from hamsight_core.errors import DamagedCatalogError, UsageError


def repair(dsn: str | os.PathLike[str] | None = None) -> tuple[list[Fault], list[Fault], Path]:
    """Restore what can be restored of an embedded catalog without loss.

    Return the files that were put right, those that could not be, and the folder that has copies of
    the files as they were. Raises UsageError for a server, CatalogBusyError where another process
    holds the catalog, DiskFullError, and DamagedCatalogError where the engine still cannot open it.
    """
    path = parse_dsn(dsn).path
    if path is None:
        raise UsageError("--repair is for an embedded catalog: a server repairs its own files")
    check_is_catalog(path)
    check_free(path)
    check_room(path)
    moment = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
    copies = path.with_name(f"{path.name}.damaged-{moment}")
    found = faults(path)
    restored = [fault for fault in found if restore(path, fault, copies)]
    lost = [fault for fault in found if fault not in restored]
    if not lost:
        try:
            connect(dsn).close()
        except DamagedCatalogError:
            differing = changed(path)
            if not differing:
                raise
            restored += [fault for fault in differing if restore(path, fault, copies)]
            connect(dsn).close()
    return restored, lost, copies
