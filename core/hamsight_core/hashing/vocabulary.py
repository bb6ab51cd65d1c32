"""The words of `vocabulary.txt`: names of what pictures show, for hashes to be fitted to."""

from __future__ import annotations

from importlib import resources

_APART = 4


def words_to_fit() -> list[str]:
    """Return the words that a hash is fitted to."""
    return [word for place, word in enumerate(_words()) if place % _APART]


def words_apart() -> list[str]:
    """Return those that no fit has seen, to ask where a catalog has no captions and no tags."""
    return _words()[::_APART]


def _words() -> list[str]:
    text = resources.files("hamsight_core.hashing").joinpath("vocabulary.txt").read_text("utf-8")
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
