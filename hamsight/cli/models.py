"""`hamsight models`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hamsight.cli.options import refuse_before_command
from hamsight.cli.query import show
from hamsight_core.errors import UsageError
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
        list[str], typer.Argument(metavar="NAME", help="Names from `hamsight models`.")
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
    say(f"then: hamsight ingest FOLDER --model {described.file.parent}")
