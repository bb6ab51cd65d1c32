"""A reviewed list of wrong tags, applied to the items."""

from __future__ import annotations

import csv
from pathlib import Path

from hamsight_analyze.items import Identity
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.errors import UsageError
from hamsight_core.names import checked
from hamsight_curate.change import Change
from hamsight_curate.labels import replace_tags

_COLUMNS = ("dataset", "subset", "id", "tag", "suggested")


def relabel(catalog: Catalog, file: Path) -> Change:
    """Give items the suggested tag in place of the tag, with the boxes of that label.

    `file` is CSV with the columns dataset, subset, id, tag and suggested, as `hamsight find
    mislabelled --format csv` writes it. Image and annotation files are not touched. Returns how
    many tags were listed and how many changed. Raises UsageError, before anything is changed, for
    a file that is none.
    """
    return replace_tags(catalog, _read(file)).change


def _read(file: Path) -> dict[Identity, dict[str, str]]:
    """Return what each tag of each item becomes."""
    listed: dict[Identity, dict[str, str]] = {}
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
                listed.setdefault((dataset, subset, id), {})[tag] = suggested
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{file} cannot be read as CSV: {error}") from None
    return listed
