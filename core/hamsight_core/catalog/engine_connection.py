"""A connection to the embedded engine: it hears Ctrl-C and looks at free space."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from hamsight_core.catalog.definitions import changing
from hamsight_core.catalog.room import check_room
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import HamsightError

_PATIENCE = 1.0


_FIRST_WORD = re.compile(r"(?:\s|/\*(?:[^*]|\*(?!/))*\*/|--[^\n]*\n)*(\w+)")
_FILE = re.compile(r"\bFROM INFILE '((?:[^'\\]|\\.)*)'")
_WRITING = {"ALTER", "ATTACH", "CREATE", "DELETE", "EXCHANGE", "INSERT", "RENAME", "UPDATE"}
_READING = {
    *("", "SELECT", "WITH", "FROM", "SHOW", "DESC", "DESCRIBE", "EXPLAIN", "EXISTS", "CHECK"),
    *("SET", "USE", "KILL"),
}
_DEFINING = {"ALTER", "ATTACH", "CREATE", "DETACH", "DROP", "EXCHANGE", "RENAME"}


class EngineConnection:
    """A connection of chDB, as the driver uses it.

    Statements that are asked on the main thread run on a thread beside it, as the engine hears no
    signal: where a signal raises an exception, as Ctrl-C does, the statement is ended from a second
    connection, which `another` opens, and the exception goes on.

    Before a statement that writes, free space is looked at: DiskFullError. After a statement that
    changes definitions, a copy of all definitions is kept. With `refusal`, only statements that
    read are sent; others raise it.
    """

    def __init__(
        self,
        connection: Any,
        path: Path,
        another: Callable[[], Any],
        refusal: HamsightError | None = None,
    ) -> None:
        self._connection, self._path, self._another = connection, path, another
        self._refusal = refusal
        self._beside = ThreadPoolExecutor(1, "statement")

    def query(self, sql: str | bytes, format: str, params: dict[str, Any] | None = None) -> Any:
        """Return the answer to a statement, as the connection does."""
        said = sql if isinstance(sql, str) else sql.decode("utf-8", "replace")
        for text in (said, *(params or {}).values()):
            if isinstance(text, str):
                text.encode("utf-8")  # the engine's own words about what is not are no help
        found = _FIRST_WORD.match(said)
        word = found[1].upper() if found else ""
        if self._refusal is not None and word not in _READING:
            raise self._refusal
        if word in _WRITING:
            check_room(self._path, self._needed(word, said))
        with changing(self._path) if word in _DEFINING else nullcontext():
            return self._heard(sql, format, params)

    def _needed(self, word: str, said: str) -> int:
        """Return how many bytes a statement may write, as far as that shows."""
        if word == "INSERT":
            file = _FILE.search(said[:4096])
            return 2 * Path(re.sub(r"\\(.)", r"\1", file[1])).stat().st_size if file else 0
        if word in ("ALTER", "DELETE", "UPDATE"):
            answer = self._connection.query(fill("largest_part"), "TabSeparated")
            return int(1.1 * int(answer.bytes()))
        return 0

    def _heard(self, sql: str | bytes, format: str, params: dict[str, Any] | None) -> Any:
        if threading.current_thread() is not threading.main_thread():
            return self._connection.query(sql, format, params=params)
        mark = f"/* hamsight {uuid.uuid4()} */"
        marked = f"{mark} {sql}" if isinstance(sql, str) else f"{mark} ".encode() + sql
        asked = self._beside.submit(self._connection.query, marked, format, params=params)
        try:
            return asked.result()
        except BaseException:
            if not asked.done():
                self._end(mark, asked)
            raise

    def close(self) -> None:
        """Close the connection; no statement is under way."""
        self._beside.shutdown(wait=False)
        self._connection.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def _end(self, mark: str, asked: Future[Any]) -> None:
        """End the statement, and wait until it has; a second Ctrl-C meanwhile changes nothing."""
        while not asked.done():
            with suppress(KeyboardInterrupt):
                other = self._another()
                try:
                    other.query(fill("end_statement"), "Null", params={"mark": mark})
                finally:
                    other.close()
                wait([asked], _PATIENCE)
        self._connection.query(fill("nothing"), "Null")  # takes what was begun of the answer
