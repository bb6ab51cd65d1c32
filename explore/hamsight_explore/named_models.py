"""Models by the names that pages and agents give: no folder of the machine is one."""

from __future__ import annotations

from collections.abc import Iterable

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.errors import UsageError


def check_models_known(catalog: Catalog, names: Iterable[str | None]) -> None:
    """Raise UsageError for a name that no model of the catalog has; None names none."""
    known = {model.name for model in catalog.models()}
    for name in names:
        if name is not None and name not in known:
            raise UsageError(f"the catalog has no model {name[:40]!r}")
