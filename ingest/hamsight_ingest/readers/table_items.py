"""From the rows of a table to items."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from hamsight_core.images.places import is_url, local_path, path_uri, row_uri, table_uri
from hamsight_core.images.places.uris import scheme, without_secrets
from hamsight_core.items import Item
from hamsight_ingest.readers.annotated import Notes, fail, shown, valid_text
from hamsight_ingest.readers.folder import printable
from hamsight_ingest.readers.mirror import is_there
from hamsight_ingest.readers.table_columns import Columns
from hamsight_ingest.readers.table_rows import Row, Rows
from hamsight_ingest.readers.table_values import captions_of, labels_of, tags_of, text_form
from hamsight_ingest.source import ReadOptions

_PROBED = 32


class TableItems:
    """The items of one table, an item a row.

    `subset` is that of rows that name none; `first` counts the rows of earlier tables, so that
    rows of several tables have ids of their own.
    """

    def __init__(
        self,
        rows: Rows,
        columns: Columns,
        options: ReadOptions,
        *,
        subset: str = "",
        first: int = 0,
        url_query: str = "",
    ) -> None:
        self.rows = rows
        self.within = columns.image in rows.image_columns
        self._columns, self._options = columns, options
        self._subset, self._first, self._url_query = subset, first, url_query
        self._attributes = [name for name in rows.columns if name not in columns.all]
        self._table = table_uri("parquet" if rows.format == "Parquet" else "arrow", rows.file)
        self._base: Path | None = None

    def items(self, notes: Notes) -> Iterator[Item]:
        """Yield the items; rows without an image are only noted."""
        for row in self.rows:
            if self.within:
                uri = row_uri(self._table, row.number, self._columns.image)
                yield self._item(row, uri, str(self._first + row.number))
                continue
            image = self._value(row, self._columns.image)
            if image is None or image == "":
                notes.add("rows without an image", f"{printable(self.rows.file)}: {row.place}")
                continue
            if not isinstance(image, str):
                self._wrong(row, self._columns.image, "the path or the URL of an image")
            located = self._located(valid_text(image))
            if located is None:
                words = "rows whose path leads out of the dataset's folder, left out"
                notes.add(words, f"{printable(self.rows.file)}: {row.place}")
                continue
            yield self._item(row, *located)

    def _located(self, image: str) -> tuple[str, str] | None:
        """Return (uri, id) of the image at a path or URL.

        None is returned for a path that goes up out of the table's folder and the one above.
        """
        if scheme(image) is not None and local_path(image) is None:
            uri = image
            if self._url_query and is_url(image):
                uri = f"{image.partition('?')[0]}?{self._url_query}"
            return uri, without_secrets(image).partition("://")[2].lstrip("/") or image
        path = local_path(image) if scheme(image) else None
        name = _slashed(image) if path is None else str(path)
        base = self._folder()
        climbs = not os.path.isabs(name) and ".." in name.split("/")  # noqa: PTH117 - of text
        if climbs and not self._is_inside(base / name):
            return None
        uri = path_uri(os.path.normpath(os.path.join(base, name)))  # noqa: PTH118 - keeps its text
        relative = name.removeprefix(f"{base}/")
        parts = [part for part in relative.split("/") if part not in ("", ".", "..")]
        return uri, printable("/".join(parts) or relative)

    def _folder(self) -> Path:
        """Return the folder that the paths are relative to: where the first of them are found."""
        if self._base is None:
            folder = self.rows.file.parent
            places = [folder, folder / "images", folder.parent, folder.parent / "images"]
            first = [row.values.get(self._columns.image) for row in islice(self.rows, _PROBED)]
            texts = (one for one in first if isinstance(one, str) and "\0" not in one)
            names = [_slashed(one) for one in texts if scheme(one) is None]
            found = (place for name in names for place in places if is_there(place / name))
            self._base = next(found, folder)
        return self._base

    def _is_inside(self, path: Path) -> bool:
        top = os.path.normpath(self.rows.file.parent.parent)
        return os.path.normpath(path).startswith(os.path.join(top, ""))  # noqa: PTH118

    def _item(self, row: Row, uri: str, place: str) -> Item:
        columns = self._columns
        id = text_form(self._value(row, columns.id)) or place
        subset = text_form(self._value(row, columns.subset)) or self._subset
        tags = self._tags(row)
        if self._options.tags_from_folder and not self.within:
            tags = {**dict.fromkeys(place.split("/")[:-1], 1), **tags}
        captions = [c for name in columns.captions for c in captions_of(self._value(row, name))]
        return Item(
            id=id,
            uri=uri,
            subset=subset if self._options.subset is None else self._options.subset,
            tags=tags,
            captions=tuple(dict.fromkeys(captions)),
            attributes={
                valid_text(name): text
                for name in self._attributes
                if (text := text_form(row.values.get(name))) is not None
            },
        )

    def _tags(self, row: Row) -> dict[str, int]:
        tags: dict[str, int] = {}
        for column in filter(None, (*self._columns.labels, self._columns.tags)):
            read = tags_of if column == self._columns.tags else labels_of
            try:
                found = read(row.values.get(column), self.rows.labels.get(column))
            except ValueError as error:
                self._wrong(row, column, str(error).removeprefix("expected "))
            for tag, count in found.items():
                tags[tag] = tags.get(tag, 0) + count
        return tags

    def _value(self, row: Row, column: str | None) -> Any:
        return None if column is None else row.values.get(column)

    def _wrong(self, row: Row, column: str, expected: str) -> None:
        value = shown(row.values.get(column))
        fail(self.rows.file, row.place, f"column {column!r} = {value}: expected {expected}")


def _slashed(path: str) -> str:
    """Return a path with `/` between its parts where it was written on Windows."""
    return path if "/" in path or os.sep == "\\" else path.replace("\\", "/")
