"""Apply a reviewed list of wrong tags to the items."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from hamsight_core.catalog.catalog import Catalog, TableKind
from hamsight_core.catalog.paging import as_json, pages
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import UsageError
from hamsight_core.items import Identity
from hamsight_core.names import checked
from hamsight_curate.change import Change, update_tables
from hamsight_curate.labels import replace_tags
from hamsight_curate.selection import Selection

_COLUMNS = ("dataset", "subset", "id", "tag", "suggested")


def relabel(catalog: Catalog, file: Path, *, objects: bool = False) -> Change:
    """Give items the suggested tag in place of the tag, with the boxes of that label.

    `file` is CSV with the columns dataset, subset, id, tag and suggested, as `hamsight find
    mislabelled --format csv` writes it; with `objects` its rows are objects, whose pictures' boxes
    and tags change too. Image and annotation files are not touched. Returns how many tags were
    listed and how many changed. Raises UsageError, before anything is changed, for a file that
    is no such list.
    """
    listed = _read(file)
    if not objects:
        replaced: dict[Identity, dict[str, str]] = {}
        for (tag, suggested), pictures in listed.items():
            for picture in pictures:
                replaced.setdefault(picture, {})[tag] = suggested
        return replace_tags(catalog, replaced).change
    changed = sum(
        _relabel_boxes(catalog, identities, {"tag": tag, "suggested": suggested})
        for (tag, suggested), identities in listed.items()
    )
    return Change(sum(map(len, listed.values())), changed)


def _relabel_boxes(
    catalog: Catalog, objects: Sequence[Identity], parameters: dict[str, str]
) -> int:
    """Give objects, and their boxes in the pictures, the suggested tag; return how many changed."""
    pictures: dict[tuple[str, str], dict[str, list[int]]] = {}
    for dataset, subset, id in objects:
        parent, _, number = id.rpartition("#")
        if parent and number.isdigit():
            pictures.setdefault((dataset, subset), {}).setdefault(parent, []).append(int(number))
    chosen = fill("box_chosen")
    count = fill("boxes_chosen", chosen=chosen)
    pieces = {"assignments": fill("labels_replaced", chosen=chosen, count=count), "needed": count}
    with catalog.locked("a change of objects"):
        for (dataset, subset), numbers in pictures.items():
            for page in pages((id,) for id in numbers):
                ids = [id for (id,) in page]
                given = {
                    **parameters,
                    "dataset": dataset,
                    "subset": subset,
                    "ids": as_json(ids),
                    "numbers": as_json([numbers[id] for id in ids]),
                }
                condition = fill("of_identities", **{n: n for n in ("dataset", "subset", "ids")})
                for model in catalog.models():
                    table = model.items_table
                    catalog.run("update_items", given, table=table, condition=condition, **pieces)
        tables = [model.items_table for model in catalog.models(TableKind.OBJECTS)]
        return update_tables(
            catalog,
            tables,
            Selection(objects),
            fill("tag_replaced"),
            fill("has_tag"),
            parameters,
        ).changed


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
