"""What a contact sheet shows, and the file that it becomes; `sheet_page` draws it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hamsight_core.errors import UsageError
from hamsight_core.items import Box
from hamsight_core.whole_files import whole_file

if TYPE_CHECKING:
    from PIL import Image

    from hamsight_core.images.thumbnails import Part

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
_QUALITY = 90  # of JPEG and WebP


@dataclass(frozen=True, slots=True)
class QueryCell:
    """One query: its picture at `uri`, or, where that is None, the words of `label`.

    Of the picture `crop`, with a margin, or `part` is shown, where there is one; `kind` is what the
    words are.
    """

    label: str
    uri: str | None
    crop: Box | None = None
    part: Part | None = None
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class MatchCell:
    """One match: `distance` in bits, `similarity` as a cosine, both None where not known.

    `query` is the place in the sheet's queries, from 0, of the one that it answers. `boxes`
    are drawn over the picture; of a match with a `crop` that part is shown, with a margin.
    """

    rank: int
    label: str
    uri: str
    distance: int | None
    similarity: float | None
    query: int | None
    boxes: tuple[Box, ...] = ()
    crop: Box | None = None


def sheet_format(path: Path) -> str:
    """Return Pillow's name of the format that the path's suffix means.

    Raises UsageError when it means none, or when the path is a folder.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file in it, such as {path / 'sheet.png'}")
    found = _FORMATS.get(path.suffix.lower())
    if found is None:
        raise UsageError(
            f"{path}: a picture cannot be written as {path.suffix or 'a file without suffix'}"
            f"; name it {', '.join(sorted(_FORMATS))}"
        )
    return found


def save_picture(image: Image.Image, path: Path, file_format: str) -> None:
    """Write a picture, at once and only when it is whole.

    Raises UsageError where it cannot be written, and DiskFullError.
    """
    with whole_file(path) as partial:
        partial.parent.mkdir(parents=True, exist_ok=True)
        image.save(partial, file_format, quality=_QUALITY)
