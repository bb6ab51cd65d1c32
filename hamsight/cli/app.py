"""The `hamsight` command: mounts the commands of ingest, query and curate."""

from __future__ import annotations

from typing import Annotated

import typer

from hamsight.cli.catalog import functions, info, sql
from hamsight.cli.curate import delete, group, set_
from hamsight.cli.datasets import datasets
from hamsight.cli.evaluate import evaluate
from hamsight.cli.export import export
from hamsight.cli.features import import_features
from hamsight.cli.formats import formats
from hamsight.cli.index import index
from hamsight.cli.ingest import ingest
from hamsight.cli.models import models
from hamsight.cli.query import query
from hamsight.cli.rehash import rehash
from hamsight.cli.saved import run, save, saved
from hamsight.cli.verify import verify
from hamsight.demo.command import demo
from hamsight_core.show.terminal import App, Commands, tell

app = App(
    cls=Commands,
    name="hamsight",
    help="Find, compare and clean images in datasets by content, in plain ClickHouse.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 success, 1 no match, 2 wrong usage, 3 catalog error, 4 model error,"
    " 5 image or dataset error, 6 rejected files, 7 disk full, 130 interrupted.",
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
) -> None:
    pass


app.command()(ingest)
app.command()(query)
app.command()(sql)
app.command()(info)
app.command()(save)
app.command()(run)
app.add_typer(saved, name="saved")
app.add_typer(models, name="models")
app.command()(import_features)
app.command()(formats)
app.command()(rehash)
app.command()(index)
app.command()(evaluate)
app.command()(functions)
app.add_typer(group, name="group")
app.command("set")(set_)
app.command()(delete)
app.add_typer(datasets, name="datasets")
app.command()(export)
app.command()(verify)
app.command()(demo)


def main() -> None:
    """Run the command line."""
    app()
