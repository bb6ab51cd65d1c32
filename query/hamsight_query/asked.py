"""From queries as people write them, in a shell or in Python, to a request."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Union

from hamsight_core.errors import UsageError
from hamsight_core.images.places.uris import scheme
from hamsight_query.region import Region
from hamsight_query.request import Combine, Kind, Query, Request, combine_of

_PICTURE = re.compile(r"\.(?:avif|bmp|gif|heic|heif|jfif|jpe?g|jp2|png|tiff?|webp)", re.IGNORECASE)
_WEIGHT = re.compile(
    r"(.+)\^([+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|inf(?:inity)?))",
    re.DOTALL | re.IGNORECASE | re.ASCII,
)

WHOLE = "whole"
"""A box that is the whole picture."""

Given = Union[str, "os.PathLike[str]", tuple[Any, float]]
"""A query: a text or path, or that with its weight."""


def request_of(
    asked: Iterable[Given] = (),
    *,
    image: Iterable[Given] = (),
    text: Iterable[Given] = (),
    not_text: Iterable[Given] = (),
    item: Iterable[Given] = (),
    group: Iterable[Given] = (),
    each_of: Iterable[Given] = (),
    box: Iterable[str | Sequence[float]] = (),
    combine: Combine | None = None,
    model: Iterable[str] = (),
    **options: Any,
) -> Request:
    """Return the request that people mean; `options` are those of Request.

    Of `asked`, what has a slash, a scheme or an image's suffix is a picture, all else is words. A
    weight stands after a `^`, as in "beach^0.7", or beside the query in a tuple. Boxes are those of
    the pictures and items, in their order; "whole" stands for a picture without a box. Weights and
    `not_text` imply `combine` blend. Rankings of several of `model` are fused. Raises UsageError.
    """
    queries = [_named(*_weighted(one)) for one in asked]
    given = (
        (Kind.IMAGE, image),
        (Kind.TEXT, text),
        (Kind.ITEM, item),
        (Kind.GROUP, group),
        (Kind.EACH_OF, each_of),
    )
    queries += [Query(kind, *_weighted(one)) for kind, values in given for one in values]
    queries += [Query(Kind.TEXT, words, -weight) for words, weight in map(_weighted, not_text)]
    boxes = [None if one == WHOLE else Region.of(one) for one in box]
    if boxes:
        queries = _with_boxes(queries, boxes)
    models = tuple(model)
    if models[1:]:
        options["models"] = models
    elif models:
        options["model"] = models[0]
    return Request(tuple(queries), combine=combine or combine_of(queries), **options)


def _weighted(given: Given) -> tuple[str, float]:
    """Return a query and its weight."""
    if isinstance(given, tuple):
        return os.fspath(given[0]), float(given[1])
    found = _WEIGHT.fullmatch(text := os.fspath(given))
    return (found[1], float(found[2])) if found else (text, 1.0)


def written(query: Query) -> str:
    """Return what gives a query back in a shell: its text, and its weight after a `^`."""
    if query.weight == 1 and not _WEIGHT.fullmatch(query.given):
        return query.given
    return f"{query.given}^{query.weight:.12g}"


def _named(text: str, weight: float) -> Query:
    """Return the query that a bare argument is. Raises UsageError for a missing picture."""
    suffix = os.path.splitext(text)[1]  # noqa: PTH122
    if scheme(text):
        return Query(Kind.IMAGE, text, weight)
    if "/" in text or os.sep in text or _PICTURE.fullmatch(suffix):
        if not os.path.exists(text):  # noqa: PTH110
            raise UsageError(
                f"there is no picture {text!r}: name a file or a URL, say --text for words,"
                " --item for an item of the catalog"
            )
        return Query(Kind.IMAGE, text, weight)
    return Query(Kind.TEXT, text, weight)


def _with_boxes(queries: Sequence[Query], boxes: Sequence[Region | None]) -> list[Query]:
    places = [n for n, one in enumerate(queries) if one.kind in (Kind.IMAGE, Kind.ITEM)]
    if not places:
        raise UsageError("--box is a part of a picture or item: give --image or --item with it")
    if len(places) != len(boxes):
        raise UsageError(
            f"--box is given {len(boxes)} of {len(places)} times: give it once for each picture and"
            f" item, in their order; --box {WHOLE} is all of a picture"
        )
    found = list(queries)
    for place, box in zip(places, boxes, strict=True):
        found[place] = replace(found[place], box=box)
    return found
