"""A table of images: CSV, TSV, JSON, JSONL, Parquet or Arrow."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from hamsight_core.errors import SourceError
from hamsight_core.items import Item
from hamsight_ingest.readers.annotated import Notes
from hamsight_ingest.readers.folder import printable
from hamsight_ingest.readers.table_columns import find_columns
from hamsight_ingest.readers.table_items import TableItems
from hamsight_ingest.readers.table_json import starts_list
from hamsight_ingest.readers.table_rows import open_rows, table_format, table_words
from hamsight_ingest.source import ReadOptions

_PROBED_TABLES = 16
_Key = tuple[str, str, str]


class TableSource:
    """The rows of tables, each an item; rows of one image and one id are one item.

    The tables are read twice: first for what is wrong in them and which images recur. Those
    that recur elsewhere than in the next row are held until the end and come last.
    """

    def __init__(
        self, path: Path, format: str, detected: str, tables: Sequence[TableItems]
    ) -> None:
        self.path = Path(os.path.abspath(path))  # noqa: PTH100 - keeps links as the user named them
        self.format, self.detected = format, detected
        self.name = printable(self.path.name if path.is_dir() else self.path.stem) or "dataset"
        self._tables = tables
        self._notes = Notes()
        self._surveyed: tuple[int, frozenset[int]] | None = None

    @property
    def notes(self) -> Sequence[str]:
        """Return how many rows have no image."""
        return self._notes.lines()

    def count(self) -> int:
        """Return the number of items. Raises SourceError for the first row that is wrong."""
        return self._survey()[0]

    def __iter__(self) -> Iterator[Item]:
        """Yield the items. Raises SourceError naming the file, the row and the column."""
        recurring = self._survey()[1]
        self._notes = Notes()
        held: dict[_Key, list[Item]] = {}
        for key, items in groupby(self._rows(self._notes), _key):
            if hash(key) in recurring:
                held.setdefault(key, []).extend(items)
            else:
                yield _merged(items)
        for rows in held.values():
            yield _merged(rows)

    def _rows(self, notes: Notes) -> Iterator[Item]:
        for table in self._tables:
            yield from table.items(notes)

    def _survey(self) -> tuple[int, frozenset[int]]:
        """Return the number of items, and the hashes of those whose rows stand apart."""
        if self._surveyed is None:
            self._surveyed = self._counted()
            if not self._surveyed[0]:
                raise SourceError(f"{printable(self.path)}: no row with an image")
        return self._surveyed

    def _counted(self) -> tuple[int, frozenset[int]]:
        if all(table.within for table in self._tables):
            return sum(table.rows.count() for table in self._tables), frozenset()
        import numpy as np

        runs = array("q", (hash(key) for key, _ in groupby(self._rows(Notes()), _key)))
        hashes, times = np.unique(np.frombuffer(runs, np.int64), return_counts=True)
        return len(hashes), frozenset(hashes[times > 1].tolist())


def _key(item: Item) -> _Key:
    return item.subset, item.id, item.uri


def _merged(rows: Iterator[Item] | Sequence[Item]) -> Item:
    """Return the item of several rows: all captions and tags, of attributes the first value."""
    first, *others = rows
    if not others:
        return first
    captions = list(first.captions)
    tags, attributes = dict(first.tags), dict(first.attributes)
    for row in others:
        captions.extend(row.captions)
        for tag, count in row.tags.items():
            tags[tag] = tags.get(tag, 0) + count
        attributes = {**row.attributes, **attributes}
    return Item(
        first.id,
        first.uri,
        first.subset,
        tags=tags,
        captions=tuple(captions),
        attributes=attributes,
    )


class TableReader:
    """Tables of images."""

    name = "table"
    description = (
        "a .csv, .tsv, .json, .jsonl, .parquet, .arrow or .feather file with a column of paths,"
        " URLs or bytes, or a folder with one"
    )
    carries = frozenset({"subsets", "tags", "captions"})

    def detect(self, path: Path) -> str | None:
        """Return what table it is, or None where it is none."""
        if path.is_file():
            return table_words(path) if is_table(path) else None
        found = _tables_in(path)
        return f"{table_words(found[0])}, {printable(found[0].name)}" if found else None

    def open(self, path: Path, options: ReadOptions) -> TableSource:
        """Return the table as a source. Raises SourceError where it is wrong."""
        found = [path] if path.is_file() else _tables_in(path)
        if len(found) > 1:
            names = ", ".join(printable(file.name) for file in found)
            raise SourceError(f"{printable(path)}: several tables: {names}; give the path of one")
        if not found or not is_table(found[0]):
            raise SourceError(f"{printable(path)}: no table; looked for {self.description}")
        rows = open_rows(Path(os.path.abspath(found[0])))  # noqa: PTH100
        columns = find_columns(rows, options.columns)
        detected = f"{table_words(rows.file)}, images in the column {columns.image!r}"
        return TableSource(path, self.name, detected, [TableItems(rows, columns, options)])


def is_table(file: Path) -> bool:
    """Return whether a file is a table by its name, and a .json file by its start."""
    format = table_format(file)
    return format is not None and file.is_file() and (format != "JSON" or starts_list(file))


def _tables_in(folder: Path) -> list[Path]:
    """Return the tables directly in a folder that have a column of images, of the first few."""
    try:
        files = sorted(file for file in folder.iterdir() if is_table(file))
    except OSError:
        return []
    return [file for file in files[:_PROBED_TABLES] if _has_images(file)]


def _has_images(file: Path) -> bool:
    try:
        find_columns(open_rows(file), {})
    except SourceError:
        return False
    return True
