"""Writing a `model.toml`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def to_toml(content: Mapping[str, Any]) -> str:
    """Return tables of texts, numbers, booleans and lists of them as TOML."""
    lines = _lines(content)
    for name, table in content.items():
        if isinstance(table, Mapping):
            lines += ["", f"[{name}]", *_lines(table)]
    return "\n".join(lines) + "\n"


def _lines(table: Mapping[str, Any]) -> list[str]:
    # A TOML string, number, boolean or list of those is written as in JSON.
    return [
        f"{key} = {json.dumps(value, ensure_ascii=False)}"
        for key, value in table.items()
        if not isinstance(value, Mapping)
    ]
