"""One export: which format, where to, and what is made of the images."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from hamsight_core.catalog.catalog import Catalog
from hamsight_curate.export.choices import Images
from hamsight_curate.export.exporter import exporter
from hamsight_curate.export.images import Placer
from hamsight_curate.export.items import Source
from hamsight_curate.export.report import Exported, Missing, Report
from hamsight_curate.export.staging import check_file, check_folder, new_file, new_folder
from hamsight_curate.selection import Selection


def export(
    catalog: Catalog,
    selection: Selection,
    target: str | os.PathLike[str],
    to: str,
    *,
    images: Images | None = None,
    features: bool = False,
    on_missing: Callable[[Missing], None] | None = None,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Exported:
    """Write the selected items to `target`, in the order of their identities.

    `to` is one of `exporters()`. `target` is a new or empty folder, for tables a new file; it is
    there whole or not at all.
    By default images are copied to COCO, YOLO and folders. With `features` a table has the hash
    and the feature besides. An item whose image cannot be had is left out and reported.
    `on_progress` is told how many items are done; what it raises ends the export without a trace.
    Raises UsageError, SourceError where `target` cannot be written, and what `conditions` raises.
    """
    path = absolute(target)
    check(path, to, images, features=features)
    source = Source(catalog, selection, features=features)
    report = Report(on_missing, on_progress)
    if not source.parts:
        return report.exported(path)
    how = exporter(to)
    if how.file is not None:
        with new_file(path) as file:
            how.file(source, file, report)
    elif how.folder is not None:
        with new_folder(path) as folder:
            how.folder(source, folder, Placer(images or how.images), report)
    return report.exported(path)


def absolute(target: str | os.PathLike[str]) -> Path:
    """Return a path from the root of the file system, so that `.` has a name too."""
    return Path(os.path.abspath(target))  # noqa: PTH100 - resolve() follows links


def check(target: Path, to: str, images: Images | None, *, features: bool) -> None:
    """Raise UsageError for an export that cannot be, before a catalog is asked."""
    target, how = absolute(target), exporter(to)
    how.check(to, images, features=features)
    if how.file is not None:
        check_file(target)
    else:
        check_folder(target)
