"""`hamsight export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hamsight.cli.curate import items_
from hamsight.cli.options import Database
from hamsight.cli.selection import Asked, Dataset, Items, Subset, Where
from hamsight_core.errors import EXIT_NO_MATCH, SourceError, UsageError
from hamsight_core.show.terminal import say, tell
from hamsight_curate.export.choices import Images, To


def export(
    target: Annotated[
        Path,
        typer.Argument(
            metavar="TARGET", help="A new or empty folder; a new file for csv, jsonl and parquet."
        ),
    ],
    to: Annotated[To, typer.Option(help="Format of the export.")],
    items: Items = None,
    images: Annotated[
        Images | None,
        typer.Option(
            help="How images are exported. Default: copy for coco, yolo and folder, else none."
        ),
    ] = None,
    features: Annotated[
        bool,
        typer.Option("--features", help="Write hash and embedding too: csv, jsonl and parquet."),
    ] = False,
    where: Where = None,
    group: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only items of this group.")
    ] = None,
    dataset: Dataset = None,
    subset: Subset = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only items of this model. Default: of all models."),
    ] = None,
    db: Database = None,
) -> None:
    """Write items as a dataset of another format. Existing files are not touched.

    An item whose image cannot be read is reported and left out; the exit status
    is then 5.
    """
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_curate.export.items import in_group
    from hamsight_curate.export.job import check
    from hamsight_curate.export.job import export as export_items
    from hamsight_curate.export.report import Missing
    from hamsight_curate.names import written

    check(target, to, images, features=features)
    if group is not None:
        if items:
            raise UsageError("give items by name or with --group, not both")
        where = in_group(group, where)
    asked = Asked(items, where, dataset, subset, model)

    def missing(one: Missing) -> None:
        say(f"missing: {written(one.identity)}: {one.uri}: {one.reason}")

    with Catalog.open(db) as catalog:
        selection = asked.selection(catalog)
        done = export_items(
            catalog,
            selection,
            target,
            to,
            images=images,
            features=features,
            on_missing=missing,
        )
    for words in done.notes:
        say(f"note: {words}")
    found = done.items + done.missing_count
    if selection.identities is not None and len(set(selection.identities)) > found:
        absent = len(set(selection.identities)) - found
        say(f"note: not in the catalog: {items_(absent)} of those named")
    if not found:
        say("no item matched: nothing was exported")
        raise typer.Exit(EXIT_NO_MATCH)
    tell(f"{items_(done.items)} exported to {target} ({to.value})")
    if done.missing_count:
        say(f"{items_(done.missing_count)} left out, as their images could not be had")
        raise typer.Exit(SourceError.exit_status)
