"""The OpenAPI document of the server's HTTP API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hamsight_analyze.positions import METHODS
from hamsight_explore.analyzing import ANALYSES, MOST_CLUSTERS
from hamsight_explore.analyzing_api import MOST_ENTRIES
from hamsight_explore.classifier_api import ORDERS
from hamsight_explore.deciding import REMEMBERED
from hamsight_explore.findings import SHOWN
from hamsight_explore.schemas import (
    ACTION,
    FLAG,
    ITEMS,
    MARKED,
    PICTURE,
    REQUEST,
    SELECTION,
    SHORT_TEXT,
    TEXT,
    VIEW,
    WHOLE,
    Schema,
    choice,
    object_of,
    or_null,
)
from hamsight_explore.thumbnails import SIZES
from hamsight_explore.view import FIELDS
from hamsight_explore.windows import MOST_ROWS

_OF_MODEL = {"model": SHORT_TEXT}
_READ: Mapping[str, tuple[str, Mapping[str, Schema], tuple[str, ...]]] = {
    "health": ("Whether the server runs.", {}, ()),
    "openapi.json": ("This document.", {}, ()),
    "catalog": ("Models, datasets and counts.", {}, ()),
    "rows": (
        "The rows of a window of a result; `selected` is as the page has it.",
        {
            "result": SHORT_TEXT,
            "from": WHOLE,
            "count": {"type": "integer", "minimum": 0, "maximum": MOST_ROWS},
            "page": SHORT_TEXT,
        },
        ("result",),
    ),
    "facets": (
        "The values of a field within a result, with counts of items and of selected ones.",
        {
            "result": SHORT_TEXT,
            "field": choice(*FIELDS),
            "contains": SHORT_TEXT,
            "limit": WHOLE,
            "page": SHORT_TEXT,
        },
        ("result", "field"),
    ),
    "histogram": (
        "How many items of a search have which similarity, in equal steps.",
        {"result": SHORT_TEXT},
        ("result",),
    ),
    "item": (
        "All that the catalog says of an item.",
        {"number": WHOLE, "model": SHORT_TEXT},
        ("number",),
    ),
    "near": (
        "Rows of the items that are most like an item.",
        {
            "number": WHOLE,
            "count": {"type": "integer", "minimum": 0, "maximum": 100},
            "model": SHORT_TEXT,
        },
        ("number",),
    ),
    "names": ("The names that a filter may have: columns and tags.", _OF_MODEL, ()),
    "thumb": (
        "A thumbnail as JPEG, or an SVG that says why there is none.",
        {**PICTURE, "size": choice(*SIZES)},
        ("number",),
    ),
    "picture": ("The picture of an item.", PICTURE, ("number",)),
    "uploaded": ("A small JPEG of a picture that was sent.", {"key": SHORT_TEXT}, ("key",)),
    "selected": (
        "How many items a page has selected, and rows of the first of them.",
        {
            "page": SHORT_TEXT,
            "model": SHORT_TEXT,
            "limit": {"type": "integer", "minimum": 0, "maximum": 100},
        },
        ("page",),
    ),
    "saved": ("The saved queries, each as a view.", {}, ()),
    "analyses": ("The analyses of a model whose findings stand.", _OF_MODEL, ()),
    "findings": (
        "Entries of a list of findings, with the rows of their items.",
        {
            "list": SHORT_TEXT,
            "from": WHOLE,
            "count": {"type": "integer", "minimum": 0, "maximum": MOST_ENTRIES},
        },
        ("list",),
    ),
    "clusters": (
        "The clusters of an analysis: sizes, tags, and the items in their middle.",
        {"analysis": SHORT_TEXT, **_OF_MODEL},
        ("analysis",),
    ),
    "compared": (
        "The last comparison of two sides, which the catalog keeps.",
        {"a": SHORT_TEXT, "b": SHORT_TEXT, **_OF_MODEL},
        ("a", "b"),
    ),
    "maps": ("The maps, and by what they may be coloured.", {"model": SHORT_TEXT}, ()),
    "maps/points": (
        "The points of a map: numbers of items (uint32), then x and y of each (float32).",
        {"map": SHORT_TEXT, "model": SHORT_TEXT},
        ("map",),
    ),
    "maps/color": (
        "The colours of a map's points: a JSON object and a line break, then a byte a point.",
        dict.fromkeys(("map", "by", "result", "a", "b", "model"), SHORT_TEXT),
        ("map", "by"),
    ),
    "maps/mask": (
        "Which points of a map are in a result: a bit a point, the lowest first.",
        {"map": SHORT_TEXT, "result": SHORT_TEXT},
        ("map", "result"),
    ),
    "maps/names": (
        "Names of the regions of a map.",
        {"map": SHORT_TEXT, "model": SHORT_TEXT},
        ("map",),
    ),
    "classifier": (
        "The first rows of a list of a classifier, and those of the marked items.",
        {
            "classifier": SHORT_TEXT,
            "order": choice(*ORDERS),
            "count": {"type": "integer", "minimum": 0, "maximum": 200},
        },
        ("classifier",),
    ),
    "place": (
        "The place of an item in a result, null where it is not there.",
        {"result": SHORT_TEXT, "number": WHOLE},
        ("result", "number"),
    ),
    "jobs": ("The jobs, the last first, and the version of the items.", {}, ()),
    "events": ("The same as server-sent events while a job runs; then the answer ends.", {}, ()),
}
_WRITE: Mapping[str, tuple[str, Schema]] = {
    "query": (
        "Answer a request of `hamsight query` as `Request.to_json` writes it: matches and SQL.",
        REQUEST,
    ),
    "search": ("Answer a view: the key of its result, total, SQL and command.", VIEW),
    "sql": (
        "Answer a statement that reads; as a view where `view` is true.",
        object_of({"statement": TEXT, "view": FLAG, "model": or_null(TEXT)}, "statement"),
    ),
    "saved": (
        "Keep the search of a view under a name.",
        object_of({"name": TEXT, "replace": FLAG, "view": VIEW}, "name", "view"),
    ),
    "selection": ("Change what a page has selected.", SELECTION),
    "actions": ("Change the selected items or those named, or export them.", ACTION),
    "analyze": (
        "Begin an analysis, as a job.",
        object_of(
            {
                "kind": choice(*ANALYSES),
                "model": or_null(TEXT),
                "where": or_null(TEXT),
                "strict": FLAG,
                "number": {"type": "integer", "minimum": 0, "maximum": MOST_CLUSTERS},
                "density": FLAG,
                "name": or_null(TEXT),
                "a": TEXT,
                "b": TEXT,
            },
            "kind",
        ),
    ),
    "findings": (
        "Open a list of what an analysis found.",
        object_of({"analysis": TEXT, "finding": or_null(TEXT), "show": choice(*SHOWN)}, "analysis"),
    ),
    "decide": (
        "Decide entries of a list of findings.",
        object_of(
            {
                "list": TEXT,
                "decision": choice(*REMEMBERED),
                "keys": ITEMS,
                "all": FLAG,
                "name": TEXT,
                "kept": ITEMS,
                "confirmed": WHOLE,
            },
            "list",
            "decision",
        ),
    ),
    "maps": (
        "Make a map, as a job.",
        object_of(
            {
                "method": choice(*METHODS),
                "component": or_null(WHOLE),
                "model": or_null(TEXT),
                "refit": FLAG,
            },
            "method",
        ),
    ),
    "classifier": (
        "Begin a classifier from words, from the selected items as right ones, or from both.",
        object_of(
            {
                "words": or_null(TEXT),
                "page": or_null(TEXT),
                "model": or_null(TEXT),
                "where": or_null(TEXT),
            }
        ),
    ),
    "classifier/mark": (
        "Mark items right or wrong, or neither.",
        object_of(
            {"classifier": TEXT, "right": MARKED, "wrong": MARKED, "neither": MARKED},
            "classifier",
        ),
    ),
    "classifier/save": (
        "Keep the ranking of a classifier as a saved query.",
        object_of({"classifier": TEXT, "name": TEXT, "replace": FLAG}, "classifier", "name"),
    ),
    "undo": ("Undo the last change.", object_of({})),
    "cancel": ("Tell a job to end.", object_of({"job": WHOLE}, "job")),
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
_ERROR = object_of({"error": {"type": "string"}, "hint": {"type": "string"}}, "error", "hint") | {
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
