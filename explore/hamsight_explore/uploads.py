"""Pictures that a page searches by: in memory alone, the last few."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hamsight_core.errors import UsageError
from hamsight_core.images.decode import Picture, decode

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_BYTES = 50 * 1024 * 1024
"""Bytes of the largest picture that is taken."""
_KEPT = 20
_SIDE = 1024


@dataclass(slots=True)
class Upload:
    """A picture as it came; `small` is a JPEG of it, `features` what models made of it."""

    name: str
    data: bytes
    sha256: str
    small: bytes
    width: int
    height: int
    features: dict[str, Sequence[float]] = field(default_factory=dict)


class Uploads:
    """The last pictures that were sent, by key."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Upload] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, data: bytes, name: str) -> tuple[str, Upload]:
        """Keep a picture; return its key. Raises ImageError for bytes that are none."""
        from hamsight_explore.thumbnails import as_jpeg

        picture: Picture = decode(data)
        digest = hashlib.sha256(data).hexdigest()
        small = as_jpeg(picture.image, _SIDE)
        upload = Upload(name, data, digest, small, picture.width, picture.height)
        with self._lock:
            kept = self._kept.setdefault(digest[:32], upload)
            self._kept.move_to_end(digest[:32])
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return digest[:32], kept

    def get(self, key: str) -> Upload:
        """Return the picture of a key. Raises UsageError where it is not kept any more."""
        with self._lock:
            found = self._kept.get(key)
        if found is None:
            raise UsageError("the picture is not kept any more: paste or drop it again")
        return found
