"""CreateML: a JSON list with the boxes of each image, each by its middle and size in pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hamsight_ingest.listing import printable
from hamsight_ingest.readers.entries import Entry
from hamsight_ingest.readers.json_entries import JsonEntriesReader
from hamsight_ingest.readers.wrong import Notes, fail, finite, shown

_IMAGE = ("image", "imagefilename", "filename", "imageURL")
_ANNOTATIONS = ("annotations", "annotation")
_SIDES = ("x", "y", "width", "height")


class CreateMlReader(JsonEntriesReader):
    """Annotations of CreateML, as Roboflow exports them too."""

    name = "createml"
    description = "*.json of CreateML: a list of objects with image and annotations"
    marks = ((b'"annotations"', b'"coordinates"'), (b'"annotation"', b'"coordinates"'))
    reserved = (".createml.json",)

    def fits(self, content: Any) -> bool:
        """Return whether a content is a list of images with annotations."""
        first = content[0] if isinstance(content, list) and content else None
        return (
            isinstance(first, dict)
            and any(key in first for key in _ANNOTATIONS)
            and any(isinstance(first.get(key), str) for key in _IMAGE)
        )

    def read(self, file: str, content: Any, notes: Notes) -> Iterator[Entry]:
        """Yield what a file says of each image; what cannot be read is refused."""
        for index, image in enumerate(content):
            with notes.refusing():
                place = f"[{index}]"
                if not isinstance(image, dict):
                    fail(file, place, f"{shown(image)}; expected an object")
                names = (image.get(key) for key in _IMAGE)
                name = next((one for one in names if isinstance(one, str) and one), None)
                if name is None:
                    fail(file, place, "expected an image")
                entry = Entry(name, f"{printable(file)}: {place}")
                key = next((key for key in _ANNOTATIONS if key in image), "annotations")
                for number, one in enumerate(_listed(image.get(key))):
                    with notes.refusing():
                        _add(entry, one, file, f"{place}.{key}[{number}]", notes)
                yield entry


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def _add(entry: Entry, one: Any, file: str, place: str, notes: Notes) -> None:
    label = one.get("label") if isinstance(one, dict) else one
    if not isinstance(label, str):
        fail(file, f"{place}.label", f"{shown(label)}; expected text")
    given = one.get("coordinates") if isinstance(one, dict) else None
    if not given:
        entry.tag(label)
        return
    numbers = [finite(given.get(side)) for side in _SIDES] if isinstance(given, dict) else [None]
    x, y, width, height = numbers if len(numbers) == 4 else [None] * 4
    if x is None or y is None or width is None or height is None:
        words = f"{shown(given)}; expected x, y, width and height"
        fail(file, f"{place}.coordinates", words)
    entry.box(label, (x - width / 2, y - height / 2, width, height), notes)
