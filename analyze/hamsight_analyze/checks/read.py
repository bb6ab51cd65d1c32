"""Checks as a TOML file says them, and the example to begin with."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from hamsight_analyze.analysis import Analysis
from hamsight_analyze.items import Scope
from hamsight_analyze.kinds import Comparison, Duplicates, Leaks, Mislabelled, Outliers, Quality
from hamsight_analyze.kinds.leaks import SIDES
from hamsight_core.errors import UsageError
from hamsight_core.names import nearest
from hamsight_core.whole_files import whole_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EXAMPLE = """\
# What `hamsight check` looks at. It ends with status 1 if a limit is broken.
# dataset, subset, where and model, here or in a check, say which items are looked at.

[[check]]
find = "duplicates"          # items to spare, in groups of the same picture
at_most = 0

[[check]]
find = "leaks"               # pairs of pictures that stand in two subsets
at_most = 0
# together = "video"         # items with one value of this attribute belong on one side
# across = "datasets"

[[check]]
find = "quality"
issues = ["blurry", "dark", "light", "low_information"]
at_most = "2%"               # of the items

[[check]]
find = "mislabelled"         # tags that another tag fits better than
at_most = "1%"

[[check]]
find = "outliers"
at_most = "5%"

# [[check]]
# name = "train and val are alike"
# find = "comparison"
# a = "subset:train"
# b = "subset:val"
# p_at_least = 0.05          # the chance of such a difference between two halves of one set
"""
_SCOPE = ("dataset", "subset", "where", "model")
_KINDS = {one.kind: one for one in (Duplicates, Leaks, Quality, Mislabelled, Outliers, Comparison)}
_OWN = {
    "duplicates": ("strict",),
    "leaks": ("across", "together", "strict"),
    "quality": ("issues",),
    "comparison": ("a", "b", "p_at_least"),
}
_SHARE = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*%")
_HEADER = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?")


@dataclass(frozen=True, slots=True)
class Check:
    """An analysis of a scope, with its limit.

    At most `count` findings, or findings for at most a `share` of the items, 0 to 1, or of a
    comparison p of at least `p`; one of them is set.
    """

    name: str
    analysis: Analysis
    scope: Scope
    count: int | None = None
    share: float | None = None
    p: float | None = None


def read_checks(file: Path) -> list[Check]:
    """Return the checks of a file, in its order.

    Raises UsageError, which names the line, for what is no such file.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
        content = tomllib.loads(text)
    except FileNotFoundError:
        raise UsageError(
            f"there is no file {str(file)!r}: `hamsight check --init` writes one to begin with"
        ) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read as TOML: {error}") from None
    whole = _Table(file, text, None, content)
    whole.check_keys(("check", *_SCOPE), "")
    given = content.get("check", [])
    if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
        raise UsageError(f"{file} has no check: write each under a line [[check]]")
    scope = whole.scope(Scope())
    return [_check(_Table(file, text, place, one), scope) for place, one in enumerate(given)]


def write_example(file: Path) -> None:
    """Write checks to begin with. Raises UsageError for a file that is there already."""
    if os.path.lexists(file):
        raise UsageError(f"there is a file {str(file)!r} already: name another")
    with whole_file(file) as partial:
        partial.write_text(EXAMPLE, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of the file; `place` is that of a check."""

    file: Path
    source: str
    place: int | None
    values: Mapping[str, Any]

    def wrong(self, key: str, message: str) -> NoReturn:
        """Raise UsageError for a key, naming its line."""
        line = _line_of(self.source, self.place, key)
        where = f"line {line}" if line else f"check {(self.place or 0) + 1}"
        raise UsageError(f"{self.file}, {where}: {message}")

    def check_keys(self, known: tuple[str, ...], of: str) -> None:
        """Raise UsageError for a key that is none."""
        for key in self.values:
            if key not in known:
                self.wrong(key, f"there is no key {key!r}{of}; {nearest(key, known)}")

    def get(self, key: str, fits: Callable[[Any], bool], expected: str) -> Any:
        """Return the value of a key, None where it is missing. Raises UsageError for another."""
        value = self.values.get(key)
        if value is not None and not fits(value):
            self.wrong(key, f"{key} is {value!r}; expected {expected}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a text, or a list of texts, as a tuple."""
        value = self.get(key, _is_texts, "a text or a list of texts")
        if value is None:
            return ()
        return (value,) if isinstance(value, str) else tuple(value)

    def text(self, key: str) -> str | None:
        """Return a text."""
        value: str | None = self.get(key, _is_text, "a text")
        return value

    def scope(self, default: Scope) -> Scope:
        """Return which items are meant; what is not said is that of `default`."""
        return Scope(
            self.texts("dataset") or default.datasets,
            self.texts("subset") or default.subsets,
            self.text("where") or default.where,
            self.text("model") or default.model,
        )


def _check(table: _Table, scope: Scope) -> Check:
    kind = table.text("find")
    if kind is None:
        table.wrong("find", f"find is missing; it is one of {', '.join(_KINDS)}")
    if kind not in _KINDS:
        table.wrong("find", f"there is no analysis {kind!r} to check; {nearest(kind, _KINDS)}")
    limit = () if kind == "comparison" else ("at_most",)
    table.check_keys(("find", "name", *limit, *_SCOPE, *_OWN.get(kind, ())), f" of {kind}")
    check = Check(table.text("name") or kind, _analysis(table, kind), table.scope(scope))
    if kind == "comparison":
        p = table.get("p_at_least", _is_share, "a number from 0 to 1")
        return replace(check, p=0.05 if p is None else float(p))
    return _limited(table, check)


def _limited(table: _Table, check: Check) -> Check:
    given = table.get("at_most", _is_limit, 'a number from 0 on, or a share as "2%"')
    if isinstance(given, str):
        found = _SHARE.fullmatch(given.strip())
        assert found is not None
        return replace(check, share=float(found[1]) / 100)
    return replace(check, count=given or 0)


def _analysis(table: _Table, kind: str) -> Analysis:
    strict = table.get("strict", lambda value: isinstance(value, bool), "true or false") or False
    if kind == "duplicates":
        return Duplicates(strict=strict)
    if kind == "leaks":
        across = table.get("across", SIDES.__contains__, " or ".join(SIDES))
        return Leaks(across or SIDES[0], table.text("together"), strict=strict)
    if kind == "quality":
        try:
            return Quality(table.texts("issues"))
        except UsageError as error:
            table.wrong("issues", str(error))
    if kind == "comparison":
        a, b = table.text("a"), table.text("b")
        for name, side in (("a", a), ("b", b)):
            if side is None:
                table.wrong("find", f'{name} is missing: say {name} = "subset:NAME"')
        return Comparison(a or "", b or "")
    return _KINDS[kind]()


def _line_of(text: str, place: int | None, key: str) -> int | None:
    """Return the line of a key of the check of a place, or of none; else that of the check."""
    found, at = None, -1
    inside = place is None
    written = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*=""")
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.fullmatch(line):
            at += header[1] == "check"
            inside = place is not None and header[1] == "check" and at == place
            found = number if inside else found
        elif inside and written.match(line):
            return number
    return found


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_texts(value: Any) -> bool:
    return _is_text(value) or (isinstance(value, list) and all(map(_is_text, value)))


def _is_share(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def _is_limit(value: Any) -> bool:
    if isinstance(value, str):
        found = _SHARE.fullmatch(value.strip())
        return found is not None and float(found[1]) <= 100
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
