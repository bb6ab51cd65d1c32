"""Putting right the files of an embedded catalog that does not open."""

from __future__ import annotations

import os
import shutil
import warnings
from datetime import datetime, timezone
from pathlib import Path

from hamsight_core.catalog.address import parse_dsn
from hamsight_core.catalog.connect import connect
from hamsight_core.catalog.definitions import Fault, changed, faults, restore, set_aside
from hamsight_core.catalog.embedded import check_free, check_is_catalog
from hamsight_core.catalog.room import check_room
from hamsight_core.errors import UsageError


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
    restored += [fault for fault in changed(path) if restore(path, fault, copies)]
    if not lost:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is taken away below
            connect(dsn).close()
    for table, folder in set_aside(path):
        kept = copies / folder.relative_to(path)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder, kept)
        restored.append(Fault(folder.relative_to(path).as_posix(), "is damaged", table=table))
    return restored, lost, copies
