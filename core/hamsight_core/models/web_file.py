"""A file from the web into the file system, going on where an earlier try ended."""

from __future__ import annotations

import http.client
import sys
import time
import urllib.error
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from hamsight_core.controls import printable
from hamsight_core.images.places.addresses import EVERYWHERE
from hamsight_core.images.places.web_connection import opener, request_of

_SILENCE = 60.0
_BLOCK = 1 << 18
_TRIES = 3
_PAUSE = 1.0


class DownloadError(Exception):
    """A file that could not be had from the web, and why."""


def download_file(
    url: str, target: Path, *, headers: Mapping[str, str] | None = None, mark: str = ""
) -> None:
    """Download an http or https URL to `target`.

    Until it is whole it stands beside `target`, with `mark` and `.part` in its name, and the next
    try asks for the rest. A connection that breaks is opened again; three breaks without a byte
    end it. A bar stands on a terminal. Raises DownloadError.
    """
    part = target.with_name(f"{target.name}{mark}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    progress: tqdm[Any]
    with tqdm(
        desc=printable(target.name), unit="B", unit_scale=True, file=sys.stderr, disable=None
    ) as progress:
        tries = 0
        while True:
            before = _size(part)
            try:
                total = _attempt(url, part, headers or {}, progress)
                if total is None or _size(part) == total:
                    break
                why = f"the connection ended after {_size(part)} of {total} bytes"
            except urllib.error.HTTPError as error:
                with error:
                    if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                        raise DownloadError(f"{url}: {error}") from None
                part.unlink()
                why = "the part that is here is no part of it"
            except (OSError, http.client.HTTPException) as error:
                why = str(getattr(error, "reason", error))
            tries = 0 if _size(part) > before else tries + 1
            if tries == _TRIES:
                raise DownloadError(f"{url}: {why}")
            time.sleep(_PAUSE)
    part.replace(target)


def _attempt(url: str, part: Path, headers: Mapping[str, str], progress: tqdm[Any]) -> int | None:
    """Append what the web gives to `part`; return how many bytes the whole has, if it says so."""
    start = _size(part)
    request = request_of(url, dict(headers))
    if start:
        request.add_header("Range", f"bytes={start}-")
    with opener(EVERYWHERE).open(request, timeout=_SILENCE) as answer:
        if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
            start = 0
        size = answer.headers.get("Content-Length")
        progress.total = total = None if size is None else start + int(size)
        progress.update(start - progress.n)
        with part.open("ab" if start else "wb") as stream:
            while block := answer.read(_BLOCK):
                stream.write(block)
                progress.update(len(block))
    return total


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0
