"""Opening tables, and the tables of a dataset that name its images."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from hamsight_core.errors import SourceError
from hamsight_core.images.places.uris import scheme
from hamsight_ingest.listing import Listing, once, suffix_of
from hamsight_ingest.readers.pairing import cleaned, near_of, pictures_of
from hamsight_ingest.readers.subsets import subset_of_file
from hamsight_ingest.readers.table_arrow import ArrowRows
from hamsight_ingest.readers.table_columns import ROLES, Columns, find_columns
from hamsight_ingest.readers.table_json import JsonRows, starts_list
from hamsight_ingest.readers.table_rows import Rows, table_format
from hamsight_ingest.readers.table_text import TextRows
from hamsight_ingest.readers.wrong import Notes

_PROBED = 64
_PROBED_ROWS, _NAMED_ROWS = 32, 50_000
_DEEPEST = 3


def open_rows(path: Path) -> Rows:
    """Return the table in a file. Raises SourceError where it is no table, or an empty one."""
    format = table_format(path)
    if format in ("JSON", "JSONL"):
        return JsonRows(path, format)
    if format in ("Parquet", "Arrow"):
        return ArrowRows(path, format)
    return TextRows(path, format or "CSV")


def is_table(file: Path) -> bool:
    """Return whether a file is a table by its name, and a .json file by its start."""
    format = table_format(file)
    return format is not None and file.is_file() and (format != "JSON" or starts_list(file))


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a dataset, by its path below it, that names images; `local` says that those are
    in the dataset."""

    file: str
    rows: Rows
    columns: Columns
    local: bool


@once
def tables_in(listing: Listing) -> list[Table]:
    """Return the tables of a dataset that name its images, else those at its top that name any.

    A `.txt` file counts where its first line names columns as those of tables are called.
    """
    found = []
    for file in islice(_candidates(listing), _PROBED):
        table = _table(listing, file)
        if table is not None:
            found.append(table)
    local = [table for table in found if table.local]
    if local:
        return local
    return [table for table in found if "/" not in table.file and suffix_of(table.file) != ".txt"]


def _candidates(listing: Listing) -> list[str]:
    files = [
        file
        for suffix, named in listing.others.items()
        if suffix == ".txt" or table_format(Path(f"x{suffix}")) is not None
        for file in named
        if file.count("/") < _DEEPEST and "submission" not in file.rpartition("/")[2].lower()
    ]
    few = _few_a_folder(files)
    return sorted(few, key=lambda file: (file.count("/"), file))


def _few_a_folder(files: list[str]) -> list[str]:
    """Return the files without those of folders that have a file for each image."""
    counts: dict[tuple[str, str], int] = {}
    for file in files:
        key = (file.rpartition("/")[0], suffix_of(file))
        counts[key] = counts.get(key, 0) + 1
    return [file for file in files if counts[file.rpartition("/")[0], suffix_of(file)] <= 16]


def _table(listing: Listing, file: str) -> Table | None:
    path = Path(listing.at(file))
    if suffix_of(file) == ".txt":
        if not _names_columns(path):
            return None
    elif not is_table(path):
        return None
    try:
        rows = open_rows(path)
    except SourceError as error:  # a file of no reserved name is told as not read, and why
        listing.notes[str(error)] = None
        return None
    return _named(listing, file, rows)


def _named(listing: Listing, file: str, rows: Rows) -> Table | None:
    """Return the table with the column of images; of several the first whose images are there."""
    tried: list[dict[str, str]] = [{}]
    tried += [{"image": name} for name in rows.columns if name.lower() in ROLES["image"]]
    tried += [{"image": name} for name in rows.columns if name.lower() in ("id", "name")]
    fitting = None
    for given in tried:
        try:
            columns = find_columns(rows, given)
        except SourceError:  # of no column, or of several, the next says more
            continue
        if columns.image in rows.image_columns:
            return Table(file, rows, columns, local=False)
        if _are_there(listing, file, rows, columns):
            return Table(file, rows, columns, local=True)
        fitting = fitting or (Table(file, rows, columns, local=False) if not given else None)
    return fitting


def _are_there(listing: Listing, file: str, rows: Rows, columns: Columns) -> bool:
    """Return whether one of the first images of a table is in the dataset.

    Where the first rows name none, those count whose image has the name of one.
    """
    if not listing.images:
        return False
    pictures, notes = pictures_of(listing), Notes()
    for row in islice(rows.read(notes), _NAMED_ROWS):
        value = row.values.get(columns.image)
        if not isinstance(value, str) or scheme(value) not in (None, "file") or not value.strip():
            continue
        if row.number >= _PROBED_ROWS and not pictures.has_name(cleaned(value)):
            continue
        subset = str(row.values.get(columns.subset) or "") if columns.subset else ""
        near = near_of(file, subset or subset_of_file(file))
        if pictures.find(cleaned(value), near, notes, "", subset) is not None:
            return True
    if notes.refused:
        listing.notes[str(notes.refused[0])] = None
    return bool(notes.lines())  # names that several images have


def _names_columns(path: Path) -> bool:
    """Return whether the first line of a text file names columns, one of them of images."""
    try:
        with path.open("rb") as opened:
            start = opened.readline(4096).decode("utf-8", "replace")
    except OSError:  # told as not read
        return False
    words = [word.strip().strip('"').lower() for word in _split(start)]
    return len(words) > 1 and any(word in ROLES["image"] for word in words)


def _split(line: str) -> list[str]:
    delimiter = max(",;\t|", key=line.count)
    return line.strip().split(delimiter)
