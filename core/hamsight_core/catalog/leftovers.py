"""Tables that nothing names: killed runs left them, or they are former generations that are old.

The comment of a table that a run fills says since when. An embedded catalog is one process's: what
an earlier process made and no row names is of a run that is no more. On a server a day must pass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hamsight_core.catalog.database import Database
from hamsight_core.catalog.generations import (
    KEPT_SECONDS,
    MADE,
    MAKING,
    RETIRED,
    drop_cells,
    is_generation,
    view_of,
)
from hamsight_core.catalog.layout import CENTRES
from hamsight_core.catalog.model_row import CatalogModel

_IMPORT = re.compile(r"import_[0-9a-f]{32}")
_HASHES = re.compile(rf"(items|objects)_[a-z0-9_]+_h[0-9a-f]{{8}}{MAKING}")
_CELLS = re.compile(r"cells_(items|objects)_[a-z0-9_]+_[0-9a-f]{8}")
_DAY = 86_400


def leftovers(
    tables: Mapping[str, tuple[str, str]],
    models: Sequence[CatalogModel],
    now: int,
    begun: int,
    kept: int = KEPT_SECONDS,
) -> list[str]:
    """Return the tables that may be dropped, of tables by name with their engines and comments.

    What was made before `begun` and is in no row of `models` is of a run that is no more, and so
    are cells that a row names as being made. Of former generations, those count that were given up
    `kept` seconds before `now`. Moments are in seconds since 1970. A table of an older version,
    which says no moment, is old.
    """
    named = {model.items_table for model in models}
    views = {view_of(one) for one in named}
    cells = {one.cells.table for model in models if (one := model.hash_settings).cells}
    said: dict[str, list[str]] = {}
    for name, (engine, comment) in tables.items():
        if engine != "View":
            said.setdefault(name.removeprefix("shard_"), []).append(comment)
    found = []
    for name, comments in said.items():
        retired, made = _moment(comments, RETIRED), _moment(comments, MADE) or 0
        if is_generation(name) and view_of(name) in views and name not in named:
            old = made < begun if retired is None else now - retired >= kept
        elif _CELLS.fullmatch(name.removesuffix(CENTRES)):
            old = made < begun and name.removesuffix(CENTRES) not in cells
        else:
            side = _IMPORT.fullmatch(name) or _HASHES.fullmatch(name)
            old = side is not None and made < begun
        if old:
            found.append(name)
    return found


def drop_leftover(database: Database, name: str, models: Sequence[CatalogModel]) -> None:
    """Drop such a table, and its cells; called while the lock is held."""
    for model in models:
        settings = model.hash_settings
        if name in settings.making:
            left = tuple(one for one in settings.making if one != name)
            text = replace(settings, making=left).to_text()
            given = {"name": model.name, "items_table": model.items_table, "hash_parameters": text}
            database.run("change_settings", given)
    database.drop(name)
    if is_generation(name):
        drop_cells(database, name, models)


def begun_before(database: Database, now: int) -> int:
    """Return the moment before which a run must have begun that is no more."""
    opened = database.opened_at
    return now - _DAY if opened is None else opened


def _moment(comments: Sequence[str], mark: str) -> int | None:
    """Return the moment that a comment says after a mark, None where none does."""
    for comment in comments:
        moment = comment.removeprefix(mark).partition(" ")[0]
        if comment.startswith(mark) and moment.isdigit():
            return int(moment)
    return None
