"""Encodings of bodies in HTTP, as streams: gzip, deflate, lz4 and zstd, both ways."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

PIECE = 1 << 20
"""Bytes of the largest piece that is unpacked at once, however small it came."""
_PREFERRED = ("zstd", "lz4", "gzip", "deflate")
_GZIP, _ZLIB = 31, 15  # zlib's wbits
_FAST = 1


class EncodingError(ValueError):
    """A body is not in the encoding that it says, or the encoding is not known."""


def accepted(header: str) -> str:
    """Return which encoding of an Accept-Encoding header an answer gets; "" is none."""
    named = {}
    for choice in header.lower().split(","):
        name, _, weight = choice.partition(";")
        named[name.strip()] = weight.replace(" ", "") not in ("q=0", "q=0.0")
    return next((name for name in _PREFERRED if named.get(name)), "")


def packing(encoding: str) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    """Return what packs a piece of a body, and what ends the body."""
    if encoding == "lz4":
        import lz4.frame

        packer = lz4.frame.LZ4FrameCompressor()
        begun: list[bytes] = [packer.begin()]

        def pack(piece: bytes) -> bytes:
            return (begun.pop() if begun else b"") + bytes(packer.compress(piece))

        return pack, lambda: (begun.pop() if begun else b"") + bytes(packer.flush())
    if encoding == "zstd":
        zstd = _zstd().ZstdCompressor(_FAST)
        return zstd.compress, zstd.flush
    if encoding:
        bits = _GZIP if encoding == "gzip" else _ZLIB
        deflate = zlib.compressobj(_FAST, zlib.DEFLATED, bits)
        return deflate.compress, deflate.flush
    return bytes, bytes


def unpacked(encoding: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a body as it was before it got an encoding. Raises EncodingError."""
    if encoding in ("", "identity"):
        return iter(pieces)
    if encoding in ("gzip", "deflate"):
        return _inflated(pieces, _GZIP if encoding == "gzip" else _ZLIB)
    if encoding == "lz4":
        import lz4.frame

        return _decompressed(pieces, lz4.frame.LZ4FrameDecompressor)
    if encoding == "zstd":
        return _decompressed(pieces, _zstd().ZstdDecompressor)
    raise EncodingError(f"no Content-Encoding {encoding[:20]} here: send {', '.join(_PREFERRED)}")


def _inflated(pieces: Iterable[bytes], bits: int) -> Iterator[bytes]:
    inflate, is_begun = zlib.decompressobj(bits), False
    try:
        for piece in pieces:
            while piece:
                yield inflate.decompress(piece, PIECE)
                is_begun, piece = True, inflate.unconsumed_tail
                if inflate.eof:
                    piece, is_begun = inflate.unused_data, False
                    inflate = zlib.decompressobj(bits)
        yield inflate.flush()
    except zlib.error as error:
        raise EncodingError(str(error)) from None
    if is_begun:
        raise EncodingError("the body is cut short")


def _decompressed(pieces: Iterable[bytes], make: Callable[[], Any]) -> Iterator[bytes]:
    packed, is_begun = make(), False
    for piece in pieces:
        while piece or (is_begun and not packed.needs_input):
            try:
                yield packed.decompress(piece, max_length=PIECE)
            except Exception as error:  # of a class for each package
                raise EncodingError(str(error)) from None
            piece, is_begun = b"", True
            if packed.eof:
                piece, packed, is_begun = packed.unused_data or b"", make(), False
    if is_begun:
        raise EncodingError("the body is cut short")


def _zstd() -> ModuleType:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    found: ModuleType = zstd
    return found
