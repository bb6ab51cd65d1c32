"""SQL: `hamsight sql` and `hamsight functions`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hamsight.cli.options import Database
from hamsight.cli.output import show
from hamsight_core.errors import UsageError
from hamsight_core.show.formats import Format
from hamsight_core.show.terminal import tell


def sql(
    statement: Annotated[
        str | None, typer.Argument(metavar="[STATEMENT]", help="SQL, or - to read standard input.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE.sql", help="Read the statement from a file.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Set the value of a parameter {NAME:Type}."),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Allow the statement to change the catalog.")
    ] = False,
    format: Annotated[Format, typer.Option(help="Format of the output.")] = Format.TABLE,
    db: Database = None,
) -> None:
    """Run a SQL statement on the catalog, read-only without --write.

    Each model has a table items_MODEL; others are models, ingests and rejects
    (docs/sql.md).
    """
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_query.sql import run_sql

    text = _text(statement, file)
    parameters = dict(_parameter(one) for one in param or ())
    with Catalog.open(db) as catalog:
        answer = run_sql(catalog, text, parameters, write=write)
    if answer is not None:
        show(answer, format)


def functions(db: Database = None) -> None:
    """Create or replace the SQL functions that hash an embedding, such as hamsight_hash.

    They exist on the whole server, or in the embedded catalog (docs/hash.md).
    """
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_query.sql import make_functions

    with Catalog.open(db) as catalog:
        made = make_functions(catalog)
    tell(f"made the functions {', '.join(made)}")


def _text(statement: str | None, file: Path | None) -> str:
    if (statement is None) == (file is None):
        raise UsageError("give one statement: as an argument, - for stdin, or with --file")
    try:
        if file is not None:
            return file.read_text(encoding="utf-8")
        assert statement is not None
        return sys.stdin.buffer.read().decode() if statement == "-" else statement
    except (OSError, UnicodeDecodeError) as error:
        named = "standard input" if file is None else f"--file {file}"
        raise UsageError(f"{named} cannot be read: {error}") from None


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise UsageError(f"--param {text!r}; expected NAME=VALUE")
    return name, value
