"""Options that several commands share, and those that say which items a command is for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from hamsight.cli.completion import datasets, expressions, models
from hamsight_core.errors import UsageError
from hamsight_core.models.network import Precision

if TYPE_CHECKING:
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_core.items import Identity
    from hamsight_curate.selection import Selection

Command: TypeAlias = Callable[..., None]

Database = Annotated[
    str | None,
    typer.Option(
        "--db",
        metavar="DSN",
        envvar="HAMSIGHT_DB",
        help="The catalog: a folder (embedded engine) or clickhouse://USER:PASSWORD@HOST:8123/DB."
        " Default: ./.hamsight. Others on this machine see the option, not the variable.",
    ),
]
StoredModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME|FOLDER",
        help="The model, if the catalog has several.",
        autocompletion=models,
    ),
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
        if was_given(context, name):
            raise UsageError(
                f"put --{name} after {context.invoked_subcommand}:"
                f" {context.command_path} {context.invoked_subcommand} …"
            )


def was_given(context: typer.Context, name: str) -> bool:
    """Tell whether an option stands on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def takes(parameter: str, make: Callable[..., Any]) -> Callable[[Command], Command]:
    """Give a command the options of `make` in place of a parameter, which gets what it makes."""

    def decorate(command: Command) -> Command:
        options = signature(make, eval_str=True).parameters
        parameters = [
            shown.replace(kind=Parameter.KEYWORD_ONLY)
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


OfObjects = Annotated[
    bool, typer.Option("--objects", help="The table of the model's objects, not that of its items.")
]


STDIN = "-"

Items = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ITEM",
        help="Items by name, [DATASET/][SUBSET/]ID. With - or without names, items are read from a"
        " pipe: `hamsight query … --format jsonl` (or json, csv).",
    ),
]
Where = Annotated[
    str | None,
    typer.Option(
        metavar="EXPRESSION",
        help='Items for which this is true: dog > 2 and "good" in groups',
        autocompletion=expressions,
    ),
]
Dataset = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Only items of this dataset.", autocompletion=datasets),
]
Subset = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Only items of this subset.")
]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Only in the table of this model. Default: in all.",
        autocompletion=models,
    ),
]


class Asked:
    """Which items a command line asks for; what is piped in is read before a catalog is opened.

    The program at the other end of a pipe may hold the embedded catalog until it has ended.
    """

    def __init__(
        self,
        items: Items = None,
        where: Where = None,
        dataset: Dataset = None,
        subset: Subset = None,
        model: Model = None,
    ) -> None:
        names = list(items or ())
        filters = where is not None or bool(dataset) or bool(subset)
        self._names, self._where, self._model = names, where, model
        self._datasets, self._subsets = tuple(dataset or ()), tuple(subset or ())
        self.piped = STDIN in names or (
            not names and not filters and sys.stdin is not None and not sys.stdin.isatty()
        )
        if names and where is not None:
            raise UsageError("give items by name or with --where, not both")
        if self.piped and (len(names) > 1 or filters):
            raise UsageError("items piped in stand alone: no names, --where, --dataset or --subset")
        self._identities = self._read() if self.piped else None

    def selection(self, catalog: Catalog) -> Selection:
        """Return the selection; raises UsageError and UnknownItemError."""
        from hamsight_curate.names import select

        items = self._identities if self.piped else self._names or None
        return select(catalog, items, self._where, self._datasets, self._subsets, self._model)

    @staticmethod
    def _read() -> Sequence[Identity]:
        from hamsight.cli.piped import read_identities

        return read_identities(sys.stdin.buffer)


takes_items = takes("asked", Asked)
"""Gives a command the options of `Asked` in place of its parameter `asked`."""
