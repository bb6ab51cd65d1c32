"""The SQL statements of `sql/`, by name.

A statement stands in a `.sql` file under a line `-- name: NAME`, followed by comment lines
that describe it. `{value:Type}` is a ClickHouse parameter; `$fragment` is filled by
`Statements.fill` with other statements of `sql/` or with identifiers of the catalog,
never with a user's text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from string import Template

_KINDS = ("", "cluster/", "myscale/")
_NAME = re.compile(r"^--\s*name:\s*(\S+)\s*$", re.MULTILINE)


def folder() -> Path:
    """Return the folder of `.sql` files: in the wheel `hamsight_core/sql`, in a checkout `sql`."""
    packaged = Path(__file__).parents[1] / "sql"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "sql"


def parse(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield (name, description, sql) of each statement in the text of a `.sql` file."""
    marks = list(_NAME.finditer(text))
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        body = text[mark.end() : following.start() if following else len(text)].strip()
        lines = body.splitlines()
        comments = 0
        while comments < len(lines) and lines[comments].startswith("--"):
            comments += 1
        description = " ".join(line.removeprefix("--").strip() for line in lines[:comments])
        yield mark[1], description, "\n".join(lines[comments:]).strip().removesuffix(";")


@lru_cache(maxsize=1)
def statements() -> Mapping[str, str]:
    """Return every statement of `sql/` by its name, without the examples."""
    found: dict[str, str] = {}
    for file in sorted(file for kind in _KINDS for file in folder().glob(f"{kind}*.sql")):
        for name, _, sql in parse(file.read_text(encoding="utf-8")):
            if name in found:
                raise ValueError(f"{file.name}: a second statement is named {name!r}")
            found[name] = sql
    return found


def quoted(text: str) -> str:
    """Return text as a string literal of ClickHouse's SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fill(name: str, /, **fragments: object) -> str:
    """Return the statement `name` with its `$fragments` filled in."""
    return Template(statements()[name]).substitute({k: str(v) for k, v in fragments.items()})


def all_of(conditions: Iterable[str]) -> str:
    """Return the condition that all of these hold; without any, that of every row."""
    return f" {fill('and_also')} ".join(conditions) or fill("every_item")


def union_of(selects: Iterable[str]) -> str:
    """Return the SELECT of all rows of these SELECTs."""
    return f"\n{fill('or_also')}\n".join(selects)
