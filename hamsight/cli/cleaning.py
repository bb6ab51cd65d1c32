"""Clean: `hamsight verify`."""

from __future__ import annotations

from typing import Annotated

import typer

from hamsight.cli.completion import datasets
from hamsight.cli.options import Database
from hamsight.cli.output import show
from hamsight_core.show.formats import Format
from hamsight_core.show.terminal import say, stop
from hamsight_curate.verify_files import Files

_EXIT_DIFFERENT = 1


def verify(
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Only this dataset. Default: all datasets.",
            autocompletion=datasets,
        ),
    ] = None,
    files: Annotated[
        Files,
        typer.Option(
            help="Compare files by size and time of change (stat), by reading them (digest),"
            " or not at all (none). Files at URLs are read only with digest."
        ),
    ] = Files.STAT,
    format: Annotated[Format, typer.Option(help="Format of the output.")] = Format.TABLE,
    db: Database = None,
) -> None:
    """Compare the catalog with the files, the models and itself, and list every difference.

    Nothing is changed. The exit status is 0 if nothing differs, and 1 if
    something does.
    """
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_curate.verify import verify as compare

    with Catalog.open(db) as catalog:
        found = compare(catalog, dataset=dataset, files=files)
    if found.num_rows or format is not Format.TABLE:
        show(found, format)
    if found.num_rows:
        count = found.num_rows
        stop(_EXIT_DIFFERENT, f"{count} differences" if count > 1 else "1 difference")
    say("nothing differs")
