"""JSON schemas of what the HTTP API takes: views, selections, actions and requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hamsight_curate.export.choices import Images
from hamsight_explore.given import MAX_TEXT, MAX_TEXT_OF_ADDRESS
from hamsight_explore.selection_api import ACTIONS, OPERATIONS
from hamsight_explore.view import FIELDS, KINDS
from hamsight_explore.windows import MOST_ROWS
from hamsight_query.request import Combine, Kind, Rank

Schema = dict[str, Any]

TEXT: Schema = {"type": "string", "maxLength": MAX_TEXT}
SHORT_TEXT: Schema = {"type": "string", "maxLength": MAX_TEXT_OF_ADDRESS}
WHOLE: Schema = {"type": "integer", "minimum": 0, "maximum": 2**32 - 1}
FLAG: Schema = {"type": "boolean"}


def choice(*values: object) -> Schema:
    """Return the schema of one of some values."""
    return {"enum": list(values)}


def object_of(members: Mapping[str, Schema], *required: str) -> Schema:
    """Return the schema of an object of these members and no others."""
    return {
        "type": "object",
        "properties": dict(members),
        "required": list(required),
        "additionalProperties": False,
    }


def list_of(of: Schema, most: int) -> Schema:
    """Return the schema of a list of at most so many members."""
    return {"type": "array", "items": of, "maxItems": most}


def or_null(schema: Schema) -> Schema:
    """Return a schema that also takes null."""
    return {"anyOf": [schema, {"type": "null"}]}


_BOX = {"type": "array", "items": {"type": "number"}, "maxItems": 4}
_QUERY = object_of(
    {
        "kind": choice(*KINDS),
        "given": TEXT,
        "weight": {"type": "number", "minimum": -1, "maximum": 1},
        "box": or_null(_BOX),
    },
    "kind",
    "given",
)
_FILTER = object_of({"field": choice(*FIELDS), "value": TEXT, "excluded": FLAG}, "field", "value")
_CORNERS = {"type": "array", "items": {"type": "number"}, "minItems": 6, "maxItems": 800}
_LASSO = object_of({"map": TEXT, "polygon": _CORNERS}, "map", "polygon")
VIEW = object_of(
    {
        "model": or_null(TEXT),
        "queries": list_of(_QUERY, 20),
        "combine": or_null(choice(*(one.value for one in Combine))),
        "filters": list_of(_FILTER, 100),
        "where": or_null(TEXT),
        "sort": or_null(TEXT),
        "min_similarity": or_null({"type": "number", "minimum": -1, "maximum": 1}),
        "calibrated": FLAG,
        "models": list_of(TEXT, 10),
        "lasso": or_null(_LASSO),
    }
)
MARKED = list_of(WHOLE, 1000)
ITEMS = list_of(WHOLE, 100_000)
PICTURE = {"number": WHOLE, "version": SHORT_TEXT, "model": SHORT_TEXT}
ACTION = object_of(
    {
        "page": TEXT,
        "action": choice(*ACTIONS),
        "items": ITEMS,
        "name": TEXT,
        "value": or_null(TEXT),
        "confirmed": WHOLE,
        "target": TEXT,
        "to": TEXT,
        "images": or_null(choice(*(one.value for one in Images))),
    },
    "page",
    "action",
)
SELECTION = object_of(
    {
        "page": TEXT,
        "operation": choice(*OPERATIONS),
        "items": ITEMS,
        "result": or_null(TEXT),
        "from": WHOLE,
        "to": WHOLE,
    },
    "page",
    "operation",
)
REQUEST = object_of(
    {
        "queries": list_of(
            object_of(
                {
                    "kind": choice(*(kind.value for kind in Kind if kind is not Kind.IMAGE)),
                    "given": TEXT,
                    "weight": {"type": "number", "minimum": -1e9, "maximum": 1e9},
                    "box": or_null(_BOX),
                },
                "kind",
                "given",
            ),
            100,
        ),
        "k": {"type": "integer", "minimum": 1, "maximum": MOST_ROWS},
        "offset": WHOLE,
        "combine": choice(*(one.value for one in Combine)),
        "rank": choice(*(one.value for one in Rank)),
        "candidates": or_null({"type": "integer", "minimum": 1, "maximum": 2**32 - 1}),
        "max_distance": or_null(WHOLE),
        "min_similarity": or_null({"type": "number", "minimum": -1, "maximum": 1}),
        "dissimilar": FLAG,
        "datasets": list_of(TEXT, 1000),
        "subsets": list_of(TEXT, 1000),
        "where": or_null(TEXT),
        "sort": or_null(TEXT),
        "random": or_null(WHOLE),
        "exclude_self": or_null(FLAG),
        "model": or_null(TEXT),
        "models": list_of(TEXT, 10),
        "calibrated": FLAG,
        "recall": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "exact": FLAG,
        "objects": FLAG,
    }
)
