"""A folder of the images alone: DATASET/SUBSET/ID."""

from __future__ import annotations

from pathlib import Path

from hamsight_core.errors import ImageError
from hamsight_curate.export.choices import Images
from hamsight_curate.export.exporter import Exporter
from hamsight_curate.export.images import Placer
from hamsight_curate.export.items import Source
from hamsight_curate.export.names import safe_name
from hamsight_curate.export.report import Report


def write_folder(source: Source, folder: Path, placer: Placer, report: Report) -> None:
    """Put each item's image at DATASET/SUBSET/ID, or DATASET/ID for the subset without a name."""
    for part in source.parts:
        place = folder / safe_name(part.dataset)
        if part.subset:
            place = place / safe_name(part.subset)
        for item in placer.ahead(source.items(part)):
            try:
                name = placer.place(item, place)
            except ImageError as error:
                report.missed(item, str(error))
                continue
            report.items += 1
            if name != item.id:
                report.note("ids that cannot be names of files, so files have another")


def folder() -> Exporter:
    """Return how folders of images are written."""
    alone = "--to folder writes images alone: take --images copy, link or hardlink"
    return Exporter(folder=write_folder, images=Images.COPY, refused={Images.NONE: alone})
