"""A run's row in `ingests`; it stands from the first image encoded, so a killed run has one."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.items import Category
from hamsight_core.moments import moment_text, now_us
from hamsight_ingest.source import ReadOptions
from hamsight_ingest.writer import Counts


class Record:
    """The record of one run, from now on; `source` is the dataset's path as text.

    `options` are recorded as JSON, so that the source can be opened again as it was; `categories`
    as COCO has them, so that an export can number labels as the source does.
    """

    def __init__(
        self,
        catalog: Catalog,
        dataset: str,
        model: str,
        source: str,
        format: str,
        options: ReadOptions,
        categories: Sequence[Category] = (),
    ) -> None:
        self._catalog = catalog
        self._said = {
            "run": uuid.uuid4().hex,
            "dataset": dataset,
            "model": model,
            "source": source,
            "format": format,
            "options": json.dumps(asdict(options), default=dict),
            "categories": _coco(categories),
        }
        self._started_ms = _now_ms()
        self._begun = False

    def begin(self) -> None:
        """Note that the run writes into the catalog: its row is incomplete and counts nothing."""
        self._insert(self._started_ms, Counts(), complete=False)
        self._begun = True

    def finish(self, counts: Counts, *, complete: bool, not_read: str = "") -> None:
        """Put what the run did in place of what `begin` wrote; `not_read` are words on the files
        of the source that no reader understood."""
        ended_ms = max(_now_ms(), self._started_ms + 1)
        self._insert(ended_ms, counts, complete=complete, not_read=not_read)
        if self._begun:
            self._catalog.run("delete_begun", {key: self._said[key] for key in ("dataset", "run")})

    def _insert(
        self, finished_ms: int, counts: Counts, *, complete: bool, not_read: str = ""
    ) -> None:
        row = {
            **self._said,
            "started_at": _text(self._started_ms),
            "finished_at": _text(finished_ms),
            "complete": complete,
            "added": counts.added,
            "replaced": counts.replaced,
            "unchanged": counts.unchanged,
            "rejected": counts.rejected,
            "not_read": not_read,
        }
        self._catalog.insert_rows("ingests", [row])


def _coco(categories: Sequence[Category]) -> str:
    """Return categories as COCO's JSON list, or nothing where there is none."""
    listed = [
        {"id": one.number, "name": one.label}
        | ({"supercategory": one.supercategory} if one.supercategory else {})
        for one in categories
    ]
    return json.dumps(listed, ensure_ascii=False) if listed else ""


def _text(moment_ms: int) -> str:
    return moment_text(moment_ms * 1000)[:-3]


def _now_ms() -> int:
    return now_us() // 1000
