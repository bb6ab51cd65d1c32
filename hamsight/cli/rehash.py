"""`hamsight rehash`."""

from __future__ import annotations

import time
from enum import Enum
from typing import Annotated

import typer

from hamsight.cli.options import Database, Device, StoredModel
from hamsight_core.errors import CatalogError
from hamsight_core.hashing.sign import SIGN, TERNARY
from hamsight_core.models.network import DEFAULT_DEVICE, Compute
from hamsight_core.show.terminal import say, tell


class Scheme(str, Enum):
    """How features become hashes."""

    TERNARY = TERNARY
    SIGN = SIGN


def rehash(
    scheme: Annotated[
        Scheme,
        typer.Option(help="ternary: fitted to the embeddings. sign: their signs, as in Datumaro."),
    ] = Scheme.TERNARY,
    bits: Annotated[
        int | None,
        typer.Option(min=8, help="Bits of a fitted hash. Default: as many as it has."),
    ] = None,
    model: StoredModel = None,
    device: Device = DEFAULT_DEVICE,
    db: Database = None,
) -> None:
    """Fit the hash of a model to the embeddings of the catalog and recompute all hashes.

    Searches use the old hashes until all new hashes are stored. An ingest fits
    the hash by itself when a model reaches 5,000 items; run this when the catalog
    has come to hold other images.
    """
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_ingest.job import hash_again

    started = time.monotonic()
    with Catalog.open(db) as catalog:
        done = hash_again(
            catalog, model, scheme=scheme.value, bits=bits, compute=Compute(device), progress=True
        )
        views = catalog.rows("views_of", {"table": done.former}) if done else []
    if done is None:
        raise CatalogError(
            "another process has changed the model meanwhile, so its hash stays as that left it:"
            " look at `hamsight info` before trying again"
        )
    made_of = f", fitted to {done.sample} features and {done.words} words" if done.sample else ""
    tell(
        f"{done.model.name}: {done.items} items hashed anew, {done.model.bits} bits"
        f" ({done.model.hash_scheme}{made_of}; {time.monotonic() - started:.1f} s)"
    )
    tell(f"they are in the table {done.model.items_table}")
    for (name,) in views:
        say(f"the view {name} reads the former table {done.former}, which is gone: make it again")
