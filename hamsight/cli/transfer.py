"""Data in and out: `hamsight import-features`, `export` and `formats`."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hamsight.cli.changing import items_
from hamsight.cli.completion import groups, models
from hamsight.cli.ingesting import role_columns
from hamsight.cli.options import Asked, Database, Dataset, Items, Subset, Where
from hamsight_core.errors import EXIT_NO_MATCH, SourceError, UsageError
from hamsight_core.show.terminal import say, stop, tell
from hamsight_curate.export.choices import Images

if TYPE_CHECKING:
    from hamsight_ingest.source import Reader


def export(
    target: Annotated[
        Path,
        typer.Argument(
            metavar="TARGET", help="A new or empty folder; a new file for csv, jsonl and parquet."
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            metavar="FORMAT",
            help="Format of the export: coco, yolo, csv, jsonl, parquet, folder, datumaro,"
            " fiftyone, or one that another package adds.",
        ),
    ],
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
        str | None,
        typer.Option(metavar="NAME", help="Only items of this group.", autocompletion=groups),
    ] = None,
    dataset: Dataset = None,
    subset: Subset = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Only items of this model. Default: of all models.",
            autocompletion=models,
        ),
    ] = None,
    db: Database = None,
) -> None:
    """Write items as a dataset of another format. Existing files are not touched.

    An item whose image cannot be read is reported and left out; the exit status
    is then 5.
    """
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_core.items import item_name
    from hamsight_curate.export.job import check
    from hamsight_curate.export.job import export as export_items
    from hamsight_curate.export.report import Missing
    from hamsight_curate.groups import in_group

    check(target, to, images, features=features)
    if group is not None:
        if items:
            raise UsageError("give items by name or with --group, not both")
        where = in_group(group, where)
    asked = Asked(items, where, dataset, subset, model)

    def missing(one: Missing) -> None:
        say(f"missing: {item_name(one.identity)}: {one.uri}: {one.reason}")

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
        stop(EXIT_NO_MATCH, "no item matched: nothing was exported")
    tell(f"{items_(done.items)} exported to {target} ({to})")
    if done.missing_count:
        left_out = f"{items_(done.missing_count)} left out, as their images could not be had"
        stop(SourceError.exit_status, left_out)


def import_features(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Parquet, Arrow, npz, SQLite or Datumaro's hash_keys.json."
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="The model of the embeddings: one of the catalog, or a new one."
        ),
    ],
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The dataset. Default: as FILE says, else the name of FILE."
        ),
    ] = None,
    subset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Put every item into this subset.")
    ] = None,
    dimension: Annotated[
        int | None, typer.Option(min=1, help="Create a new model with embeddings of this length.")
    ] = None,
    bits: Annotated[
        int | None, typer.Option(min=8, help="Create a new model with hashes of this length.")
    ] = None,
    table: Annotated[
        str | None, typer.Option(metavar="NAME", help="The table, if a SQLite file has several.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE=NAME",
            help="Column of FILE for a role: id, dataset, subset, uri, feature or hash."
            " Default: recognised by name. An empty NAME leaves the role out.",
        ),
    ] = None,
    db: Database = None,
) -> None:
    """Store embeddings or hashes that were made elsewhere.

    They belong to a model and are compared only within it. A file with a wrong
    row is refused as a whole. Importing a file again changes only rows that are
    new or different.
    """
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_ingest.features.load import import_features as run

    started = time.monotonic()
    with Catalog.open(db, create=True) as catalog:
        done = run(
            catalog,
            file,
            model,
            dataset=dataset,
            subset=subset,
            dimension=dimension,
            bits=bits,
            table=table,
            columns=role_columns(column or []),
        )
    for name, counts in done.datasets.items():
        tell(
            f"{name}: {counts.added} added, {counts.replaced} replaced,"
            f" {counts.unchanged} unchanged"
            f" (model {done.model.name}, {time.monotonic() - started:.1f} s)"
        )


_WIDTH = 100
_CARRIED = ("boxes", "tags", "captions", "subsets")


class FormatsFormat(str, Enum):
    """How the formats are listed."""

    TABLE = "table"
    JSON = "json"


def formats(
    format: Annotated[
        FormatsFormat, typer.Option(help="Format of the list.")
    ] = FormatsFormat.TABLE,
) -> None:
    """List the dataset formats that can be ingested, and what each of them holds.

    Formats are tried in this order, and the first that matches is used.
    """
    from hamsight_ingest.readers import readers

    if format is FormatsFormat.JSON:
        tell(*json.dumps([_described(reader) for reader in readers()], indent=2).split("\n"))
        return
    for line in _table([_described(reader) for reader in readers()]):
        tell(line)


def _described(reader: Reader) -> dict[str, object]:
    return {
        "name": reader.name,
        "carries": [word for word in _CARRIED if word in reader.carries],
        "description": reader.description,
    }


def _table(rows: list[dict[str, object]]) -> Iterator[str]:
    """Yield a mark for each thing that a format carries, then its description, wrapped."""
    widest = max(len(str(row["name"])) for row in rows)
    yield "  ".join(["name".ljust(widest), *_CARRIED, "looked for"])
    for row in rows:
        carries = row["carries"]
        assert isinstance(carries, list)
        marks = [("x" if word in carries else "-").ljust(len(word)) for word in _CARRIED]
        start = "  ".join([str(row["name"]).ljust(widest), *marks, ""])
        yield from textwrap.wrap(
            str(row["description"]),
            _WIDTH,
            initial_indent=start,
            subsequent_indent=" " * len(start),
            break_long_words=False,
            break_on_hyphens=False,
        )
