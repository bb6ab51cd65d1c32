"""Clean: `hamsight verify`."""

from __future__ import annotations

from typing import Annotated

import typer

from hamsight.cli.completion import datasets
from hamsight.cli.options import Database
from hamsight.cli.output import show
from hamsight_core.errors import CatalogError
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
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="First restore the files of an embedded catalog that does not open, and drop what"
            " killed runs left. Copies of the files as they were are kept beside the catalog.",
        ),
    ] = False,
    format: Annotated[Format, typer.Option(help="Format of the output.")] = Format.TABLE,
    db: Database = None,
) -> None:
    """Compare the catalog with the files, the models and itself, and list every difference.

    Without --repair nothing is changed. The exit status is 0 if nothing differs, and 1 if
    something does.
    """
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_curate.verify import verify as compare

    if repair:
        _repair(db)
    with Catalog.open(db) as catalog:
        found = compare(catalog, dataset=dataset, files=files)
    if found.num_rows or format is not Format.TABLE:
        show(found, format)
    if found.num_rows:
        count = found.num_rows
        stop(_EXIT_DIFFERENT, f"{count} differences" if count > 1 else "1 difference")
    say("nothing differs")


def _repair(db: str | None) -> None:
    from hamsight_curate.repair import repair

    done = repair(db)
    for fault in done.restored:
        change = "; what it would have changed is to be done again" if fault.is_mutation else ""
        verb = "taken away" if fault.is_part else "restored"
        say(f"{verb}: {fault.file} ({fault.what}), which {_past(fault.why)}{change}")
    if done.restored and done.copies.exists():
        say(f"the files as they were are in {done.copies}")
    for table in done.swept:
        say(f"dropped: the table {table}, which a run that was killed or a rehash left")
    for fault in done.lost:
        say(
            f"cannot be restored: {fault.file} ({fault.what}), which {_past(fault.why)}:"
            " restore the folder from a backup, or ingest into a new catalog"
        )
    if done.lost:
        raise typer.Exit(CatalogError.exit_status)
    if not done.restored and not done.swept:
        say("nothing needed a repair")


def _past(why: str) -> str:
    return why.replace("is ", "was ", 1).replace("holds ", "held ", 1)
