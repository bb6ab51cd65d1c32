"""What a metadata expression means, said a second time: by Python's own parser and operators.

The language reads as Python does, so `ast` gives the tree; the classes here give the operators
the meaning that docs/where.md states. Nothing is shared with hamsight_query.where.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

_NUMERAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?")


class Number:
    """A number, or None for one without a value: all comparisons with it are false."""

    def __init__(self, value: float | None) -> None:
        self.value = value

    def _with(self, other: Any, operation: Callable[[Any, Any], Any]) -> Any:
        a, b = self.value, number(other).value
        return None if a is None or b is None else operation(a, b)

    def _calculated(self, other: Any, operation: Callable[[Any, Any], Any]) -> Number:
        return Number(self._with(other, operation))

    def __add__(self, other: Any) -> Number:
        return self._calculated(other, operator.add)

    def __sub__(self, other: Any) -> Number:
        return self._calculated(other, operator.sub)

    def __mul__(self, other: Any) -> Number:
        return self._calculated(other, operator.mul)

    def __truediv__(self, other: Any) -> Number:
        return self._calculated(other, lambda a, b: a / b if b else None)

    def __mod__(self, other: Any) -> Number:
        return self._calculated(other, lambda a, b: a % b if b else None)

    def __neg__(self) -> Number:
        return Number(None if self.value is None else -self.value)

    def __lt__(self, other: Any) -> bool:
        return bool(self._with(other, operator.lt))

    def __le__(self, other: Any) -> bool:
        return bool(self._with(other, operator.le))

    def __gt__(self, other: Any) -> bool:
        return bool(self._with(other, operator.gt))

    def __ge__(self, other: Any) -> bool:
        return bool(self._with(other, operator.ge))

    def __eq__(self, other: object) -> bool:
        return bool(self._with(other, operator.eq))

    def __ne__(self, other: object) -> bool:
        return bool(self._with(other, operator.ne))

    def __bool__(self) -> bool:
        return self.value is not None and self.value != 0

    __hash__ = None  # type: ignore[assignment]


class Attribute:
    """An attribute: a number beside numbers, else a text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __getattr__(self, name: str) -> Any:
        return getattr(self.text, name)

    def _beside(self, other: Any) -> tuple[Any, Any]:
        if isinstance(other, Number):
            return number(self), other
        return self.text, other.text if isinstance(other, Attribute) else other

    def __lt__(self, other: Any) -> bool:
        return operator.lt(*self._beside(other))

    def __le__(self, other: Any) -> bool:
        return operator.le(*self._beside(other))

    def __gt__(self, other: Any) -> bool:
        return operator.gt(*self._beside(other))

    def __ge__(self, other: Any) -> bool:
        return operator.ge(*self._beside(other))

    def __eq__(self, other: object) -> bool:
        return operator.eq(*self._beside(other))

    def __ne__(self, other: object) -> bool:
        return operator.ne(*self._beside(other))

    def __add__(self, other: Any) -> Number:
        return number(self) + other

    def __sub__(self, other: Any) -> Number:
        return number(self) - other

    def __mul__(self, other: Any) -> Number:
        return number(self) * other

    def __truediv__(self, other: Any) -> Number:
        return number(self) / other

    def __mod__(self, other: Any) -> Number:
        return number(self) % other

    def __neg__(self) -> Number:
        return -number(self)

    __hash__ = None  # type: ignore[assignment]


class Tags(dict):  # type: ignore[type-arg]
    def __getitem__(self, tag: str) -> Number:
        return Number(self.get(tag, 0))

    def __contains__(self, tag: object) -> bool:
        return self.get(tag, 0) > 0


class Attributes(dict):  # type: ignore[type-arg]
    def __getitem__(self, name: str) -> Attribute:
        return Attribute(self.get(name, ""))


class Captions(list):  # type: ignore[type-arg]
    def __contains__(self, part: object) -> bool:
        return any(str(part).lower() in caption.lower() for caption in self)


def number(value: Any) -> Number:
    if isinstance(value, Attribute):
        return Number(float(value.text) if _NUMERAL.fullmatch(value.text) else None)
    assert isinstance(value, Number)
    return value


def text(value: Any) -> str:
    value = value.text if isinstance(value, Attribute) else value
    assert isinstance(value, str)
    return value


def member(part: Any, container: Any, negated: bool) -> bool:
    if isinstance(container, list | tuple) and container and isinstance(container[0], Number):
        part = number(part)
        if part.value is None:
            return False
        return (part in container) != negated
    return (text(part) in (text(container) if isinstance(container, Attribute) else container)) != (
        negated
    )


def any_element(match: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    def matches(subject: Any, pattern: Any) -> bool:
        elements = subject if isinstance(subject, list) else [text(subject)]
        return any(match(element, text(pattern)) for element in elements)

    return matches


def like(flags: int) -> Callable[[str, str], bool]:
    def matches(subject: str, pattern: str) -> bool:
        parts = re.findall(r"\\[%_\\]|.", pattern, re.DOTALL)
        wildcards = {"%": ".*", "_": "."}
        expression = "".join(
            wildcards.get(part) or re.escape(part[-1] if len(part) == 2 else part) for part in parts
        )
        return re.fullmatch(expression, subject, re.DOTALL | flags) is not None

    return matches


FUNCTIONS = {
    "like": any_element(like(0)),
    "ilike": any_element(like(re.IGNORECASE)),
    "startswith": any_element(str.startswith),
    "endswith": any_element(str.endswith),
    "lower": lambda value: text(value).lower(),
    "length": lambda value: Number(len(value.text if isinstance(value, Attribute) else value)),
    "Number": Number,
    "member": member,
}


class _Rewrite(ast.NodeTransformer):
    """Numbers become Number(...), `a in b` becomes member(a, b, False)."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return node if isinstance(node.value, str) else _call("Number", node)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.ops[0], ast.In | ast.NotIn):
            negated = ast.Constant(isinstance(node.ops[0], ast.NotIn))
            return _call("member", node.left, node.comparators[0], negated)
        return node


def _call(function: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(function, ast.Load()), list(arguments), [])


def predicate(expression: str) -> Callable[[Mapping[str, Any]], bool]:
    """Return what `expression` says of a row: a mapping of columns, lists and plain dicts."""
    tree = ast.fix_missing_locations(_Rewrite().visit(ast.parse(expression, mode="eval")))
    code = compile(tree, "<where>", "eval")

    def holds(row: Mapping[str, Any]) -> bool:
        names: dict[str, Any] = {
            key: Number(value) if isinstance(value, int) else value for key, value in row.items()
        }
        names |= {tag: Number(row["tags"].get(tag, 0)) for tag in ("dog", "squirrel", "wheels")}
        names["tags"] = Tags(row["tags"])
        names["attributes"] = Attributes(row["attributes"])
        names["captions"] = Captions(row["captions"])
        result = eval(code, {"__builtins__": {}, **FUNCTIONS}, names)
        if isinstance(result, Number) and result.value is not None:
            assert not math.isnan(result.value)
        return bool(result)

    return holds
