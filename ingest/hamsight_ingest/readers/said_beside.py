"""What a JSON object beside an image says of it, as img2dataset and WebDataset write them."""

from __future__ import annotations

import json
from pathlib import Path

from hamsight_ingest.readers.table_values import captions_of, text_form
from hamsight_ingest.readers.wrong import fail, valid_text

_CAPTIONS = ("caption", "captions")


def of_json(file: Path, place: str, text: str) -> tuple[dict[str, str], list[str]]:
    """Return the attributes and captions in the text of an object; `place` is its place in the
    file, if any. Raises SourceError."""
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}"
        fail(file, f"{place}, {at}" if place else at, f"not JSON: {error.msg}")
    except (RecursionError, ValueError) as error:
        fail(file, place, f"not JSON that can be read: {error}")
    if not isinstance(content, dict):
        fail(file, place, "expected an object")
    captions = [words for name in _CAPTIONS for words in captions_of(content.get(name))]
    attributes = {
        valid_text(name): form
        for name, value in content.items()
        if name not in _CAPTIONS and (form := text_form(value)) is not None
    }
    return attributes, captions
