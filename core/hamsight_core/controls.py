"""Characters that a terminal obeys instead of showing them, written as escapes."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable


def printable(text: str) -> str:
    """Return the text with controls, line ends and bidirectional marks as escapes of Python.

    Escapes are printable themselves, so that text may pass twice.
    """
    return escaped(text, lambda char: char.encode("unicode_escape").decode("ascii"))


def printable_json(text: str) -> str:
    """Return a line of JSON with the same characters as escapes of JSON: the value stays."""
    return escaped(text, lambda char: json.dumps(char)[1:-1])


def escaped(text: str, escape: Callable[[str], str]) -> str:
    """Return the text with every character that a terminal obeys as `escape` writes it."""
    if text.isprintable():
        return text
    return "".join(escape(char) if _is_obeyed(char) else char for char in text)


def _is_obeyed(char: str) -> bool:
    category = unicodedata.category(char)
    joiner = char in "\u200c\u200d"  # within emoji and Persian words
    return category in ("Cc", "Cs", "Zl", "Zp") or (category == "Cf" and not joiner)
