"""Images with a text or JSON file of the same name beside each, as img2dataset and captioners write
them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from hamsight_core.errors import SourceError
from hamsight_core.items import Item
from hamsight_ingest.listing import (
    Listing,
    once,
    printable,
    suffix_of,
    uri_of,
    without_suffix,
)
from hamsight_ingest.readers.accounts import is_document
from hamsight_ingest.readers.annotated import AnnotatedSource, Ids
from hamsight_ingest.readers.pairing import file_like, normal
from hamsight_ingest.readers.said_beside import of_json
from hamsight_ingest.readers.table_values import add_tag
from hamsight_ingest.readers.texts import read_text
from hamsight_ingest.readers.wrong import Notes, valid_text
from hamsight_ingest.readers.yolo_labels import has_labels
from hamsight_ingest.source import ReadOptions

_KINDS = (".txt", ".caption", ".json", ".cls")
_PROBED = 16
_FOLDERS = ("captions", "caption", "texts", "text", "txt", "prompts", "prompt")
_TABLE = re.compile(r"(.+?)(_stats\.json|\.parquet)")


@once
def _sidecars(listing: Listing) -> dict[str, list[str]]:
    """Return the files that speak of an image, by the image: those of its own name beside it, or
    in a folder of captions beside its folder."""
    if listing.is_file or not any(listing.others.get(kind) for kind in _KINDS):
        return {}
    texts = {
        file for kind in _KINDS for file in listing.others.get(kind, []) if not is_document(file)
    }
    named = {normal(without_suffix(file.rpartition("/")[2])) for file in texts}
    found: dict[str, list[str]] = {}
    for image in listing.images:
        name = normal(image.rpartition("/")[2])
        if name not in named and without_suffix(name) not in named:
            continue
        for stem in _stems(image):
            paths = (file_like(listing, f"{stem}{kind}") for kind in _KINDS)
            files = [path for path in paths if path in texts]
            if files:
                found[image] = files
                break
    return found if _are_captions(listing, found) else {}


def _stems(image: str) -> Iterator[str]:
    """Yield the paths without extension where the text of an image may be."""
    yield without_suffix(image)
    yield image  # a.jpg.txt
    parts = without_suffix(image).split("/")
    for place in range(len(parts) - 1):
        for folder in (
            _FOLDERS if parts[place].lower() in ("images", "image", "img", "imgs") else ()
        ):
            yield "/".join([*parts[:place], folder, *parts[place + 1 :]])


def _are_captions(listing: Listing, found: dict[str, list[str]]) -> bool:
    """Return whether the first of the files are texts or objects, and no labels of boxes."""
    first = [files[0] for files in list(found.values())[:_PROBED]]
    texts = [file for file in first if suffix_of(file) != ".json"]
    if any(has_labels(listing.at(file)) for file in texts):
        return False
    return bool(texts) or any(_is_object(listing.at(file)) for file in first)


def _is_object(file: str) -> bool:
    with Path(file).open("rb") as opened:
        start = opened.read(4096)
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and (
        b'"caption' in start or b'"url"' in start or b'"prompt"' in start
    )


class SidecarSource(AnnotatedSource):
    """The images of a folder with what a file of the same name says of each, each an item."""

    format = "sidecar"
    subsets_from = ""

    def _items(self, notes: Notes, *, measure: bool) -> Iterator[Item]:
        said, ids = _sidecars(self.listing), Ids()
        for image in self.listing.images:
            tags: dict[str, int] = {}
            attributes: dict[str, str] = {}
            captions: list[str] = []
            for file in said.get(image, ()):
                self.accounts.use(file)
                with notes.refusing():
                    path = Path(self.listing.at(file))
                    text = read_text(path).strip()
                    if suffix_of(file) == ".json":
                        attributes, more = of_json(path, "", text)
                        captions += more
                    elif suffix_of(file) == ".cls":
                        add_tag(tags, valid_text(text))
                    else:
                        captions.insert(0, valid_text(text))
                    notes.taken += 1
            subset, name = self._split(image)
            yield Item(
                id=printable(ids.of(subset, name, image)),
                uri=uri_of(self.listing.at(image)),
                subset=printable(subset),
                tags=tags,
                captions=tuple(dict.fromkeys(filter(None, captions))),
                attributes=attributes,
            )
        self.accounts.use_images()
        tables = (file for file in self.listing.files if _TABLE.fullmatch(file))
        own = [file for file in tables if _is_shard(self.listing, file)]
        self.accounts.ignore(own, "img2dataset's tables of what the files beside the images say")


def _is_shard(listing: Listing, file: str) -> bool:
    """Return whether a table is img2dataset's, which has a folder of the same name."""
    match = _TABLE.fullmatch(file)
    return match is not None and listing.has_folder(match[1])


class SidecarReader:
    """Images with a file of the same name beside each."""

    name = "sidecar"
    description = "KEY.jpg with KEY.txt or .caption (a caption) or KEY.json (attributes) beside it"
    carries = frozenset({"subsets", "tags", "captions"})

    def detect(self, listing: Listing) -> str | None:
        """Return how many images have such files, or None where none has one."""
        found = _sidecars(listing)
        if not found:
            return None
        kinds = sorted({suffix_of(file) for files in found.values() for file in files})
        return f"{len(found):,} images with a {', '.join(kinds)} file of the same name"

    def open(self, listing: Listing, options: ReadOptions) -> SidecarSource:
        """Return the dataset, all texts read once. Raises SourceError where there is none."""
        detected = self.detect(listing)
        if detected is None:
            path = printable(listing.path)
            raise SourceError(f"{path}: no such texts; looked for {self.description}")
        source = SidecarSource(listing, options, detected)
        source.check()
        return source
