"""Small JPEGs of items' pictures, kept in the user's cache."""

from __future__ import annotations

import hashlib
import io
import os
import threading
import time
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from hamsight_core.errors import ImageError
from hamsight_core.images.decode import decode
from hamsight_core.images.places import fetch, local_path
from hamsight_core.models.cache import cache_folder

if TYPE_CHECKING:
    from PIL import Image

SIZES = (128, 256, 512)
"""Pixels of the longer side of a thumbnail."""
_MOST_BYTES = 2 * 1024**3
_QUALITY = 82
_DECODERS = 2
_DAY = 86400


class Thumbnails:
    """Thumbnails by the SHA-256 of the picture's file and size, as files.

    They take at most 2 GiB: beyond, those for which nobody asked for longest are deleted.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or cache_folder() / "thumbnails"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._decoders = threading.BoundedSemaphore(_DECODERS)
        self._bytes = sum(size for _, size, _ in self._files())

    def get(self, uri: str, sha256: str, size: int) -> bytes:
        """Return the JPEG of a picture; raises ImageError with the reason where it has none.

        `sha256` is in hex; all zeros of a picture that was never read.
        """
        key = _key(uri, sha256)
        file = self._folder / key[:2] / f"{key[2:]}-{size}.jpg"
        try:
            made = file.read_bytes()
            if file.stat().st_mtime < time.time() - _DAY:
                os.utime(file)
        except OSError:  # it was not made yet, or another thread has just deleted it
            with self._decoders:
                picture = decode(fetch(uri), least=size * 3 // 4)
                made = as_jpeg(picture.image, size)
            self._keep(file, made)
        return made

    def _keep(self, file: Path, jpeg: bytes) -> None:
        partial = file.with_suffix(f".{threading.get_ident()}")
        try:
            file.parent.mkdir(exist_ok=True)
            partial.write_bytes(jpeg)
            partial.replace(file)
        except OSError:  # on a full disk a thumbnail is made each time
            partial.unlink(missing_ok=True)
            return
        with self._lock:
            self._bytes += len(jpeg)
            if self._bytes <= _MOST_BYTES:
                return
            for _, size, old in sorted(self._files()):
                old.unlink(missing_ok=True)
                self._bytes -= size
                if self._bytes <= _MOST_BYTES * 9 // 10:
                    break

    def _files(self) -> list[tuple[float, int, Path]]:
        """Return when each file was used last, its bytes, and the file."""
        found = []
        for folder in os.scandir(self._folder):
            for entry in os.scandir(folder) if folder.is_dir() else ():
                state = entry.stat()
                found.append((state.st_mtime, state.st_size, Path(entry.path)))
        return found


def as_jpeg(image: Image.Image, size: int) -> bytes:
    """Return a picture as a JPEG whose longer side has at most `size` pixels."""
    small = image.copy()
    small.thumbnail((size, size), reducing_gap=2.0)
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()


def placeholder(reason: str) -> bytes:
    """Return an SVG that says why there is no picture."""
    lines = [""]
    for word in reason.split()[:40]:
        if len(lines[-1]) + len(word) > 26:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word[:26]}".strip()
    text = "".join(
        f'<text x="128" y="{128 + 22 * number}">{escape(line)}</text>'
        for number, line in enumerate(lines[:5])
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="256" height="256" viewBox="0 0 256 256"'
        ' font-family="sans-serif" font-size="16" text-anchor="middle" fill="#888">'
        '<path d="M96 48h64v44H96zM96 48l64 44" fill="none" stroke="#888" stroke-width="3"/>'
        f"{text}</svg>"
    ).encode("utf-8", "replace")


def _key(uri: str, sha256: str) -> str:
    if sha256.strip("0"):
        return sha256
    path = local_path(uri)
    try:
        state = Path(path).stat().st_mtime_ns if path is not None else 0
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror}") from None
    return hashlib.sha256(f"{uri}\n{state}".encode("utf-8", "surrogateescape")).hexdigest()
