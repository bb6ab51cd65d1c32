"""JSON annotation files: what they are by their first bytes, and their content."""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hamsight_ingest.listing import Listing
from hamsight_ingest.readers.texts import read_text
from hamsight_ingest.readers.wrong import WrongEntryError, fail

_PROBED = 8
_FEW = 32


def per_image(listing: Listing, fits: Callable[[str], bool]) -> list[str]:
    """Return the JSON files in folders where one of the first `_PROBED` fits, by its path."""
    folders: dict[str, list[str]] = {}
    for file in listing.of(".json"):
        folders.setdefault(file.rpartition("/")[0], []).append(file)
    found: list[str] = []
    for files in folders.values():
        if any(fits(listing.at(file)) for file in files[:_PROBED]):
            found.extend(files)
    return found


def single(listing: Listing) -> Iterator[str]:
    """Yield the first JSON files of each folder, each of which may speak of many images."""
    counts: dict[str, int] = {}
    for file in listing.of(".json"):
        folder = file.rpartition("/")[0]
        counts[folder] = counts.get(folder, 0) + 1
        if counts[folder] <= _FEW:
            yield file


def has_keys(file: str, *keys: bytes) -> bool:
    """Return whether a JSON file has all of the texts in it, without parsing it."""
    try:
        with Path(file).open("rb") as opened:
            start = opened.read(64)
            if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"["):
                return False
            with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as text:
                return all(text.find(key) >= 0 for key in keys)
    except (OSError, ValueError):  # what cannot be opened is not understood, and told so
        return False


def parsed(file: str | Path, hook: Callable[[dict[str, Any]], object] | None = None) -> Any:
    """Return the content of a JSON file, its objects as `hook` makes them.

    Raises SourceError naming file, line and column.
    """
    try:
        return json.loads(read_text(file), object_hook=hook)
    except json.JSONDecodeError as error:
        fail(file, f"line {error.lineno}, column {error.colno}", f"not JSON: {error.msg}")
    except WrongEntryError:
        raise
    except (RecursionError, ValueError) as error:
        fail(file, "", f"not JSON that can be read: {error}")
