"""The read side of a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from hamsight.session.opened import Opened, PathLike, several
from hamsight_core.models.network import Compute, Precision
from hamsight_core.names import check_options, chosen

if TYPE_CHECKING:
    import pyarrow as pa

    from hamsight_query.evaluate import Evaluation
    from hamsight_query.request import Request
    from hamsight_query.result import Matches


class Searches(Opened):
    """Queries, saved ones too, and SQL."""

    def query(
        self,
        *,
        image: PathLike | Sequence[PathLike] = (),
        text: str | Sequence[str] = (),
        item: str | Sequence[str] = (),
        dataset: str | Sequence[str] = (),
        subset: str | Sequence[str] = (),
        device: str = "AUTO",
        precision: str = "auto",
        **options: Any,
    ) -> Matches:
        """Find the items most like pictures, words or stored items, as `hamsight query` does.

        Each of the first five is one value or several. `options` are those of
        `hamsight_query.request.Request`: `k`, `offset`, `combine`, `rank`, `candidates`,
        `max_distance`, `dissimilar`, `where`, `exclude_self` and `model`. Raises UsageError,
        CatalogError, ModelError or ImageError.
        """
        from hamsight_query.search import search

        request = _request(
            image=image, text=text, item=item, dataset=dataset, subset=subset, **options
        )
        return search(self.catalog(), request, _compute(device, precision))

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
        device: str = "AUTO",
    ) -> Evaluation:
        """Measure what searches keep of exact cosine's best, as `hamsight evaluate` does.

        The evaluation's `table` is an Arrow table. Raises UsageError, EmptyCatalogError and
        ModelError.
        """
        from hamsight_query.evaluate import evaluate_model

        return evaluate_model(
            self.catalog(), model, k=k, queries=queries, recall=recall, compute=Compute(device)
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


_ASKED = ("image", "text", "item", "dataset", "subset", "device", "precision")


def _compute(device: str, precision: str) -> Compute:
    return Compute(device, chosen("precision", Precision, precision))


def _request(
    *,
    image: PathLike | Sequence[PathLike] = (),
    text: str | Sequence[str] = (),
    item: str | Sequence[str] = (),
    dataset: str | Sequence[str] = (),
    subset: str | Sequence[str] = (),
    **options: Any,
) -> Request:
    from hamsight_query.request import Combine, Kind, Query, Rank, Request

    named = {field.name for field in fields(Request)} - {"queries", "datasets", "subsets"}
    check_options(options, {*named, *_ASKED})
    given = ((Kind.IMAGE, image), (Kind.TEXT, text), (Kind.ITEM, item))
    queries = [Query(kind, one) for kind, values in given for one in several(values)]
    for name, choices in (("combine", Combine), ("rank", Rank)):
        if name in options:
            options[name] = chosen(name, choices, options[name])
    return Request(
        tuple(queries),
        datasets=tuple(several(dataset)),
        subsets=tuple(several(subset)),
        **options,
    )
