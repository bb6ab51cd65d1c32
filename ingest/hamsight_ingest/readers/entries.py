"""Files that each speak of many images: what they say is paired with the images, whatever the
format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from hamsight_core.items import Box, Item
from hamsight_ingest.listing import Listing, printable, uri_of
from hamsight_ingest.readers.annotated import UNNAMED, AnnotatedSource, Ids, turned
from hamsight_ingest.readers.image_size import upright_size
from hamsight_ingest.readers.pairing import cleaned, near_of
from hamsight_ingest.readers.subsets import placed, subset_of_file, wrapper
from hamsight_ingest.readers.voc_sets import is_mask
from hamsight_ingest.readers.wrong import Notes, valid_text
from hamsight_ingest.source import ReadOptions

Sides = tuple[float, float, float, float]


@dataclass(slots=True)
class Entry:
    """What a file says of one image, which it calls `name`.

    Boxes are x, y, width and height, in pixels or, with `fractions`, in fractions of the image.
    `subset` is None where the names of files and folders say it. `place` is where it stands.
    """

    name: str
    place: str
    tags: dict[str, int] = field(default_factory=dict)
    boxes: list[tuple[str, Sides]] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    subset: str | None = None
    fractions: bool = False

    def tag(self, label: str) -> None:
        """Count a label of the image."""
        label = valid_text(label)
        self.tags[label] = self.tags.get(label, 0) + 1

    def box(self, label: str, sides: Sides | None, notes: Notes) -> None:
        """Add a box of a label, and its tag; without sides the tag alone, with a note."""
        if not label:
            notes.add(f"boxes without a class have the label {UNNAMED!r}", self.place)
            label = UNNAMED
        self.tag(label)
        if sides is None:
            notes.add("annotations without a point are tags without a box", self.place)
        else:
            self.boxes.append((valid_text(label), turned(sides, notes, self.place)))


class EntrySource(AnnotatedSource):
    """The images of a dataset with what entries of its files say, each an item.

    `entries` maps the paths of the files to what they say, all of which is held in memory.
    """

    subsets_from = ""

    def __init__(
        self,
        listing: Listing,
        options: ReadOptions,
        detected: str,
        format: str,
        entries: dict[str, list[Entry]],
        notes: Notes,
    ) -> None:
        self.format = format
        super().__init__(listing, options, detected, listing.around() if listing.is_file else None)
        self._read_notes = notes
        self.accounts.use(entries)
        top = wrapper(self.listing)
        self._start = len(top) + 1 if top else 0
        self._said: dict[str, list[Entry]] = {}
        self._of_file: dict[str, str] = {}
        for file, found in entries.items():
            self._pair(file, found)

    def _pair(self, file: str, entries: list[Entry]) -> None:
        of_file = subset_of_file(file)
        nears: dict[str, tuple[str, ...]] = {}
        missing: list[tuple[Entry, str, tuple[str, ...], str]] = []
        taken: set[str] = set()
        for entry in entries:
            subset = of_file if entry.subset is None else entry.subset
            near = nears.setdefault(subset, near_of(file, subset))
            name = cleaned(entry.name)
            image = self.pictures.exact(name, near)
            if image is None:
                missing.append((entry, name, near, subset))
                continue
            taken.add(image)
            self._add(image, entry, of_file)
        for entry, name, near, subset in missing:
            image = self.pictures.find(name, near, self._read_notes, entry.place, subset)
            if image is None or image in taken:
                folder = next((one for one in near if one and self.listing.has_folder(one)), "")
                image = f"{folder}/{name}" if folder else name
            self._add(image, entry, of_file)

    def _add(self, image: str, entry: Entry, of_file: str) -> None:
        self._said.setdefault(image, []).append(entry)
        self._of_file.setdefault(image, of_file)

    def _items(self, notes: Notes, *, measure: bool) -> Iterator[Item]:
        notes.extend(self._read_notes)
        ids = Ids()
        for image, entries in self._said.items():
            yield self._item(image, entries, ids, notes, measure)
        for image in self.listing.images:
            if image in self._said:
                continue
            if is_mask(image[self._start :]):
                self.accounts.ignore(image, "masks are not read")
            else:
                yield self._item(image, [], ids, notes, measure)
        self.accounts.use_images()

    def _item(
        self, image: str, entries: list[Entry], ids: Ids, notes: Notes, measure: bool
    ) -> Item:
        subset, name = placed(image[self._start :])
        said = next((one.subset for one in entries if one.subset is not None), None)
        subset = valid_text((subset or self._of_file.get(image, "")) if said is None else said)
        tags: dict[str, int] = {}
        attributes: dict[str, str] = {}
        captions: list[str] = []
        boxes: list[Box] = []
        for entry in entries:
            for tag, count in entry.tags.items():
                tags[tag] = tags.get(tag, 0) + count
            captions += [caption for caption in entry.captions if caption]
            attributes = {**entry.attributes, **attributes}
            if not entry.fractions:
                boxes += [Box(label, *sides) for label, sides in entry.boxes]
            elif measure and entry.boxes:
                boxes += self._measured(image, entry, notes)
        return Item(
            id=printable(ids.of(subset, name, image)),
            uri=uri_of(self.listing.at(image)),
            subset=printable(subset),
            tags=tags,
            boxes=tuple(boxes),
            captions=tuple(dict.fromkeys(captions)),
            attributes=attributes,
        )

    def _measured(self, image: str, entry: Entry, notes: Notes) -> list[Box]:
        size = upright_size(self.listing.at(image))
        if size is None:
            words = "images whose size cannot be read: their tags are kept, their boxes left out"
            notes.add(words, printable(self.listing.at(image)))
            return []
        width, height = size
        return [
            Box(label, x * width, y * height, w * width, h * height)
            for label, (x, y, w, h) in entry.boxes
        ]
