"""Command-line options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Signature, signature
from typing import Annotated, Any, TypeAlias

import typer

from hamsight_core.errors import UsageError
from hamsight_core.models.network import Precision

Command: TypeAlias = Callable[..., None]

Database = Annotated[
    str | None,
    typer.Option(
        "--db",
        metavar="DSN",
        envvar="HAMSIGHT_DB",
        help="The catalog: a folder (embedded engine) or clickhouse://USER:PASSWORD@HOST:8123/DB."
        " Default: ./.hamsight. Other users of this machine can see the option, but not the variable.",
    ),
]
StoredModel = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME|FOLDER", help="The model, if the catalog has several."),
]
Device = Annotated[
    str, typer.Option(metavar="DEVICE", help="OpenVINO device: AUTO, CPU, GPU, NPU.")
]
ComputePrecision = Annotated[
    Precision,
    typer.Option(
        "--precision",
        help="Number format in which networks compute. auto: the fastest of the device"
        " (docs/models.md).",
    ),
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


def takes(parameter: str, make: Callable[..., Any]) -> Callable[[Command], Command]:
    """Give a command the options of `make` in place of a parameter, which gets what it makes."""

    def decorate(command: Command) -> Command:
        options = signature(make, eval_str=True).parameters
        parameters = [
            shown
            for name, own in signature(command, eval_str=True).parameters.items()
            for shown in (options.values() if name == parameter else [own])
        ]

        @wraps(command)
        def with_options(**given: Any) -> None:
            made = make(**{name: given.pop(name) for name in options})
            command(**{parameter: made}, **given)

        with_options.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        with_options.__annotations__ = {shown.name: shown.annotation for shown in parameters}
        return with_options

    return decorate
