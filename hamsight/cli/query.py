"""`hamsight query`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hamsight.cli.options import ComputePrecision, Database, Device, refuse_before_command
from hamsight.cli.request import AddToGroup, AnswerFormat, Sheet, ShowSql, takes_request
from hamsight_core.errors import EXIT_NO_MATCH, UsageError
from hamsight_core.models.network import DEFAULT_DEVICE, Compute, Precision
from hamsight_core.names import checked
from hamsight_core.show.arrays import strings
from hamsight_core.show.formats import Format, write
from hamsight_core.show.terminal import App, say, tell
from hamsight_query.request import Request

if TYPE_CHECKING:
    import pyarrow as pa

    from hamsight_core.catalog.catalog import Catalog
    from hamsight_query.result import Matches


@takes_request
def query(
    request: Request,
    device: Device = DEFAULT_DEVICE,
    precision: ComputePrecision = Precision.AUTO,
    format: AnswerFormat = Format.TABLE,
    save: Sheet = None,
    add_to_group: AddToGroup = None,
    show_sql: ShowSql = False,
    db: Database = None,
) -> None:
    """Search for the images most similar to pictures, words or stored items.

    Give --image, --text and --item several times, or together, to search by
    several queries.
    """
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_query.search import prepare, search

    check_delivery(save, add_to_group, show_sql)
    with Catalog.open(db) as catalog:
        if show_sql:
            prepared = prepare(catalog, request, Compute(device, precision))
            prepared.check(catalog)
            tell(*prepared.statement.script().split("\n"))
            return
        matches = search(catalog, request, Compute(device, precision))
    deliver(matches, format, save, add_to_group, db)


def check_delivery(save: Path | None, add_to_group: str | None, show_sql: bool) -> None:
    """Raise UsageError, before anything is searched, for an answer that cannot be delivered."""
    from hamsight_core.show.sheet import sheet_format

    if save is not None:
        sheet_format(save)
    if add_to_group is not None:
        checked("--add-to-group", add_to_group)
    if show_sql and add_to_group is not None:
        raise UsageError("--show-sql runs nothing, so --add-to-group has nothing to add")


def deliver(
    matches: Matches, format: Format, save: Path | None, add_to_group: str | None, db: str | None
) -> None:
    """Show matches and do with them what the options say; end with status 1 where none is."""
    answer = matches.to_arrow()
    if add_to_group is not None and matches:
        from hamsight.session import Session

        with Session(db) as session:
            change = session.add_to_group(add_to_group, matches)
        say(f"{change.changed} of {change.selected} put into the group {add_to_group!r}")
    show(_for_people(matches) if format is Format.TABLE else answer, format)
    if save is not None:
        matches.save(save)
        say(f"saved {save}")
    if not matches:
        say("no match")
        raise typer.Exit(EXIT_NO_MATCH)


def show(table: pa.Table, format: Format) -> None:
    """Write a table to stdout; one for people is cut to the terminal.

    Raises UsageError for a binary format on a terminal.
    """
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    if width is not None and format in (Format.PARQUET, Format.ARROW):
        raise UsageError(f"--format {format.value} is binary: redirect it to a file, > FILE")
    write(table, format, sys.stdout.buffer, width=width)


def listing(help: str, listed: Callable[[Catalog], pa.Table]) -> App:
    """Return a group of commands that shows a table of the catalog where none of them is named."""
    group = App()

    @group.callback(invoke_without_command=True, help=help)
    def show_all(
        context: typer.Context,
        format: Annotated[Format, typer.Option(help="Format of the list.")] = Format.TABLE,
        db: Database = None,
    ) -> None:
        if context.invoked_subcommand is not None:
            refuse_before_command(context, "db", "format")
            return
        from hamsight_core.catalog.catalog import Catalog

        with Catalog.open(db) as catalog:
            found = listed(catalog)
        show(found, format)

    return group


def _for_people(matches: Matches) -> pa.Table:
    """Return the columns that a person reads, leaving out those that say nothing here."""
    table = matches.to_arrow()
    table = table.append_column("item", strings(match.name for match in matches))
    columns = ["rank", "similarity", "distance", "item"]
    if len(matches.targets) > 1:
        columns.append("query")
    columns.extend(
        column for column in ("tags", "captions", "groups") if any(table[column].to_pylist())
    )
    return table.select(columns)
