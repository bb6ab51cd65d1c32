"""Command-line options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from hamsight.errors import UsageError

Database = Annotated[
    str | None,
    typer.Option(
        "--db",
        metavar="DSN",
        envvar="HAMSIGHT_DB",
        help="The catalog: a folder (embedded engine) or clickhouse://USER:PASSWORD@HOST:8123/DB."
        " By default ./.hamsight",
    ),
]
Device = Annotated[
    str, typer.Option(metavar="DEVICE", help="OpenVINO device: AUTO, CPU, GPU, NPU.")
]


def refuse_before_command(context: typer.Context, *names: str) -> None:
    """Raise UsageError for options of a group of commands that stand before one of them."""
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(
                f"put --{name} after {context.invoked_subcommand}:"
                f" {context.command_path} {context.invoked_subcommand} …"
            )
