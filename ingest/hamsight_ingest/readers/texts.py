"""Text files: what a byte order mark says, else UTF-8."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from hamsight_ingest.readers.wrong import Notes, WrongEntryError, fail

_LONGEST_LINE = 64 * 1024 * 1024
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def encoding_of(start: bytes) -> str:
    """Return the encoding that the first bytes of a text declare by a mark, else "utf-8"."""
    return next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8")


def read_text(file: str | Path) -> str:
    """Return the text of a file. Raises SourceError naming it."""
    try:
        data = Path(file).read_bytes()
        return data.decode(encoding_of(data))
    except UnicodeDecodeError as error:
        fail(file, f"byte {error.start}", f"not {_shown(error)} text; save the file as UTF-8")
    except (OSError, ValueError) as error:
        fail(file, "", f"cannot be read: {getattr(error, 'strerror', None) or error}")


def lines(file: Path, notes: Notes | None = None) -> Iterator[str]:
    """Yield the lines of a text file, each with its end; with `notes`, an empty one in place of a
    line of UTF-8 that cannot be decoded, which is refused. Raises SourceError naming the line."""
    number = 0
    try:
        with file.open("rb") as opened:
            encoding = encoding_of(opened.read(4))
            opened.seek(0)
            for number, line in enumerate(_raw_lines(opened, encoding), 1):
                if len(line) > _LONGEST_LINE:
                    fail(file, number, f"a line longer than {_LONGEST_LINE} bytes; expected text")
                if isinstance(line, str):
                    yield line
                    continue
                try:
                    yield line.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    words = f"byte {error.start} of it is not UTF-8; save the file as UTF-8"
                    if notes is None or number == 1:
                        fail(file, number, words)
                    notes.refused.append(WrongEntryError(file, number, words))
                    yield "\n"
    except UnicodeDecodeError as error:
        fail(file, number + 1, f"not {_shown(error)}; save the file as UTF-8")
    except OSError as error:
        fail(file, "", f"cannot be read: {error.strerror or error}")


def _raw_lines(opened: BinaryIO, encoding: str) -> Iterator[bytes | str]:
    """Yield lines as bytes of UTF-8, or as text of an encoding whose line ends are wider."""
    if encoding.startswith("utf-8"):
        while line := opened.readline(_LONGEST_LINE + 1):
            yield line
        return
    reader = codecs.getreader(encoding)(opened)
    while text := reader.readline(_LONGEST_LINE + 1):
        yield text


def _shown(error: UnicodeDecodeError) -> str:
    name = error.encoding.lower()
    return "UTF-8" if name.startswith("utf-8") else name.upper()
