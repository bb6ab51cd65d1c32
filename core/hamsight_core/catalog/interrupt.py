"""Statements of the embedded engine that Ctrl-C ends: the engine itself hears no signal."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any

from hamsight_core.catalog.statements import fill

_PATIENCE = 1.0


class Interruptible:
    """A connection of chDB whose statements, asked on the main thread, run on a thread beside it.

    The main thread then hears signals: where one raises an exception, as Ctrl-C does, the
    statement is ended in the engine, and the exception goes on. `another` opens a second
    connection, as a statement can be ended from another alone.
    """

    def __init__(self, connection: Any, another: Callable[[], Any]) -> None:
        self._connection, self._another = connection, another
        self._beside = ThreadPoolExecutor(1, "statement")

    def query(self, sql: str | bytes, format: str, params: dict[str, Any] | None = None) -> Any:
        """Return the answer to a statement, as the connection does."""
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
