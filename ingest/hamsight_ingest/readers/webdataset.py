"""WebDataset: tar shards whose members of one key are one sample."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path

from hamsight_core.errors import ImageError, SourceError
from hamsight_core.images.places import fetch, member_uri
from hamsight_core.items import Item
from hamsight_ingest.readers.annotated import fail, valid_text
from hamsight_ingest.readers.archive import names
from hamsight_ingest.readers.folder import is_image, is_skipped, printable
from hamsight_ingest.readers.mirror import uri_of_file
from hamsight_ingest.readers.table_values import add_tag, captions_of, text_form
from hamsight_ingest.source import SUBSET_NAMES, ReadOptions

_SAID = ("json", "txt", "cls")
_CAPTIONS = ("caption", "captions")
_MAX_TEXT = 16 * 1024 * 1024
_PROBED = 64


@dataclass(slots=True)
class _Sample:
    """The members of one key: by extension, their names in the shard."""

    key: str
    members: dict[str, str] = field(default_factory=dict)

    def image(self) -> str | None:
        """Return the extension of the image; of several the one without a further dot."""
        images = [extension for extension in self.members if is_image(f"x.{extension}")]
        return min(images, key=lambda extension: extension.count("."), default=None)


def _samples(shard: Path) -> Iterator[_Sample]:
    """Yield the samples of a shard: members that follow each other and share their key."""
    keyed = ((*_split(name), name) for name in names(uri_of_file(shard), "tar", shard))
    for key, members in groupby(keyed, key=lambda member: member[0]):
        if not any(is_skipped(part) for part in key.split("/")):
            yield _Sample(key, {extension: name for _, extension, name in members})


def _split(name: str) -> tuple[str, str]:
    """Return (key, extension): all up to the first dot of the last part, and the rest."""
    folder, slash, last = name.rpartition("/")
    stem, _, extension = last.partition(".")
    return f"{folder}{slash}{stem}", extension.lower()


def _shards(path: Path) -> list[Path]:
    """Return the tar files at a path, in it, or in its folders that are named as subsets."""
    if path.is_file():
        return [path] if path.suffix.lower() == ".tar" else []
    found = [*path.glob("*.tar")]
    for folder in path.iterdir():
        if folder.name.lower() in SUBSET_NAMES and folder.is_dir():
            found.extend(folder.glob("*.tar"))
    return sorted(shard for shard in found if shard.is_file() and shard.name[0] != ".")


class WebDatasetSource:
    """The samples of tar shards that have an image, each an item."""

    format = "webdataset"

    def __init__(self, path: Path, options: ReadOptions, detected: str) -> None:
        self.path = Path(os.path.abspath(path))  # noqa: PTH100 - keeps links as the user named them
        self.name = printable(self.path.stem if path.is_file() else self.path.name) or "dataset"
        self.detected = detected
        self._options = options
        self._shards = _shards(self.path)
        self._ignored: Counter[str] = Counter()

    @property
    def notes(self) -> Sequence[str]:
        """Return which members were not read."""
        return [f"{words}: {times:,}" for words, times in sorted(self._ignored.items())]

    def count(self) -> int:
        """Return the number of samples with an image. Raises SourceError for a damaged shard."""
        return sum(1 for shard in self._shards for _ in self._with_image(shard))

    def __iter__(self) -> Iterator[Item]:
        """Yield an item for each sample, shard by shard, in the order of the shards."""
        self._ignored = Counter()
        for shard in self._shards:
            archive = uri_of_file(shard)
            for sample, extension in self._with_image(shard):
                yield self._item(shard, archive, sample, extension)

    def _with_image(self, shard: Path) -> Iterator[tuple[_Sample, str]]:
        for sample in _samples(shard):
            extension = sample.image()
            if extension is not None:
                yield sample, extension
            else:
                self._ignored["samples without an image"] += 1

    def _item(self, shard: Path, archive: str, sample: _Sample, extension: str) -> Item:
        tags: dict[str, int] = {}
        attributes: dict[str, str] = {}
        captions: list[str] = []
        for said in _SAID:
            if said in sample.members:
                text = self._text(shard, archive, sample.members[said])
                if said == "json":
                    place = printable(sample.members[said])
                    attributes, captions = _from_json(shard, place, text)
                elif said == "txt":
                    captions.insert(0, valid_text(text.strip()))
                elif text.strip():
                    add_tag(tags, valid_text(text.strip()))
        for other in sample.members.keys() - {extension, *_SAID}:
            self._ignored[f"members not read, .{printable(other)}"] += 1
        parts = [part for part in sample.key.split("/") if part not in ("", ".", "..")]
        if self._options.tags_from_folder:
            tags.update({printable(part): 1 for part in parts[:-1]})
        shared = [] if self.path == shard else [shard.stem]
        return Item(
            id=printable("/".join([*shared, *parts])) + f".{printable(extension)}",
            uri=member_uri("tar", sample.members[extension], archive),
            subset=self._subset(shard),
            tags=tags,
            captions=tuple(dict.fromkeys(filter(None, captions))),
            attributes=attributes,
        )

    def _text(self, shard: Path, archive: str, member: str) -> str:
        try:
            return fetch(member_uri("tar", member, archive), max_bytes=_MAX_TEXT).decode(
                "utf-8-sig"
            )
        except UnicodeDecodeError as error:
            fail(shard, printable(member), f"byte {error.start}: not UTF-8 text")
        except ImageError as error:
            fail(shard, printable(member), str(error))

    def _subset(self, shard: Path) -> str:
        if self._options.subset is not None:
            return self._options.subset
        if shard.parent != self.path and self.path != shard:
            return printable(shard.parent.name)
        start = re.split(r"[-_.]", shard.stem, maxsplit=1)[0]
        return printable(start) if start.lower() in SUBSET_NAMES else ""


def _from_json(shard: Path, place: str, text: str) -> tuple[dict[str, str], list[str]]:
    """Return the attributes and captions of a sample's JSON."""
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        fail(shard, f"{place}, line {error.lineno}, column {error.colno}", f"not JSON: {error.msg}")
    except (RecursionError, ValueError) as error:
        fail(shard, place, f"not JSON that can be read: {error}")
    if not isinstance(content, dict):
        fail(shard, place, "expected an object")
    captions = [words for name in _CAPTIONS for words in captions_of(content.get(name))]
    attributes = {
        valid_text(name): form
        for name, value in content.items()
        if name not in _CAPTIONS and (form := text_form(value)) is not None
    }
    return attributes, captions


class WebDatasetReader:
    """WebDataset shards."""

    name = "webdataset"
    description = "a .tar shard or a folder of them, with KEY.jpg beside KEY.json, .txt or .cls"
    carries = frozenset({"subsets", "tags", "captions"})

    def detect(self, path: Path) -> str | None:
        """Return what the first shard's samples hold, or None where they are no samples."""
        try:
            shards = _shards(path)
            if path.is_dir() and any(is_image(entry.name) for entry in path.iterdir()):
                return None
        except OSError:
            return None
        if not shards:
            return None
        number = "a tar shard" if len(shards) == 1 else f"{len(shards)} tar shards"
        try:
            found = list(islice(_samples(shards[0]), _PROBED))
        except SourceError:  # it says what is wrong when it is opened
            return number if path.is_dir() else None
        said = {end for one in found if one.image() for end in _SAID if end in one.members}
        if not said and not (path.is_dir() and any(one.image() for one in found)):
            return None
        beside = f" beside .{', .'.join(sorted(said))}" if said else ""
        return f"{number} with images{beside} of one key"

    def open(self, path: Path, options: ReadOptions) -> WebDatasetSource:
        """Return the shards as a source. Raises SourceError where there is none, or no sample."""
        if not _shards(path):
            raise SourceError(f"{printable(path)}: no WebDataset; looked for {self.description}")
        source = WebDatasetSource(path, options, self.detect(path) or "tar shards")
        if not source.count():
            raise SourceError(f"{printable(path)}: no sample with an image in its shards")
        return source
