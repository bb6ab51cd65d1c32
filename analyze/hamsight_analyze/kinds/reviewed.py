"""Analyses of which a person reviews each finding, and may ignore it for good."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hamsight_analyze.analysis import Analysis
from hamsight_analyze.decisions import Ignored, read_ignored
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.items import Identity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Reviewed(Analysis):
    """An analysis without the findings that somebody looked at and ignores."""

    ignored: Ignored = field(default=frozenset(), repr=False, kw_only=True)

    def prepare(self, catalog: Catalog) -> Analysis:
        """Take the findings that somebody ignores."""
        return replace(self, ignored=read_ignored(catalog))

    def leave_out_ignored(
        self, flagged: NDArray[np.bool_], found: Iterable[tuple[str, Identity, str]]
    ) -> None:
        """Take the flag (n,) from each of n findings (finding, item, tag) that is ignored."""
        if self.ignored:
            flagged &= [one not in self.ignored for one in found]
