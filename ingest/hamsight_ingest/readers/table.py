"""A table of images: CSV, TSV, JSON, JSONL, Parquet or Arrow."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from hamsight_core.distinct import distinct
from hamsight_core.errors import SourceError
from hamsight_core.items import Item
from hamsight_ingest.listing import Listing, printable, uri_of
from hamsight_ingest.readers.accounts import Accounts
from hamsight_ingest.readers.subsets import placed, subset_of_file
from hamsight_ingest.readers.table_columns import Columns, find_columns
from hamsight_ingest.readers.table_files import Table, is_table, open_rows, tables_in
from hamsight_ingest.readers.table_items import TableItems
from hamsight_ingest.readers.table_rows import Rows, table_words
from hamsight_ingest.readers.wrong import Notes, refusals
from hamsight_ingest.source import ReadOptions

_REPEATED = 0.01
_Key = tuple[str, str, str]


class TableSource:
    """The rows of tables, each an item; rows of one image and one id are one item.

    The tables are read twice: first for what is wrong in them and which images recur. Those
    that recur elsewhere than in the next row are held until the end and come last. With `others`
    the images of the listing that no row names follow, each an item.
    """

    def __init__(
        self,
        listing: Listing,
        format: str,
        detected: str,
        tables: Sequence[TableItems],
        options: ReadOptions,
        *,
        others: bool = False,
    ) -> None:
        self.path = listing.path
        self.format, self.detected = format, detected
        self.name = printable(self.path.stem if listing.is_file else self.path.name) or "dataset"
        self._listing, self._tables, self._options = listing, tables, options
        self._others = others
        self._notes = Notes()
        self._surveyed: tuple[int, frozenset[int]] | None = None
        self.accounts = Accounts(listing)
        root = f"{listing.root}/"
        self.accounts.use(str(table.rows.file).removeprefix(root) for table in tables)

    @property
    def notes(self) -> Sequence[str]:
        """Return how many rows have no image, and what was read in another way."""
        return [*(self._listing.notes if self._others else []), *self._notes.lines()]

    @property
    def ignored(self) -> Sequence[str]:
        """Return which files are known and left out."""
        return [] if self._listing.is_file else self.accounts.ignored

    @property
    def unread(self) -> Sequence[str]:
        """Return the files that are not understood."""
        return [] if self._listing.is_file else self.accounts.unread

    def count(self) -> int:
        """Return the number of items. Raises SourceError where no row can be read."""
        return self._survey()[0]

    def __iter__(self) -> Iterator[Item]:
        """Yield the items. Raises SourceError where no row can be read."""
        recurring = self._survey()[1]
        self._notes = Notes()
        held: dict[_Key, list[Item]] = {}
        for key, items in groupby(self._rows(self._notes, measure=True), _key):
            if hash(key) in recurring:
                held.setdefault(key, []).extend(items)
            else:
                yield _merged(items)
        for rows in held.values():
            yield _merged(rows)
        yield from self._unnamed()
        yield from refusals(self._listing, self._notes, self._options.subset)

    def _rows(self, notes: Notes, *, measure: bool) -> Iterator[Item]:
        for table in self._tables:
            yield from table.items(notes, measure=measure)

    def _unnamed(self) -> Iterator[Item]:
        """Yield the images that no row names."""
        for image in self._left:
            subset, name = placed(image)
            if self._options.subset is not None:
                subset = self._options.subset
            uri = uri_of(self._listing.at(image))
            yield Item(id=printable(name), uri=uri, subset=printable(subset))

    def _survey(self) -> tuple[int, frozenset[int]]:
        """Return the number of items, and the hashes of those whose rows stand apart."""
        if self._surveyed is None:
            self._left: list[str] = []
            notes = Notes()
            count, recurring = self._counted(notes)
            notes.check()
            if not count:
                raise SourceError(f"{printable(self.path)}: no row with an image")
            self._notes = notes
            self._surveyed = count + len(self._left) + len(notes.refused), recurring
        return self._surveyed

    def _counted(self, notes: Notes) -> tuple[int, frozenset[int]]:
        if all(table.within for table in self._tables):
            self._account(set())
            return sum(table.rows.count() for table in self._tables), frozenset()
        import numpy as np

        runs, named = array("q"), set[str]()
        root = f"{self._listing.root}/"
        for key, _ in groupby(self._rows(notes, measure=False), _key):
            runs.append(hash(key))
            if not self._listing.is_file and key[2].startswith(root):
                named.add(key[2].removeprefix(root))
        self._account(named)
        hashes, times = np.unique(np.frombuffer(runs, np.int64), return_counts=True)
        return len(hashes), frozenset(hashes[times > 1].tolist())

    def _account(self, named: set[str]) -> None:
        if self._listing.is_file:
            return
        self.accounts.use(named)
        if self._others:
            self._left = [image for image in self._listing.images if image not in named]
            self.accounts.use_images()
        else:
            self.accounts.ignore(self._listing.images, "no row names these images")


def _key(item: Item) -> _Key:
    return item.subset, item.id, item.uri


def _merged(rows: Iterator[Item] | Sequence[Item]) -> Item:
    """Return the item of several rows: all captions, tags and boxes, of attributes the first
    value."""
    first, *others = rows
    if not others:
        return first
    captions, boxes = list(first.captions), list(first.boxes)
    tags, attributes = dict(first.tags), dict(first.attributes)
    for row in others:
        captions.extend(row.captions)
        boxes.extend(row.boxes)
        for tag, count in row.tags.items():
            tags[tag] = tags.get(tag, 0) + count
        attributes = {**row.attributes, **attributes}
    return replace(
        first, tags=tags, boxes=tuple(boxes), captions=tuple(captions), attributes=attributes
    )


def without_repeated_id(rows: Rows, columns: Columns, given: ReadOptions) -> Columns:
    """Return the columns without an id that was only known by its name and that many rows of
    other images share: it is the class where the table names no other, else an attribute."""
    if columns.id is None or "id" in given.columns or columns.id == columns.image:
        return columns
    import numpy as np

    ids, pairs = array("q"), array("q")
    within = columns.image in rows.image_columns
    for row in rows.read(Notes()):
        image = row.number if within else str(row.values.get(columns.image))
        id = (str(row.values.get(columns.subset or "")), str(row.values.get(columns.id)))
        ids.append(hash(id))
        pairs.append(hash((id, image)))
    every = len(distinct(np.frombuffer(pairs, np.int64)))
    repeated = every - len(distinct(np.frombuffer(ids, np.int64)))
    if repeated <= _REPEATED * every:
        return columns
    says = columns.labels or columns.tags or columns.captions or columns.classes
    if columns.id.lower() == "id" and not says:
        return replace(columns, id=None, labels=(columns.id,))
    return replace(columns, id=None)


class TableReader:
    """Tables of images."""

    name = "table"
    description = (
        "a .csv, .tsv, .json, .jsonl, .parquet, .arrow or .feather file with a column of paths,"
        " URLs or bytes, or a folder with one"
    )
    carries = frozenset({"subsets", "tags", "boxes", "captions"})

    def detect(self, listing: Listing) -> str | None:
        """Return what table it is, or None where it is none, or names none of the images that
        are there."""
        if listing.is_file:
            return table_words(listing.path) if is_table(listing.path) else None
        found = _found(listing)
        if not found:
            return None
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        return f"{table_words(found[0].rows.file)}, {printable(found[0].file)}{more}"

    def open(self, listing: Listing, options: ReadOptions) -> TableSource:
        """Return the table as a source. Raises SourceError where it is wrong."""
        path = printable(listing.path)
        if listing.is_file:
            if not is_table(listing.path):
                raise SourceError(f"{path}: no table; looked for {self.description}")
            rows = open_rows(listing.path)
            subset = subset_of_file(listing.path.name)
            tables = [_items(rows, find_columns(rows, options.columns), options, subset, None)]
            return TableSource(listing, self.name, _words(tables), tables, options)
        found = _found(listing)
        if len(found) > 1 and not found[0].local:
            names = ", ".join(printable(table.file) for table in found)
            raise SourceError(f"{path}: several tables: {names}; give the path of one")
        if not found:
            raise SourceError(f"{path}: no table; looked for {self.description}")
        tables = [
            _items(
                table.rows,
                find_columns(table.rows, {"image": table.columns.image, **options.columns}),
                options,
                subset_of_file(table.file),
                listing,
            )
            for table in found
        ]
        others = found[0].local
        source = TableSource(listing, self.name, _words(tables), tables, options, others=others)
        forms = [file for file in listing.of(".csv") if "submission" in file.lower()]
        source.accounts.ignore(forms, "a form for what a contest asks")
        return source


def _found(listing: Listing) -> list[Table]:
    """Return the tables of a folder; where it has images, only those that name some of them."""
    return [table for table in tables_in(listing) if table.local or not listing.images]


def _items(
    rows: Rows, columns: Columns, options: ReadOptions, subset: str, listing: Listing | None
) -> TableItems:
    columns = without_repeated_id(rows, columns, options)
    return TableItems(rows, columns, options, subset=printable(subset), listing=listing)


def _words(tables: Sequence[TableItems]) -> str:
    first = tables[0]
    more = f" and {len(tables) - 1} more tables" if len(tables) > 1 else ""
    where = f"{table_words(Path(first.rows.file))}, images in the column {first.columns.image!r}"
    return f"{where}{more}"
