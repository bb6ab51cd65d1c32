"""What came of checks, as JUnit XML and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from hamsight_analyze.checks.outcomes import Outcome
from hamsight_core.controls import printable

_NOT_XML = re.compile("[\ufffe\uffff]")
_IN_CELL = re.compile(r"([\\|`*_<>&\[\]])")


def as_junit(outcomes: Sequence[Outcome]) -> str:
    """Return JUnit XML: a test case for each check, and the first findings of a broken one."""
    suite = ElementTree.Element(
        "testsuite",
        name="hamsight check",
        tests=str(len(outcomes)),
        failures=str(sum(one.broken for one in outcomes)),
        errors="0",
        time=f"{sum(one.seconds for one in outcomes):.3f}",
    )
    for one in outcomes:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=f"hamsight.{one.check.analysis.kind}",
            name=_xml(_said(one.check.name)),
            time=f"{one.seconds:.3f}",
        )
        if one.broken:
            message = _xml(_said(f"{one.said}; {one.limit}"))
            failure = ElementTree.SubElement(case, "failure", message=message)
            failure.text = _xml("\n".join(_line(row) for row in one.rows))
    ElementTree.indent(suite)
    text = ElementTree.tostring(suite, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def as_markdown(outcomes: Sequence[Outcome]) -> str:
    """Return Markdown: a table of the checks, then the first findings of each broken one."""
    broken = [one for one in outcomes if one.broken]
    head = f"{len(broken)} of {len(outcomes)} checks broken" if broken else "All checks hold"
    lines = [f"# {head}", "", *_header("check", "result", "found", "limit", "items")]
    for one in outcomes:
        result = "**broken**" if one.broken else "holds"
        name, said = _cell(one.check.name), _cell(one.said)
        lines.append(f"| {name} | {result} | {said} | {one.limit} | {one.items:,} |")
    for one in broken:
        lines += ["", f"## {_cell(one.check.name)}", "", f"{_cell(one.said)}; {one.limit}.", ""]
        if one.rows:
            lines += _header(*one.rows[0])
            lines += [f"| {' | '.join(map(_cell, row.values()))} |" for row in one.rows]
    return "\n".join(lines) + "\n"


def _header(*names: str) -> list[str]:
    return [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]


def _line(row: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_said(value)}" for name, value in row.items() if value is not None)


def _cell(value: Any) -> str:
    return _IN_CELL.sub(r"\\\1", _said(value))


def _said(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else printable(str(value))


def _xml(text: str) -> str:
    """Return printable text without the characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
