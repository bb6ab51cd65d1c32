"""Perceptual hashes and scores of quality for pictures that were ingested without them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from hamsight_analyze.progress import Progress
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import ImageError
from hamsight_core.images.decode import decode
from hamsight_core.images.looks import Looks, look_at
from hamsight_core.images.perceptual_hash import BYTES
from hamsight_core.images.picture_quality import LIMITS
from hamsight_core.images.places import fetch
from hamsight_core.items import Identity

_PAGE = 1000
_WRITTEN = 500
"""Items of one statement, whose hashes fit into a parameter of 128 KiB."""
_READERS = 4
_LEAST = 768
"""The shorter side in pixels that a JPEG may be decoded at: twice what is looked at."""


@dataclass(frozen=True, slots=True)
class Updated:
    """How many pictures were looked at, and (item, reason) of those that could not be read."""

    looked: int
    unread: tuple[tuple[Identity, str], ...]


def look_again(
    catalog: Catalog,
    model: str | None = None,
    *,
    on_progress: Progress = lambda done, items: None,
) -> Updated:
    """Look at the pictures whose items have no scores of quality, and keep what is seen.

    An item is changed in the tables of all models. `on_progress` is told how many of how many are
    done. Raises EmptyCatalogError and UsageError.
    """
    catalog.create()
    table = catalog.model(model).items_table
    total = int(catalog.rows("count_unseen", table=table)[0][0])
    after: Identity = ("", "", "")
    done, unread = 0, list[tuple[Identity, str]]()
    with ThreadPoolExecutor(_READERS) as pool:
        while rows := _page(catalog, table, after):
            seen = []
            for row, looks in zip(
                rows, pool.map(_looked_at, [row[3] for row in rows]), strict=True
            ):
                identity = (row[0], row[1], row[2])
                if isinstance(looks, str):
                    unread.append((identity, looks))
                else:
                    seen.append((identity, looks))
            _write(catalog, seen)
            after = (rows[-1][0], rows[-1][1], rows[-1][2])
            done += len(rows)
            on_progress(done, total)
    return Updated(done - len(unread), tuple(unread))


def _page(catalog: Catalog, table: str, after: Identity) -> Sequence[Sequence[Any]]:
    names = ("after_dataset", "after_subset", "after_id")
    given = {**dict(zip(names, after, strict=True)), "limit": _PAGE}
    return catalog.rows("unseen_items", given, table=table)


def _looked_at(uri: str) -> Looks | str:
    try:
        return look_at(decode(fetch(uri), least=_LEAST).image)
    except ImageError as error:
        return str(error)


def _write(catalog: Catalog, seen: Sequence[tuple[Identity, Looks]]) -> None:
    for (dataset, subset), group in groupby(seen, lambda one: one[0][:2]):
        seen_there = list(group)
        for start in range(0, len(seen_there), _WRITTEN):
            some = seen_there[start : start + _WRITTEN]
            parameters = {
                "dataset": dataset,
                "subset": subset,
                "ids": json.dumps([identity[2] for identity, _ in some], ensure_ascii=False),
                "phashes": json.dumps([looks.phash.hex() for _, looks in some]),
                "trimmed": json.dumps([looks.phash_trimmed.hex() for _, looks in some]),
                "names": list(LIMITS),
                "values": json.dumps(
                    [[looks.quality[name] for _, looks in some] for name in LIMITS]
                ),
            }
            names = {name: name for name in ("dataset", "subset", "ids")}
            pieces = {
                "condition": fill("of_identities", **names),
                "assignments": fill("looks_set", zeros=2 * BYTES),
                "needed": fill("every_item"),
            }
            with catalog.locked("an update of how pictures look"):
                for model in catalog.models():
                    catalog.run("update_items", parameters, table=model.items_table, **pieces)
