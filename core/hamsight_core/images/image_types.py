"""The types of image files that are read, known by their first bytes."""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO

from hamsight_core.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import ImageFile

_PREFIX = 256
_HEVC_BRANDS = frozenset([b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"])
_CONTAINER_BRANDS = frozenset([b"mif1", b"msf1"])
_AV1_BRANDS = frozenset([b"avif", b"avis"])


def open_image(file: BinaryIO) -> tuple[str, ImageFile.ImageFile]:
    """Return an image's type in Pillow's word and the opened image, its pixels not yet decoded.

    `file` stands at its start. Raises ImageError with the reason where it is of no known type, or
    its header is damaged.
    """
    prefix = file.read(_PREFIX)
    if not prefix:
        raise ImageError("empty file")
    for name, (opener, accepts) in _openers().items():
        if accepts is not None and accepts(prefix) is not True:
            continue
        file.seek(0)
        try:
            return name, opener(file)
        except ImageError:
            raise
        except Exception as error:
            # Pillow meets hostile bytes with every kind of exception.
            if name == "PNG" and (mended := _mended_png(file)) is not None:
                return name, mended
            raise ImageError(damage(name, error)) from error
    raise ImageError(f"not an image: {_appearance(prefix, file)}")


_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_NEEDLESS = frozenset({b"tEXt", b"zTXt", b"iTXt", b"iCCP"})
_PNG_SIZES = {
    b"gAMA": 4,
    b"cHRM": 32,
    b"sRGB": 1,
    b"pHYs": 9,
    b"tIME": 7,
    b"acTL": 8,
    b"fcTL": 26,
}
"""Bytes that chunks have at least which viewers do without (W3C, PNG, third edition, 11.3)."""

_MENDED = "hamsight"


def without_needless_chunks(data: bytes) -> bytes | None:
    """Return a PNG without its texts and profile, and without chunks that no decoder needs and
    that are too short or whose checksum is wrong; None where nothing of it would go, or the chunks
    have no end."""
    kept, place, whole = [_PNG_START], len(_PNG_START), True
    while place + 12 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        kind, end = data[place + 4 : place + 8], place + 12 + size
        if end > len(data):
            break
        ancillary = bool(kind[:1].islower())
        sum_is_right = zlib.crc32(data[place + 4 : end - 4]) == int.from_bytes(
            data[end - 4 : end], "big"
        )
        short = size < _PNG_SIZES.get(kind, 0)
        if ancillary and (kind in _PNG_NEEDLESS or short or not sum_is_right):
            whole = False
        else:
            kept.append(data[place:end])
        place = end
    return None if whole else b"".join([*kept, data[place:]])


def _mended_png(file: BinaryIO) -> Any:
    """Return an opened PNG without what its viewers pass over, or None where that is not wrong."""
    from PIL import PngImagePlugin

    file.seek(0)
    data = without_needless_chunks(file.read())
    if data is None:
        return None
    try:
        image = PngImagePlugin.PngImageFile(io.BytesIO(data))
    except Exception:
        # It has more that is wrong; the error of the file as it is says what.
        return None
    image.info[_MENDED] = PNG_FAULT
    return image


PNG_FAULT = "PNG with a damaged or too long chunk beside its pixels, passed over"
"""What is wrong with a PNG that was opened without some of its chunks."""


def fault_of(image: Any) -> str:
    """Return what was wrong with an opened image and passed over, or nothing."""
    return str(image.info.get(_MENDED, ""))


@lru_cache(maxsize=1)
def _openers() -> dict[str, tuple[Callable[..., Any], Callable[[bytes], bool | str] | None]]:
    """Return the types that are read: name to (opener, test of the file's first bytes).

    Pillow's openers are called directly and not through `Image.open`: the pixel limit is then
    ours alone (Pillow's is a global variable), and types that run other programs (EPS) are out.
    """
    from PIL import (
        AvifImagePlugin,
        BmpImagePlugin,
        GifImagePlugin,
        Image,
        Jpeg2KImagePlugin,
        JpegImagePlugin,
        PngImagePlugin,
        PpmImagePlugin,
        QoiImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )

    # Our limit has judged the size before; Pillow's warning would come while a TIFF is loaded.
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    plugins = {
        "JPEG": JpegImagePlugin.JpegImageFile,  # of an MPO the first picture
        "PNG": PngImagePlugin.PngImageFile,
        "WEBP": WebPImagePlugin.WebPImageFile,
        "GIF": GifImagePlugin.GifImageFile,
        "BMP": BmpImagePlugin.BmpImageFile,
        "TIFF": TiffImagePlugin.TiffImageFile,
        "AVIF": AvifImagePlugin.AvifImageFile,
        "PPM": PpmImagePlugin.PpmImageFile,
        "JPEG2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
        "QOI": QoiImagePlugin.QoiImageFile,
    }
    known = {name: (plugin, Image.OPEN[name][1]) for name, plugin in plugins.items()}
    # Before AVIF, whose test takes every file with the brand of the container that both use.
    return {"HEIF": (_open_heif, _is_heif), **known}


def _is_heif(prefix: bytes) -> bool:
    """Return whether bytes begin an image of HEVC in HEIF, by its brands (ISO/IEC 23008-12)."""
    if prefix[8:12] in _CONTAINER_BRANDS:
        return bool(_brands(prefix)) and not _brands(prefix) & _AV1_BRANDS
    return prefix[4:8] == b"ftyp" and prefix[8:12] in _HEVC_BRANDS


def _brands(prefix: bytes) -> set[bytes]:
    """Return the brands of an ISO media file; none of another file."""
    if prefix[4:8] != b"ftyp":
        return set()
    size = min(int.from_bytes(prefix[:4], "big"), len(prefix))
    return {prefix[8:12], *(prefix[place : place + 4] for place in range(16, size, 4))}


def _open_heif(file: BinaryIO) -> Any:
    """Return an opened HEIC image, which its own orientation turns while it is decoded."""
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise ImageError(
            "a HEIC image, which needs the package pillow-heif: pip install 'hamsight[heic]'"
            f" ({error})"
        ) from error
    return HeifImageFile(file)


_QUOTED = re.compile(r"""b(['"]).*""")
"""Bytes of the file that an error of Pillow quotes: the file may be no picture, but a secret."""


def damage(name: str, error: Exception) -> str:
    """Return the reason why an image of type `name` cannot be read, in one line."""
    from PIL import Image

    words = _QUOTED.sub("…", " ".join(str(error).split()))
    if isinstance(error, Image.DecompressionBombError):
        return f"more pixels than Pillow decodes: {words}"
    if isinstance(error, MemoryError):
        return f"{name} too large for the memory"
    if isinstance(error, (EOFError, struct.error)) or "truncated" in words.lower():
        return f"truncated {name}"
    return f"damaged or unsupported {name}: {words or type(error).__name__}"


_STARTS = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file with git lfs pull"),
    (b"8BPS", "a Photoshop document"),
    (b"%!PS", "PostScript"),
)
_TEXTS = (("<!doctype html", "HTML text"), ("<html", "HTML text"), ("<svg", "an SVG drawing"))


def _appearance(prefix: bytes, file: BinaryIO) -> str:
    """Return what bytes that are no image look like; `prefix` are the first of them."""
    for start, words in _STARTS:
        if prefix.startswith(start):
            return words
    if _brands(prefix):
        words = "a video or another ISO media file"
        if _brands(prefix) & _AV1_BRANDS:
            words = "an AVIF image, which this build of Pillow cannot read"
        return words
    if not prefix.strip(b"\0"):
        file.seek(0)
        data = file.read()
        if not data.strip(b"\0"):
            return f"{len(data)} bytes, all zero"
    try:
        text = prefix.decode("utf-8").lstrip("\ufeff \t\r\n")
    except UnicodeDecodeError:
        text = ""
    if text and text.replace("\n", " ").replace("\r", " ").replace("\t", " ").isprintable():
        for opening, words in _TEXTS:
            if text.lower().startswith(opening):
                return words
        return "text"
    return "of no known type"
