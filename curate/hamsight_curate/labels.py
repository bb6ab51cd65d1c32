"""Tags that become other tags, with the boxes of that label; and the way back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from hamsight_core.catalog.catalog import Catalog, CatalogModel, TableKind
from hamsight_core.catalog.paging import as_json, pages
from hamsight_core.catalog.statements import fill
from hamsight_core.items import Identity, picture_of
from hamsight_curate.change import Change
from hamsight_curate.selection import of_identities
from hamsight_ingest.object_writer import of_parents

Labels = tuple[dict[str, int], list[dict[str, Any]]]
"""The tags of an item with their counts, and its boxes."""


@dataclass(frozen=True, slots=True)
class Relabelled:
    """A change of tags, with what each table held before and after it."""

    change: Change
    tables: tuple[tuple[str, TableKind, dict[Identity, Labels], dict[Identity, Labels]], ...]


def replace_tags(catalog: Catalog, replaced: Mapping[Identity, Mapping[str, str]]) -> Relabelled:
    """Give items other tags: `replaced` says for each item what its tags become.

    Boxes with that label change too, and the objects of a picture as the picture does. A tag that
    an item does not have changes nothing. The counts of tags that become one are added.
    """
    done, tables = set[tuple[Identity, str]](), []
    with catalog.locked("a change of tags"):
        for model in catalog.models(None):
            held = _read(catalog, model, replaced)
            asked = {one: replaced[_picture(one, model.kind)] for one in held}
            former = {one: held[one] for one in held if asked[one].keys() & held[one][0].keys()}
            latter = {one: _replaced(labels, asked[one]) for one, labels in former.items()}
            _write(catalog, model.items_table, latter)
            tables.append((model.name, model.kind, former, latter))
            if model.kind is TableKind.ITEMS:
                done |= {(one, tag) for one in former for tag in asked[one].keys() & former[one][0]}
    asked_for = sum(map(len, replaced.values()))
    return Relabelled(Change(asked_for, len(done)), tuple(tables))


def put_back(catalog: Catalog, made: Relabelled) -> None:
    """Undo a change of tags; an item whose labels changed since keeps them."""
    with catalog.locked("a change of tags"):
        for name, kind, former, latter in made.tables:
            model = catalog.model(name, kind=kind)
            held = _read(catalog, model, [_picture(one, kind) for one in latter])
            unchanged = {one: former[one] for one in latter if held.get(one) == latter[one]}
            _write(catalog, model.items_table, unchanged)


def _picture(identity: Identity, kind: TableKind) -> Identity:
    """Return the identity of an object's picture, or of an item itself."""
    return identity if kind is TableKind.ITEMS else picture_of(identity)


def _replaced(labels: Labels, replaced: Mapping[str, str]) -> Labels:
    tags, boxes = labels
    counts: dict[str, int] = {}
    for name, count in tags.items():
        name = replaced.get(name, name)
        counts[name] = counts.get(name, 0) + count
    return counts, [{**box, "label": replaced.get(box["label"], box["label"])} for box in boxes]


def _read(
    catalog: Catalog, model: CatalogModel, pictures: Iterable[Identity]
) -> dict[Identity, Labels]:
    """Return the labels of pictures, or of their objects in a table of objects."""
    from hamsight_core.show.values import records

    found: dict[Identity, Labels] = {}
    for condition, parameters in _conditions(model, sorted(set(pictures))):
        sql = fill("labels_of", table=model.items_table, condition=condition)
        for row in records(catalog.arrow(sql, parameters)):
            identity = row["dataset_name"], row["subset_name"], row["id"]
            found[identity] = row["tags"], row["boxes"]
    return found


def _conditions(
    model: CatalogModel, pictures: Sequence[Identity]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if model.kind is TableKind.OBJECTS:
        for dataset, group in groupby(pictures, itemgetter(0)):
            for given in of_parents(dataset, [one[1:] for one in group]):
                yield fill("of_parents"), given
        return
    for condition in of_identities(pictures):
        yield condition.sql, condition.parameters


def _write(catalog: Catalog, table: str, labels: Mapping[Identity, Labels]) -> None:
    rows = ((one, (_json(tags), _tuples(boxes))) for one, (tags, boxes) in labels.items())
    for dataset, subset, page in _pages(rows):
        names = {name: name for name in ("dataset", "subset", "ids")}
        parameters = {
            "dataset": dataset,
            "subset": subset,
            "ids": as_json([id for id, _, _ in page]),
            "tags": f"[{','.join(tags for _, tags, _ in page)}]",
            "boxes": f"[{','.join(boxes for _, _, boxes in page)}]",
        }
        catalog.run(
            "update_items",
            parameters,
            table=table,
            condition=fill("of_identities", **names),
            assignments=fill("labels_set"),
            needed=fill("every_item"),
        )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _tuples(boxes: Iterable[Mapping[str, Any]]) -> str:
    return _json([[box[name] for name in ("label", "x", "y", "width", "height")] for box in boxes])


def _pages(
    rows: Iterable[tuple[Identity, tuple[str, ...]]],
) -> Iterator[tuple[str, str, list[tuple[str, ...]]]]:
    """Yield dataset, subset and (id, texts…) of rows, as many as fit into one statement."""
    ordered = sorted(rows)
    for (dataset, subset), group in groupby(ordered, key=lambda row: row[0][:2]):
        for page in pages((one[2], *texts) for one, texts in group):
            yield dataset, subset, page
