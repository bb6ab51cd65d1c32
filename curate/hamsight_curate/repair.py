"""Putting right the files of an embedded catalog that does not open."""

from __future__ import annotations

import os
import shutil
import warnings
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from hamsight_core.catalog.address import parse_dsn
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.definitions import Fault, changed, faults, restore, set_aside
from hamsight_core.catalog.embedded import REPAIR, check_free, check_is_catalog
from hamsight_core.catalog.room import check_room
from hamsight_core.catalog.schema import sweep
from hamsight_core.errors import DamagedCatalogError, UsageError


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair did.

    `restored` are the files that were put right, `lost` those that could not be, and `copies` is
    the folder that has copies of the files as they were. `swept` are the tables of killed runs that
    were dropped.
    """

    restored: list[Fault]
    lost: list[Fault]
    copies: Path
    swept: list[str]


def repair(dsn: str | os.PathLike[str] | None = None) -> Repaired:
    """Restore what can be restored of an embedded catalog without loss, and drop leftovers.

    Raises UsageError for a server, CatalogBusyError where another process
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
    swept = []
    if not lost:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is taken away below
            try:
                with Catalog.open(dsn) as catalog:
                    swept = sweep(catalog)
            except DamagedCatalogError as error:
                raise DamagedCatalogError(
                    f"{str(error).removesuffix(REPAIR)} There is no copy of which it can be"
                    " restored: restore a backup, or ingest the datasets into a new catalog"
                ) from None
    for table, folder in set_aside(path):
        kept = copies / folder.relative_to(path)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder, kept)
        restored.append(Fault(folder.relative_to(path).as_posix(), "is damaged", table=table))
    return Repaired(restored, lost, copies, swept)
