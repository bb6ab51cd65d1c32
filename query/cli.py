"""`hamsight query`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hamsight.encoder import DEFAULT_DEVICE
from hamsight.errors import EXIT_NO_MATCH, UsageError
from hamsight.options import Database, Device
from hamsight.terminal import say
from query.output import Format, write
from query.request import DEFAULT_CANDIDATES, DEFAULT_K, Combine, Kind, Query, Rank, Request

if TYPE_CHECKING:
    import pyarrow as pa

    from query.result import Matches


def query(
    image: Annotated[
        list[str] | None, typer.Option(metavar="PATH|URL", help="Search by a picture.")
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option(metavar="WORDS", help="Search by words.")
    ] = None,
    item: Annotated[
        list[str] | None,
        typer.Option(metavar="[DATASET/][SUBSET/]ID", help="Search by a stored item."),
    ] = None,
    k: Annotated[int, typer.Option("-k", "--top-k", help="How many matches.")] = DEFAULT_K,
    offset: Annotated[int, typer.Option(help="Skip so many matches; paging is stable.")] = 0,
    combine: Annotated[
        Combine,
        typer.Option(
            help="Several queries: near to any (nearest), a share for each (balanced),"
            " near to every one (all)."
        ),
    ] = Combine.NEAREST,
    rank: Annotated[
        Rank,
        typer.Option(help="Order candidates by cosine similarity, or rank by the hash alone."),
    ] = Rank.COSINE,
    candidates: Annotated[
        int, typer.Option(help="How many the hash finds for cosine to order.")
    ] = DEFAULT_CANDIDATES,
    max_distance: Annotated[
        int | None, typer.Option(metavar="BITS", help="Leave out matches that differ more.")
    ] = None,
    dissimilar: Annotated[
        bool, typer.Option("--dissimilar", help="The least alike first.")
    ] = False,
    dataset: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only of this dataset.")
    ] = None,
    subset: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only of this subset.")
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="EXPRESSION",
            help='Only what holds, such as: (dog > 2 or height > 200) and "good" in groups',
        ),
    ] = None,
    exclude_self: Annotated[
        bool | None,
        typer.Option(
            help="Leave out the queries' own rows. By default those of --item; when given, also"
            " stored copies of --image."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME|FOLDER", help="Model, where the catalog has several."),
    ] = None,
    device: Device = DEFAULT_DEVICE,
    format: Annotated[Format, typer.Option(help="Format of the answer.")] = Format.TABLE,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Draw a contact sheet of the answer."),
    ] = None,
    add_to_group: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Put what is found into a group."),
    ] = None,
    show_sql: Annotated[
        bool,
        typer.Option("--show-sql", help="Print the statement for `clickhouse client`, and end."),
    ] = False,
    db: Database = None,
) -> None:
    """Find the images that are most like pictures, words or stored items.

    --image, --text and --item may each be given several times, and together.
    """
    given = ((Kind.IMAGE, image), (Kind.TEXT, text), (Kind.ITEM, item))
    request = Request(
        queries=tuple(Query(kind, one) for kind, values in given for one in values or ()),
        k=k,
        offset=offset,
        combine=combine,
        rank=rank,
        candidates=candidates,
        max_distance=max_distance,
        dissimilar=dissimilar,
        datasets=tuple(dataset or ()),
        subsets=tuple(subset or ()),
        where=where,
        exclude_self=exclude_self,
        model=model,
    )
    from hamsight.catalog import Catalog
    from query.search import prepare, search
    from query.sheet import sheet_format

    if save is not None:
        sheet_format(save)
    if show_sql and add_to_group is not None:
        raise UsageError("--show-sql runs nothing, so --add-to-group has nothing to add")
    with Catalog.open(db) as catalog:
        if show_sql:
            _, statement, _ = prepare(catalog, request, device)
            typer.echo(statement.script())
            return
        matches = search(catalog, request, device)
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
    """Write a table to stdout; one for people is cut to the terminal."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    write(table, format, sys.stdout.buffer, width=width)


def _for_people(matches: Matches) -> pa.Table:
    """Return the columns that a person reads, leaving out those that say nothing here."""
    import pyarrow as pa

    table = matches.to_arrow()
    names = pa.array([match.name for match in matches], pa.string())
    table = table.append_column("item", names)
    columns = ["rank", "similarity", "distance", "item"]
    if len(matches.targets) > 1:
        columns.append("query")
    columns.extend(
        column for column in ("tags", "captions", "groups") if any(table[column].to_pylist())
    )
    return table.select(columns)
