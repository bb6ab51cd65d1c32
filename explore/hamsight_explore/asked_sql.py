"""SQL that someone writes in the page: it reads the catalog alone, within limits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.errors import UsageError
from hamsight_core.items import Identity
from hamsight_core.show.values import batches, values
from hamsight_explore.screen import Screen
from hamsight_query.sql import run_sql

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ROWS = 5000
_SHOWN_ROWS = 500
_AT_A_TIME = 2
_SHOWN_TEXT = 2000
_IDENTITY = ("dataset", "subset", "id")
_LIMITS: Mapping[str, str] = {
    "max_execution_time": "30",
    "max_result_rows": str(MOST_ROWS + 1),
    "result_overflow_mode": "break",
    "max_memory_usage": str(4 * 1024**3),
}


class Statements:
    """Lets a few statements run at a time, so that the page has sessions left for all else."""

    def __init__(self) -> None:
        self._free = threading.BoundedSemaphore(_AT_A_TIME)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Let one more statement run. Raises UsageError where there are enough."""
        if not self._free.acquire(blocking=False):
            raise UsageError(f"{_AT_A_TIME} statements are running: wait until one has ended")
        try:
            yield
        finally:
            self._free.release()


def ask(catalog: Catalog, statement: str, mark: str = "") -> pa.Table:
    """Return the answer to a statement, at most `MOST_ROWS` + 1 rows or a block more.

    `mark` is a comment before it.

    Raises UsageError and StatementError.
    """
    functions = (row[0] for row in catalog.rows("table_functions"))
    Screen(functions).check(statement)
    limits = {} if catalog.layout.fixed else _LIMITS
    answer = run_sql(catalog, f"{mark} {statement}", {}, settings=limits)
    if answer is None:
        raise UsageError("this statement has no answer: ask for rows with SELECT")
    return answer


def names_items(answer: pa.Table) -> bool:
    """Tell whether the rows of an answer are items, by their dataset, subset and id."""
    return set(_IDENTITY) <= set(answer.column_names)


def identities(answer: pa.Table) -> list[Identity]:
    """Return the items of an answer, each once, in their order."""
    columns = [answer[name].slice(0, MOST_ROWS).to_pylist() for name in _IDENTITY]
    return list(dict.fromkeys(zip(*columns, strict=True)))


def as_json(answer: pa.Table, started: float) -> dict[str, Any]:
    """Return what the page shows of an answer; long texts are cut."""
    rows: list[list[Any]] = []
    for batch in batches(answer.slice(0, _SHOWN_ROWS)):
        columns = [values(column, finite=True) for column in batch.columns]
        rows.extend([_shown(cell) for cell in row] for row in zip(*columns, strict=True))
    return {
        "columns": answer.column_names,
        "rows": rows,
        "more": len(answer) > len(rows),
        "items": names_items(answer),
        "milliseconds": round((time.monotonic() - started) * 1000, 1),
    }


def _shown(cell: Any) -> Any:
    if cell is None or isinstance(cell, (bool, int, float)):
        return cell if not isinstance(cell, int) or abs(cell) < 2**53 else str(cell)
    text = cell if isinstance(cell, str) else str(cell)
    return text if len(text) <= _SHOWN_TEXT else f"{text[:_SHOWN_TEXT]} …"
