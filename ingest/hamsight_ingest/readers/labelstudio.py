"""Label Studio's JSON: a list of tasks, whose boxes are in percent of the image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from hamsight_ingest.listing import is_image, printable
from hamsight_ingest.readers.annotated import bounds
from hamsight_ingest.readers.entries import Entry, Sides
from hamsight_ingest.readers.json_entries import JsonEntriesReader
from hamsight_ingest.readers.wrong import Notes, fail, finite, shown, valid_text

_PROBED = 100
_SIDES = ("x", "y", "width", "height")
_BOXES = ("rectanglelabels", "polygonlabels", "ellipselabels", "keypointlabels", "brushlabels")


class LabelStudioReader(JsonEntriesReader):
    """Tasks that Label Studio exports as JSON or JSON-MIN."""

    name = "labelstudio"
    description = "*.json of Label Studio: a list of tasks with data and annotations, or JSON-MIN"
    carries = frozenset({"subsets", "tags", "boxes", "captions"})
    own = ("notes.json",)
    marks = (
        *((b'"data"', b'"annotations"'), (b'"data"', b'"completions"'), (b'"annotation_id"',)),
        *((f'"{kind}"'.encode(),) for kind in _BOXES),
    )

    def fits(self, content: Any) -> bool:
        """Return whether a content is a list of Label Studio's tasks."""
        first = content[0] if isinstance(content, list) and content else None
        if not isinstance(first, dict):
            return False
        whole = isinstance(first.get("data"), dict) and ("annotations" in first or _OLD in first)
        least = "annotation_id" in first or _has_boxes(content)
        return whole or (least and _image(first) is not None)

    def read(self, file: str, content: Any, notes: Notes) -> Iterator[Entry]:
        """Yield what a file says of each image; what cannot be read is refused."""
        for index, task in enumerate(content):
            with notes.refusing():
                place = f"[{index}]"
                if not isinstance(task, dict):
                    fail(file, place, f"{shown(task)}; expected an object")
                data: Any = task.get("data")
                data = data if isinstance(data, dict) else task
                name = _image(data)
                if name is None:
                    fail(file, place, "expected the path or URL of an image in data")
                entry = Entry(name, f"{printable(file)}: {place}", fractions=True)
                for number, result in enumerate(_results(task)):
                    with notes.refusing():
                        _add(entry, result, file, f"{place}.result[{number}]", notes)
                if data is task:
                    _add_min(entry, task, file, place, notes)
                yield entry


_OLD = "completions"


def _has_boxes(tasks: list[Any]) -> bool:
    """Return whether one of the first tasks of JSON-MIN has boxes."""
    return any(
        isinstance(one, dict) and any(kind in one for kind in _BOXES)
        for task in tasks[:_PROBED]
        for values in (task.values() if isinstance(task, dict) else ())
        for one in (values if isinstance(values, list) else ())
    )


def _image(data: dict[str, Any]) -> str | None:
    """Return the name of a task's image: of a URL its path, or the file that it asks for."""
    for key in ("image", "img", "ocr", "photo", "url", *data):
        value = data.get(key)
        if not isinstance(value, str):
            continue
        parts = urlsplit(value)
        asked = parse_qs(parts.query).get("d")
        name = unquote(asked[0] if asked else parts.path if parts.scheme else value)
        if is_image(name):
            return name
    return None


def _results(task: dict[str, Any]) -> Iterator[Any]:
    """Yield what the first annotation of a task, that was not cancelled, says."""
    for key in ("annotations", _OLD):
        found: Any = task.get(key)
        for one in found if isinstance(found, list) else []:
            if isinstance(one, dict) and not one.get("was_cancelled"):
                yield from one.get("result") or []
                return


def _add(entry: Entry, result: Any, file: str, place: str, notes: Notes) -> None:
    value = result.get("value") if isinstance(result, dict) else None
    if not isinstance(value, dict):
        if isinstance(result, dict) and result.get("type") == "relation":
            return
        fail(file, f"{place}.value", "expected an object")
    for key in _BOXES:
        if key in value:
            for label in value[key] or [""]:
                entry.box(str(label), _sides(value, key, file, place, notes), notes)
            return
    for label in value.get("choices") or value.get("labels") or []:
        entry.tag(str(label))
    words = value.get("text")
    for text in words if isinstance(words, list) else [words]:
        if isinstance(text, str) and text.strip():
            entry.captions.append(valid_text(text.strip()))
    if value.get("rating") is not None:
        entry.attributes[str(result.get("from_name", "rating"))] = str(value["rating"])


def _sides(value: dict[str, Any], kind: str, file: str, place: str, notes: Notes) -> Sides | None:
    if kind == "brushlabels":
        return None
    if kind == "polygonlabels":
        points = value.get("points")
        found = [
            (x / 100, y / 100)
            for point in (points if isinstance(points, list) else [])
            if isinstance(point, list) and len(point) == 2
            if (x := finite(point[0])) is not None and (y := finite(point[1])) is not None
        ]
        return bounds(found) if found else None
    names: tuple[str, ...] = _SIDES
    if kind == "ellipselabels":
        names = ("x", "y", "radiusX", "radiusY")
    if kind == "keypointlabels":
        names = ("x", "y")
    numbers = [finite(value.get(name)) for name in names]
    known = [number / 100 for number in numbers if number is not None]
    if len(known) != len(names):
        fail(file, f"{place}.value", f"expected numbers in {', '.join(names)}")
    if value.get("rotation"):
        notes.add("rotated boxes are read as they are before the rotation", printable(file))
    if kind == "keypointlabels":
        return known[0], known[1], 0.0, 0.0
    x, y, width, height = known
    if kind == "ellipselabels":
        return x - width, y - height, 2 * width, 2 * height
    return x, y, width, height


def _add_min(entry: Entry, task: dict[str, Any], file: str, place: str, notes: Notes) -> None:
    """Add what a task of JSON-MIN says: lists of boxes, choices and texts by their names."""
    for key, value in task.items():
        if isinstance(value, list):
            for number, one in enumerate(value):
                if isinstance(one, dict):
                    with notes.refusing():
                        _add(entry, {"value": one}, file, f"{place}.{key}[{number}]", notes)
        elif key in ("choice", "label", "class", "sentiment") and isinstance(value, str) and value:
            entry.tag(value)
        elif key in ("caption", "text") and isinstance(value, str) and value.strip():
            entry.captions.append(valid_text(value.strip()))
