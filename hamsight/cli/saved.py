"""`hamsight save`, `hamsight run` and `hamsight saved`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hamsight.cli.options import ComputePrecision, Database, Device
from hamsight.cli.query import check_delivery, deliver, listing
from hamsight.cli.request import AddToGroup, AnswerFormat, Sheet, ShowSql, takes_request
from hamsight_core.models.network import DEFAULT_DEVICE, Compute, Precision
from hamsight_core.show.formats import Format
from hamsight_core.show.terminal import tell
from hamsight_query.request import Request

if TYPE_CHECKING:
    import pyarrow as pa

    from hamsight_core.catalog.catalog import Catalog

Name = Annotated[str, typer.Argument(metavar="NAME", help="The saved query.")]


@takes_request
def save(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name to save the query under.")],
    request: Request,
    device: Device = DEFAULT_DEVICE,
    precision: ComputePrecision = Precision.AUTO,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the saved query of this name.")
    ] = False,
    db: Database = None,
) -> None:
    """Save a query under a name. Repeat it with `hamsight run NAME`.

    Takes the options of `hamsight query`. Pictures and words are saved as hash
    and embedding.
    """
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_query.saved import save_query

    with Catalog.open(db) as catalog:
        save_query(catalog, name, request, replace=replace, compute=Compute(device, precision))
    tell(f"the query {name!r} is saved: repeat it with `hamsight run`")


def run(
    name: Name,
    k: Annotated[
        int | None,
        typer.Option("-k", "--top-k", help="Number of matches. Default: as saved."),
    ] = None,
    offset: Annotated[
        int | None, typer.Option(help="Number of matches to skip. Default: as saved.")
    ] = None,
    format: AnswerFormat = Format.TABLE,
    save: Sheet = None,
    add_to_group: AddToGroup = None,
    show_sql: ShowSql = False,
    db: Database = None,
) -> None:
    """Repeat a saved query on the items of today. No model is loaded."""
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_query.saved import prepare_saved, run_saved

    check_delivery(save, add_to_group, show_sql)
    with Catalog.open(db) as catalog:
        if show_sql:
            prepared = prepare_saved(catalog, name, k=k, offset=offset)
            prepared.check(catalog)
            tell(*prepared.statement.script().split("\n"))
            return
        matches = run_saved(catalog, name, k=k, offset=offset)
    deliver(matches, format, save, add_to_group, db)


def _listed(catalog: Catalog) -> pa.Table:
    from hamsight_query.saved import list_saved

    return list_saved(catalog)


saved = listing("List the saved queries; delete a query, or make a SQL view of it.", _listed)


@saved.command("delete")
def delete(name: Name, db: Database = None) -> None:
    """Delete a saved query. Views made from it stay."""
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_query.saved import delete_saved

    with Catalog.open(db) as catalog:
        delete_saved(catalog, name)
    tell(f"the saved query {name!r} is deleted")


@saved.command("view")
def view(
    name: Name,
    view: Annotated[str, typer.Argument(metavar="VIEW", help="The name of the view in SQL.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace an existing view of a saved query.")
    ] = False,
    db: Database = None,
) -> None:
    """Create a SQL view of a saved query: SELECT * FROM VIEW ORDER BY rank."""
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_query.saved_view import save_view

    with Catalog.open(db) as catalog:
        save_view(catalog, name, view, replace=replace)
    tell(f"the view {view} answers the saved query {name!r}")
