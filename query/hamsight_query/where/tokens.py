"""The words of an expression: numbers, texts, names and symbols with their places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from hamsight_core.errors import ExpressionError

MAX_BYTES = 64 * 1024
INT64_MAX = 2**63 - 1
KEYWORDS = ("and", "or", "not", "in")

_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"[^\W\d]\w*")
# Everything that stands together with a number, so that `5abc` is named as a whole.
_OF_PARENT = re.compile(r"parent(\.)(?=[^\W\d])")
_NUMERAL = re.compile(r"(?:[0-9]|\.[0-9])(?:(?<=[eE])[+-]|[\w.])*")
_DIGITS = r"[0-9]+(?:_[0-9]+)*"
_INTEGER = re.compile(_DIGITS)
_FLOAT = re.compile(rf"(?:{_DIGITS}\.?(?:{_DIGITS})?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?")
_SYMBOL = re.compile(r"<=|>=|==|!=|<>|&&|\|\||[-+*/%<>=!()\[\],&|]")
_PLAIN = re.compile(r"[^\\'\"]+")
_ESCAPES = {'"': '"', "'": "'", "\\": "\\", "n": "\n", "t": "\t"}
_TYPOGRAPHIC_QUOTES = "“”„‘’‚«»`´"


class TokenKind(Enum):
    """What a token is; the value is the word for it in messages."""

    NUMBER = "number"
    TEXT = "text"
    NAME = "name"
    KEYWORD = "keyword"
    SYMBOL = "symbol"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is written, its 1-based column, and its value if it is a literal."""

    kind: TokenKind
    written: str
    column: int
    value: int | float | str = ""

    def __str__(self) -> str:
        if self.kind is TokenKind.END:
            return "the end"
        return self.written if len(self.written) <= 40 else f"{self.written[:37]}..."


def tokenize(text: str) -> Iterator[Token]:
    """Yield the tokens of `text`, the last of kind END.

    Raises ExpressionError at a character that starts no token, a wrong number and a wrong text.
    """
    _check_whole(text)
    at = _end_of_space(text, 0)
    while at < len(text):
        if text[at] in "\"'":
            token = _text(text, at)
        elif numeral := _NUMERAL.match(text, at):
            token = _number(text, at, numeral[0])
        elif name := _NAME.match(text, at):
            kind = TokenKind.KEYWORD if name[0] in KEYWORDS else TokenKind.NAME
            token = Token(kind, name[0], at + 1)
        elif symbol := _SYMBOL.match(text, at):
            token = Token(TokenKind.SYMBOL, symbol[0], at + 1)
        else:
            raise _stray(text, at)
        yield token
        if parent := _OF_PARENT.match(text, at):  # a dot stands nowhere else
            yield Token(TokenKind.SYMBOL, parent[1], parent.start(1) + 1)
            at += len(parent[1])
        at = _end_of_space(text, at + len(token.written))
    yield Token(TokenKind.END, "", len(text) + 1)


def _end_of_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _check_whole(text: str) -> None:
    # A surrogate is what an argument holds where its bytes are not UTF-8.
    encoded = text.encode("utf-8", "replace")
    if len(encoded) > MAX_BYTES:
        start = f"{text[:60]} ...".encode("utf-8", "replace").decode()
        message = f"an expression of {len(encoded)} bytes; at most {MAX_BYTES} are allowed"
        raise ExpressionError(message, start, 1)
    for at, character in enumerate(text):
        if "\ud800" <= character <= "\udfff":
            message = "found bytes that are not UTF-8; write the expression in UTF-8"
            raise ExpressionError(message, encoded.decode(), at + 1)
    if not text.strip():
        message = "found an empty expression, expected a condition such as width > 200"
        raise ExpressionError(message, text, 1)


def _text(text: str, start: int) -> Token:
    quote = text[start]
    value: list[str] = []
    at = start + 1
    while at < len(text):
        character = text[at]
        if character == quote:
            return Token(TokenKind.TEXT, text[start : at + 1], start + 1, "".join(value))
        if character == "\\":
            if at + 1 == len(text):
                break
            if text[at + 1] not in _ESCAPES:
                message = (
                    f"found \\{text[at + 1]} in a text, expected one of \\\" \\' \\\\ \\n \\t; "
                    "write a backslash as \\\\"
                )
                raise ExpressionError(message, text, at + 1)
            value.append(_ESCAPES[text[at + 1]])
            at += 2
        else:
            plain = _PLAIN.match(text, at)
            value.append(plain[0] if plain else character)
            at += len(value[-1])
    raise ExpressionError(f"found a text without its closing {quote}", text, start + 1)


def _number(text: str, at: int, written: str) -> Token:
    column = at + 1
    if _INTEGER.fullmatch(written):
        digits = written.replace("_", "").lstrip("0") or "0"
        # One more than INT64_MAX is let through for -9223372036854775808, which the parser folds.
        if len(digits) > 19 or int(digits) > INT64_MAX + 1:
            raise ExpressionError(
                f"found an integer of more than 64 bits, {_short(written)}", text, column
            )
        return Token(TokenKind.NUMBER, written, column, int(digits))
    if not _FLOAT.fullmatch(written):
        message = f"found {_short(written)}, expected a number such as 200, 1_000, 0.5 or 1e6"
        raise ExpressionError(message, text, column)
    value = float(written)
    if value == float("inf"):
        message = f"found {_short(written)}, a number too large for 64-bit floating point"
        raise ExpressionError(message, text, column)
    return Token(TokenKind.NUMBER, written, column, value)


def _short(written: str) -> str:
    return written if len(written) <= 40 else f"{written[:37]}..."


def _stray(text: str, at: int) -> ExpressionError:
    found = text[at]
    if found in _TYPOGRAPHIC_QUOTES:
        message = f"found {found}, expected a straight quote, \" or '"
    else:
        shown = found if found.isprintable() else repr(found)
        message = f"found {shown}, expected a name, a number, a text in quotes or an operator"
    return ExpressionError(message, text, at + 1)
