"""Search: `hamsight query`, `save`, `run` and `saved`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hamsight.cli.completion import saved_queries
from hamsight.cli.options import ComputePrecision, Database, Device, was_given
from hamsight.cli.output import Open, check_format, chosen_columns, drawn, listing, say_drawn, show
from hamsight.cli.request_options import (
    AddToGroup,
    All,
    AnswerFormat,
    Columns,
    Sheet,
    ShowSql,
    takes_request,
)
from hamsight_core.errors import EXIT_NO_MATCH, UsageError
from hamsight_core.models.network import DEFAULT_DEVICE, Compute, Precision
from hamsight_core.names import checked
from hamsight_core.show.arrays import strings
from hamsight_core.show.formats import Format
from hamsight_core.show.terminal import output, say, stop, tell
from hamsight_query.request import Request

if TYPE_CHECKING:
    import pyarrow as pa

    from hamsight_core.catalog.catalog import Catalog
    from hamsight_query.result import Matches


_SHOWN = 20
"""Rows of a table that a terminal shows where neither -k nor --all is given."""


@takes_request
def query(
    context: typer.Context,
    request: Request,
    device: Device = DEFAULT_DEVICE,
    precision: ComputePrecision = Precision.AUTO,
    format: AnswerFormat = Format.TABLE,
    save: Sheet = None,
    open: Open = False,
    columns: Columns = None,
    all: All = False,
    add_to_group: AddToGroup = None,
    show_sql: ShowSql = False,
    db: Database = None,
) -> None:
    """Search for the images most similar to words, pictures, stored items or groups.

    Give several queries to search by all of them. Without a query, --where,
    --dataset, --subset, --sort and --random list items.
    """
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_query.search import prepare, search

    check_delivery(format, save, add_to_group, show_sql)
    with Catalog.open(db) as catalog:
        if show_sql:
            prepared = prepare(catalog, request, Compute(device, precision))
            prepared.check(catalog)
            tell(*prepared.statement.script().split("\n"))
            return
        matches = search(catalog, request, Compute(device, precision))
    if not matches and request.max_distance is not None and not matches.tells_distance:
        say("note: words lie near half of the bits from all pictures: cut off by --min-similarity")
    shown = None if all or was_given(context, "k") else _SHOWN
    deliver(matches, format, columns, shown, (save, open), add_to_group, db)


def check_delivery(
    format: Format, save: Path | None, add_to_group: str | None, show_sql: bool
) -> None:
    """Raise UsageError, before anything is searched, for an answer that cannot be delivered."""
    if not show_sql:
        check_format(format)
    if save is not None:
        from hamsight_core.show.sheet import sheet_format

        sheet_format(save)
    if add_to_group is not None:
        checked("--add-to-group", add_to_group)
    if show_sql and add_to_group is not None:
        raise UsageError("--show-sql runs nothing, so --add-to-group has nothing to add")


def deliver(
    matches: Matches,
    format: Format,
    columns: str | None,
    shown: int | None,
    sheet: tuple[Path | None, bool],
    add_to_group: str | None,
    db: str | None,
) -> None:
    """Show matches and do with them what the options say; end with status 1 where none is.

    A table on a terminal has the first `shown`, or all. `sheet` are --save and --open.
    """
    answer = matches.to_arrow()
    if columns is not None:
        answer = chosen_columns(answer, columns)
    elif format is Format.TABLE:
        answer = _for_people(matches)
    if add_to_group is not None and matches:
        from hamsight.session import Session

        with Session(db) as session:
            change = session.add_to_group(add_to_group, matches)
        say(f"{change.changed} of {change.selected} put into the group {add_to_group!r}")
    is_cut = shown is not None and format is Format.TABLE and output().isatty()
    show(answer.slice(0, shown) if is_cut else answer, format)
    if is_cut and shown is not None and shown < len(answer):
        say(f"the first {shown} of {len(answer)} matches: --all shows all of them")
    if (file := drawn(*sheet)) is not None:
        matches.save(file)
        say_drawn(file, sheet[1])
    if not matches:
        stop(EXIT_NO_MATCH, "no match")


def _for_people(matches: Matches) -> pa.Table:
    """Return the columns that a person reads, leaving out those that say nothing here."""
    table = matches.to_arrow()
    table = table.append_column("item", strings(match.name for match in matches))
    columns = ["rank"]
    if matches.targets:
        columns += ["similarity", "distance"] if matches.tells_distance else ["similarity"]
    columns.append("item")
    if len(matches.targets) > 1:
        columns.append("query")
    if matches.of_objects:
        return table.select([*columns, "tag", "parent", "x", "y", "width", "height", "area"])
    columns.extend(
        column for column in ("tags", "captions", "groups") if any(table[column].to_pylist())
    )
    return table.select(columns)


Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The saved query.", autocompletion=saved_queries)
]


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
    context: typer.Context,
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
    open: Open = False,
    columns: Columns = None,
    all: All = False,
    add_to_group: AddToGroup = None,
    show_sql: ShowSql = False,
    db: Database = None,
) -> None:
    """Repeat a saved query on the items of today. No model is loaded."""
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_query.saved import prepare_saved, run_saved

    check_delivery(format, save, add_to_group, show_sql)
    with Catalog.open(db) as catalog:
        if show_sql:
            prepared = prepare_saved(catalog, name, k=k, offset=offset)
            prepared.check(catalog)
            tell(*prepared.statement.script().split("\n"))
            return
        matches = run_saved(catalog, name, k=k, offset=offset)
    shown = None if all or was_given(context, "k") else _SHOWN
    deliver(matches, format, columns, shown, (save, open), add_to_group, db)


def _listed(catalog: Catalog) -> pa.Table:
    from hamsight_query.saved import list_saved

    return list_saved(catalog)


saved = listing("List the saved queries; delete a query, or make a SQL view of it.", _listed)


@saved.command("delete")
def delete_saved(name: Name, db: Database = None) -> None:
    """Delete a saved query. Views made from it stay."""
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_query.saved import delete_saved as delete

    with Catalog.open(db) as catalog:
        delete(catalog, name)
    tell(f"the saved query {name!r} is deleted")


@saved.command("view")
def save_view(
    name: Name,
    view: Annotated[str, typer.Argument(metavar="VIEW", help="The name of the view in SQL.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace an existing view of a saved query.")
    ] = False,
    db: Database = None,
) -> None:
    """Create a SQL view of a saved query: SELECT * FROM VIEW ORDER BY rank."""
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_query.saved_view import save_view as make_view

    with Catalog.open(db) as catalog:
        make_view(catalog, name, view, replace=replace)
    tell(f"the view {view} answers the saved query {name!r}")
