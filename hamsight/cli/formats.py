"""`hamsight formats`."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from hamsight_core.show.terminal import tell

if TYPE_CHECKING:
    from hamsight_ingest.source import Reader

_WIDTH = 100
_CARRIED = ("boxes", "tags", "captions", "subsets")


class FormatsFormat(str, Enum):
    """How the formats are listed."""

    TABLE = "table"
    JSON = "json"


def formats(
    format: Annotated[
        FormatsFormat, typer.Option(help="Format of the list.")
    ] = FormatsFormat.TABLE,
) -> None:
    """List the dataset formats that can be ingested, and what each of them holds.

    Formats are tried in this order, and the first that matches is used.
    """
    from hamsight_ingest.readers import NAMED

    if format is FormatsFormat.JSON:
        tell(*json.dumps([_described(reader) for reader in NAMED], indent=2).split("\n"))
        return
    for line in _table([_described(reader) for reader in NAMED]):
        tell(line)


def _described(reader: Reader) -> dict[str, object]:
    return {
        "name": reader.name,
        "carries": [word for word in _CARRIED if word in reader.carries],
        "description": reader.description,
    }


def _table(rows: list[dict[str, object]]) -> Iterator[str]:
    """Yield a mark for each thing that a format carries, then its description, wrapped."""
    widest = max(len(str(row["name"])) for row in rows)
    yield "  ".join(["name".ljust(widest), *_CARRIED, "looked for"])
    for row in rows:
        carries = row["carries"]
        assert isinstance(carries, list)
        marks = [("x" if word in carries else "-").ljust(len(word)) for word in _CARRIED]
        start = "  ".join([str(row["name"]).ljust(widest), *marks, ""])
        yield from textwrap.wrap(
            str(row["description"]),
            _WIDTH,
            initial_indent=start,
            subsequent_indent=" " * len(start),
            break_long_words=False,
            break_on_hyphens=False,
        )
