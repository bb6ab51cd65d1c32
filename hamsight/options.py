"""Command-line options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

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
