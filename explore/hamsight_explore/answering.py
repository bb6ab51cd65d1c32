"""Statements of clients of the loopback front, and their answers, which the engine streams.

The engine writes an answer in its format into a pipe, and waits while nobody reads: an answer of
any size takes little memory. The other ways out of chDB hold the whole answer, or cut it into
pieces of which each is a document of its own.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.statements import fill
from hamsight_core.closing import Closing
from hamsight_explore.screen import blanked

if TYPE_CHECKING:
    import chdb

_CHUNK = 1 << 18
_PATIENCE = 0.5
_ROWS = ("SELECT", "WITH", "FROM")
_OTHERS = ("SHOW", "DESC", "DESCRIBE", "EXISTS", "EXPLAIN", "CHECK", "KILL")
_SKIPPED = rb"(?:\s|\(|--[^\n]*\n|#[!\s][^\n]*\n|/\*(?:[^*]|\*(?!/))*\*/)*"
_FIRST_WORD = re.compile(_SKIPPED + rb"(\w+)")
_FORMAT = re.compile(rb"\bFORMAT\s+(\w+)", re.IGNORECASE)
_AFTER_FORMAT = re.compile(rb"\s*(SETTINGS\b[^();]*)?", re.IGNORECASE)
# An INSERT up to its format; the data follow on the next line.
_INSERT = re.compile(
    rb"(?P<insert>" + _SKIPPED + rb"INSERT\b.*?)\bFORMAT\s+(?P<format>\w+)[^\S\n]*\n",
    re.IGNORECASE | re.DOTALL,
)


class SeveralError(ValueError):
    """A request holds several statements."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement up to its FORMAT, that format, and the settings that follow.

    `has_rows` tells whether it answers rows, `is_query` whether it is a SELECT. Of others, the
    engine writes no answer into a file.
    """

    text: bytes
    format: str
    settings: bytes
    has_rows: bool
    is_query: bool

    @classmethod
    def of(cls, text: bytes, default_format: str) -> Statement:
        """Take a client's statement apart. Raises SeveralError."""
        found = _FIRST_WORD.match(text)
        word = found[1].decode("latin-1").upper() if found else ""
        if word not in _ROWS and word not in _OTHERS:
            return cls(text, default_format, b"", has_rows=False, is_query=False)
        bare = blanked(text.decode("latin-1")).encode("latin-1").rstrip(b"; \n\r\t\f\v")
        if b";" in bare:
            raise SeveralError
        start, named, after = len(bare), default_format, len(bare)
        for found in _FORMAT.finditer(bare):
            if _AFTER_FORMAT.fullmatch(bare, found.end()):
                start, named, after = found.start(), found[1].decode(), found.end()
        settings = text[after : len(bare)]
        return cls(text[:start], named, settings, has_rows=True, is_query=word in _ROWS)

    def into(self, pipe: int) -> bytes:
        """Return the statement with its answer written into a pipe of this process."""
        target = f"\nINTO OUTFILE '/dev/fd/{pipe}' TRUNCATE FORMAT {self.format} "
        return self.text + target.encode() + self.settings


def insert_of(text: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Return an INSERT, its format, and what is there of its data; None for other statements."""
    found = _INSERT.match(text)
    return (found["insert"], found["format"], text[found.end() :]) if found else None


class Answer(Closing):
    """A statement under way. Closing it ends the statement in the engine."""

    def __init__(
        self,
        engine: chdb.Connection,
        another: Callable[[], Any],
        statement: Statement,
        parameters: Mapping[str, str],
    ) -> None:
        self._engine, self._another, self._parameters = engine, another, dict(parameters)
        self.statement = statement
        self._mark = f"/* front {uuid.uuid4()} */ "
        self._pipe, self._into = os.pipe()
        self._beside = ThreadPoolExecutor(1, "front")
        self._asked: Future[Any] = self._beside.submit(self._ask)
        self._asked.add_done_callback(lambda _: os.close(self._into))

    def _ask(self) -> Any:
        asked = self.statement
        sql, kind = asked.text + asked.settings, asked.format
        if asked.is_query:
            sql, kind = asked.into(self._into), "Null"
        return self._engine.query(self._mark.encode() + sql, kind, params=self._parameters)

    def pieces(self, client: socket.socket) -> Iterator[bytes]:
        """Yield the answer. Raises RuntimeError, the engine's, and ConnectionAbortedError.

        That is raised where the client has gone away.
        """
        is_empty = True
        with selectors.DefaultSelector() as ready:
            ready.register(self._pipe, selectors.EVENT_READ)
            ready.register(client, selectors.EVENT_READ)
            while True:
                keys = {key.fileobj for key, _ in ready.select()}
                if client in keys:
                    if not client.recv(1, socket.MSG_PEEK):
                        raise ConnectionAbortedError
                    ready.unregister(client)  # it has asked the next question already
                if self._pipe in keys:
                    piece = os.read(self._pipe, _CHUNK)
                    if not piece:
                        break
                    is_empty = False
                    yield piece
        self.result = self._asked.result()
        if rest := self.result.bytes():
            yield rest
        elif is_empty and self.statement.has_rows and self.statement.format == "Native":
            yield self._header()

    def _header(self) -> bytes:
        """Return the block of no rows that a server sends in Native where there are no rows."""
        text = self.statement.text.decode("utf-8", "surrogateescape")
        if self.statement.is_query:
            text = fill("columns_alone", statement=text)
        asked = text.encode("utf-8", "surrogateescape")
        answer = self._engine.query(asked, "JSONCompact", params=self._parameters)
        columns = json.loads(answer.bytes())["meta"]
        words = (column[key].encode() for column in columns for key in ("name", "type"))
        return _varint(len(columns)) + b"\0" + b"".join(_varint(len(w)) + w for w in words)

    def close(self) -> None:
        """End the statement where it is under way."""
        if self._pipe < 0:
            return
        os.close(self._pipe)  # an engine that writes fails now
        self._pipe = -1
        while not self._asked.done():
            self.end()
            wait([self._asked], _PATIENCE)
        self._beside.shutdown()

    def end(self) -> None:
        """Tell the engine to end the statement."""
        other = self._another()
        try:
            other.query(fill("end_statement"), "Null", params={"mark": self._mark})
        finally:
            other.close()


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    return bytes([*made, number])
