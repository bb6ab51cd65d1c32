"""Look: `hamsight info`."""

from __future__ import annotations

from typing import Annotated

import typer

from hamsight.cli.options import Database
from hamsight.cli.output import show
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
