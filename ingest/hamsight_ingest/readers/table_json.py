"""JSON tables: a list of objects, or one object a line."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

from hamsight_ingest.readers.table_rows import Row, TableFormat
from hamsight_ingest.readers.texts import encoding_of, lines
from hamsight_ingest.readers.wrong import Notes, fail, shown

_PROBED = 100
_CHUNK = 256 * 1024
_LONGEST_OBJECT = 64 * 1024 * 1024
_SPACE = re.compile(r"\s*")


class JsonRows:
    """The rows of a JSON or JSONL file, whose columns are the keys of the first objects."""

    image_columns: Sequence[str] = ()

    def __init__(self, file: Path, format: TableFormat) -> None:
        self.file, self.format = file, format
        self.labels: Mapping[str, Sequence[str]] = {}
        notes = Notes()
        keys = (key for row in islice(self.read(notes), _PROBED) for key in row.values)
        self.columns: Sequence[str] = list(dict.fromkeys(keys))
        if not self.columns:
            notes.check()
            fail(file, "", f"no row; expected {self._expected()}")

    def count(self) -> int:
        """Return the number of rows."""
        return sum(1 for _ in self.read(Notes()))

    def read(self, notes: Notes) -> Iterator[Row]:
        """Yield the rows; what follows a place that is no JSON list any more is refused."""
        found = _of_list(self.file, notes) if self.format == "JSON" else _of_lines(self.file, notes)
        for number, (line, value) in enumerate(found):
            with notes.refusing():
                if not isinstance(value, dict):
                    fail(self.file, line, f"{shown(value)}; expected {self._expected()}")
                yield Row(f"line {line}", number, value)

    def _expected(self) -> str:
        return "a list of objects" if self.format == "JSON" else "one JSON object a line"


def starts_list(file: Path) -> bool:
    """Return whether a file begins as a JSON list of objects does. Raises SourceError."""
    try:
        with file.open("rb") as opened:
            start = opened.read(4096)
    except OSError as error:
        fail(file, "", f"cannot be read: {error.strerror or error}")
    return re.match(r"\s*\[\s*\{", start.decode(encoding_of(start), "replace")) is not None


def _of_lines(file: Path, notes: Notes) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines(file, notes), 1):
        if line and not line.isspace():
            with notes.refusing():
                yield number, _parsed(file, number, line)


def _parsed(file: Path, number: int, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        fail(file, number, f"column {error.colno}: not JSON: {error.msg}")
    except (RecursionError, ValueError) as error:
        fail(file, number, f"not JSON that can be read: {error}")


def _of_list(file: Path, notes: Notes) -> Iterator[tuple[int, Any]]:
    """Yield (line of its start, value) of each member of a list, holding one at a time."""
    with notes.refusing():
        yield from _members(file)


def _members(file: Path) -> Iterator[tuple[int, Any]]:
    text = _Text(file)
    text.skip(_SPACE)
    if not text.rest.startswith("[", text.place):
        fail(file, text.line, "expected a list of objects: [{…}, …]")
    text.place += 1
    text.skip(_SPACE)
    while not text.rest.startswith("]", text.place):
        if not text.rest.startswith("{", text.place):
            found = shown(text.rest[text.place : text.place + 20]) if text.rest else "the end"
            fail(file, text.line, f"{found}; expected an object of the list, or its end")
        yield text.line, text.value()
        text.skip(_SPACE)
        if text.rest.startswith(",", text.place):
            text.place += 1
            text.skip(_SPACE)
        elif not text.rest.startswith("]", text.place):
            fail(file, text.line, "expected a comma or the end of the list")


class _Text:
    """A file's text from `place` on, read as it is needed; `line` is where `place` stands."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.rest, self.place, self.line = "", 0, 1
        self._chunks = self._decoded()

    def skip(self, pattern: re.Pattern[str]) -> None:
        """Move on over what the pattern matches, and count its lines."""
        while True:
            match = pattern.match(self.rest, self.place)
            assert match is not None
            self._move(match.end())
            if self.place < len(self.rest) or not self._more(_CHUNK):
                return

    def value(self) -> Any:
        """Return the JSON value that starts at `place`, and move on to its end."""
        decoder, size = json.JSONDecoder(), _CHUNK
        while True:
            start = self.place
            try:
                value, end = decoder.raw_decode(self.rest, self.place)
            except json.JSONDecodeError as error:
                cut = error.pos > len(self.rest) - 32 or error.msg.startswith("Unterminated")
                size = 2 * size
                if len(self.rest) - self.place > _LONGEST_OBJECT:
                    fail(self._file, self.line, f"longer than {_LONGEST_OBJECT} characters")
                if not cut or not self._more(size):
                    self._refuse(error.msg, error.pos - start)
            except (RecursionError, ValueError) as error:
                fail(self._file, self.line, f"not JSON that can be read: {error}")
            else:
                self._move(end)
                return value

    def _refuse(self, words: str, after: int) -> NoReturn:
        """Raise a SourceError for what is wrong so many characters after `place`."""
        wrong = self.place + after
        line = self.line + self.rest.count("\n", self.place, wrong)
        near = shown(self.rest[max(self.place, wrong - 20) : wrong + 20])
        words = words.removesuffix(" starting at")
        fail(self._file, line, f"not JSON: {words}, near {near}")

    def _move(self, place: int) -> None:
        self.line += self.rest.count("\n", self.place, place)
        self.place = place

    def _more(self, size: int) -> bool:
        """Read on; return whether there was more. What lies before `place` is dropped."""
        read = [chunk for _ in range(size // _CHUNK) if (chunk := next(self._chunks, ""))]
        self.rest, self.place = self.rest[self.place :] + "".join(read), 0
        return bool(read)

    def _decoded(self) -> Iterator[str]:
        taken = 0
        try:
            with self._file.open("rb") as opened:
                encoding = encoding_of(opened.read(4))
                decoder = codecs.getincrementaldecoder(encoding)()
                opened.seek(0)
                while chunk := opened.read(_CHUNK):
                    yield decoder.decode(chunk)
                    taken += len(chunk)
                decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            fail(self._file, f"byte {taken + error.start}", "not UTF-8; save the file as UTF-8")
        except OSError as error:
            fail(self._file, "", f"cannot be read: {error.strerror or error}")
