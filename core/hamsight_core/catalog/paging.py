"""Long lists of values as several statements, each small enough for a server to take.

ClickHouse takes a parameter over HTTP as one form field, of 128 KiB at most
(`http_max_field_value_size`). A list goes as one text of JSON, which ClickHouse reads several times
faster than an array literal; the driver's escaping may double its characters.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

_BYTES = 60_000


def pages(identities: Iterable[tuple[str, ...]]) -> Iterator[list[tuple[str, ...]]]:
    """Yield the identities in their order, in lists that each fit into one parameter."""
    page: list[tuple[str, ...]] = []
    held = 0
    for identity in identities:
        size = len(as_json(identity).encode()) + 1
        if page and held + size > _BYTES:
            yield page
            page, held = [], 0
        page.append(identity)
        held += size
    if page:
        yield page


def as_json(values: Sequence[object]) -> str:
    """Return a list of texts, or of tuples of texts, as a statement takes it: JSON."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))
