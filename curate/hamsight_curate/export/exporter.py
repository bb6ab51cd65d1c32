"""The formats of exports: Hamsight's own, and those of other packages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

from hamsight_core.errors import UsageError
from hamsight_core.plugins import load, plugins
from hamsight_curate.export.choices import Images
from hamsight_curate.export.images import Placer
from hamsight_curate.export.items import Source
from hamsight_curate.export.report import Report

GROUP = "hamsight.exporters"
"""The group of entry points by which other packages add exporters."""

_OWN = {
    name: f"hamsight_curate.export.{value}"
    for name, value in {
        "coco": "coco:coco",
        "yolo": "yolo:yolo",
        "csv": "tables:csv",
        "jsonl": "tables:jsonl",
        "parquet": "tables:parquet",
        "folder": "folder:folder",
        "datumaro": "datumaro_dataset:datumaro",
        "fiftyone": "fiftyone_dataset:fiftyone",
    }.items()
}
"""Hamsight's exporters, as entry points name them: functions that return an `Exporter`."""

WriteFile: TypeAlias = Callable[[Source, Path, Report], None]
"""Writes the items of a source into a new file."""

WriteFolder: TypeAlias = Callable[[Source, Path, Placer, Report], None]
"""Writes the items of a source into an empty folder; the placer puts images there."""


@dataclass(frozen=True, slots=True)
class Exporter:
    """How one format is written: as one `file`, or as a `folder`.

    `images` is what becomes of the images unless the user says; `refused` says of a choice why it
    cannot be. `package` must be installed, if one is named.
    """

    file: WriteFile | None = None
    folder: WriteFolder | None = None
    images: Images = Images.NONE
    refused: Mapping[Images, str] = field(default_factory=dict)
    package: str = ""

    def check(self, name: str, images: Images | None, *, features: bool) -> None:
        """Raise UsageError for an export that cannot be."""
        if self.file is not None:
            if images not in (None, Images.NONE):
                raise UsageError(
                    f"--to {name} is one file, without images: leave out --images, or take"
                    " --to folder for them"
                )
            return
        if features:
            raise UsageError(
                f"--features goes with --to csv, jsonl or parquet; {name} does not hold them"
            )
        if images is not None and images in self.refused:
            raise UsageError(self.refused[images])
        if self.package and find_spec(self.package) is None:
            raise UsageError(
                f"--to {name} needs the package {self.package}: pip install {self.package};"
                " --to coco needs nothing, and it reads COCO"
            )


@lru_cache(maxsize=1)
def exporters() -> tuple[str, ...]:
    """Return the names of all formats, Hamsight's first."""
    found = plugins(GROUP, _OWN)
    return (*_OWN, *(name for name in found if name not in _OWN))


def exporter(name: str) -> Exporter:
    """Return how a format is written. Raises UsageError naming them all for another."""
    points = plugins(GROUP, _OWN)
    if name not in points:
        raise UsageError(f"to is {name!r}; expected {', '.join(exporters())}")
    found: Exporter = load(points[name])
    return found
