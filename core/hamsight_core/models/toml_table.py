"""Tables of a `model.toml`, read key by key."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path, PureWindowsPath
from typing import Any

from hamsight_core.errors import ModelError

_REQUIRED: Any = object()
_LARGEST_NUMBER = 1e9  # of mean and std; NaN is not below it
_SHOWN = 60


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and abs(value) < _LARGEST_NUMBER  # type: ignore[arg-type]


def cut(value: object) -> str:
    """Return a value as messages show it, a long one cut."""
    try:
        shown = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits
        return "…"
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


class TomlTable:
    """A table of a `model.toml` whose keys are taken one by one, so that none is overlooked.

    Each method raises ModelError, which names the file and the key, for what is missing, unknown
    or of another type.
    """

    def __init__(self, content: Mapping[str, Any], file: Path, name: str) -> None:
        self._left = dict(content)
        self._taken: list[str] = []
        self._file, self._name = file, name

    def place(self, key: str) -> str:
        """Return how messages name a key."""
        return f"{self._file}: {self._name}{key}"

    def take(self, key: str, kind: type, default: Any = _REQUIRED) -> Any:
        """Take a value of a type, or the default."""
        self._taken.append(key)
        if key not in self._left:
            if default is _REQUIRED:
                raise ModelError(f"{self.place(key)} is missing; expected {kind.__name__}")
            return default
        value = self._left.pop(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ModelError(f"{self.place(key)} = {cut(value)}; expected {kind.__name__}")
        return value

    def number(self, key: str, least: int, most: int, default: Any = _REQUIRED) -> int:
        """Take a whole number within bounds."""
        value: int = self.take(key, int, default)
        if not least <= value <= most:
            raise ModelError(f"{self.place(key)} = {cut(value)}; expected {least} to {most}")
        return value

    def file(self, key: str, default: Any = _REQUIRED) -> Any:
        """Take the path of a file in the package's folder."""
        name = self.take(key, str, default)
        if name is None:
            return None
        parts = name.replace("\\", "/").split("/")
        if not parts[0] or ".." in parts or PureWindowsPath(name).drive or "\0" in name:
            raise ModelError(
                f"{self.place(key)} = {cut(name)}; expected a file in the folder of model.toml"
            )
        return name

    def choice(self, key: str, choices: tuple[str, ...], default: str) -> str:
        """Take a text that is one of the choices."""
        value: str = self.take(key, str, default)
        if value not in choices:
            raise ModelError(f"{self.place(key)} = {cut(value)}; expected {', '.join(choices)}")
        return value

    def optional_choice(self, key: str, choices: tuple[str, ...]) -> str | None:
        """Take a text that is one of the choices, None where it is missing."""
        if key not in self._left:
            self._taken.append(key)
            return None
        return self.choice(key, choices, choices[0])

    def triple(self, key: str) -> tuple[float, float, float] | None:
        """Take three numbers, None where they are missing; those of `std` are above 0."""
        value = self.take(key, list, None)
        if value is None:
            return None
        if len(value) != 3 or not all(map(_is_number, value)):
            raise ModelError(f"{self.place(key)} = {cut(value)}; expected three numbers, RGB")
        if key == "std" and not all(one > 0 for one in value):
            raise ModelError(f"{self.place(key)} = {cut(value)}; expected numbers above 0")
        return (float(value[0]), float(value[1]), float(value[2]))

    def table(self, key: str) -> TomlTable:
        """Take a table within this one."""
        return TomlTable(self.take(key, dict), self._file, f"{key}.")

    def done(self) -> None:
        """Check that every key was taken."""
        for key in self._left:
            near = get_close_matches(key, self._taken, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(self._taken)}"
            raise ModelError(f"{self.place(key)} is not a key of a model package; {hint}")
