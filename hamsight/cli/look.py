"""Look: `hamsight info` and `hamsight show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hamsight.cli.options import Database, StoredModel
from hamsight.cli.output import Open, drawn, say_drawn, show
from hamsight_core.errors import UsageError
from hamsight_core.show.formats import Format
from hamsight_core.show.terminal import tell


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
        tell(*describe(catalog, format).split("\n"))


def show_item(
    item: Annotated[str, typer.Argument(metavar="[DATASET/][SUBSET/]ID", help="The item.")],
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="FILE.png", help="Draw the picture with its boxes."),
    ] = None,
    objects: Annotated[
        bool, typer.Option("--objects", help="Draw each box by itself, as a sheet.")
    ] = False,
    box: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y,W,H",
            help="Draw this part of the picture alone: in pixels, or in shares of its size.",
        ),
    ] = None,
    open: Open = False,
    model: StoredModel = None,
    format: Annotated[Format, typer.Option(help="Format of the output.")] = Format.TABLE,
    db: Database = None,
) -> None:
    """Show everything that the catalog knows of an item, or of an object."""
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_core.show.sheet import sheet_format
    from hamsight_core.show.text_table import fields
    from hamsight_query.item import describe_item, save_item
    from hamsight_query.region import Region

    if save is not None:
        sheet_format(save)
    if (objects or box) and save is None and not open:
        raise UsageError("--objects and --box say what is drawn: give --save FILE.png or --open")
    if objects and box:
        raise UsageError("--objects draws every box, --box a part: give one of the two")
    region = None if box is None else Region.of(box)
    with Catalog.open(db) as catalog:
        row = describe_item(catalog, item, model)
    if format is Format.TABLE:
        for line in fields(row):
            tell(line)
    else:
        show(row, format)
    if (file := drawn(save, open)) is not None:
        save_item(row, file, objects=objects, region=region)
        say_drawn(file, open)
