"""What the values of a table's cells say: attributes, tags and captions."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

from hamsight_ingest.readers.wrong import valid_text

_BETWEEN_TAGS = re.compile(r"[,;|]")
_LONGEST_LITERAL = 64 * 1024


def text_form(value: Any) -> str | None:
    """Return a value as an attribute's text; None where there is no value, or bytes.

    Numbers stand as in Python, bools as true and false, dates and times in ISO 8601, nested
    values as JSON.
    """
    if value is None or isinstance(value, (bytes, bytearray, memoryview)):
        return None
    if isinstance(value, str):
        return valid_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return None if math.isnan(value) else repr(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (list, tuple, dict)):
        return valid_text(json.dumps(value, ensure_ascii=False, default=_nested))
    return valid_text(str(value))


def _nested(value: Any) -> str:
    return "bytes" if isinstance(value, bytes) else text_form(value) or ""


def captions_of(value: Any) -> list[str]:
    """Return the captions in a value: a text, a list of texts, or a JSON list of them."""
    value = parsed_list(value)
    if not isinstance(value, list):
        value = [value]
    return [text for one in value if (text := (text_form(one) or "").strip())]


def tags_of(value: Any, names: Sequence[str] | None = None) -> dict[str, int]:
    """Return the tags in a value, each with its count.

    A list counts each of its members; an object gives the counts itself; a text is split at
    `,`, `;` or `|` unless it is JSON. `names` are the words for whole numbers.
    Raises ValueError saying what was expected.
    """
    value = parsed_list(value)
    if isinstance(value, dict):
        return _counted(value)
    if isinstance(value, str):
        value = [part.strip() for part in _BETWEEN_TAGS.split(value)]
    return labels_of(value, names)


def labels_of(value: Any, names: Sequence[str] | None = None) -> dict[str, int]:
    """Return the label in a value, or each one in a list, with its count; a text is one label."""
    tags: dict[str, int] = {}
    for one in value if isinstance(value, list) else [value]:
        label = _named(one, names)
        if label:
            add_tag(tags, label)
    return tags


def add_tag(tags: dict[str, int], label: str, count: int = 1) -> None:
    """Count a label once more."""
    tags[label] = tags.get(label, 0) + count


def _named(value: Any, names: Sequence[str] | None) -> str | None:
    if names is None or isinstance(value, bool) or not isinstance(value, int):
        return text_form(value)
    if value < 0:
        return None
    if value >= len(names):
        raise ValueError(f"expected the number of one of {len(names)} classes, from 0")
    return valid_text(names[value])


def _counted(value: dict[Any, Any]) -> dict[str, int]:
    tags: dict[str, int] = {}
    for label, count in value.items():
        if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count < 2**32:
            raise ValueError("expected a whole number from 0 to 4294967295 for each tag")
        if count:
            add_tag(tags, valid_text(str(label)), count)
    return tags


def parsed_list(value: Any) -> Any:
    """Return what a text is as JSON or Python writes a list or an object, else the value."""
    if not isinstance(value, str) or value.strip()[:1] not in ("[", "{", "("):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return _literal(value.strip())


def _literal(text: str) -> Any:
    """Return a list or mapping as Python writes it, else the text."""
    if len(text) > _LONGEST_LITERAL or text[-1:] not in ("]", "}", ")"):
        return text
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
    if isinstance(found, (tuple, set)):
        found = list(found)
    return found if isinstance(found, (list, dict)) else text
