"""`hamsight import-features`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from hamsight.cli.ingest import role_columns
from hamsight.cli.options import Database
from hamsight_core.show.terminal import tell


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
