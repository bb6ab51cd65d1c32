"""The items that an analysis is of, read page by page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hamsight_analyze.progress import Progress
from hamsight_core.catalog.catalog import Catalog, CatalogModel, TableKind
from hamsight_core.catalog.paging import item_pages
from hamsight_core.catalog.statements import all_of, fill
from hamsight_core.items import Box, Identity
from hamsight_core.show.row_sheet import Tile
from hamsight_curate.selection import Selection, conditions

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_PAGE = 20_000
_HALF_FROM = 100_000
"""From so many items on features are held as float16: 1 GB for a million of 512 numbers."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which items of which model: of datasets, of subsets, for which an expression holds.

    With `objects` they are annotated boxes of pictures.
    """

    datasets: tuple[str, ...] = ()
    subsets: tuple[str, ...] = ()
    where: str | None = None
    model: str | None = None
    objects: bool = False

    def __str__(self) -> str:
        parts = [*self.datasets, *self.subsets, *([self.where] if self.where else [])]
        return f" of {', '.join(parts)}" if parts else ""

    def described(self) -> dict[str, Any]:
        """Return what is asked, as it is recorded."""
        named = {
            "dataset": self.datasets,
            "subset": self.subsets,
            "where": self.where,
            "objects": self.objects,
        }
        return {name: value for name, value in named.items() if value}


@dataclass(slots=True)
class Items:
    """Items of one model, in the order of their identities.

    `features` are (n, d) of unit length, float32, float16 from 100,000 items on; None where
    they were not asked for; `left_out` counts the items that have none then. `columns` holds what
    else was asked for, by name: a value for each item. `beside` is what an analysis reads of the
    catalog besides columns.
    """

    model: CatalogModel
    identities: list[Identity]
    uris: list[str]
    sha256: list[bytes]
    latest_us: int
    features: NDArray[np.floating] | None = None
    left_out: int = 0
    columns: defaultdict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    beside: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.identities)

    def tile(self, place: int, lines: tuple[str, ...]) -> Tile:
        """Return what shows an item: its picture, of an object the part that it is."""
        crop = None
        if self.model.kind is TableKind.OBJECTS:
            x, y, width, height = (self.columns[name][place] for name in _BOX)
            crop = Box("", x, y, width, height)
        return Tile(self.uris[place], lines, crop=crop)

    def keys(self) -> NDArray[np.uint64]:
        """Return the hashes of the identities, (n,) uint64, from `analyzed_key`."""
        import numpy as np

        return np.array(self.columns["item_key"], np.uint64)

    def digests(self) -> NDArray[np.uint64]:
        """Return the hashes of the features, (n,) uint64, from `analyzed_digest`."""
        import numpy as np

        return np.array(self.columns["feature_digest"], np.uint64)

    def hashes(self) -> NDArray[np.uint8]:
        """Return the perceptual hashes (n, 2, 32) uint8: whole, and without margins."""
        import numpy as np

        both = [np.frombuffer(b"".join(self.columns[name]), np.uint8) for name in _HASHES]
        return np.stack([one.reshape(len(self), 32) for one in both], axis=1)


_BOX = ("box_x", "box_y", "box_width", "box_height")
_HASHES = ("phash", "phash_trimmed")
_ALWAYS = ("dataset_name", "subset_name", "id", "uri", "sha256", "ingested_us")


def read_items(
    catalog: Catalog,
    scope: Scope,
    more: Sequence[str],
    parameters: dict[str, Any],
    *,
    on_progress: Progress,
) -> Items:
    """Read the items of a scope with the columns that the statements `more` name.

    `parameters` are the values of the columns' parameters. An item without a feature is left out
    where features are asked for. `on_progress` is told how many of how many are read.

    Raises UsageError, EmptyCatalogError or ExpressionError.
    """
    import numpy as np

    model = _model_of(catalog, scope)
    if scope.objects:
        more = [*more, "analyzed_box"]
    condition, values = condition_of(catalog, model, scope)
    values.update(parameters)
    table = model.items_table
    counts = catalog.rows("count_analyzed", values, table=table, conditions=all_of(condition))[0]
    total, left_out = (int(count) for count in counts)
    items = Items(model, [], [], [], 0)
    if "analyzed_features" in more:
        condition.append(fill("has_feature"))
        total, items.left_out = total - left_out, left_out
        number = np.float16 if total >= _HALF_FROM else np.float32
        items.features = np.empty((total, model.dimension), number)
    columns = "".join(f",\n    {fill(name)}" for name in more)
    for page in _pages(catalog, table, condition, values, columns):
        _add(items, page)
        on_progress(len(items), total)
    if items.features is not None:
        items.features = items.features[: len(items)]
    return items


def state_of(catalog: Catalog, scope: Scope) -> int:
    """Return a number that is another one when items of a scope came, went or changed.

    Raises UsageError, EmptyCatalogError or ExpressionError.
    """
    model = _model_of(catalog, scope)
    held, values = condition_of(catalog, model, scope)
    conditions = all_of(held)
    rows = catalog.rows("state_of_items", values, table=model.items_table, conditions=conditions)
    return int(rows[0][0])


def condition_of(
    catalog: Catalog, model: CatalogModel, scope: Scope
) -> tuple[list[str], dict[str, Any]]:
    """Return the conditions of a scope, joined by ANDs, and the values of their parameters."""
    if not (scope.datasets or scope.subsets or scope.where):
        return [], {}
    asked = Selection(None, scope.where, scope.datasets, scope.subsets, model.name)
    (one,) = conditions(catalog, [model.items_table], asked)
    return [f"({one.sql})"], dict(one.parameters)


def places_of(wanted: NDArray[np.uint64], keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the place of each wanted key (m,) among n keys, (m,) int64; -1 where it is none."""
    import numpy as np

    if not len(keys):
        return np.full(len(wanted), -1)
    order = np.argsort(keys, kind="stable")
    at = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
    return np.where(keys[at] == wanted, at, -1)


def _model_of(catalog: Catalog, scope: Scope) -> CatalogModel:
    return catalog.model(scope.model, scope.datasets, kind=TableKind.of(scope.objects))


def _pages(
    catalog: Catalog, table: str, condition: list[str], values: dict[str, Any], more: str
) -> Iterator[pa.Table]:
    for held, given in item_pages(catalog, table, _PAGE, condition, values):
        sql = fill("analyzed_items", table=table, conditions=held, more=more)
        page = catalog.arrow(sql, given)
        if page.num_rows:
            yield page


def _add(items: Items, page: pa.Table) -> None:
    """Take a page; items that came while others were read find no room and are left out."""
    import numpy as np

    start, count = len(items), page.num_rows
    if items.features is not None:
        count = min(count, len(items.features) - start)
        page = page.slice(0, count)
        flat = np.concatenate(
            [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in page["numbers"].chunks]
            or [np.empty(0, np.float32)]
        )
        items.features[start : start + count] = flat.reshape(count, -1)
    dataset, subset, id, uri = (_texts(page[name]) for name in _ALWAYS[:4])
    items.identities.extend(zip(dataset, subset, id, strict=True))
    items.uris.extend(uri)
    items.sha256.extend(page["sha256"].to_pylist())
    items.latest_us = max([items.latest_us, *page["ingested_us"].to_pylist()])
    for name in page.column_names:
        if name not in _ALWAYS and name != "numbers":
            items.columns[name].extend(_plain(page[name]))


def _texts(column: pa.ChunkedArray) -> list[str]:
    import pyarrow as pa

    return list(column.cast(pa.string()).to_pylist())


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _plain(column: pa.ChunkedArray) -> list[Any]:
    import pyarrow.types as pt

    kind = column.type
    values = column.to_pylist()
    if pt.is_map(kind):
        return [{_text(key): number for key, number in value} for value in values]
    if pt.is_list(kind) and pt.is_binary(kind.value_type):
        return [[one.decode() for one in value] for value in values]
    if pt.is_binary(kind):
        return [value.decode() for value in values]
    return list(values)
