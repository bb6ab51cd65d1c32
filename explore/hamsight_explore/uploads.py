"""Pictures that a page searches by: in memory alone, the last few."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hamsight_core.errors import UsageError
from hamsight_core.images.decode import decode
from hamsight_explore.last_kept import LastKept

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
        self._kept: LastKept[str, Upload] = LastKept(_KEPT)

    def add(self, data: bytes, name: str) -> tuple[str, Upload]:
        """Keep a picture; return its key. Raises ImageError for bytes that are none."""
        from hamsight_explore.thumbnails import as_jpeg

        digest = hashlib.sha256(data).hexdigest()
        key = digest[:32]
        known = self._kept.get(key)
        if known is not None:
            return key, known
        picture = decode(data)
        small = as_jpeg(picture.image, _SIDE)
        upload = Upload(name, data, digest, small, picture.width, picture.height)
        return key, self._kept.setdefault(key, upload)

    def get(self, key: str) -> Upload:
        """Return the picture of a key. Raises UsageError where it is not kept any more."""
        found = self._kept.get(key)
        if found is None:
            raise UsageError("the picture is not kept any more: paste or drop it again")
        return found
