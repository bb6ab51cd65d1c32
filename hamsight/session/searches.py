"""The read side of a session."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hamsight.session.opened import Opened, PathLike, several
from hamsight_core.catalog.catalog import TableKind
from hamsight_core.models.network import Compute, Precision
from hamsight_core.names import check_options, chosen

if TYPE_CHECKING:
    import pyarrow as pa

    from hamsight_query.asked import Given
    from hamsight_query.evaluate import Evaluation
    from hamsight_query.request import Request
    from hamsight_query.result import Matches


class Searches(Opened):
    """Queries, saved ones too, and SQL."""

    def query(
        self,
        *asked: Given,
        device: str = "AUTO",
        precision: str = "auto",
        **options: Any,
    ) -> Matches:
        """Find the items most like words, pictures, items or groups, as `hamsight query` does.

        Of `asked`, what has a slash, a scheme or an image's suffix is a picture, all else is words.
        The keywords `image`, `text`, `not_text`, `item`, `group` and `each_of` (each item of a
        group) say what a query is; each is a value or several, and a value may be a tuple with its
        weight: `("beach", 0.7)`. `box` is the part of a picture, (x, y, width, height) in pixels or
        shares, or a list of such. Other `options` are those of `hamsight_query.request.Request`:
        `dataset`, `subset` and `model`, one or several, `k`, `offset`, `combine`, `rank`,
        `candidates`, `max_distance`, `min_similarity`, `calibrated`, `dissimilar`, `objects`
        (annotated boxes in place of pictures), `where`, `sort`, `exclude_self`, `recall`, `exact`,
        and for a list without a query `random`. Raises UsageError, CatalogError, ModelError or
        ImageError.
        """
        return self.search(_request(*asked, **options), device=device, precision=precision)

    def search(self, request: Request, *, device: str = "AUTO", precision: str = "auto") -> Matches:
        """Answer a request, such as `Request.from_json` makes. Raises what `query` raises."""
        from hamsight_query.search import search

        return search(self.catalog(), request, _compute(device, precision))

    def show(
        self,
        item: str,
        model: str | None = None,
        *,
        save: PathLike | None = None,
        objects: bool = False,
        box: str | Sequence[float] | None = None,
    ) -> dict[str, Any]:
        """Return all that is known of the item or object of a name, by column.

        A name is [DATASET/][SUBSET/]ID. With `save` the picture is drawn into a file: with its
        boxes; each of them by itself, with `objects`; or its part `box`, (x, y, width, height) in
        pixels or shares. Raises UnknownItemError, UsageError and ImageError.
        """
        from hamsight_query.item import describe_item, save_item
        from hamsight_query.region import Region

        found = describe_item(self.catalog(), item, model)
        if save is not None:
            region = None if box is None else Region.of(box)
            save_item(found, Path(save), objects=objects, region=region)
        row: dict[str, Any] = found.to_pylist(maps_as_pydicts="strict")[0]
        return row

    def sql(
        self,
        statement: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        write: bool = False,
    ) -> pa.Table | None:
        """Run SQL on the catalog, read-only unless `write`; return its answer as Arrow.

        None is returned for a statement that answers nothing. Raises StatementError.
        """
        from hamsight_query.sql import run_sql

        return run_sql(self.catalog(), statement, parameters or {}, write=write)

    def evaluate(
        self,
        model: str | None = None,
        *,
        k: int = 10,
        queries: int = 200,
        recall: float = 0.97,
        objects: bool = False,
        device: str = "AUTO",
    ) -> Evaluation:
        """Measure recall, how many of the exact top k a search returns, as `hamsight evaluate`.

        The evaluation's `table` is an Arrow table. Raises UsageError, EmptyCatalogError and
        ModelError.
        """
        from hamsight_query.evaluate import evaluate_model

        return evaluate_model(
            self.catalog(),
            model,
            kind=TableKind.of(objects),
            k=k,
            queries=queries,
            recall=recall,
            compute=Compute(device),
        )

    def save_query(
        self,
        name: str,
        *,
        replace: bool = False,
        device: str = "AUTO",
        precision: str = "auto",
        **options: Any,
    ) -> None:
        """Keep a query, said as in `query`, under a name; `replace` one of that name.

        Raises what `query` raises.
        """
        from hamsight_query.saved import save_query

        request = _request(**options)
        compute = _compute(device, precision)
        save_query(self.catalog(), name, request, replace=replace, compute=compute)

    def run(self, name: str, *, k: int | None = None, offset: int | None = None) -> Matches:
        """Repeat a saved query on what the catalog holds now, without loading a model.

        `k` and `offset` stand in place of those saved. Raises UsageError for an unknown name,
        ModelMismatchError when the model has changed since, and ExpressionError.
        """
        from hamsight_query.saved import run_saved

        return run_saved(self.catalog(), name, k=k, offset=offset)

    def saved(self) -> pa.Table:
        """Return a row for each saved query: name, queries, filter, model, options, created_at."""
        from hamsight_query.saved import list_saved

        return list_saved(self.catalog())

    def delete_saved(self, name: str) -> None:
        """Delete a saved query; views made of it stay. Raises UsageError for an unknown name."""
        from hamsight_query.saved import delete_saved

        delete_saved(self.catalog(), name)

    def save_view(self, name: str, view: str, *, replace: bool = False) -> None:
        """Make a SQL view of a saved query, as `hamsight saved view` does.

        Raises what `run` raises, and UsageError for a name that cannot be the view's.
        """
        from hamsight_query.saved_view import save_view

        save_view(self.catalog(), name, view, replace=replace)


def _compute(device: str, precision: str) -> Compute:
    return Compute(device, chosen("precision", Precision, precision))


_QUERIES = ("image", "text", "not_text", "item", "group", "each_of")


def _request(
    *asked: Given,
    dataset: str | Sequence[str] = (),
    subset: str | Sequence[str] = (),
    model: PathLike | Sequence[PathLike] | None = (),
    box: Any = (),
    **options: Any,
) -> Request:
    from hamsight_query.asked import request_of
    from hamsight_query.request import Combine, Rank, Request

    named = {field.name for field in fields(Request)} - {"queries", "datasets", "subsets", "models"}
    known = {*named, *_QUERIES, "dataset", "subset", "model", "box", "device", "precision"}
    check_options(options, known)
    queries: dict[str, Any] = {
        name: _values(options.pop(name)) for name in _QUERIES if name in options
    }
    for name, choices in (("combine", Combine), ("rank", Rank)):
        if options.get(name) is not None:
            options[name] = chosen(name, choices, options[name])
    one_box = isinstance(box, str) or (bool(box) and not isinstance(box[0], (str, Sequence)))
    return request_of(
        asked,
        **queries,
        box=[box] if one_box else box,
        datasets=several(dataset),
        subsets=several(subset),
        model=several(model or ()),
        **options,
    )


def _values(given: Any) -> list[Given]:
    """Return one query, or several, as a list; a tuple of a query and a number is its weight."""
    if isinstance(given, (str, os.PathLike)):
        return [given]
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], (int, float)):
        return [given]
    return list(given)
