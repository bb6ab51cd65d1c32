"""Small files that claim to be huge, of every type that is read: refused, and no memory taken."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from hamsight_core.errors import ImageError
from hamsight_core.images.decode import decode

resource = pytest.importorskip("resource")  # not on Windows

HUGE = 2**31 - 1
START = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *more: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 4))
    return START + header + b"".join(more) + pixels + chunk(b"IEND", b"")


def patched(format: str, change: Callable[[bytearray], None]) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(stream, format)
    data = bytearray(stream.getvalue())
    change(data)
    return bytes(data)


def at(place: int, form: str, *values: int) -> Callable[[bytearray], None]:
    return lambda data: struct.pack_into(form, data, place, *values)


def after(mark: bytes, place: int, form: str, *values: int) -> Callable[[bytearray], None]:
    return lambda data: struct.pack_into(form, data, data.index(mark) + place, *values)


def large_tiff(data: bytearray) -> None:
    for tag in (256, 257):
        place = next(
            found for kind in (3, 4) if (found := data.find(struct.pack("<HH", tag, kind))) > 0
        )
        struct.pack_into("<HII", data, place + 2, 4, 1, HUGE)


def large_jp2(data: bytearray) -> None:
    after(b"\xff\x51", 6, ">II", HUGE, HUGE)(data)
    after(b"ihdr", 4, ">II", HUGE, HUGE)(data)


BOMBS = {
    "png": png(HUGE, HUGE),
    "jpeg": patched("JPEG", after(b"\xff\xc0", 5, ">HH", 65535, 65535)),
    "gif": patched("GIF", at(6, "<HH", 65535, 65535)),
    "bmp": patched("BMP", at(18, "<ii", HUGE, HUGE)),
    "tiff": patched("TIFF", large_tiff),
    "ppm": b"P6 100000 100000 255\n" + bytes(100),
    "pfm": b"Pf 100000 100000 -1.0\n" + bytes(100),
    "qoi": b"qoif" + struct.pack(">IIBB", 2**31, 2**31, 3, 0) + b"\xfd" * 50,
    "webp": patched("WEBP", after(b"VP8 ", 14, "<HH", 0x3FFF, 0x3FFF)),
    "jpeg2000": patched("JPEG2000", large_jp2),
    "avif": patched("AVIF", after(b"ispe", 8, ">II", HUGE, HUGE)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_that_claims_to_be_huge_is_refused(name):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ImageError, match=r"pixels|AVIF"):
        decode(BOMBS[name])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 256 * 1024


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP", b"iTXt"])
def test_compressed_words_in_a_png_are_not_unpacked_without_bound(kind):
    data = zlib.compress(b"x" * 100_000_000, 9)
    head = b"a\0\1\0\0\0" if kind == b"iTXt" else b"a\0\0"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert decode(png(1, 1, chunk(kind, head + data))).width == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 256 * 1024
