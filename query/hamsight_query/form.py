"""How a search is written: from what it reads, and with which columns."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import indent

from hamsight_core.catalog.statements import fill


@dataclass(frozen=True, slots=True)
class Form:
    """With the columns that describe items, or not; in one scan or two.

    `in_cells` reads near cells in place of all items, and `checked` tells whether they had enough;
    `resident` ranks the hashes that are in memory.
    """

    described: bool
    one_scan: bool = False
    in_cells: bool = False
    checked: bool = False
    resident: bool = False

    @property
    def looks_up(self) -> bool:
        """Whether hashes that stand apart from the items are ranked first."""
        return self.in_cells or self.resident

    @property
    def columns(self) -> str:
        """The columns of candidates."""
        return f"{self.first_columns}, {fill('described')}" if self.described else fill("identity")

    @property
    def first_columns(self) -> str:
        """The columns of an answer before `distance`."""
        return fill("identity_and_place" if self.described else "identity")

    @property
    def more(self) -> str:
        """The columns of an answer after `query`."""
        parts = [fill("described")] if self.described else []
        parts.extend([fill("whole")] if self.one_scan else [])
        parts.extend([fill("whole_in_cells")] if self.checked else [])
        return "".join(f",\n    {part}" for part in parts)

    @property
    def bounds(self) -> str:
        """What tells how near the items are that one scan found."""
        if self.checked:
            return f",\n{indent(fill('found_in_cells'), ' ' * 8)}"
        return f",\n{indent(fill('bounds'), ' ' * 8)}" if self.one_scan else ""
