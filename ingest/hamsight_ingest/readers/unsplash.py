"""Unsplash's dataset: photos.tsv000 with the photos' URLs, or a JSON list of ids and URLs."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

from hamsight_core.errors import SourceError
from hamsight_ingest.listing import Listing, printable
from hamsight_ingest.readers.table import TableSource
from hamsight_ingest.readers.table_columns import Columns, find_columns
from hamsight_ingest.readers.table_files import is_table, open_rows
from hamsight_ingest.readers.table_items import TableItems
from hamsight_ingest.readers.table_rows import Rows, table_format
from hamsight_ingest.readers.wrong import Notes
from hamsight_ingest.source import ReadOptions

_PHOTOS = re.compile(r"photos\b.*\.([ct]sv[0-9]*|json)$")
_OTHERS = re.compile(r"(keywords|collections|conversions|colors)\b.*\.[ct]sv[0-9]*$")
_HOST = "https://images.unsplash.com/"
_COLUMNS = ("photo_id", "photo_image_url")
_CAPTIONS = ("photo_description", "ai_description")


class UnsplashReader:
    """Unsplash's photos, scaled by its server to the width that is asked for."""

    name = "unsplash"
    description = "photos.tsv000 of the Unsplash dataset, or a JSON list of {id, url} of its photos"
    carries = frozenset({"captions"})

    def detect(self, listing: Listing) -> str | None:
        """Return which table has Unsplash's columns or URLs, or None."""
        for file in _files(listing):
            if table_format(file) in ("CSV", "TSV", "JSON", "JSONL"):
                try:
                    columns = _columns(open_rows(file))
                except SourceError:
                    if listing.is_file:  # the reader of tables says what is wrong
                        return None
                    raise
                if columns is not None:
                    return f"Unsplash's columns {columns.id} and {columns.image} in {file.name}"
        return None

    def open(self, listing: Listing, options: ReadOptions) -> TableSource:
        """Return the photos as a source. Raises SourceError where there is no such table."""
        query = f"q=75&fm=jpg&w={options.image_width}&fit=max"
        tables = []
        for file in _files(listing):
            rows = open_rows(file)
            columns = _columns(rows)
            if columns is None:
                raise SourceError(
                    f"{printable(file)}: not of Unsplash; expected the columns"
                    f" {' and '.join(_COLUMNS)}, or id and url with {_HOST}…"
                )
            if options.columns:
                columns = find_columns(rows, {**_given(columns), **options.columns})
            tables.append(TableItems(rows, columns, options, url_query=query))
        if not tables:
            path = printable(listing.path)
            raise SourceError(f"{path}: no photos; looked for {self.description}")
        detected = f"{self.detect(listing)}; images {options.image_width} pixels wide"
        source = TableSource(listing, self.name, detected, tables, options)
        others = [file for file in listing.files if _OTHERS.match(file)]
        source.accounts.ignore(others, "of Unsplash's tables that of the photos is read")
        return source


def _files(listing: Listing) -> list[Path]:
    if listing.is_file:
        return [listing.path] if is_table(listing.path) else []
    names = [name for name in listing.folders.get("", []) if _PHOTOS.match(name)]
    return [file for name in names if is_table(file := Path(listing.at(name)))]


def _columns(rows: Rows) -> Columns | None:
    if all(name in rows.columns for name in _COLUMNS):
        captions = tuple(name for name in _CAPTIONS if name in rows.columns)
        return Columns("photo_image_url", id="photo_id", captions=captions)
    if {"id", "url"} <= set(rows.columns):
        first = [row.values.get("url") for row in islice(rows.read(Notes()), 1)]
        if all(isinstance(url, str) and url.startswith(_HOST) for url in first):
            return Columns("url", id="id")
    return None


def _given(columns: Columns) -> dict[str, str]:
    return {"image": columns.image, "id": columns.id or ""}
