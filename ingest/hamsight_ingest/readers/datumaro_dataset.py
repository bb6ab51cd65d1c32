"""Any format that the package `datumaro` reads, which must be installed: the extra `datumaro`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hamsight_core.errors import SourceError
from hamsight_core.items import Box, Item
from hamsight_ingest.listing import Listing, printable, uri_of
from hamsight_ingest.readers.annotated import AnnotatedSource, bounds, id_of
from hamsight_ingest.readers.datumaro_package import (
    INSTALL,
    check_name,
    imported,
    only_match,
    refused,
)
from hamsight_ingest.readers.wrong import Notes, valid_text
from hamsight_ingest.source import ReadOptions

_UNNAMED = "default"


class DatumaroSource(AnnotatedSource):
    """The image files of a dataset as datumaro has read it, which holds all of it in memory."""

    subsets_from = "datumaro says what the subsets are"

    def __init__(self, listing: Listing, options: ReadOptions, name: str, detected: str) -> None:
        super().__init__(listing, options, detected)
        path = listing.path
        self.accounts.use(listing.files)
        self.format = f"{DatumaroReader.name}:{name}"
        dataset, warned = imported(path, name)
        self._warned = [f"datumaro: {words}" for words in warned]
        self._labels = _labels(dataset)
        self._found = sorted(dataset, key=lambda item: (item.subset, item.id))

    def _items(self, notes: Notes, *, measure: bool) -> Iterator[Item]:
        for found in self._found:
            file = getattr(found.media, "path", None)
            if not file:
                kind = "" if found.media is None else f" ({type(found.media).__name__})"
                notes.add(f"items without an image file{kind}, left out", printable(found.id))
                continue
            place = printable(found.id)
            try:
                tags, boxes, captions = _said(found.annotations, self._labels, notes, place)
            except Exception as error:  # datumaro reads some annotations only now
                raise refused(self.path, self.format, error) from error
            file = os.path.abspath(file)  # noqa: PTH100 - resolve() follows links
            yield Item(
                id=_id(found.id, file),
                uri=uri_of(file),
                subset="" if found.subset == _UNNAMED else valid_text(found.subset),
                tags=tags,
                boxes=boxes,
                captions=captions,
                attributes=_attributes(found.attributes),
            )

    @property
    def notes(self) -> Sequence[str]:
        """Return what datumaro warned of, and what was left out or read in another way."""
        return [*self._warned, *super().notes]

    def check(self) -> None:
        """Look at all items once. Raises SourceError where none of them is an image file."""
        notes = Notes()
        if self._found and next(self._items(notes, measure=False), None) is None:
            name = self.format.partition(":")[2]
            raise SourceError(
                f"{printable(self.path)}: datumaro reads it as {name}, but its images are not files"
                f" of their own: {'; '.join(notes.lines())}. Let datumaro write them out, then"
                " ingest NEWFOLDER with --format datumaro:datumaro:",
                f"  import datumaro; datumaro.Dataset.import_from({str(self.path)!r}, {name!r})"
                ".export('NEWFOLDER', 'datumaro', save_media=True)",
            )
        super().check()


class DatumaroReader:
    """What the package datumaro reads; `dataset_format` is its name there, else it is detected."""

    name = "datumaro"
    description = (
        "only when asked for: a dataset of any format of the package datumaro, which it detects;"
        f" --format datumaro:NAME names the format; needs {INSTALL}"
    )
    carries = frozenset({"subsets", "tags", "boxes", "captions"})

    def __init__(self, dataset_format: str | None = None) -> None:
        self._format = dataset_format

    def detect(self, listing: Listing) -> str | None:
        """Return that it is tried: what it is, datumaro says when it is opened."""
        return "what datumaro makes of it"

    def open(self, listing: Listing, options: ReadOptions) -> DatumaroSource:
        """Return the dataset, read and checked.

        Raises UsageError where datumaro is not installed or has no such format; SourceError where
        it does not know the path, or cannot read it.
        """
        if self._format is None:
            name = only_match(listing.path)
            detected = f"datumaro takes it for {name}"
        else:
            name = self._format
            check_name(name)
            detected = f"read by datumaro as {name}, as asked for"
        source = DatumaroSource(listing, options, name, detected)
        source.check()
        return source


def _labels(dataset: Any) -> Sequence[str]:
    from datumaro import AnnotationType

    known = dataset.categories().get(AnnotationType.label)
    return [] if known is None else [valid_text(label.name) for label in known]


def _said(
    annotations: Sequence[Any], labels: Sequence[str], notes: Notes, place: str
) -> tuple[dict[str, int], tuple[Box, ...], tuple[str, ...]]:
    """Return tags, boxes and captions; shapes of one label and group are one instance."""
    import datumaro

    tags: dict[str, int] = {}
    captions: list[str] = []
    instances: dict[tuple[str, str], list[Any]] = {}
    for number, one in enumerate(annotations):
        if isinstance(one, datumaro.Caption):
            captions.append(valid_text(one.caption))
            continue
        label = getattr(one, "label", None)
        if label is None or not 0 <= label < len(labels):
            notes.add(f"{type(one).__name__} annotations without a label, left out", place)
        elif isinstance(one, datumaro.Label):
            tags[labels[label]] = tags.get(labels[label], 0) + 1
        elif isinstance(one, (datumaro.Mask, datumaro.components.annotation.Shape)):
            instances.setdefault(_instance(one, labels[label], number), []).append(one)
        else:
            notes.add(f"{type(one).__name__} annotations, which are not read", place)
    boxes = tuple(
        box
        for (label, _), shapes in instances.items()
        for box in _boxes(label, shapes, notes, place)
    )
    for box in boxes:
        tags[box.label] = tags.get(box.label, 0) + 1
    return tags, boxes, tuple(captions)


def _instance(shape: Any, label: str, number: int) -> tuple[str, str]:
    return label, f"group {shape.group}" if shape.group else f"number {number}"


def _boxes(label: str, shapes: Sequence[Any], notes: Notes, place: str) -> Iterator[Box]:
    """Yield the boxes of a group of shapes of one label, else the one around all of them."""
    import datumaro

    given = [shape for shape in shapes if isinstance(shape, datumaro.Bbox)]
    for shape in given:
        yield Box(label, *map(float, shape.get_bbox()))
    if given:
        return
    corners = []
    for shape in shapes:
        notes.add(f"{type(shape).__name__} annotations are read as the boxes around them", place)
        x, y, width, height = map(float, shape.get_bbox())
        corners += [(x, y), (x + width, y + height)]
    yield Box(label, *bounds(corners))


def _attributes(found: Mapping[str, Any]) -> dict[str, str]:
    """Return an item's attributes as text; what is nested is JSON, what is empty left out."""
    texts: dict[str, str] = {}
    for key, value in found.items():
        if value is None or value == "" or value == []:
            continue
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        texts[valid_text(str(key))] = valid_text(text)
    return texts


def _id(id: str, file: str) -> str:
    """Return the id, which datumaro has without the file's extension, with it."""
    extension = os.path.splitext(printable(file))[1]  # noqa: PTH122 - of text
    name = id_of(id)
    return name if name.lower().endswith(extension.lower()) else name + extension
