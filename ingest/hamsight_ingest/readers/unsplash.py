"""Unsplash's dataset: photos.tsv000 with the photos' URLs, or a JSON list of ids and URLs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from hamsight_core.errors import SourceError
from hamsight_ingest.readers.folder import printable
from hamsight_ingest.readers.table import TableSource, is_table
from hamsight_ingest.readers.table_columns import Columns, find_columns
from hamsight_ingest.readers.table_items import TableItems
from hamsight_ingest.readers.table_rows import Rows, open_rows, table_format
from hamsight_ingest.source import ReadOptions

_PHOTOS = re.compile(r"photos\b.*\.([ct]sv[0-9]*|json)$")
_HOST = "https://images.unsplash.com/"
_COLUMNS = ("photo_id", "photo_image_url")
_CAPTIONS = ("photo_description", "ai_description")


class UnsplashReader:
    """Unsplash's photos, scaled by its server to the width that is asked for."""

    name = "unsplash"
    description = "photos.tsv000 of the Unsplash dataset, or a JSON list of {id, url} of its photos"
    carries = frozenset({"captions"})

    def detect(self, path: Path) -> str | None:
        """Return which table has Unsplash's columns or URLs, or None."""
        for file in _files(path):
            if table_format(file) in ("CSV", "TSV", "JSON", "JSONL"):
                try:
                    columns = _columns(open_rows(file))
                except SourceError:  # the reader of tables says what is wrong
                    return None
                if columns is not None:
                    return f"Unsplash's columns {columns.id} and {columns.image} in {file.name}"
        return None

    def open(self, path: Path, options: ReadOptions) -> TableSource:
        """Return the photos as a source. Raises SourceError where there is no such table."""
        query = f"q=75&fm=jpg&w={options.image_width}&fit=max"
        tables = []
        for file in _files(path):
            rows = open_rows(Path(os.path.abspath(file)))  # noqa: PTH100
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
            raise SourceError(f"{printable(path)}: no photos; looked for {self.description}")
        detected = f"{self.detect(path)}; images {options.image_width} pixels wide"
        return TableSource(path, self.name, detected, tables)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if is_table(path) else []
    return sorted(file for file in _entries(path) if _PHOTOS.match(file.name) and is_table(file))


def _entries(path: Path) -> Iterable[Path]:
    try:
        return list(path.iterdir())
    except OSError:
        return []


def _columns(rows: Rows) -> Columns | None:
    if all(name in rows.columns for name in _COLUMNS):
        captions = tuple(name for name in _CAPTIONS if name in rows.columns)
        return Columns("photo_image_url", id="photo_id", captions=captions)
    if {"id", "url"} <= set(rows.columns):
        first = [row.values.get("url") for row in islice(rows, 1)]
        if all(isinstance(url, str) and url.startswith(_HOST) for url in first):
            return Columns("url", id="id")
    return None


def _given(columns: Columns) -> dict[str, str]:
    return {"image": columns.image, "id": columns.id or ""}
