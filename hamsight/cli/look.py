"""Look: `hamsight info` and `hamsight show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hamsight.cli.options import Database, StoredModel
from hamsight.cli.output import show
from hamsight_core.errors import UsageError
from hamsight_core.show.formats import Format
from hamsight_core.show.terminal import say


def info(
    rejects: Annotated[
        bool, typer.Option("--rejects", help="List the files that could not be used.")
    ] = False,
    format: Annotated[
        Format, typer.Option(help="Format of the output: table or json. --rejects has all formats.")
    ] = Format.TABLE,
    db: Database = None,
) -> None:
    """Show the models, datasets, ingests, tables and sizes of the catalog."""
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_query.info import describe, list_rejects

    with Catalog.open(db) as catalog:
        if rejects:
            show(list_rejects(catalog), format)
            return
        if format not in (Format.TABLE, Format.JSON):
            raise UsageError(f"--format {format.value}: `hamsight info` has table and json")
        typer.echo(describe(catalog, as_json=format is Format.JSON))


def show_item(
    item: Annotated[str, typer.Argument(metavar="[DATASET/][SUBSET/]ID", help="The item.")],
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="FILE.png", help="Draw the picture with its boxes."),
    ] = None,
    model: StoredModel = None,
    format: Annotated[Format, typer.Option(help="Format of the output.")] = Format.TABLE,
    db: Database = None,
) -> None:
    """Show everything that the catalog knows of an item."""
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_core.show.sheet import sheet_format
    from hamsight_core.show.text_table import fields
    from hamsight_query.item import describe_item, save_item

    if save is not None:
        sheet_format(save)
    with Catalog.open(db) as catalog:
        row = describe_item(catalog, item, model)
    if format is Format.TABLE:
        for line in fields(row):
            typer.echo(line)
    else:
        show(row, format)
    if save is not None:
        save_item(row, save)
        say(f"saved {save}")
