"""Tags that become other tags, with the boxes of that label; and the way back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.paging import as_json, pages
from hamsight_core.catalog.statements import fill
from hamsight_curate.change import Change
from hamsight_curate.selection import Identity

Labels = tuple[dict[str, int], list[dict[str, Any]]]
"""The tags of an item with their counts, and its boxes."""


@dataclass(frozen=True, slots=True)
class Relabelled:
    """A change of tags, with the labels of each model's items before and after it."""

    change: Change
    tables: tuple[tuple[str, dict[Identity, Labels], dict[Identity, Labels]], ...]


def replace_tags(catalog: Catalog, replaced: Mapping[Identity, Mapping[str, str]]) -> Relabelled:
    """Give items other tags: `replaced` says for each item what its tags become.

    A tag that an item does not have changes nothing. The counts of tags that become one are added.
    """
    done, tables = set[tuple[Identity, str]](), []
    with catalog.locked("a change of tags"):
        for model in catalog.models():
            held = _read(catalog, model.items_table, replaced)
            former = {
                one: labels for one, labels in held.items() if replaced[one].keys() & labels[0]
            }
            latter = {one: _replaced(labels, replaced[one]) for one, labels in former.items()}
            _write(catalog, model.items_table, latter)
            tables.append((model.name, former, latter))
            done |= {(one, tag) for one in former for tag in replaced[one].keys() & former[one][0]}
    asked = sum(map(len, replaced.values()))
    return Relabelled(Change(asked, len(done)), tuple(tables))


def put_back(catalog: Catalog, made: Relabelled) -> None:
    """Undo a change of tags; an item whose labels changed since keeps them."""
    with catalog.locked("a change of tags"):
        for model, former, latter in made.tables:
            table = catalog.model(model).items_table
            held = _read(catalog, table, latter)
            _write(catalog, table, {one: former[one] for one in held if held[one] == latter[one]})


def _replaced(labels: Labels, replaced: Mapping[str, str]) -> Labels:
    tags, boxes = labels
    counts: dict[str, int] = {}
    for name, count in tags.items():
        name = replaced.get(name, name)
        counts[name] = counts.get(name, 0) + count
    return counts, [{**box, "label": replaced.get(box["label"], box["label"])} for box in boxes]


def _read(catalog: Catalog, table: str, identities: Iterable[Identity]) -> dict[Identity, Labels]:
    from hamsight_core.show.values import batches, values

    found: dict[Identity, Labels] = {}
    for dataset, subset, page in _pages((one, ()) for one in identities):
        names = {name: name for name in ("dataset", "subset", "ids")}
        condition = fill("of_identities", **names)
        parameters = {
            "dataset": dataset,
            "subset": subset,
            "ids": as_json([id for (id,) in page]),
        }
        sql = fill("labels_of", table=table, condition=condition)
        for batch in batches(catalog.arrow(sql, parameters)):
            columns = [values(column, finite=True) for column in batch.columns]
            for id, tags, boxes in zip(*columns, strict=True):
                found[dataset, subset, id] = (tags, boxes)
    return found


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
