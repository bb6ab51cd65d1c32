"""WebDataset: tar shards whose members of one key are one sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from hamsight_core.errors import ImageError, SourceError
from hamsight_core.images.places import fetch, member_uri
from hamsight_core.items import Item
from hamsight_ingest.listing import Listing, is_image, is_skipped, printable, without_suffix
from hamsight_ingest.readers.accounts import Accounts
from hamsight_ingest.readers.archive import names
from hamsight_ingest.readers.mirror import uri_of_file
from hamsight_ingest.readers.said_beside import of_json
from hamsight_ingest.readers.subsets import subset_of_file
from hamsight_ingest.readers.table_values import add_tag
from hamsight_ingest.readers.texts import encoding_of
from hamsight_ingest.readers.wrong import Notes, WrongEntryError, fail, refusals, valid_text
from hamsight_ingest.source import ReadOptions

_SAID = ("json", "txt", "cls")
_TEXTS = ("caption", "text", "transcript")
"""What else captions are called."""
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

    def said(self) -> dict[str, str]:
        """Return the extensions of what is said of the image, by kind: json, txt, cls.

        `caption` or `outputs.txt` counts where there is no `txt`.
        """
        found: dict[str, str] = {}
        for extension in sorted(self.members, key=lambda one: (one.count("."), one in _TEXTS)):
            kind = extension.rpartition(".")[2]
            if kind in _SAID or kind in _TEXTS:
                found.setdefault("txt" if kind in _TEXTS else kind, extension)
        return found


def _samples(shard: Path, notes: Notes) -> list[_Sample]:
    """Return the samples of a shard, in the order of their first members.

    Of a shard that is cut or damaged those before the damage are returned, and it is refused.
    """
    found: dict[str, _Sample] = {}
    try:
        for name in names(uri_of_file(shard), "tar", shard):
            key, extension = _split(name.removeprefix("./"))
            if not any(is_skipped(part) for part in key.split("/")):
                found.setdefault(key, _Sample(key)).members.setdefault(extension, name)
    except SourceError as error:
        words = str(error).removeprefix(f"{printable(shard)}: ")
        notes.refused.append(WrongEntryError(shard, "", words))
    return list(found.values())


def _split(name: str) -> tuple[str, str]:
    """Return (key, extension): all up to the first dot of the last part, and the rest."""
    folder, slash, last = name.rpartition("/")
    stem, _, extension = last.partition(".")
    return f"{folder}{slash}{stem}", extension.lower()


class WebDatasetSource:
    """The samples of tar shards that have an image, each an item."""

    format = "webdataset"

    def __init__(self, listing: Listing, options: ReadOptions, detected: str) -> None:
        self.path = listing.path
        self.name = printable(self.path.stem if listing.is_file else self.path.name) or "dataset"
        self.detected = detected
        self._listing, self._options = listing, options
        self._shards = sorted(listing.of(".tar"), key=lambda file: (file.count("/"), file))
        self._ignored: Counter[str] = Counter()
        self._accounts = Accounts(listing)
        self._accounts.use(self._shards)
        stems = {without_suffix(file) for file in self._shards}
        own = (f for f in listing.files if without_suffix(f).removesuffix("_stats") in stems)
        words = "img2dataset's tables of what the shards say"
        self._accounts.ignore((file for file in own if file.endswith((".parquet", ".json"))), words)
        index = (f for f in listing.files if f.endswith((".idx", ".tar.json")) or f == "wids.json")
        self._accounts.ignore(index, "where samples begin in the shards")

    @property
    def notes(self) -> Sequence[str]:
        """Return which members were not read."""
        return [f"{words}: {times:,}" for words, times in sorted(self._ignored.items())]

    @property
    def ignored(self) -> Sequence[str]:
        """Return which files are known and left out."""
        return [] if self._listing.is_file else self._accounts.ignored

    @property
    def unread(self) -> Sequence[str]:
        """Return the files that are no shards."""
        return [] if self._listing.is_file else self._accounts.unread

    def count(self) -> int:
        """Return the number of samples with an image, and of shards that are cut."""
        notes = Notes()
        found = sum(1 for shard in self._shards for _ in self._with_image(shard, notes))
        if not found:
            notes.check()
        return found + len(notes.refused)

    def __iter__(self) -> Iterator[Item]:
        """Yield an item for each sample, shard by shard, in the order of the shards.

        Raises SourceError where no sample can be read.
        """
        self._ignored = Counter()
        notes = Notes()
        for shard in self._shards:
            archive = uri_of_file(Path(self._listing.at(shard)))
            for sample, extension in self._with_image(shard, notes):
                with notes.refusing():
                    item = self._item(shard, archive, sample, extension)
                    notes.taken += 1
                    yield item
        notes.check()
        yield from refusals(self._listing, notes, self._options.subset)

    def _with_image(self, shard: str, notes: Notes) -> Iterator[tuple[_Sample, str]]:
        for sample in _samples(Path(self._listing.at(shard)), notes):
            extension = sample.image()
            if extension is not None:
                yield sample, extension
            else:
                self._ignored["samples without an image"] += 1

    def _item(self, file: str, archive: str, sample: _Sample, extension: str) -> Item:
        tags: dict[str, int] = {}
        attributes: dict[str, str] = {}
        captions: list[str] = []
        shard, said = Path(self._listing.at(file)), sample.said()
        for kind in _SAID:
            if kind not in said:
                continue
            member = sample.members[said[kind]]
            text = _text(shard, archive, member)
            if kind == "json":
                attributes, captions = of_json(shard, printable(member), text)
            elif kind == "txt":
                captions.insert(0, valid_text(text.strip()))
            elif text.strip():
                add_tag(tags, valid_text(text.strip()))
        for other in sample.members.keys() - {extension, *said.values()}:
            self._ignored[f"members not read, .{printable(other)}"] += 1
        parts = [part for part in sample.key.split("/") if part not in ("", ".", "..")]
        if self._options.tags_from_folder:
            tags.update({printable(part): 1 for part in parts[:-1]})
        shared = [] if self._listing.is_file else [shard.stem]
        subset = self._options.subset
        return Item(
            id=printable("/".join([*shared, *parts])) + f".{printable(extension)}",
            uri=member_uri("tar", sample.members[extension], archive),
            subset=printable(subset_of_file(file)) if subset is None else subset,
            tags=tags,
            captions=tuple(dict.fromkeys(filter(None, captions))),
            attributes=attributes,
        )


def _text(shard: Path, archive: str, member: str) -> str:
    try:
        data = fetch(member_uri("tar", member, archive), max_bytes=_MAX_TEXT)
        return data.decode(encoding_of(data))
    except UnicodeDecodeError as error:
        fail(shard, printable(member), f"byte {error.start}: not UTF-8 text")
    except ImageError as error:
        fail(shard, printable(member), str(error))


class WebDatasetReader:
    """WebDataset shards."""

    name = "webdataset"
    description = "a .tar shard or a folder of them, with KEY.jpg beside KEY.json, .txt or .cls"
    carries = frozenset({"subsets", "tags", "captions"})

    def detect(self, listing: Listing) -> str | None:
        """Return what the first shard's samples hold, or None where they are no samples."""
        shards = listing.of(".tar")
        if not shards or any("/" not in image for image in listing.images):
            return None
        number = "a tar shard" if len(shards) == 1 else f"{len(shards)} tar shards"
        notes = Notes()
        found = list(islice(_samples(Path(listing.at(shards[0])), notes), _PROBED))
        if not found and notes.refused:  # it says what is wrong when it is opened
            return None if listing.is_file else number
        said = {end for one in found if one.image() for end in one.said()}
        if not said and (listing.is_file or not any(one.image() for one in found)):
            return None
        beside = f" beside .{', .'.join(sorted(said))}" if said else ""
        return f"{number} with images{beside} of one key"

    def open(self, listing: Listing, options: ReadOptions) -> WebDatasetSource:
        """Return the shards as a source. Raises SourceError where there is none, or no sample."""
        path = printable(listing.path)
        if not listing.of(".tar"):
            raise SourceError(f"{path}: no WebDataset; looked for {self.description}")
        source = WebDatasetSource(listing, options, self.detect(listing) or "tar shards")
        if not source.count():
            raise SourceError(f"{path}: no sample with an image in its shards")
        return source
