"""Bytes of an image file to an upright picture of 8-bit red, green and blue."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hamsight_core.errors import ImageError
from hamsight_core.images.image_types import (
    PNG_FAULT,
    damage,
    fault_of,
    open_image,
    without_needless_chunks,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

_BLOCK = 1 << 20
_SIDEWAYS = 5  # EXIF orientations from this on exchange width and height

_JPEG_END = b"\xff\xd9"
_SCAN = 0xDA
_NOISE = bytes(range(1, 255)) * 4

_NO_END = "JPEG without its end marker"

MAX_PIXELS = 200_000_000
"""The default limit of width x height; more is refused before any pixel is decoded."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded image.

    `image` is an upright Pillow image of mode RGB, maybe smaller than the file's; `width` and
    `height` are the file's size in pixels, upright.
    `orientation` is the EXIF orientation (1 to 8) that was applied, 1 where the file has none (and
    in HEIC, whose own turns are part of decoding it).
    `format` is what the bytes are in Pillow's word, such as "JPEG", whatever the file's name.
    `fault` says what is wrong with a file that is whole all the same, as viewers take it; mostly
    nothing.
    """

    image: Image.Image
    width: int
    height: int
    orientation: int
    format: str
    fault: str = ""


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS, least: int | None = None) -> Picture:
    """Decode the bytes of an image file; safe to call from many threads.

    Transparency lies over white; of an animation the first frame is taken; greyscale of 16 bits
    is divided by 257; integers and floats of 32 bits are scaled as `_scaled` says; ICC profiles
    are not applied. With `least`, a JPEG whose shorter side is at least twice that many pixels is
    decoded at a half, a quarter or an eighth, as long as `least` are left.

    Raises ImageError with the reason when the bytes are empty, no image of a known type,
    truncated or damaged, or have more than `max_pixels` pixels.
    """
    try:
        picture = _decoded(data, max_pixels, least)
        if picture.format == "JPEG" and _lacks_end(data):
            return replace(picture, fault=_NO_END)
        return picture
    except ImageError:
        mended = _mended(data, max_pixels, least)
        if mended is None:
            raise
        return mended


def _lacks_end(data: bytes) -> bool:
    """Return whether no end marker follows where the first scan of a JPEG begins."""
    end = data.rfind(_JPEG_END)
    if end > len(data) // 2:
        return False
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != _SCAN:
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return end < place


def _mended(data: bytes, max_pixels: int, least: int | None) -> Picture | None:
    """Return the picture of a file that is whole but for what viewers pass over, else None.

    A JPEG is whole without its end marker where what follows its data does not change a pixel: a
    decoder that has all of it never reads on. A PNG is without chunks that no decoder needs.
    """
    import numpy as np

    if data.startswith(b"\xff\xd8\xff"):
        start = data.removesuffix(b"\xff")
        try:
            picture = _decoded(start + _JPEG_END, max_pixels, least)
            other = _decoded(start + _NOISE + _JPEG_END, max_pixels, least)
        except ImageError:  # more is wrong, of which the first error tells
            return None
        if not np.array_equal(np.asarray(picture.image), np.asarray(other.image)):
            return None
        return replace(picture, fault=_NO_END)
    if data.startswith(b"\x89PNG"):
        needed = without_needless_chunks(data)
        if needed is not None:
            try:
                return replace(_decoded(needed, max_pixels, least), fault=PNG_FAULT)
            except ImageError:  # more is wrong, of which the first error tells
                return None
    return None


def _decoded(data: bytes, max_pixels: int, least: int | None) -> Picture:
    name, image = open_image(io.BytesIO(data))
    width, height = image.size
    if not width * height:
        raise ImageError(f"{width} x {height} pixels, nothing to see")
    if width * height > max_pixels:
        raise ImageError(
            f"{width} x {height} = {width * height} pixels, more than the limit of {max_pixels}"
        )
    try:
        # Pillow turns a TIFF upright while loading it, other types not.
        if name == "TIFF":
            _check_rows(image)
            orientation = _tiff_orientation(image)
            image.load()
            upright = _to_rgb(image)
        else:
            if least is not None and name == "JPEG":
                image.draft(None, (least, least))
            image.load()
            orientation = exif_orientation(image)
            upright = _turned(_to_rgb(image), orientation)
            if image.size != (width, height):
                turned = (height, width) if orientation >= _SIDEWAYS else (width, height)
                return Picture(upright, *turned, orientation, name, fault_of(image))
    except ImageError:
        raise
    except Exception as error:
        # Pillow meets hostile bytes with every kind of exception, from struct.error to MemoryError.
        raise ImageError(damage(name, error)) from error
    return Picture(upright, *upright.size, orientation, name, fault_of(image))


def _tiff_orientation(image: Any) -> int:
    value = image.tag_v2.get(274, 1)
    return value if value in range(1, 9) else 1


def _check_rows(tiff: Any) -> None:
    """Refuse a TIFF that has no data for its last rows, which Pillow would leave black."""
    rows, present = tiff.tag_v2[257], max(tile[1][3] for tile in tiff.tile)
    if present < rows:
        raise ImageError(f"truncated TIFF: data for {present} of {rows} rows")


def exif_orientation(image: Image.Image) -> int:
    """Return the EXIF orientation of an opened image, 1 to 8; 1 where it has none."""
    if image.format == "JPEG" and not image.info.keys() & {"exif", "xmp"}:
        return 1  # as `getexif` would find in twenty times the time
    try:
        value = image.getexif().get(274, 1)
    except Exception:
        # EXIF that cannot be parsed counts as absent: the picture itself is whole.
        return 1
    return int(value) if value in range(1, 9) else 1


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    """Return the image upright, given its EXIF orientation."""
    from PIL import Image

    turns = Image.Transpose
    turn = {
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_270,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_90,
    }.get(orientation)
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image) -> Image.Image:
    """Return the image in mode RGB, over white where it is transparent."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return _deep_to_rgb(image)
    transparency = image.info.get("transparency")
    if image.mode == "RGB" and isinstance(transparency, tuple) and max(transparency) > 255:
        # A PNG of 16 bits, of which Pillow keeps the high byte.
        image.info["transparency"] = tuple(value >> 8 for value in transparency)
    if image.has_transparency_data:
        return _over_white(image.convert("RGBA"))
    return image.convert("RGB")


def _over_white(image: Image.Image) -> Image.Image:
    from PIL import Image

    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def _deep_to_rgb(image: Image.Image) -> Image.Image:
    """Return a greyscale image of 16 or 32 bits (modes I;16*, I and F) in mode RGB."""
    import numpy as np
    from PIL import Image

    values = np.asarray(image)
    tags = getattr(image, "tag_v2", {})
    if image.mode.startswith("I;16") or image.format in ("PNG", "PPM"):
        peak = 4095 if tags.get(258) == (12,) else 65535
        eighth = (np.arange(65536) * 255 + peak // 2) // peak
        grey = np.minimum(eighth, 255).astype(np.uint8).take(values, mode="clip")
    else:
        grey = _scaled(values)
    if tags.get(262) == 0:  # white is zero
        grey = 255 - grey
    shown = Image.fromarray(grey)
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        shown.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
        return _over_white(shown.convert("RGBA"))
    return shown.convert("RGB")


def _scaled(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return 32-bit values (height, width) as 8 bits.

    The range is the first of 0..1 (floats only), 0..255 and 0..65535 that holds all values, else
    from their least to their greatest. NaN is black; infinities are the ends of the range.
    """
    import numpy as np

    flat = values.ravel()
    finite = flat[np.isfinite(flat)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    peaks = (1.0, 255.0, 65535.0) if flat.dtype.kind == "f" else (255.0, 65535.0)
    peak = next((peak for peak in peaks if low >= 0 and high <= peak), None)
    if peak is not None:
        low, high = 0.0, peak
    grey = np.empty(flat.size, np.uint8)
    for start in range(0, flat.size, _BLOCK):
        block = flat[start : start + _BLOCK].astype(np.float64)
        block = np.nan_to_num(np.clip(block, low, high), copy=False, nan=low)
        grey[start : start + _BLOCK] = np.rint((block - low) * (255 / ((high - low) or 1.0)))
    return grey.reshape(values.shape)
