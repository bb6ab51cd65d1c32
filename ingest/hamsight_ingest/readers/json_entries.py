"""JSON files of many tools, each of which speaks of many images: CreateML, VIA, Datumaro, Label
Studio, FiftyOne, OpenMMLab, BDD100K."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hamsight_core.errors import SourceError
from hamsight_ingest.listing import Listing, once, printable
from hamsight_ingest.readers.entries import Entry, EntrySource
from hamsight_ingest.readers.json_files import has_keys, parsed, single
from hamsight_ingest.readers.wrong import Notes
from hamsight_ingest.source import ReadOptions


class JsonEntriesReader(ABC):
    """A format whose files say of many images each what is on them.

    `marks` are groups of texts: all of one group stand in each of its files; `fits` says whether a
    parsed content is of the format. A file whose name ends in one of `reserved` must be of it.
    """

    carries = frozenset({"subsets", "tags", "boxes"})
    name: str
    description: str
    marks: tuple[tuple[bytes, ...], ...]
    reserved: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    """Names of files of the tool that say nothing of images."""

    @abstractmethod
    def fits(self, content: Any) -> bool:
        """Return whether a file's content is of this format."""

    @abstractmethod
    def read(self, file: str, content: Any, notes: Notes) -> Iterator[Entry]:
        """Yield what a file says; raises SourceError for one entry through `notes.refusing`."""

    def detect(self, listing: Listing) -> str | None:
        """Return which files there are, or None where there is none."""
        files = self._files(listing)
        if not files:
            return None
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        return f"{self.name} annotations in {printable(files[0])}{more}"

    def open(self, listing: Listing, options: ReadOptions) -> EntrySource:
        """Return the dataset, its annotations read and checked.

        Raises SourceError where there is none or nothing of it can be read.
        """
        files = self._files(listing)
        if not files:
            path = printable(listing.path)
            raise SourceError(f"{path}: no {self.name} annotations; looked for {self.description}")
        notes = Notes()
        entries: dict[str, list[Entry]] = {}
        for file in files:
            path = listing.at(file)
            entries[file] = list(self.read(path, parsed(path), notes))
            notes.taken += len(entries[file])
        detected = self.detect(listing) or ""
        source = EntrySource(listing, options, detected, self.name, entries, notes)
        own = [file for file in listing.files if file.rpartition("/")[2] in self.own]
        source.accounts.ignore(own, f"files of {self.name} itself")
        source.check()
        return source

    def _files(self, listing: Listing) -> list[str]:
        return [file for file in _single(listing) if self._is_one(listing, listing.at(file))]

    def _is_one(self, listing: Listing, file: str) -> bool:
        if self.reserved and file.endswith(self.reserved):
            return self.fits(parsed(file))
        if not any(has_keys(file, *marks) for marks in self.marks):
            return False
        try:
            return self.fits(parsed(file))
        except SourceError as error:  # a file of no reserved name is told as not read, and why
            listing.notes[str(error)] = None
            return False


@once
def _single(listing: Listing) -> list[str]:
    return [file for file in single(listing) if Path(listing.at(file)).stat().st_size]
