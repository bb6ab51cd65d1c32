"""Datumaro's own JSON: annotations/SUBSET.json with the items of a subset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hamsight_ingest.listing import printable, without_suffix
from hamsight_ingest.readers.annotated import bounds
from hamsight_ingest.readers.coco_masks import around
from hamsight_ingest.readers.entries import Entry, Sides
from hamsight_ingest.readers.json_entries import JsonEntriesReader
from hamsight_ingest.readers.wrong import Notes, fail, finite, shown, valid_text

_UNNAMED = "default"


class DatumaroJsonReader(JsonEntriesReader):
    """Datasets in the format of the package datumaro, read without it."""

    name = "datumaro-json"
    description = "annotations/*.json of Datumaro: an object with categories and items"
    carries = frozenset({"subsets", "tags", "boxes", "captions"})
    marks = ((b'"items"', b'"categories"'),)

    def fits(self, content: Any) -> bool:
        """Return whether a content has Datumaro's categories and items."""
        return (
            isinstance(content, dict)
            and isinstance(content.get("items"), list)
            and isinstance(content.get("categories"), dict)
        )

    def read(self, file: str, content: Any, notes: Notes) -> Iterator[Entry]:
        """Yield what a file says of each image; what cannot be read is refused."""
        known = content["categories"].get("label")
        labels = known.get("labels") if isinstance(known, dict) else []
        names = [
            one.get("name") if isinstance(one, dict) else None
            for one in (labels if isinstance(labels, list) else [])
        ]
        stem = without_suffix(file.replace("\\", "/").rpartition("/")[2])
        subset = "" if stem == _UNNAMED else stem
        for index, item in enumerate(content["items"]):
            with notes.refusing():
                place = f"items[{index}]"
                name = _name(item) if isinstance(item, dict) else None
                if name is None:
                    fail(file, place, f"{shown(item)}; expected an id, or an image with a path")
                entry = Entry(name, f"{printable(file)}: {place}", subset=subset)
                found = item.get("annotations")
                for number, one in enumerate(found if isinstance(found, list) else []):
                    with notes.refusing():
                        _add(entry, one, names, file, f"{place}.annotations[{number}]", notes)
                yield entry


def _name(item: dict[str, Any]) -> str | None:
    for key in ("image", "media"):
        media = item.get(key)
        if isinstance(media, dict) and isinstance(media.get("path"), str) and media["path"]:
            return str(media["path"])
    return item["id"] if isinstance(item.get("id"), str) and item["id"] else None


def _add(entry: Entry, one: Any, names: list[Any], file: str, place: str, notes: Notes) -> None:
    if not isinstance(one, dict):
        fail(file, place, f"{shown(one)}; expected an object")
    kind = one.get("type")
    if kind == "caption":
        entry.captions.append(valid_text(str(one.get("caption", ""))).strip())
        return
    index = one.get("label_id")
    label = names[index] if isinstance(index, int) and 0 <= index < len(names) else ""
    if index is not None and not isinstance(label, str):
        fail(file, f"{place}.label_id", f"{shown(index)}; expected the place of a label")
    if kind == "label":
        entry.tag(label)
        return
    entry.box(label, _sides(one, kind, file, place), notes)


def _sides(one: dict[str, Any], kind: Any, file: str, place: str) -> Sides | None:
    if kind == "mask":
        return around(one.get("rle"))
    given = one.get("bbox") if kind == "bbox" else one.get("points")
    numbers = [finite(value) for value in given] if isinstance(given, list) else []
    known = [value for value in numbers if value is not None]
    if len(known) != len(numbers):
        fail(file, place, f"{shown(given)}; expected numbers")
    if kind == "bbox" and len(known) == 4:
        return known[0], known[1], known[2], known[3]
    return bounds(zip(known[::2], known[1::2])) if len(known) > 1 else None  # noqa: B905
