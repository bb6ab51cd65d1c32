"""The columns of the items table that an expression may name, and near names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from hamsight_query.where.pieces import Kind, Piece

TAG_HIGH = 2**31 - 1

# No image has greater numbers; their bounds decide which sums and products are safe in 64 bits.
COLUMNS = {
    "width": Piece(Kind.NUMBER, "width", integer=True, low=1, high=2**31 - 1),
    "height": Piece(Kind.NUMBER, "height", integer=True, low=1, high=2**31 - 1),
    "file_size": Piece(Kind.NUMBER, "file_size", integer=True, low=0, high=2**63 - 1),
    "orientation": Piece(Kind.NUMBER, "orientation", integer=True, low=0, high=255),
    **{
        name: Piece(Kind.TEXT, name)
        for name in ("filename", "dataset", "subset", "id", "uri", "status", "format")
    },
    **{name: Piece(Kind.TEXTS, name) for name in ("groups", "captions")},
    **{name: Piece(Kind.MAP, name) for name in ("tags", "attributes", "scores")},
}


_OWN = ("file_size", "filename", "dataset", "subset", "id", "uri", "format", "tags", "scores")

OBJECT_COLUMNS = {
    **{name: COLUMNS[name] for name in _OWN},
    "width": COLUMNS["width"],
    "height": COLUMNS["height"],
    "number": Piece(Kind.NUMBER, "number", integer=True, low=1, high=2**31 - 1),
    **{name: Piece(Kind.NUMBER, name) for name in ("area", "x", "y")},
    **{name: Piece(Kind.TEXT, name) for name in ("tag", "parent")},
}
"""Those of the table of objects. What else a picture has stands behind `parent.`"""


def nearest(name: str, candidates: Iterable[str]) -> str:
    """Return `; the nearest is NAME`, or nothing where no candidate is near."""
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f"; the nearest is {by_lower[near[0]]}" if near else ""
