"""From the rows of a table to items."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from hamsight_core.images.places import row_uri, table_uri
from hamsight_core.items import Box, Item
from hamsight_ingest.listing import Listing, printable
from hamsight_ingest.readers.annotated import UNNAMED, turned
from hamsight_ingest.readers.image_size import upright_size
from hamsight_ingest.readers.table_boxes import is_present
from hamsight_ingest.readers.table_columns import Columns
from hamsight_ingest.readers.table_places import Places
from hamsight_ingest.readers.table_rows import Row, Rows
from hamsight_ingest.readers.table_values import captions_of, labels_of, tags_of, text_form
from hamsight_ingest.readers.wrong import Notes, fail, finite, shown, valid_text
from hamsight_ingest.source import ReadOptions

_OBJECTS = "objects"
_CLASSES = ("categories", "category", "label", "labels", "class")


class TableItems:
    """The items of one table, an item a row.

    `subset` is that of rows that name none; `first` counts the rows of earlier tables, so that
    rows of several tables have ids of their own. `listing` is the dataset that the table is in.
    """

    def __init__(
        self,
        rows: Rows,
        columns: Columns,
        options: ReadOptions,
        *,
        listing: Listing | None = None,
        subset: str = "",
        first: int = 0,
        url_query: str = "",
    ) -> None:
        self.rows = rows
        self.within = columns.image in rows.image_columns
        self.columns, self._options = columns, options
        self._subset, self._first = subset, first
        self._attributes = [name for name in rows.columns if name not in columns.all]
        self._table = table_uri("parquet" if rows.format == "Parquet" else "arrow", rows.file)
        self._places = Places(rows, columns.image, listing, url_query)

    def items(self, notes: Notes, *, measure: bool = False) -> Iterator[Item]:
        """Yield the items; rows without an image are only noted, wrong ones refused.

        Without `measure` boxes that are fractions of the image are left out.
        """
        for row in self.rows.read(notes):
            with notes.refusing():
                item = self._of_row(row, notes, measure)
                if item is not None:
                    notes.taken += 1
                    yield item

    def _of_row(self, row: Row, notes: Notes, measure: bool) -> Item | None:
        columns = self.columns
        subset = valid_text((text_form(self._value(row, columns.subset)) or "").strip())
        subset = subset or self._subset
        if self.within:
            uri = row_uri(self._table, row.number, columns.image)
            return self._item(row, uri, str(self._first + row.number), subset, notes, measure)
        image = self._value(row, columns.image)
        if isinstance(image, int) and not isinstance(image, bool):
            image = str(image) if columns.image.lower().endswith(("id", "code")) else image
        if image is None or image == "":
            notes.add("rows without an image", f"{printable(self.rows.file)}: {row.place}")
            return None
        if not isinstance(image, str):
            self._wrong(row, columns.image, "the path or the URL of an image")
        uri, place = self._places.located(valid_text(image), subset, row.place, notes)
        return self._item(row, uri, place, subset, notes, measure)

    def _item(
        self, row: Row, uri: str, place: str, subset: str, notes: Notes, measure: bool
    ) -> Item:
        columns = self.columns
        id = text_form(self._value(row, columns.id)) or place
        tags = self._tags(row)
        if self._options.tags_from_folder and not self.within:
            tags = {**dict.fromkeys(place.split("/")[:-1], 1), **tags}
        captions = [c for name in columns.captions for c in captions_of(self._value(row, name))]
        return Item(
            id=id,
            uri=uri,
            subset=subset if self._options.subset is None else self._options.subset,
            boxes=self._boxes(row, uri, tags, notes, measure),
            tags=tags,
            captions=tuple(dict.fromkeys(captions)),
            attributes={
                valid_text(name): text
                for name in self._attributes
                if (text := text_form(row.values.get(name))) is not None
            },
        )

    def _objects(self, row: Row, tags: dict[str, int], notes: Notes) -> tuple[Box, ...]:
        """Return the boxes in a column `objects` of lists, as Hugging Face's datasets have it."""
        found = row.values.get(_OBJECTS)
        if not isinstance(found, dict) or not isinstance(found.get("bbox"), list):
            return ()
        lists = (found[key] for key in _CLASSES if isinstance(found.get(key), list))
        names: list[Any] = next(lists, [])
        boxes = []
        for place, given in enumerate(found["bbox"]):
            numbers = [finite(one) for one in given] if isinstance(given, list) else []
            x, y, width, height = numbers if len(numbers) == 4 else [None] * 4
            if x is None or y is None or width is None or height is None:
                self._wrong(row, _OBJECTS, "4 numbers: x, y, width, height in each bbox")
            label = text_form(names[place]) if place < len(names) else None
            where = f"{printable(self.rows.file)}: {row.place}"
            sides = turned((x, y, width, height), notes, where)
            boxes.append(Box(label or UNNAMED, *sides))
            tags[boxes[-1].label] = tags.get(boxes[-1].label, 0) + 1
        return tuple(boxes)

    def _boxes(
        self, row: Row, uri: str, tags: dict[str, int], notes: Notes, measure: bool
    ) -> tuple[Box, ...]:
        """Return the box of a row, and count it among the tags where no label does."""
        box = self.columns.box
        if box is None:
            return self._objects(row, tags, notes)
        where = f"{printable(self.rows.file)}: {row.place}"
        try:
            sides = box.of(row.values)
        except ValueError as error:
            self._wrong(row, box.names[0], str(error).removeprefix("expected "))
        if sides is None:
            return ()
        label = next(iter(tags), "")
        if not label:
            notes.add(f"boxes without a class have the label {UNNAMED!r}", where)
            tags[UNNAMED] = tags.get(UNNAMED, 0) + 1
            label = UNNAMED
        if max(map(abs, sides)) <= 1 and any(side != round(side) for side in sides):
            if not measure:
                return ()
            size = self._size(row, uri)
            if size is None:
                words = (
                    "images whose size cannot be read: their tags are kept, their boxes left out"
                )
                notes.add(words, where)
                return ()
            sides = (
                sides[0] * size[0],
                sides[1] * size[1],
                sides[2] * size[0],
                sides[3] * size[1],
            )
        return (Box(label, *turned(sides, notes, where)),)

    def _size(self, row: Row, uri: str) -> tuple[float, float] | None:
        width, height = (finite(row.values.get(name)) for name in ("width", "height"))
        if width and height and width > 1 and height > 1:
            return width, height
        return upright_size(uri)

    def _tags(self, row: Row) -> dict[str, int]:
        tags: dict[str, int] = {}
        for column in filter(None, (*self.columns.labels, self.columns.tags)):
            read = tags_of if column == self.columns.tags else labels_of
            try:
                found = read(row.values.get(column), self.rows.labels.get(column))
            except ValueError as error:
                self._wrong(row, column, str(error).removeprefix("expected "))
            for tag, count in found.items():
                tags[tag] = tags.get(tag, 0) + count
        for column in self.columns.classes:
            if is_present(row.values.get(column)):
                tags[valid_text(column)] = 1
        return tags

    def _value(self, row: Row, column: str | None) -> Any:
        return None if column is None else row.values.get(column)

    def _wrong(self, row: Row, column: str, expected: str) -> NoReturn:
        value = shown(row.values.get(column))
        fail(self.rows.file, row.place, f"column {column!r} = {value}: expected {expected}")
