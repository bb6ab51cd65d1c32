"""Folders of images with a metadata table, as Hugging Face's ImageFolder has them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from hamsight_core.errors import SourceError
from hamsight_ingest.readers.annotated import folders_in
from hamsight_ingest.readers.folder import printable
from hamsight_ingest.readers.table import TableSource
from hamsight_ingest.readers.table_columns import find_columns
from hamsight_ingest.readers.table_items import TableItems
from hamsight_ingest.readers.table_rows import open_rows
from hamsight_ingest.source import SUBSET_NAMES, ReadOptions

_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


class ImageFolderReader:
    """Folders of images with metadata.csv, metadata.jsonl or metadata.parquet."""

    name = "imagefolder"
    description = (
        "metadata.csv, .jsonl or .parquet with a column file_name in a folder of images, or in"
        " its folders train, val and test"
    )
    carries = frozenset({"subsets", "tags", "captions"})

    def detect(self, path: Path) -> str | None:
        """Return which metadata there is, or None where there is none with file names."""
        found = [printable(file.relative_to(path)) for file, _ in _metadata(path)]
        return f"file_name in {', '.join(found)}" if found else None

    def open(self, path: Path, options: ReadOptions) -> TableSource:
        """Return the images as a source. Raises SourceError where there is no metadata."""
        tables = []
        for file, subset in _metadata(Path(os.path.abspath(path))):  # noqa: PTH100
            rows = open_rows(file)
            columns = find_columns(rows, {"image": "file_name", **options.columns})
            tables.append(TableItems(rows, columns, options, subset=subset))
        if not tables:
            raise SourceError(f"{printable(path)}: no metadata; looked for {self.description}")
        return TableSource(path, self.name, self.detect(path) or "", tables)


def _metadata(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield (file, subset) of each metadata table that names files."""
    if not path.is_dir():
        return
    folders = [folder for folder in folders_in(path) if folder.name.lower() in SUBSET_NAMES]
    for folder in (path, *folders):
        file = next((folder / name for name in _NAMES if (folder / name).is_file()), None)
        if file is not None and _names_files(file):
            yield file, "" if folder == path else printable(folder.name)


def _names_files(file: Path) -> bool:
    try:
        return "file_name" in open_rows(file).columns
    except SourceError:  # a table of that name that is none
        return False
