"""When a search ranks by the hashes that are in memory; docs/search.md says it in words."""

from __future__ import annotations

from collections.abc import Sequence

from hamsight_core.catalog.layout import Layout
from hamsight_query.request import Request
from hamsight_query.target import Target


def ranks_resident(request: Request, targets: Sequence[Target], layout: Layout) -> bool:
    """Return whether hashes and identities alone decide what can be an answer."""
    by_picture = request.exclude_self and any(target.sha256 for target in targets)
    return layout.resident and request.where is None and not by_picture
