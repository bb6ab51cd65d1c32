"""Writing a `model.toml`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def to_toml(content: Mapping[str, Any], notes: Mapping[str, str] | None = None) -> str:
    """Return tables of texts, numbers, booleans and lists of them as TOML.

    `notes` are comments by key, as "image.size"; they stand behind their line.
    """
    lines = _lines(content, notes or {}, "")
    for name, table in content.items():
        if isinstance(table, Mapping):
            lines += ["", f"[{name}]", *_lines(table, notes or {}, f"{name}.")]
    return "\n".join(lines) + "\n"


def _lines(table: Mapping[str, Any], notes: Mapping[str, str], prefix: str) -> list[str]:
    lines = []
    for key, value in table.items():
        if not isinstance(value, Mapping):
            note = notes.get(prefix + key)
            # A TOML string, number, boolean or list of those is written as in JSON.
            line = f"{key} = {json.dumps(value, ensure_ascii=False)}"
            lines.append(f"{line}  # {note}" if note else line)
    return lines
