"""Long lists of values as several statements, each small enough for a server to take.

ClickHouse takes a parameter over HTTP as one form field, of 128 KiB at most
(`http_max_field_value_size`); escaping may double the characters of a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_CHARACTERS = 48_000
_AROUND_EACH = 8


def pages(identities: Iterable[tuple[str, ...]]) -> Iterator[list[tuple[str, ...]]]:
    """Yield the identities in their order, in lists that each fit into one parameter."""
    page: list[tuple[str, ...]] = []
    characters = 0
    for identity in identities:
        size = sum(len(part.encode()) + _AROUND_EACH for part in identity)
        if page and characters + size > _CHARACTERS:
            yield page
            page, characters = [], 0
        page.append(identity)
        characters += size
    if page:
        yield page
