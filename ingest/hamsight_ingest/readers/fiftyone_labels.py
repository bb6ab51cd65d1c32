"""The JSON files of FiftyOne's own datasets: labels.json beside data/, and samples.json."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hamsight_ingest.listing import printable
from hamsight_ingest.readers.entries import Entry
from hamsight_ingest.readers.json_entries import JsonEntriesReader
from hamsight_ingest.readers.wrong import Notes, fail, finite, shown, valid_text


class FiftyOneReader(JsonEntriesReader):
    """FiftyOneImageDetectionDataset, FiftyOneImageClassificationDataset and FiftyOneDataset."""

    name = "fiftyone"
    description = "labels.json with classes and labels beside data/, or samples.json, of FiftyOne"
    own = ("metadata.json", "frames.json")
    marks = ((b'"classes"', b'"labels"'), (b'"samples"', b'"filepath"'))

    def fits(self, content: Any) -> bool:
        """Return whether a content is one of FiftyOne's."""
        if not isinstance(content, dict):
            return False
        samples = content.get("samples")
        if isinstance(samples, list) and samples:
            return isinstance(samples[0], dict) and "filepath" in samples[0]
        return "classes" in content and isinstance(content.get("labels"), dict)

    def read(self, file: str, content: Any, notes: Notes) -> Iterator[Entry]:
        """Yield what a file says of each image; what cannot be read is refused."""
        if isinstance(content.get("samples"), list):
            yield from _samples(file, content["samples"], notes)
            return
        classes = content["classes"] if isinstance(content["classes"], list) else []
        for key, said in content["labels"].items():
            with notes.refusing():
                place = f"labels.{key}"
                entry = Entry(str(key), f"{printable(file)}: {place}", fractions=True)
                for one in said if isinstance(said, list) else [said] if said is not None else []:
                    with notes.refusing():
                        _add(entry, one, classes, file, place, notes)
                yield entry


def _samples(file: str, samples: list[Any], notes: Notes) -> Iterator[Entry]:
    for index, sample in enumerate(samples):
        with notes.refusing():
            place = f"samples[{index}]"
            path = sample.get("filepath") if isinstance(sample, dict) else None
            if not isinstance(path, str):
                fail(file, f"{place}.filepath", f"{shown(path)}; expected the path of an image")
            entry = Entry(path, f"{printable(file)}: {place}", fractions=True)
            tags = [str(tag) for tag in sample.get("tags") or []]
            entry.subset = next((tag for tag in tags if tag in _SPLITS), None)
            for tag in tags:
                if tag not in _SPLITS:
                    entry.tag(tag)
            for field, value in sample.items():
                if isinstance(value, dict):
                    with notes.refusing():
                        _add_field(entry, value, file, f"{place}.{field}", notes)
            yield entry


_SPLITS = ("train", "test", "validation", "val")


def _add_field(entry: Entry, value: dict[str, Any], file: str, place: str, notes: Notes) -> None:
    for key in ("detections", "classifications", "polylines", "keypoints"):
        found: Any = value.get(key)
        for one in found if isinstance(found, list) else []:
            _add(entry, one, [], file, f"{place}.{key}", notes)
    if value.get("_cls") == "Classification" and isinstance(value.get("label"), str):
        entry.tag(value["label"])


def _add(entry: Entry, one: Any, classes: list[Any], file: str, place: str, notes: Notes) -> None:
    label = one.get("label") if isinstance(one, dict) else one
    if isinstance(label, int) and not isinstance(label, bool) and 0 <= label < len(classes):
        label = classes[label]
    if not isinstance(label, (str, int)) or isinstance(label, bool):
        fail(file, f"{place}.label", f"{shown(label)}; expected a class")
    given = one.get("bounding_box") if isinstance(one, dict) else None
    if given is None:
        entry.tag(valid_text(str(label)))
        return
    numbers = [finite(value) for value in given] if isinstance(given, list) else []
    known = [number for number in numbers if number is not None]
    if len(known) != 4:
        fail(file, f"{place}.bounding_box", f"{shown(given)}; expected 4 numbers")
    entry.box(str(label), (known[0], known[1], known[2], known[3]), notes)
