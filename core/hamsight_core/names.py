"""Names that users give: which can be taken, and which was meant by one that is not known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from enum import Enum
from typing import TypeVar

from hamsight_core.errors import UsageError

MAX_NAME = 4096
"""Bytes of the longest name of a group, a status, an attribute, a dataset or a saved query."""
_SHOWN = 20
_LONGEST = 80

_Choice = TypeVar("_Choice", bound=Enum)


def checked(what: str, name: str) -> str:
    """Return a name that may be given to things; raises UsageError for another."""
    if not name.strip():
        raise UsageError(f"{what} is empty: give it a name")
    return within(what, name, MAX_NAME)


def within(what: str, text: str, size: int) -> str:
    """Return text of at most `size` bytes in UTF-8; raises UsageError for another."""
    as_text(what, text)
    if len(text.encode()) > size:
        raise UsageError(f"{what} has {len(text.encode())} bytes; at most {size} are allowed")
    return text


def as_text(what: str, text: str) -> str:
    """Return text that is UTF-8; raises UsageError for bytes of an argument that are not."""
    if not is_text(text):
        raise UsageError(f"{what} {text!r} is not UTF-8: give it as UTF-8 text")
    return text


def is_text(name: str) -> bool:
    """Return whether a name is text: bytes of an argument that are not UTF-8 are none."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the hint for a name that is none of `known`."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    if near:
        return f"did you mean {_cut(near[0])!r}?"
    return f"there are: {listed(names)}" if names else "there are none"


def listed(names: Sequence[str]) -> str:
    """Return the first of many names for a message, long ones cut, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(repr(_cut(name)) for name in names[:_SHOWN]) + more


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: "1 pair", "2,000 pairs"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"


def check_options(given: Iterable[str], known: Iterable[str]) -> None:
    """Raise UsageError for an option of a call from Python that is none of `known`."""
    names = sorted(known)
    for name in given:
        if name not in names:
            raise UsageError(f"there is no option {name!r}; {nearest(name, names)}")


def check_within(
    held: Iterable[Sequence[str]], datasets: Iterable[str], subsets: Iterable[str]
) -> None:
    """Raise UsageError for a dataset or subset that none of the (dataset, subset) held has."""
    pairs = list(held)
    for option, place, named in (("--dataset", 0, datasets), ("--subset", 1, subsets)):
        known = {pair[place] for pair in pairs}
        for name in named:
            if name not in known:
                raise UsageError(
                    f"{option} {name!r}: the catalog has none of that name; {nearest(name, known)}"
                )


def chosen(name: str, choices: type[_Choice], value: str) -> _Choice:
    """Return the choice of that value. Raises UsageError naming them all for another."""
    try:
        return choices(value)
    except ValueError:
        listed = ", ".join(str(one.value) for one in choices)
        raise UsageError(f"{name} is {value!r}; expected {listed}") from None
