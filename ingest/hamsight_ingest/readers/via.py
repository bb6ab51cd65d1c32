"""VGG Image Annotator (VIA) 1 to 3: regions of each image, with attributes of the user's choice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hamsight_core.errors import SourceError
from hamsight_ingest.listing import Listing, once, printable
from hamsight_ingest.readers.annotated import bounds
from hamsight_ingest.readers.entries import Entry, EntrySource, Sides
from hamsight_ingest.readers.json_entries import JsonEntriesReader
from hamsight_ingest.readers.table_text import TextRows
from hamsight_ingest.readers.wrong import Notes, fail, finite, shown, valid_text
from hamsight_ingest.source import ReadOptions

_CLASS = ("label", "class", "name", "type", "category", "object", "object_name", "class_name")


class ViaReader(JsonEntriesReader):
    """Annotations of the VGG Image Annotator: its exports and its projects."""

    name = "via"
    description = "*.json of the VGG Image Annotator, versions 1 to 3"
    marks = ((b'"filename"', b'"regions"'),)
    reserved = ("via_region_data.json", "via_project.json")

    def fits(self, content: Any) -> bool:
        """Return whether a content is VIA's; of version 3 it has `file` and `metadata`."""
        images = _images(content)
        first = next(iter(images.values()), None) if images else None
        return isinstance(first, dict) and "filename" in first and "regions" in first

    def read(self, file: str, content: Any, notes: Notes) -> Iterator[Entry]:
        """Yield what a file says of each image; what cannot be read is refused."""
        for key, image in _images(content).items():
            with notes.refusing():
                name = image.get("filename") if isinstance(image, dict) else None
                if not isinstance(name, str) or not name:
                    fail(file, f"{key}.filename", f"{shown(name)}; expected the path of an image")
                entry = Entry(name, f"{printable(file)}: {valid_text(key)}")
                regions = image.get("regions") or []
                listed = list(regions.values()) if isinstance(regions, dict) else regions
                for number, region in enumerate(listed):
                    with notes.refusing():
                        _add(entry, region, file, f"{key}.regions[{number}]", notes)
                said = image.get("file_attributes")
                for name, value in said.items() if isinstance(said, dict) else ():
                    if isinstance(value, (str, int, float)) and value != "":
                        entry.attributes[valid_text(name)] = valid_text(str(value))
                yield entry


def _images(content: Any) -> dict[str, Any]:
    if isinstance(content, dict) and isinstance(content.get("_via_img_metadata"), dict):
        content = content["_via_img_metadata"]
    return content if isinstance(content, dict) else {}


def _add(entry: Entry, region: Any, file: str, place: str, notes: Notes) -> None:
    shape = region.get("shape_attributes") if isinstance(region, dict) else None
    if not isinstance(shape, dict):
        fail(file, place, "expected an object with shape_attributes")
    entry.box(class_of(region.get("region_attributes")), sides_of(shape, file, place), notes)


def class_of(attributes: Any) -> str:
    """Return the class among the attributes of a region: one called so, else the only text."""
    if not isinstance(attributes, dict):
        return ""
    by_name = {str(name).lower(): value for name, value in attributes.items()}
    named = [by_name[name] for name in _CLASS if name in by_name]
    for value in [*named, *(attributes.values() if len(attributes) == 1 else ())]:
        if isinstance(value, dict):  # checkboxes: {"cat": true}
            value = next((key for key, on in value.items() if on), "")
        if isinstance(value, (str, int)) and str(value).strip():
            return str(value).strip()
    return ""


def sides_of(shape: dict[str, Any], file: str, place: str) -> Sides | None:
    """Return x, y, width and height around a shape of VIA 1 or 2; None without a point."""
    kind = shape.get("name")

    def number(name: str) -> float:
        value = finite(shape.get(name))
        if value is None:
            fail(file, f"{place}.{name}", f"{shown(shape.get(name))}; expected a number")
        return value

    if kind == "rect":
        return number("x"), number("y"), number("width"), number("height")
    if kind == "circle":
        x, y, radius = number("cx"), number("cy"), number("r")
        return x - radius, y - radius, 2 * radius, 2 * radius
    if kind == "ellipse":
        x, y, rx, ry = number("cx"), number("cy"), number("rx"), number("ry")
        return x - rx, y - ry, 2 * rx, 2 * ry
    if kind == "point":
        return number("cx"), number("cy"), 0.0, 0.0
    xs, ys = shape.get("all_points_x") or [], shape.get("all_points_y") or []
    if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
        fail(file, f"{place}.all_points_x", "expected as many numbers as all_points_y has")
    points = [(finite(x), finite(y)) for x, y in zip(xs, ys, strict=True)]
    known = [(x, y) for x, y in points if x is not None and y is not None]
    if len(known) != len(points):
        fail(file, f"{place}.all_points_x", "expected numbers")
    return bounds(known) if known else None


class Via3Reader(JsonEntriesReader):
    """Projects of the VGG Image Annotator 3."""

    name = "via3"
    description = "*.json of the VGG Image Annotator 3: a project with file and metadata"
    marks = ((b'"file"', b'"metadata"', b'"fname"'),)

    def fits(self, content: Any) -> bool:
        """Return whether a content has VIA 3's `file`, `view` and `metadata`."""
        keys = ("file", "metadata", "view")
        return isinstance(content, dict) and all(isinstance(content.get(k), dict) for k in keys)

    def read(self, file: str, content: Any, notes: Notes) -> Iterator[Entry]:
        """Yield what a file says of each image; what cannot be read is refused."""
        entries: dict[str, Entry] = {}
        for key, one in content["file"].items():
            with notes.refusing():
                name = one.get("fname") if isinstance(one, dict) else None
                if not isinstance(name, str) or not name:
                    fail(file, f"file.{key}.fname", f"{shown(name)}; expected an image")
                entries[str(key)] = Entry(name, f"{printable(file)}: file.{valid_text(key)}")
        options = _options(content.get("attribute"))
        for key, one in content["metadata"].items():
            with notes.refusing():
                view = content["view"].get(str(one.get("vid")) if isinstance(one, dict) else "")
                files = view.get("fid_list") if isinstance(view, dict) else None
                entry = entries.get(str(files[0])) if isinstance(files, list) and files else None
                if entry is None:
                    fail(file, f"metadata.{key}.vid", "expected a view of one of the files")
                said = {
                    k: options.get((str(k), str(v)), v) for k, v in _dict(one.get("av")).items()
                }
                sides = _sides3(one.get("xy"), file, f"metadata.{key}.xy")
                label = next((str(v).strip() for v in said.values() if str(v).strip()), "")
                if one.get("xy"):
                    entry.box(label, sides, notes)
                elif label:
                    entry.tag(label)
        yield from entries.values()


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _options(attributes: Any) -> dict[tuple[str, str], str]:
    """Return the words of a project's choices by attribute and choice."""
    return {
        (str(key), str(choice)): str(word)
        for key, one in _dict(attributes).items()
        for choice, word in _dict(_dict(one).get("options")).items()
    }


def _sides3(xy: Any, file: str, place: str) -> Sides | None:
    """Return x, y, width and height around a shape of VIA 3: [kind, x, y, …]."""
    numbers = [finite(one) for one in xy] if isinstance(xy, list) else []
    known = [one for one in numbers if one is not None]
    if len(known) != len(numbers):
        fail(file, place, f"{shown(json.dumps(xy))}; expected numbers")
    if len(known) < 3:
        return None
    kind, *rest = known
    if kind == 2 and len(rest) == 4:
        return rest[0], rest[1], rest[2], rest[3]
    if kind == 3 and len(rest) == 3:
        x, y, radius = rest
        return x - radius, y - radius, 2 * radius, 2 * radius
    if kind == 4 and len(rest) == 4:
        x, y, rx, ry = rest
        return x - rx, y - ry, 2 * rx, 2 * ry
    return bounds(zip(rest[::2], rest[1::2]))  # noqa: B905 - a lone x is no point


class ViaCsvReader:
    """The CSV export of the VGG Image Annotator 1 and 2: a row for each region."""

    name = "via-csv"
    description = "*.csv of the VGG Image Annotator, with region_shape_attributes"
    carries = frozenset({"subsets", "tags", "boxes"})

    def detect(self, listing: Listing) -> str | None:
        """Return which files there are, or None where there is none."""
        files = _csv_files(listing)
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        return f"via annotations in {printable(files[0])}{more}" if files else None

    def open(self, listing: Listing, options: ReadOptions) -> EntrySource:
        """Return the dataset, its annotations read and checked.

        Raises SourceError where there is none or nothing of it can be read.
        """
        if not _csv_files(listing):
            path = printable(listing.path)
            raise SourceError(f"{path}: no such annotations; looked for {self.description}")
        notes = Notes()
        entries: dict[str, list[Entry]] = {}
        for file in _csv_files(listing):
            path, found = listing.at(file), dict[str, Entry]()
            for row in TextRows(Path(path), "CSV").read(notes):
                with notes.refusing():
                    name = row.values.get("filename") or row.values.get("#filename")
                    if not name:
                        fail(path, row.place, "expected the path of an image in filename")
                    entry = found.setdefault(name, Entry(name, f"{printable(path)}: {row.place}"))
                    shape = _object(row.values.get(_SHAPE), path, row.place)
                    if shape:
                        region = _object(row.values.get(_ATTRIBUTES), path, row.place)
                        entry.box(class_of(region), sides_of(shape, path, row.place), notes)
                    notes.taken += 1
            entries[file] = list(found.values())
        source = EntrySource(
            listing, options, self.detect(listing) or "", self.name, entries, notes
        )
        source.check()
        return source


_SHAPE, _ATTRIBUTES = "region_shape_attributes", "region_attributes"


@once
def _csv_files(listing: Listing) -> list[str]:
    found = []
    for file in listing.of(".csv")[:64]:
        with Path(listing.at(file)).open("rb") as opened:
            if _SHAPE.encode() in opened.readline(4096):
                found.append(file)
    return found


def _object(text: Any, file: str, place: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        fail(file, place, f"{shown(text)}; expected a JSON object")
    return found if isinstance(found, dict) else {}
