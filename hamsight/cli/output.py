"""What commands write to stdout: tables in the format that was asked for."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hamsight.cli.options import Database, refuse_before_command
from hamsight_core.errors import UsageError
from hamsight_core.names import nearest
from hamsight_core.show.formats import Format, write
from hamsight_core.show.terminal import App, output, say

if TYPE_CHECKING:
    import pyarrow as pa

    from hamsight_core.catalog.catalog import Catalog


_BINARY = (Format.PARQUET, Format.ARROW, Format.FEATHER)


def show(table: pa.Table, format: Format, *, mixed: bool = False) -> None:
    """Write a table to stdout; one for people is cut to the terminal, and see `write` for `mixed`.

    Raises UsageError as `check_format` does.
    """
    check_format(format)
    width = shutil.get_terminal_size().columns if output().isatty() else None
    write(table, format, output().buffer, width=width, mixed=mixed)


def check_format(format: Format) -> None:
    """Raise UsageError for a format on a terminal that is none for people."""
    if format in _BINARY and output().isatty():
        raise UsageError(f"--format {format.value} is binary: redirect it to a file, > FILE")
    if format is Format.PATHS0 and output().isatty():
        raise UsageError("--format paths0 is for a program: pipe it, as in | xargs -0 md5sum")


def chosen_columns(table: pa.Table, names: str) -> pa.Table:
    """Return the columns of those names, which commas part. Raises UsageError for another."""
    wanted = [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in table.column_names:
            raise UsageError(
                f"--columns: there is no column {name!r}; {nearest(name, table.column_names)}"
            )
    return table.select(list(dict.fromkeys(wanted)))


Open = Annotated[
    bool,
    typer.Option("--open", help="Open the picture that --save draws, else a temporary one."),
]


def drawn(save: Path | None, open: bool) -> Path | None:
    """Return the file to draw: that of --save, or else a temporary one to open."""
    if save is None and open:
        handle, name = tempfile.mkstemp(".png", "hamsight-")
        os.close(handle)
        return Path(name)
    return save


def say_drawn(file: Path, open: bool) -> None:
    """Say where a picture was drawn, and open it. Raises UsageError where nothing opens it."""
    say(f"saved {file}")
    if open and typer.launch(str(file)):
        raise UsageError(f"no program of this machine opens {file}: look at the file yourself")


def listing(help: str, listed: Callable[[Catalog], pa.Table]) -> App:
    """Return a group of commands that shows a table of the catalog where none of them is named."""
    group = App()

    @group.callback(invoke_without_command=True, help=help)
    def show_all(
        context: typer.Context,
        format: Annotated[Format, typer.Option(help="Format of the list.")] = Format.TABLE,
        db: Database = None,
    ) -> None:
        if context.invoked_subcommand is not None:
            refuse_before_command(context, "db", "format")
            return
        from hamsight_core.catalog.catalog import Catalog

        with Catalog.open(db) as catalog:
            found = listed(catalog)
        show(found, format)

    return group
