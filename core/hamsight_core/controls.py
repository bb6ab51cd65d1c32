"""Text as it may be shown: controls of a terminal as escapes, secrets of URLs masked."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable

_SCHEMES = r"\b(?:https?|ftps?|clickhouses?|s3|gs)://"
_USERINFO = re.compile(
    # Up to the last @ before the path; else, of a password that holds what begins a path, to the
    # last @ of all, unless a port stands where it would.
    rf"({_SCHEMES})(?:([^\s/?#\"'\\<>]*)@"
    r"|[^\s/?#@:\"'\\<>]*:(?!\d{1,5}(?:[/?#\s]|$))[^\s\"'\\<>]*@)",
    re.IGNORECASE,
)
_PRIVATE = (
    r"x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)|sig|signature"
    r"|awsaccesskeyid|googleaccessid|key-pair-id|policy|hmac|(?:access|auth|id|refresh)?_?token"
    r"|auth|authorization|api_?key|key|passw(?:or)?d|pwd|(?:client_?)?secret"
)
_PARAMETER = re.compile(rf"([?&;](?:{_PRIVATE})=)[^&;#\s\"'\\<>]+", re.IGNORECASE)
MASK = "***"


def masked(text: str) -> str:
    """Return the text with user, password and the secret parameters of its URLs masked."""
    if "://" not in text:
        return text
    return _PARAMETER.sub(rf"\1{MASK}", _USERINFO.sub(_without_userinfo, text))


def _without_userinfo(found: re.Match[str]) -> str:
    is_user_alone = found[1].lower().startswith("clickhouse") and ":" not in (found[2] or ":")
    is_form = found[2] == "USER:PASSWORD"  # in an error that says how a DSN is written
    return found[0] if is_user_alone or is_form else f"{found[1]}{MASK}@"


def printable(text: str) -> str:
    """Return the text, masked, with controls, line ends and bidirectional marks as escapes.

    The escapes are Python's, and printable themselves, so that text may pass twice.
    """
    return escaped(masked(text), lambda char: char.encode("unicode_escape").decode("ascii"))


def printable_json(text: str) -> str:
    """Return a line of JSON, masked, with the same characters as escapes of JSON: values stay."""
    return escaped(masked(text), lambda char: json.dumps(char)[1:-1])


def escaped(text: str, escape: Callable[[str], str]) -> str:
    """Return the text with every character that a terminal obeys as `escape` writes it."""
    if text.isprintable():
        return text
    return "".join(escape(char) if _is_obeyed(char) else char for char in text)


def _is_obeyed(char: str) -> bool:
    category = unicodedata.category(char)
    joiner = char in "\u200c\u200d"  # within emoji and Persian words
    return category in ("Cc", "Cs", "Zl", "Zp") or (category == "Cf" and not joiner)
