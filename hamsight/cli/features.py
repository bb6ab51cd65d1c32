"""`hamsight import-features`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from hamsight.cli.ingest import role_columns
from hamsight.cli.options import Database


def import_features(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Parquet, Arrow, npz, SQLite or Datumaro's hash_keys.json."
        ),
    ],
    model: Annotated[
        str, typer.Option(metavar="NAME", help="The model of the features, of the catalog or new.")
    ],
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The dataset. By default as FILE says, else its name."),
    ] = None,
    subset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Put every item into this subset.")
    ] = None,
    dimension: Annotated[
        int | None, typer.Option(min=1, help="Make a new model, of features this long.")
    ] = None,
    bits: Annotated[
        int | None, typer.Option(min=8, help="Make a new model, of hashes this long.")
    ] = None,
    table: Annotated[
        str | None, typer.Option(metavar="NAME", help="The table of SQLite, where it has several.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE=NAME",
            help="FILE's column of the role id, dataset, subset, uri, feature or hash. By default"
            " known by its name; an empty NAME leaves the role out.",
        ),
    ] = None,
    db: Database = None,
) -> None:
    """Bring features or hashes that were made elsewhere into the catalog.

    They come under a model's name and are compared with nothing else. A file with any wrong row
    changes nothing; importing a file again changes only what is new in it.
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
        typer.echo(
            f"{name}: {counts.added} added, {counts.replaced} replaced,"
            f" {counts.unchanged} unchanged"
            f" (model {done.model.name}, {time.monotonic() - started:.1f} s)"
        )
