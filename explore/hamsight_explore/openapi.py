"""The OpenAPI document of the server's HTTP API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hamsight_curate.export.choices import Images
from hamsight_explore.analyzing import ANALYSES, MOST_CLUSTERS
from hamsight_explore.analyzing_api import MOST_ENTRIES
from hamsight_explore.classifier_api import ORDERS
from hamsight_explore.deciding import REMEMBERED
from hamsight_explore.findings import SHOWN
from hamsight_explore.given import MAX_TEXT, MAX_TEXT_OF_ADDRESS
from hamsight_explore.map_api import METHODS
from hamsight_explore.thumbnails import SIZES
from hamsight_explore.view import FIELDS, KINDS
from hamsight_explore.windows import MOST_ROWS
from hamsight_query.request import Combine, Kind, Rank

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "maxLength": MAX_TEXT}
_SHORT: Schema = {"type": "string", "maxLength": MAX_TEXT_OF_ADDRESS}
_WHOLE: Schema = {"type": "integer", "minimum": 0, "maximum": 2**32 - 1}
_FLAG: Schema = {"type": "boolean"}


def _choice(*values: object) -> Schema:
    return {"enum": list(values)}


def _object(members: Mapping[str, Schema], *required: str) -> Schema:
    return {
        "type": "object",
        "properties": dict(members),
        "required": list(required),
        "additionalProperties": False,
    }


def _list(of: Schema, most: int) -> Schema:
    return {"type": "array", "items": of, "maxItems": most}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


_BOX = {"type": "array", "items": {"type": "number"}, "maxItems": 4}
_QUERY = _object(
    {
        "kind": _choice(*KINDS),
        "given": _TEXT,
        "weight": {"type": "number", "minimum": -1, "maximum": 1},
        "box": _or_null(_BOX),
    },
    "kind",
    "given",
)
_FILTER = _object({"field": _choice(*FIELDS), "value": _TEXT, "excluded": _FLAG}, "field", "value")
_CORNERS = {"type": "array", "items": {"type": "number"}, "minItems": 6, "maxItems": 800}
_LASSO = _object({"map": _TEXT, "polygon": _CORNERS}, "map", "polygon")
_VIEW = _object(
    {
        "model": _or_null(_TEXT),
        "queries": _list(_QUERY, 20),
        "combine": _or_null(_choice(*(one.value for one in Combine))),
        "filters": _list(_FILTER, 100),
        "where": _or_null(_TEXT),
        "sort": _or_null(_TEXT),
        "min_similarity": _or_null({"type": "number", "minimum": -1, "maximum": 1}),
        "lasso": _or_null(_LASSO),
    }
)
_MARKED = _list(_WHOLE, 1000)
_ITEMS = _list(_WHOLE, 100_000)
_PICTURE = {"number": _WHOLE, "version": _SHORT, "model": _SHORT}
_ACTION = _object(
    {
        "page": _TEXT,
        "action": _choice("group", "ungroup", "status", "attribute", "delete", "export"),
        "items": _ITEMS,
        "name": _TEXT,
        "value": _or_null(_TEXT),
        "confirmed": _WHOLE,
        "target": _TEXT,
        "to": _TEXT,
        "images": _or_null(_choice(*(one.value for one in Images))),
    },
    "page",
    "action",
)
_SELECTION = _object(
    {
        "page": _TEXT,
        "operation": _choice("set", "add", "remove", "toggle", "none"),
        "items": _ITEMS,
        "result": _or_null(_TEXT),
        "from": _WHOLE,
        "to": _WHOLE,
    },
    "page",
    "operation",
)
_OF_MODEL = {"model": _SHORT}
_READ: Mapping[str, tuple[str, Mapping[str, Schema], tuple[str, ...]]] = {
    "health": ("Whether the server runs.", {}, ()),
    "openapi.json": ("This document.", {}, ()),
    "catalog": ("Models, datasets and counts.", {}, ()),
    "rows": (
        "The rows of a window of a result; `selected` is as the page has it.",
        {
            "result": _SHORT,
            "from": _WHOLE,
            "count": {"type": "integer", "minimum": 0, "maximum": MOST_ROWS},
            "page": _SHORT,
        },
        ("result",),
    ),
    "facets": (
        "The values of a field within a result, with counts of items and of selected ones.",
        {
            "result": _SHORT,
            "field": _choice(*FIELDS),
            "contains": _SHORT,
            "limit": _WHOLE,
            "page": _SHORT,
        },
        ("result", "field"),
    ),
    "histogram": (
        "How many items of a search have which similarity, in equal steps.",
        {"result": _SHORT},
        ("result",),
    ),
    "item": (
        "All that the catalog says of an item.",
        {"number": _WHOLE, "model": _SHORT},
        ("number",),
    ),
    "thumb": (
        "A thumbnail as JPEG, or an SVG that says why there is none.",
        {**_PICTURE, "size": _choice(*SIZES)},
        ("number",),
    ),
    "picture": ("The picture of an item.", _PICTURE, ("number",)),
    "uploaded": ("A small JPEG of a picture that was sent.", {"key": _SHORT}, ("key",)),
    "selected": (
        "How many items a page has selected, and rows of the first of them.",
        {
            "page": _SHORT,
            "model": _SHORT,
            "limit": {"type": "integer", "minimum": 0, "maximum": 100},
        },
        ("page",),
    ),
    "saved": ("The saved queries, each as a view.", {}, ()),
    "analyses": ("The analyses of a model whose findings stand.", _OF_MODEL, ()),
    "findings": (
        "Entries of a list of findings, with the rows of their items.",
        {
            "list": _SHORT,
            "from": _WHOLE,
            "count": {"type": "integer", "minimum": 0, "maximum": MOST_ENTRIES},
        },
        ("list",),
    ),
    "clusters": (
        "The clusters of an analysis: sizes, tags, and the items in their middle.",
        {"analysis": _SHORT, **_OF_MODEL},
        ("analysis",),
    ),
    "compared": (
        "The last comparison of two sides.",
        {"a": _SHORT, "b": _SHORT, **_OF_MODEL},
        ("a", "b"),
    ),
    "maps": ("The maps, and by what they may be coloured.", {"model": _SHORT}, ()),
    "maps/points": (
        "The points of a map: numbers of items (uint32), then x and y of each (float32).",
        {"map": _SHORT, "model": _SHORT},
        ("map",),
    ),
    "maps/color": (
        "The colours of a map's points: a JSON object and a line break, then a byte a point.",
        {"map": _SHORT, "by": _SHORT, "result": _SHORT, "model": _SHORT},
        ("map", "by"),
    ),
    "maps/mask": (
        "Which points of a map are in a result: a bit a point, the lowest first.",
        {"map": _SHORT, "result": _SHORT},
        ("map", "result"),
    ),
    "maps/names": (
        "Names of the regions of a map.",
        {"map": _SHORT, "model": _SHORT},
        ("map",),
    ),
    "classifier": (
        "The first rows of a list of a classifier, and those of the marked items.",
        {
            "classifier": _SHORT,
            "order": _choice(*ORDERS),
            "count": {"type": "integer", "minimum": 0, "maximum": 200},
        },
        ("classifier",),
    ),
    "place": (
        "The place of an item in a result, null where it is not there.",
        {"result": _SHORT, "number": _WHOLE},
        ("result", "number"),
    ),
    "jobs": ("The jobs, the last first, and the version of the items.", {}, ()),
    "events": ("The same as server-sent events while a job runs; then the answer ends.", {}, ()),
}
_REQUEST = _object(
    {
        "queries": _list(
            _object(
                {
                    "kind": _choice(*(kind.value for kind in Kind if kind is not Kind.IMAGE)),
                    "given": _TEXT,
                    "weight": {"type": "number", "minimum": -1e9, "maximum": 1e9},
                    "box": _or_null(_BOX),
                },
                "kind",
                "given",
            ),
            100,
        ),
        "k": {"type": "integer", "minimum": 1, "maximum": MOST_ROWS},
        "offset": _WHOLE,
        "combine": _choice(*(one.value for one in Combine)),
        "rank": _choice(*(one.value for one in Rank)),
        "candidates": _or_null({"type": "integer", "minimum": 1, "maximum": 2**32 - 1}),
        "max_distance": _or_null(_WHOLE),
        "min_similarity": _or_null({"type": "number", "minimum": -1, "maximum": 1}),
        "dissimilar": _FLAG,
        "datasets": _list(_TEXT, 1000),
        "subsets": _list(_TEXT, 1000),
        "where": _or_null(_TEXT),
        "sort": _or_null(_TEXT),
        "random": _or_null(_WHOLE),
        "exclude_self": _or_null(_FLAG),
        "model": _or_null(_TEXT),
        "models": _list(_TEXT, 10),
        "calibrated": _FLAG,
        "recall": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "exact": _FLAG,
        "objects": _FLAG,
    }
)
_WRITE: Mapping[str, tuple[str, Schema]] = {
    "query": (
        "Answer a request of `hamsight query` as `Request.to_json` writes it: matches and SQL.",
        _REQUEST,
    ),
    "search": ("Answer a view: the key of its result, total, SQL and command.", _VIEW),
    "sql": (
        "Answer a statement that reads; as a view where `view` is true.",
        _object({"statement": _TEXT, "view": _FLAG, "model": _or_null(_TEXT)}, "statement"),
    ),
    "saved": (
        "Keep the search of a view under a name.",
        _object({"name": _TEXT, "replace": _FLAG, "view": _VIEW}, "name", "view"),
    ),
    "selection": ("Change what a page has selected.", _SELECTION),
    "actions": ("Change the selected items or those named, or export them.", _ACTION),
    "analyze": (
        "Begin an analysis, as a job.",
        _object(
            {
                "kind": _choice(*ANALYSES),
                "model": _or_null(_TEXT),
                "where": _or_null(_TEXT),
                "strict": _FLAG,
                "number": {"type": "integer", "minimum": 0, "maximum": MOST_CLUSTERS},
                "density": _FLAG,
                "name": _or_null(_TEXT),
                "a": _TEXT,
                "b": _TEXT,
            },
            "kind",
        ),
    ),
    "findings": (
        "Open a list of what an analysis found.",
        _object(
            {"analysis": _TEXT, "finding": _or_null(_TEXT), "show": _choice(*SHOWN)}, "analysis"
        ),
    ),
    "decide": (
        "Decide entries of a list of findings.",
        _object(
            {
                "list": _TEXT,
                "decision": _choice(*REMEMBERED),
                "keys": _ITEMS,
                "all": _FLAG,
                "name": _TEXT,
                "kept": _ITEMS,
                "confirmed": _WHOLE,
            },
            "list",
            "decision",
        ),
    ),
    "maps": (
        "Make a map, as a job.",
        _object(
            {
                "method": _choice(*METHODS),
                "component": _or_null(_WHOLE),
                "model": _or_null(_TEXT),
                "refit": _FLAG,
            },
            "method",
        ),
    ),
    "classifier": (
        "Begin a classifier from words, from the selected items as right ones, or from both.",
        _object(
            {
                "words": _or_null(_TEXT),
                "page": _or_null(_TEXT),
                "model": _or_null(_TEXT),
                "where": _or_null(_TEXT),
            }
        ),
    ),
    "classifier/mark": (
        "Mark items right or wrong, or neither.",
        _object(
            {"classifier": _TEXT, "right": _MARKED, "wrong": _MARKED, "neither": _MARKED},
            "classifier",
        ),
    ),
    "classifier/save": (
        "Keep the ranking of a classifier as a saved query.",
        _object({"classifier": _TEXT, "name": _TEXT, "replace": _FLAG}, "classifier", "name"),
    ),
    "undo": ("Undo the last change.", _object({})),
    "cancel": ("Tell a job to end.", _object({"job": _WHOLE}, "job")),
}
_JOBS = ("actions", "analyze", "maps")
"""What may answer with a job."""
_KINDS = {
    **dict.fromkeys(("maps/points", "maps/color", "maps/mask"), ("application/octet-stream",)),
    "thumb": ("image/jpeg", "image/svg+xml"),
    "uploaded": ("image/jpeg",),
    "picture": ("image/*",),
    "events": ("text/event-stream",),
}
_ERROR = _object({"error": {"type": "string"}, "hint": {"type": "string"}}, "error", "hint") | {
    "additionalProperties": True
}


def document(version: str) -> dict[str, Any]:
    """Return the document; `version` is Hamsight's."""
    paths: dict[str, dict[str, Any]] = {}
    for name, (summary, parameters, required) in _READ.items():
        given = [
            {"name": one, "in": "query", "required": one in required, "schema": schema}
            for one, schema in parameters.items()
        ]
        kinds = _KINDS.get(name, ("application/json",))
        operation = {"summary": summary, "parameters": given, "responses": _answers(*kinds)}
        paths[f"/api/{name}"] = {"get": operation}
    for name, (summary, schema) in _WRITE.items():
        paths.setdefault(f"/api/{name}", {})["post"] = {
            "summary": summary,
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
            "responses": _answers("application/json", status="202" if name in _JOBS else None),
        }
    body = {"schema": {"type": "string", "format": "binary"}}
    paths["/api/uploads"] = {
        "post": {
            "summary": "Keep a picture of at most 50 MB to search by; `X-File-Name` is its name.",
            "requestBody": {"required": True, "content": {"application/octet-stream": body}},
            "responses": _answers("application/json"),
        }
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Hamsight", "version": version},
        "paths": paths,
    }


def _answers(*kinds: str, status: str | None = None) -> dict[str, Any]:
    answered: dict[str, Schema] = {kind: {"schema": {}} for kind in kinds}
    refused = {"description": "an error", "content": {"application/json": {"schema": _ERROR}}}
    found: dict[str, Any] = {"200": {"description": "the answer", "content": answered}}
    if status is not None:
        found[status] = {"description": "a job", "content": answered}
    return found | dict.fromkeys(("400", "401", "403", "409", "413", "415", "421", "422"), refused)
