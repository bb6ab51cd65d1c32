"""Folders of images with a metadata table, as Hugging Face's ImageFolder has them."""

from __future__ import annotations

from pathlib import Path

from hamsight_core.errors import SourceError
from hamsight_ingest.listing import Listing, once, printable
from hamsight_ingest.readers.subsets import is_subset, wrapper
from hamsight_ingest.readers.table import TableSource
from hamsight_ingest.readers.table_columns import find_columns
from hamsight_ingest.readers.table_files import open_rows
from hamsight_ingest.readers.table_items import TableItems
from hamsight_ingest.source import ReadOptions

_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_FILE_NAMES = ("file_name", "image_file_name", "filename")


class ImageFolderReader:
    """Folders of images with metadata.csv, metadata.jsonl or metadata.parquet."""

    name = "imagefolder"
    description = (
        "metadata.csv, .jsonl or .parquet with a column file_name in a folder of images, or in"
        " its folders train, val and test"
    )
    carries = frozenset({"subsets", "tags", "captions"})

    def detect(self, listing: Listing) -> str | None:
        """Return which metadata there is, or None where there is none with file names.

        Raises SourceError for a file of such a name of which nothing can be read.
        """
        found = [file for file, _ in _metadata(listing)]
        return f"file_name in {', '.join(map(printable, found))}" if found else None

    def open(self, listing: Listing, options: ReadOptions) -> TableSource:
        """Return the images as a source. Raises SourceError where there is no metadata."""
        tables = []
        for file, subset in _metadata(listing):
            rows = open_rows(Path(listing.at(file)))
            names = [name for name in _FILE_NAMES if name in rows.columns]
            columns = find_columns(rows, {"image": names[0], **options.columns})
            tables.append(TableItems(rows, columns, options, subset=subset, listing=listing))
        if not tables:
            path = printable(listing.path)
            raise SourceError(f"{path}: no metadata; looked for {self.description}")
        return TableSource(listing, self.name, self.detect(listing) or "", tables, options)


@once
def _metadata(listing: Listing) -> list[tuple[str, str]]:
    """Return (file, subset) of each metadata table that names files."""
    found = []
    around = wrapper(listing)
    top = f"{around}/" if around else ""
    within = [folder for folder in listing.folders if is_subset(folder.removeprefix(top))]
    for folder in (
        dict.fromkeys(["", *filter(None, [around]), *within]) if not listing.is_file else ()
    ):
        start = f"{folder}/" if folder else ""
        file = next((start + name for name in _NAMES if listing.has(start + name)), None)
        if file is not None and any(
            name in open_rows(Path(listing.at(file))).columns for name in _FILE_NAMES
        ):
            subset = folder.removeprefix(top) if folder in within else ""
            found.append((file, printable(subset)))
    return found
