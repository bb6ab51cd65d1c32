"""Supervisely: for each image a JSON file of objects, in `ann` for the folder `img`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hamsight_core.errors import SourceError
from hamsight_ingest.listing import Listing, once, printable, without_suffix
from hamsight_ingest.readers.annotated import bounds
from hamsight_ingest.readers.entries import Entry, EntrySource, Sides
from hamsight_ingest.readers.json_files import has_keys, parsed, per_image
from hamsight_ingest.readers.wrong import Notes, fail, finite, shown, valid_text
from hamsight_ingest.source import ReadOptions

_OWN = ("meta.json", "key_id_map.json", "obj_class_to_machine_color.json")
_LOOKED_FOR = "ann/IMAGE.json with the key objects for img/IMAGE, as Supervisely exports projects"


@once
def _files(listing: Listing) -> list[str]:
    if listing.is_file:
        return []
    return per_image(listing, lambda file: has_keys(file, b'"objects"', b'"size"', b'"classTitle"'))


class SuperviselyReader:
    """Projects of Supervisely."""

    name = "supervisely"
    description = _LOOKED_FOR
    carries = frozenset({"subsets", "tags", "boxes"})

    def detect(self, listing: Listing) -> str | None:
        """Return where the annotations are, or None where there are none."""
        files = _files(listing)
        folder = files[0].rpartition("/")[0] if files else ""
        return f"Supervisely annotations: {printable(folder)}/*.json" if files else None

    def open(self, listing: Listing, options: ReadOptions) -> EntrySource:
        """Return the dataset, its annotations read and checked.

        Raises SourceError where there is none or nothing of it can be read.
        """
        if not _files(listing):
            path = printable(listing.path)
            raise SourceError(f"{path}: no Supervisely project; looked for {_LOOKED_FOR}")
        notes = Notes()
        entries: dict[str, list[Entry]] = {}
        for file in _files(listing):
            with notes.refusing():
                entry = _entry(listing, file, notes)
                if entry is not None:
                    entries[file] = [entry]
                    notes.taken += 1
        detected = self.detect(listing) or ""
        source = EntrySource(listing, options, detected, self.name, entries, notes)
        source.accounts.use(file for file in listing.of(".json") if file.endswith(_OWN))
        source.check()
        return source


def _entry(listing: Listing, file: str, notes: Notes) -> Entry | None:
    path = listing.at(file)
    content = parsed(path)
    if not isinstance(content, dict) or not isinstance(content.get("objects"), list):
        return None
    folder, _, name = file.rpartition("/")
    images = f"{folder.removesuffix('ann')}img" if folder.endswith("ann") else folder
    entry = Entry(f"{images}/{without_suffix(name)}".lstrip("/"), printable(path))
    for tag in content.get("tags") or []:
        if isinstance(tag, dict) and isinstance(tag.get("name"), str):
            entry.tag(tag["name"])
    for index, one in enumerate(content["objects"]):
        with notes.refusing():
            place = f"objects[{index}]"
            label = one.get("classTitle") if isinstance(one, dict) else None
            if not isinstance(label, str):
                fail(path, f"{place}.classTitle", f"{shown(label)}; expected text")
            entry.box(valid_text(label), _sides(one, path, place), notes)
    return entry


def _sides(one: dict[str, Any], path: str, place: str) -> Sides | None:
    if one.get("geometryType") == "bitmap":
        return None
    points = one.get("points")
    outer = points.get("exterior") if isinstance(points, dict) else None
    found = list(_points(outer, path, f"{place}.points.exterior"))
    return bounds(found) if found else None


def _points(outer: Any, path: str, place: str) -> Iterator[tuple[float, float]]:
    for point in outer if isinstance(outer, list) else []:
        x, y = map(finite, point) if isinstance(point, list) and len(point) == 2 else (None, None)
        if x is None or y is None:
            fail(path, place, f"{shown(point)}; expected [x, y], two numbers")
        yield x, y
