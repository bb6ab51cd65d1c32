"""A FiftyOne dataset on disk, written by the package `fiftyone`."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hamsight_core.errors import ImageError, UsageError
from hamsight_curate.export.choices import Images
from hamsight_curate.export.exporter import Exporter
from hamsight_curate.export.images import Placer, local_file
from hamsight_curate.export.items import Source, Stored
from hamsight_curate.export.report import Report

_MEDIA = {Images.NONE: False, Images.COPY: True, Images.LINK: "symlink"}


def write_fiftyone(source: Source, folder: Path, placer: Placer, report: Report) -> None:
    """Write the items of all datasets as one FiftyOneDataset, for `fiftyone.Dataset.from_dir`.

    FiftyOne takes local files alone: an item whose image is elsewhere is reported as missing.
    Raises UsageError where it has no database.
    """
    import fiftyone

    with _quiet():
        dataset = _new_dataset()
        try:
            dataset.add_samples(_samples(source, report), progress=False)
            dataset.export(
                export_dir=str(folder),
                dataset_type=fiftyone.types.FiftyOneDataset,
                export_media=_MEDIA[placer.images],
                progress=False,
            )
        finally:
            dataset.delete()


def _new_dataset() -> Any:
    import fiftyone

    try:
        return fiftyone.Dataset()
    except Exception as error:  # of its settings, of MongoDB, of the network
        words = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(
            f"--to fiftyone: FiftyOne has no database: {words}. FIFTYONE_DATABASE_URI names a"
            " MongoDB of yours; --to coco needs none, and FiftyOne reads COCO"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what FiftyOne logs of its progress off stdout, which carries data alone."""
    logger = logging.getLogger("fiftyone")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _samples(source: Source, report: Report) -> Iterator[Any]:
    import fiftyone

    for part in source.parts:
        for item in source.items(part):
            try:
                path = local_file(item)
            except ImageError as error:
                report.missed(item, str(error))
                continue
            report.items += 1
            yield fiftyone.Sample(
                filepath=str(path),
                tags=list(filter(None, [item.subset, *item.groups])),
                ground_truth=fiftyone.Detections(detections=list(_detections(item, report))),
                labels=fiftyone.Classifications(
                    classifications=[fiftyone.Classification(label=tag) for tag in _unboxed(item)]
                ),
                captions=list(item.captions),
                hamsight_dataset=item.dataset,
                hamsight_subset=item.subset,
                hamsight_id=item.id,
                status=item.status,
                attributes=json.dumps(item.attributes, ensure_ascii=False),
            )


def _detections(item: Stored, report: Report) -> Iterator[Any]:
    import fiftyone

    if item.boxes and not (item.width and item.height):
        report.note("boxes of images of unknown size, left out", len(item.boxes))
        return
    for box in item.boxes:
        shape = [
            box.x / item.width,
            box.y / item.height,
            box.width / item.width,
            box.height / item.height,
        ]
        yield fiftyone.Detection(label=box.label, bounding_box=shape)


def _unboxed(item: Stored) -> list[str]:
    return sorted((Counter(item.tags) - Counter(box.label for box in item.boxes)).elements())


def fiftyone() -> Exporter:
    """Return how FiftyOne's format is written."""
    hardlink = "FiftyOne makes no hard links: take --images copy, link or none"
    refused = {Images.HARDLINK: hardlink}
    return Exporter(folder=write_fiftyone, refused=refused, package="fiftyone")
