"""One export: which format, where to, and what is made of the images."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.errors import UsageError
from hamsight_curate.export.choices import Images, To
from hamsight_curate.export.coco import write_coco
from hamsight_curate.export.datumaro_dataset import write_datumaro
from hamsight_curate.export.fiftyone_dataset import write_fiftyone
from hamsight_curate.export.folder import write_folder
from hamsight_curate.export.images import Placer
from hamsight_curate.export.items import Source
from hamsight_curate.export.report import Exported, Missing, Report
from hamsight_curate.export.staging import check_file, check_folder, new_file, new_folder
from hamsight_curate.export.tables import write_csv, write_jsonl, write_parquet
from hamsight_curate.export.yolo import write_yolo
from hamsight_curate.selection import Selection

_TABLES = {To.CSV: write_csv, To.JSONL: write_jsonl, To.PARQUET: write_parquet}
_FOLDERS = {
    To.COCO: write_coco,
    To.YOLO: write_yolo,
    To.FOLDER: write_folder,
    To.DATUMARO: write_datumaro,
    To.FIFTYONE: write_fiftyone,
}
_COPYING = (To.COCO, To.YOLO, To.FOLDER)


def export(
    catalog: Catalog,
    selection: Selection,
    target: str | os.PathLike[str],
    to: To,
    *,
    images: Images | None = None,
    features: bool = False,
    on_missing: Callable[[Missing], None] | None = None,
) -> Exported:
    """Write the selected items to `target`, in the order of their identities.

    `target` is a new or empty folder, for tables a new file; it is there whole or not at all.
    By default images are copied to COCO, YOLO and folders. With `features` a table has the hash
    and the feature besides. An item whose image cannot be had is left out and reported.
    Raises UsageError, SourceError where `target` cannot be written, and what `conditions` raises.
    """
    path = absolute(target)
    check(path, to, images, features=features)
    source = Source(catalog, selection, features=features)
    report = Report(on_missing)
    if not source.parts:
        return report.exported(path)
    if to in _TABLES:
        with new_file(path) as file:
            _TABLES[to](source, file, report)
    else:
        placer = Placer(images or (Images.COPY if to in _COPYING else Images.NONE))
        with new_folder(path) as folder:
            _FOLDERS[to](source, folder, placer, report)
    return report.exported(path)


def absolute(target: str | os.PathLike[str]) -> Path:
    """Return a path from the root of the file system, so that `.` has a name too."""
    return Path(os.path.abspath(target))  # noqa: PTH100 - resolve() follows links


def check(target: Path, to: To, images: Images | None, *, features: bool) -> None:
    """Raise UsageError for an export that cannot be, before a catalog is asked."""
    target = absolute(target)
    if to in _TABLES:
        if images not in (None, Images.NONE):
            raise UsageError(
                f"--to {to.value} is one file, without images: leave out --images, or take"
                " --to folder for them"
            )
        check_file(target)
        return
    if features:
        raise UsageError(
            f"--features goes with --to csv, jsonl or parquet; {to.value} does not hold them"
        )
    if to is To.FOLDER and images is Images.NONE:
        raise UsageError("--to folder writes images alone: take --images copy, link or hardlink")
    if to is To.FIFTYONE and images is Images.HARDLINK:
        raise UsageError("FiftyOne makes no hard links: take --images copy, link or none")
    if to is To.DATUMARO and images is Images.LINK:
        raise UsageError(
            "Datumaro reads no link that leads out of its folder: take --images copy, hardlink or"
            " none"
        )
    if to in (To.DATUMARO, To.FIFTYONE) and find_spec(to.value) is None:
        raise UsageError(
            f"--to {to.value} needs the package {to.value}: pip install {to.value};"
            " --to coco needs nothing, and it reads COCO"
        )
    check_folder(target)
