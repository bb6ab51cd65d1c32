"""The `hamsight` command: its groups of commands, as its help shows them in panels."""

from __future__ import annotations

from typing import Annotated

import typer

from hamsight.cli.agents import mcp
from hamsight.cli.analyst import functions, sql
from hamsight.cli.asking import query, run, save, saved
from hamsight.cli.changing import datasets, delete, group, set_
from hamsight.cli.checking import check
from hamsight.cli.choosing import cluster, compare, sample
from hamsight.cli.cleaning import verify
from hamsight.cli.engine import evaluate, index, models, rehash
from hamsight.cli.explore import explore, serve
from hamsight.cli.finding import find
from hamsight.cli.ingesting import ingest
from hamsight.cli.look import info, show_item
from hamsight.cli.mapping import map_
from hamsight.cli.reporting import report
from hamsight.cli.transfer import export, formats, import_features
from hamsight.demo.command import demo
from hamsight_core.show.terminal import App, Commands, tell

LOOK, SEARCH, CLEAN, CHANGE = "Look", "Search", "Clean", "Change"
DATA, ENGINE, SQL = "Data in and out", "Models and engine", "SQL"

app = App(
    cls=Commands,
    name="hamsight",
    help="Find, compare and clean images in datasets by content, in plain ClickHouse.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 success, 1 no match, 2 wrong usage, 3 catalog error, 4 model error,"
    " 5 image or dataset error, 6 rejected files, 7 disk full or out of memory, 70 not foreseen,"
    " 130 interrupted, 129 or 143 ended by SIGHUP or SIGTERM.",
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        tell(f"hamsight {version('hamsight')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error that was not foreseen.")
    ] = False,
) -> None:
    pass


app.command(rich_help_panel=LOOK)(info)
app.command(rich_help_panel=LOOK)(explore)
app.command("show", rich_help_panel=LOOK)(show_item)
app.command(rich_help_panel=LOOK)(demo)

app.command(rich_help_panel=SEARCH)(query)
app.command(rich_help_panel=SEARCH)(save)
app.command(rich_help_panel=SEARCH)(run)
app.command(rich_help_panel=SEARCH)(mcp)
app.add_typer(saved, name="saved", rich_help_panel=SEARCH)

app.add_typer(find, name="find", rich_help_panel=CLEAN)
app.command(rich_help_panel=CLEAN)(sample)
app.command(rich_help_panel=CLEAN)(compare)
app.command(rich_help_panel=CLEAN)(cluster)
app.command("map", rich_help_panel=CLEAN)(map_)
app.command(rich_help_panel=CLEAN)(check)
app.command(rich_help_panel=CLEAN)(report)
app.command(rich_help_panel=CLEAN)(verify)

app.add_typer(group, name="group", rich_help_panel=CHANGE)
app.command("set", rich_help_panel=CHANGE)(set_)
app.command(rich_help_panel=CHANGE)(delete)
app.add_typer(datasets, name="datasets", rich_help_panel=CHANGE)

app.command(rich_help_panel=DATA)(ingest)
app.command(rich_help_panel=DATA)(export)
app.command(rich_help_panel=DATA)(import_features)
app.command(rich_help_panel=DATA)(formats)

app.add_typer(models, name="models", rich_help_panel=ENGINE)
app.command(rich_help_panel=ENGINE)(rehash)
app.command(rich_help_panel=ENGINE)(index)
app.command(rich_help_panel=ENGINE)(evaluate)

app.command(rich_help_panel=SQL)(sql)
app.command(rich_help_panel=SQL)(serve)
app.command(rich_help_panel=SQL)(functions)


def main() -> None:
    """Run the command line."""
    app()
