"""The selected items as they leave the catalog: in the order of their identities, page by page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.generations import view_of
from hamsight_core.catalog.statements import fill, union_of
from hamsight_core.items import Box, Category, Identity
from hamsight_curate.change import union
from hamsight_curate.export.names import safe_name
from hamsight_curate.selection import Condition, Selection, conditions, models_of

if TYPE_CHECKING:
    import pyarrow as pa

PAGE_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Stored:
    """An item as the catalog holds it; width and height are pixels of the upright image."""

    dataset: str
    subset: str
    id: str
    uri: str
    width: int
    height: int
    tags: dict[str, int]
    boxes: tuple[Box, ...]
    captions: tuple[str, ...]
    groups: tuple[str, ...]
    status: str
    attributes: dict[str, str]

    @property
    def identity(self) -> Identity:
        """Return (dataset, subset, id)."""
        return self.dataset, self.subset, self.id


@dataclass(frozen=True, slots=True)
class Part:
    """The selected items of one subset of one dataset."""

    dataset: str
    subset: str
    conditions: tuple[Condition, ...]


class Source:
    """The selected items of a catalog, for a writer.

    With `features` there must be one model, which has them. Raises what `conditions` raises.
    """

    def __init__(self, catalog: Catalog, selection: Selection, *, features: bool = False) -> None:
        model = catalog.model(selection.model).name if features else selection.model
        self._catalog = catalog
        # the views, as a table that is read for long may be dropped after a rehash
        self._tables = [view_of(one.items_table) for one in models_of(catalog, model)]
        self._conditions = conditions(catalog, self._tables, selection)
        columns = ["export_columns", "export_features"] if features else ["export_columns"]
        self._columns = ", ".join(map(fill, columns))
        self.parts = self._parts()

    def folders(self, root: Path) -> Iterator[tuple[Path, list[Part]]]:
        """Yield a folder for each dataset, made if need be, and the dataset's parts.

        The folder is `root` where there is one dataset, else one named as the dataset below it.
        """
        datasets = {part.dataset: list[Part]() for part in self.parts}
        for part in self.parts:
            datasets[part.dataset].append(part)
        for dataset, parts in datasets.items():
            folder = root if len(datasets) == 1 else root / safe_name(dataset)
            folder.mkdir(exist_ok=True)
            yield folder, parts

    def pages(self, part: Part) -> Iterator[pa.Table]:
        """Yield the columns of `sql/export.sql` of a part's items, at most PAGE_ROWS a table."""
        for condition in part.conditions:
            after = ""
            while True:
                page = self._page(part, condition, after)
                if page.num_rows:
                    yield page
                if page.num_rows < PAGE_ROWS:
                    break
                after = page["id"][-1].as_py()

    def items(self, part: Part) -> Iterator[Stored]:
        """Yield the items of a part in the order of their ids."""
        from hamsight_core.show.values import records

        names = [field.name for field in fields(Stored)]
        for page in self.pages(part):
            yield from map(_stored, records(page.select(names)))

    def labels(self, dataset: str | None = None) -> list[str]:
        """Return the labels of the boxes of a dataset, or of all, sorted."""
        return sorted(
            {
                label
                for table in self._tables
                for condition in self._conditions
                for name, label in self._catalog.rows(
                    "export_labels", condition.parameters, table=table, condition=condition.sql
                )
                if dataset in (None, name)
            }
        )

    def categories(self, dataset: str) -> list[Category]:
        """Return the labels as the sources of a dataset number them, the latest source first."""
        column = {"table": "ingests", "column": "categories"}
        if not self._catalog.rows("has_column", column)[0][0]:
            return []
        found: dict[str, Category] = {}
        numbers: set[int] = set()
        for (listed,) in self._catalog.rows("recorded_categories", {"dataset": dataset}):
            for one in json.loads(listed):
                if one["name"] not in found and one["id"] not in numbers:
                    numbers.add(one["id"])
                    found[one["name"]] = Category(
                        one["name"], one["id"], one.get("supercategory", "")
                    )
        return list(found.values())

    def coco_ids(self, part: Part) -> tuple[set[int], int]:
        """Return the numbers `coco_id` that items of a subset share, and the largest number."""
        parameters = {"dataset": part.dataset, "subset": part.subset}
        selects = union_of(fill("coco_ids", table=table) for table in self._tables)
        repeated = self._catalog.rows("repeated_coco_ids", parameters, selects=selects)
        largest = self._catalog.rows("largest_coco_id", parameters, selects=selects)
        return {row[0] for row in repeated}, largest[0][0]

    def _parts(self) -> list[Part]:
        found: dict[tuple[str, str], list[Condition]] = {}
        for condition in self._conditions:
            selects = union(self._tables, condition)
            for dataset, subset in self._catalog.rows(
                "export_parts", condition.parameters, selects=selects
            ):
                found.setdefault((dataset, subset), []).append(condition)
        return [Part(*key, tuple(found[key])) for key in sorted(found)]

    def _page(self, part: Part, condition: Condition, after: str) -> pa.Table:
        selects = union_of(
            f"({fill('export_rows', table=table, place=place, condition=condition.sql)})"
            for place, table in enumerate(self._tables)
        )
        parameters = {
            **condition.parameters,
            "page_dataset": part.dataset,
            "page_subset": part.subset,
            "page_after": after,
            "page_rows": PAGE_ROWS,
        }
        sql = fill("export_page", columns=self._columns, selects=selects)
        return self._catalog.arrow(sql, parameters)


def _stored(row: dict[str, Any]) -> Stored:
    for name in ("captions", "groups"):
        row[name] = tuple(row[name])
    row["boxes"] = tuple(Box(**box) for box in row["boxes"])
    return Stored(**row)
