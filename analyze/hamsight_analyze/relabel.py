"""A reviewed list of wrong tags, applied to the items."""

from __future__ import annotations

import csv
from pathlib import Path

from hamsight_analyze.items import Identity
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import UsageError
from hamsight_core.names import checked
from hamsight_curate.change import Change, update
from hamsight_curate.selection import Selection

_COLUMNS = ("dataset", "subset", "id", "tag", "suggested")


def relabel(catalog: Catalog, file: Path) -> Change:
    """Give items the suggested tag in place of the tag, with the boxes of that label.

    `file` is CSV with the columns dataset, subset, id, tag and suggested, as `hamsight find
    mislabelled --format csv` writes it. Image and annotation files are not touched. Returns how
    many tags were listed and how many changed. Raises UsageError, before anything is changed, for
    a file that is none.
    """
    listed = _read(file)
    changed = 0
    for (tag, suggested), identities in listed.items():
        parameters = {"tag": tag, "suggested": suggested}
        done = update(
            catalog,
            Selection(identities),
            fill("tag_replaced"),
            fill("has_tag"),
            parameters,
        )
        changed += done.changed
    return Change(sum(map(len, listed.values())), changed)


def _read(file: Path) -> dict[tuple[str, str], list[Identity]]:
    """Return the items of each tag and the tag that it becomes."""
    listed: dict[tuple[str, str], list[Identity]] = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream)
            missing = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise UsageError(
                    f"{file} has no column {missing[0]}; expected {', '.join(_COLUMNS)}, as"
                    " `hamsight find mislabelled --format csv` writes them"
                )
            for row in rows:
                values = [row[name] for name in _COLUMNS]
                if any(value is None for value in values):
                    raise UsageError(f"{file}, line {rows.line_num}: a column is missing")
                dataset, subset, id, tag, suggested = values
                checked(f"{file}, line {rows.line_num}: suggested", suggested)
                listed.setdefault((tag, suggested), []).append((dataset, subset, id))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{file} cannot be read as CSV: {error}") from None
    return listed
