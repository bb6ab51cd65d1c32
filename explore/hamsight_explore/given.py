"""What a request of the page says, checked: JSON bodies and parameters of a URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from hamsight_core.errors import UsageError
from hamsight_core.names import is_text

T = TypeVar("T")

MAX_TEXT = 64 * 1024
"""Characters of the longest text that the server takes in a body."""
MAX_TEXT_OF_ADDRESS = 500
"""Characters of the longest text in an address, which has 32 KiB in all."""
_MOST = 2**32 - 1
_MOST_NUMBER = 1e30


class Given:
    """The members of a JSON object, taken by name and type.

    Each method raises UsageError, which names the member, for one that is missing or of another
    type. `finish` does for a member that nobody took.
    """

    def __init__(
        self, members: Any, where: str = "the request", *, longest: int = MAX_TEXT
    ) -> None:
        if not isinstance(members, Mapping):
            raise UsageError(f"{where} is no JSON object")
        self._members, self._where, self._longest = dict(members), where, longest

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text, which is UTF-8 and holds no NUL."""
        value = self._take(name, str, default)
        if len(value) > self._longest:
            raise UsageError(
                f"{name!r} has {len(value)} characters; at most {self._longest} are taken"
            )
        if not is_text(value) or "\x00" in value:
            raise UsageError(f"{name!r} is not UTF-8 text")
        return value

    def text_or_none(self, name: str) -> str | None:
        """Return a text, None where it is missing, null or blank."""
        if self._members.get(name) is None:
            self._members.pop(name, None)
            return None
        return self.text(name).strip() or None

    def whole(self, name: str, default: int | None = None, *, most: int = _MOST) -> int:
        """Return a whole number from 0 to `most`."""
        value = self._take(name, int, default)
        if isinstance(value, bool) or not 0 <= value <= most:
            raise UsageError(f"{name!r} is {value}; expected a whole number from 0 to {most}")
        return value

    def whole_or_none(self, name: str, *, most: int = _MOST) -> int | None:
        """Return a whole number from 0 to `most`, None where it is missing or null."""
        if self._members.get(name) is None:
            self._members.pop(name, None)
            return None
        return self.whole(name, most=most)

    def number(self, name: str, default: float, least: float, most: float) -> float:
        """Return a number within bounds."""
        value = self._members.pop(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise UsageError(f"{name!r} of {self._where} is no number")
        if not least <= value <= most:
            raise UsageError(f"{name!r} is {value}; expected {least:g} to {most:g}")
        return float(value)

    def number_or_none(self, name: str, least: float, most: float) -> float | None:
        """Return a number within bounds, None where it is missing or null."""
        if self._members.get(name) is None:
            self._members.pop(name, None)
            return None
        return self.number(name, 0.0, least, most)

    def numbers(self, name: str, *, most: int = 4) -> list[float]:
        """Return a list of numbers; an empty one where it is missing or null."""
        values = self._members.pop(name, None) or []
        known = isinstance(values, list) and len(values) <= most
        if not known or any(type(value) not in (int, float) for value in values):
            raise UsageError(f"{name!r} must be a list of at most {most} numbers")
        if any(abs(value) > _MOST_NUMBER for value in values):
            raise UsageError(f"{name!r} has a number beyond {_MOST_NUMBER:g}")
        return [float(value) for value in values]

    def flag(self, name: str) -> bool:
        """Return true or false, false where it is missing."""
        return self._take(name, bool, False)

    def choice(self, name: str, choices: Sequence[str], default: str | None = None) -> str:
        """Return a text that is one of the choices."""
        value = self._take(name, str, default)
        if value not in choices:
            raise UsageError(f"{name!r} is {value[:40]!r}; expected {', '.join(choices)}")
        return value

    def wholes(self, name: str, *, most: int = 100_000) -> list[int]:
        """Return a list of whole numbers; an empty one where it is missing."""
        values = self._take(name, list, [])
        if len(values) > most:
            raise UsageError(f"{name!r} has {len(values)} elements; at most {most} are taken")
        if not all(type(value) is int and 0 <= value <= _MOST for value in values):
            raise UsageError(f"{name!r} must be a list of whole numbers")
        return values

    def texts(self, name: str, *, most: int) -> list[str]:
        """Return a list of texts; an empty one where it is missing."""
        values = self._take(name, list, [])
        if len(values) > most:
            raise UsageError(f"{name!r} has {len(values)} elements; at most {most} are taken")
        return [Given({name: value}, f"each of {name!r}").text(name) for value in values]

    def objects(self, name: str, *, most: int = 100) -> list[Given]:
        """Return a list of objects; an empty one where it is missing."""
        values = self._take(name, list, [])
        if len(values) > most:
            raise UsageError(f"{name!r} has {len(values)} elements; at most {most} are taken")
        return [Given(value, f"each of {name!r}") for value in values]

    def object(self, name: str) -> Given | None:
        """Return an object, None where it is missing or null."""
        value = self._members.pop(name, None)
        return None if value is None else Given(value, repr(name))

    def members(self) -> dict[str, Any]:
        """Take all members as they are."""
        members, self._members = self._members, {}
        return members

    def finish(self) -> None:
        """Check that every member was taken."""
        if self._members:
            name = str(next(iter(self._members)))[:40]
            raise UsageError(f"{self._where} has a member that is not known: {name!r}")

    def _take(self, name: str, kind: type[T], default: T | None) -> T:
        value = self._members.pop(name, default)
        if value is None:
            raise UsageError(f"{self._where} lacks {name!r}")
        if not isinstance(value, kind):
            words = {str: "text", int: "a whole number", bool: "true or false", list: "a list"}
            raise UsageError(f"{name!r} of {self._where} is not {words[kind]}")
        return value


def of_query(parameters: Mapping[str, str]) -> Given:
    """Return the parameters of a URL; those that are digits alone are numbers."""
    return Given(
        {
            name: int(value) if value.isascii() and value.isdigit() and len(value) < 12 else value
            for name, value in parameters.items()
        },
        "the address",
        longest=MAX_TEXT_OF_ADDRESS,
    )
