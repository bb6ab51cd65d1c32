"""Search: `hamsight query`, `save`, `run` and `saved`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hamsight.cli.completion import saved_queries
from hamsight.cli.options import ComputePrecision, Database, Device, takes, was_given
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
    from hamsight_query.search import Prepared


_SHOWN = 20
"""Rows of a table that a terminal shows where neither -k nor --all is given."""


class Delivery:
    """What becomes of matches. Raises UsageError, before anything is searched, for what cannot."""

    def __init__(
        self,
        context: typer.Context,
        format: AnswerFormat = Format.TABLE,
        save: Sheet = None,
        open: Open = False,
        columns: Columns = None,
        all: All = False,
        add_to_group: AddToGroup = None,
        show_sql: ShowSql = False,
        db: Database = None,
    ) -> None:
        if not show_sql:
            check_format(format)
        if save is not None:
            from hamsight_core.show.sheet import sheet_format

            sheet_format(save)
        if add_to_group is not None:
            checked("--add-to-group", add_to_group)
        if show_sql and add_to_group is not None:
            raise UsageError("--show-sql runs nothing, so --add-to-group has nothing to add")
        self.db, self.show_sql = db, show_sql
        self._format, self._columns, self._group = format, columns, add_to_group
        self._save, self._open = save, open
        on_terminal = format is Format.TABLE and output().isatty()
        self._is_cut = on_terminal and not all and not was_given(context, "k")

    def complete(self, matches: Matches) -> Matches:
        """Return the matches with what a sheet of them needs of the catalog, which is open."""
        if self._save is not None or self._open:
            matches.read_boxes()
        return matches

    def deliver(self, matches: Matches) -> None:
        """Show matches and do with them what the options say; end with status 1 where none is."""
        answer = matches.to_arrow()
        if self._columns is not None:
            answer = chosen_columns(_with_names(matches), self._columns)
        elif self._format is Format.TABLE:
            answer = _for_people(matches)
        if self._group is not None and matches:
            from hamsight.session import Session

            with Session(self.db) as session:
                change = session.add_to_group(self._group, matches)
            say(f"{change.changed} of {change.selected} put into the group {self._group!r}")
        show(answer.slice(0, _SHOWN) if self._is_cut else answer, self._format)
        if self._is_cut and len(answer) > _SHOWN:
            say(f"the first {_SHOWN} of {len(answer)} matches: --all shows all of them")
        if (file := drawn(self._save, self._open)) is not None:
            matches.save(file)
            say_drawn(file, self._open)
        if not matches:
            stop(EXIT_NO_MATCH, "no match")


takes_delivery = takes("delivery", Delivery)
"""Gives a command the options of `Delivery` in place of its parameter `delivery`."""


@takes_request
@takes_delivery
def query(
    request: Request,
    device: Device = DEFAULT_DEVICE,
    precision: ComputePrecision = Precision.AUTO,
    *,
    delivery: Delivery,
) -> None:
    """Search for the images most similar to words, pictures, stored items or groups.

    Give several queries to search by all of them. Without a query, --where,
    --dataset, --subset, --sort and --random list items.
    """
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_query.search import prepare, search

    compute = Compute(device, precision)
    with Catalog.open(delivery.db) as catalog:
        if delivery.show_sql:
            _tell_sql(catalog, prepare(catalog, request, compute))
            return
        matches = delivery.complete(search(catalog, request, compute))
    if not matches and request.max_distance is not None and not matches.tells_distance:
        say("note: words lie near half of the bits from all pictures: cut off by --min-similarity")
    delivery.deliver(matches)


def _tell_sql(catalog: Catalog, prepared: Prepared) -> None:
    """Print the SQL of a search in place of its answer."""
    prepared.check(catalog)
    tell(*prepared.statement.script().split("\n"))


def _with_names(matches: Matches) -> pa.Table:
    """Return the matches with the column `item`, their names as `--item` takes them."""
    return matches.to_arrow().append_column("item", strings(match.name for match in matches))


def _for_people(matches: Matches) -> pa.Table:
    """Return the columns that a person reads, leaving out those that say nothing here."""
    table = _with_names(matches)
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


@takes_delivery
def run(
    name: Name,
    k: Annotated[
        int | None,
        typer.Option("-k", "--top-k", help="Number of matches. Default: as saved."),
    ] = None,
    offset: Annotated[
        int | None, typer.Option(help="Number of matches to skip. Default: as saved.")
    ] = None,
    *,
    delivery: Delivery,
) -> None:
    """Repeat a saved query on the items of today. No model is loaded."""
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_query.saved import prepare_saved, run_saved

    with Catalog.open(delivery.db) as catalog:
        if delivery.show_sql:
            _tell_sql(catalog, prepare_saved(catalog, name, k=k, offset=offset))
            return
        matches = delivery.complete(run_saved(catalog, name, k=k, offset=offset))
    delivery.deliver(matches)


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
