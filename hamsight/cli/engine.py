"""Models and engine: `hamsight models`, `rehash`, `index` and `evaluate`."""

from __future__ import annotations

import shlex
import time
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hamsight.cli.completion import known_models
from hamsight.cli.options import (
    Database,
    Device,
    OfObjects,
    StoredModel,
    refuse_before_command,
)
from hamsight.cli.output import show
from hamsight_core.errors import CatalogError, UsageError
from hamsight_core.hashing.sign import SIGN, TERNARY
from hamsight_core.models.network import DEFAULT_DEVICE, Compute
from hamsight_core.show.formats import Format
from hamsight_core.show.terminal import App, say, tell

if TYPE_CHECKING:
    import pyarrow as pa

models = App(help="List the models known by name; download a model, or add your own.")

_FOR_PEOPLE = ["name", "here", "mb", "dimension", "words", "license", "about"]


@models.callback(invoke_without_command=True)
def list_(
    context: typer.Context,
    format: Annotated[Format, typer.Option(help="Format of the list.")] = Format.TABLE,
) -> None:
    """List the models known by name; download a model, or add your own.

    The best models for photos come first. Models in the cache need no network.
    """
    if context.invoked_subcommand is not None:
        refuse_before_command(context, "format")
        return
    from hamsight_query.models import list_models

    table = list_models()
    show(_for_people(table) if format is Format.TABLE else table, format)


def _for_people(table: pa.Table) -> pa.Table:
    import pyarrow as pa

    columns = {name: table[name].cast(pa.string()).fill_null("-") for name in _FOR_PEOPLE}
    return pa.table(columns)


@models.command("pull")
def pull(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME", help="Names from `hamsight models`.", autocompletion=known_models
        ),
    ],
) -> None:
    """Download models into the cache and check their files, also those already there.

    An interrupted download continues where it stopped.
    """
    from hamsight_core.models.hub import pull as fetch
    from hamsight_core.models.package import built_in_names
    from hamsight_core.models.registry import registry
    from hamsight_core.names import nearest

    known = registry()
    for name in names:
        if name in built_in_names():
            raise UsageError(f"{name} comes with Hamsight: there is nothing to download")
        if name not in known:
            raise UsageError(f"there is no model {name!r} to download; {nearest(name, known)}")
    for name in names:
        entry = known[name]
        folder = fetch(entry)
        tell(f"{name}: {folder}")
        say(f"licence: {entry.license}, see {entry.card}")


@models.command("add")
def add(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A folder, or an .xml, .onnx or .tflite file.")
    ],
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Name of the model. Default: that of the folder or file."
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace an existing model.toml.")
    ] = False,
) -> None:
    """Write the model.toml of a network of your own.

    Says what was read from the network and what was assumed. Check it before you
    ingest.
    """
    from hamsight_core.models.describe import describe

    described = describe(path, name=name, replace=replace)
    tell(f"wrote {described.file}")
    for line in described.notes:
        say(line)
    say(f"then: hamsight ingest FOLDER --model {shlex.quote(str(described.file.parent))}")


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
    objects: OfObjects = False,
    model: StoredModel = None,
    device: Device = DEFAULT_DEVICE,
    db: Database = None,
) -> None:
    """Fit the hash of a model to the embeddings of the catalog and recompute all hashes.

    Searches use the old hashes until all new hashes are stored. An ingest fits
    the hash by itself when a model reaches 5,000 items; run this when the catalog
    has come to hold other images.
    """
    from hamsight_core.catalog.catalog import Catalog, TableKind
    from hamsight_core.catalog.generations import view_of
    from hamsight_ingest.upkeep.rehash import hash_again, views_of

    started = time.monotonic()
    with Catalog.open(db) as catalog:
        done = hash_again(
            catalog,
            model,
            scheme=scheme.value,
            bits=bits,
            compute=Compute(device),
            progress=True,
            kind=TableKind.of(objects),
        )
        views = views_of(catalog, done.former) if done else []
    if done is None:
        raise CatalogError(
            "another process has changed the model meanwhile, so its hash stays as that left it:"
            " look at `hamsight info` before trying again"
        )
    made_of = f", fitted to {done.sample} features and {done.words} words" if done.sample else ""
    tell(
        f"{done.model.name}: {done.items} {TableKind.of(objects).value} hashed again,"
        f" {done.model.bits} bits"
        f" ({done.model.hash_scheme}{made_of}; {time.monotonic() - started:.1f} s)"
    )
    tell(f"{view_of(done.model.items_table)} shows them")
    for name in views:
        say(f"the view {name} reads the old hashes, which go in some minutes: make it again")


def index(
    drop: Annotated[
        bool, typer.Option("--drop", help="Drop the cells. Searches then read all items.")
    ] = False,
    objects: OfObjects = False,
    model: StoredModel = None,
    device: Device = DEFAULT_DEVICE,
    db: Database = None,
) -> None:
    """Build coarse cells, so that a search reads only the items near the query.

    For tables of a million items and more. Run it again when much of a table has
    been added or deleted, and after `hamsight rehash` or --re-encode. Searches
    use the old cells, or all items, until the new cells are complete. New items
    are added to their cell.
    """
    from hamsight_core.catalog.catalog import Catalog, TableKind
    from hamsight_core.hashing.hash_settings import MOST_READ
    from hamsight_ingest.upkeep.cell_building import LEAST_ITEMS, index_items

    started = time.monotonic()
    with Catalog.open(db) as catalog:
        if drop:
            from hamsight_ingest.upkeep.cell_building import drop_index

            found = catalog.model(model, kind=TableKind.of(objects))
            said = "cells dropped" if drop_index(catalog, found) else "there were no cells"
            tell(f"{found.name}: {said}; searches read all items")
            return
        done = index_items(
            catalog, model, compute=Compute(device), progress=True, kind=TableKind.of(objects)
        )
    if done.cells is None:
        tell(
            f"{done.model}: {done.items:,} items need no cells (from {LEAST_ITEMS:,} on);"
            " searches read all items"
        )
        return
    tell(
        f"{done.model}: {done.cells.items:,} items in {done.cells.cells:,} cells"
        f" ({time.monotonic() - started:.1f} s)"
    )
    for kind, label in (("image", "pictures and items"), ("words", "words")):
        probes = done.cells.probes_for(kind, 50, 0.95)
        if probes is not None:
            beyond = probes > MOST_READ * done.cells.cells
            instead = ": a search reads all items instead" if beyond else ""
            say(f"{label}: {probes} cells hold 0.95 of the 50 nearest{instead}")


def evaluate(
    k: Annotated[
        int, typer.Option("-k", "--top-k", help="Number of best matches that count.")
    ] = 10,
    queries: Annotated[
        int, typer.Option(metavar="N", help="Number of items, and of texts, to search by.")
    ] = 200,
    recall: Annotated[
        float, typer.Option(metavar="SHARE", help="Propose the candidates that reach this recall.")
    ] = 0.97,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Draw recall by number of candidates."),
    ] = None,
    objects: OfObjects = False,
    model: StoredModel = None,
    device: Device = DEFAULT_DEVICE,
    format: Annotated[Format, typer.Option(help="Format of the output.")] = Format.TABLE,
    db: Database = None,
) -> None:
    """Measure recall and time: how many of the exact top 10 a search returns, and how fast.

    Searches by items, captions and names of tags of the catalog, and proposes the
    number of candidates. Nothing is changed; `hamsight info` shows the settings
    that searches use.
    """
    from hamsight_core.catalog.catalog import Catalog, TableKind
    from hamsight_core.show.sheet import sheet_format
    from hamsight_query.evaluate import evaluate_model
    from hamsight_query.plot import draw_plot

    if plot is not None:
        sheet_format(plot)
    with Catalog.open(db) as catalog:
        done = evaluate_model(
            catalog,
            model,
            kind=TableKind.of(objects),
            k=k,
            queries=queries,
            recall=recall,
            compute=Compute(device),
        )
    show(done.table, format)
    for line in done.advice:
        say(line)
    if plot is not None:
        draw_plot(done, plot)
        say(f"saved {plot}")
