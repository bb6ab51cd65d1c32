"""Status and attributes of items, set by the user."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import UsageError
from hamsight_core.names import checked, within
from hamsight_curate.change import Change, update
from hamsight_curate.selection import Selection

MAX_VALUE = 32 * 1024
"""Bytes of the longest value of an attribute."""


def set_fields(
    catalog: Catalog,
    selection: Selection,
    *,
    status: str | None = None,
    attributes: Mapping[str, str] | None = None,
    removed_attributes: Collection[str] = (),
) -> Change:
    """Set the status and attributes of the selected items, and remove attributes from them.

    Raises UsageError for names or values that are wrong, and what `update` raises.
    """
    attributes = attributes or {}
    _check(status, attributes, removed_attributes)
    assignments, needed = [], []
    parameters: dict[str, Any] = {}
    if status is not None:
        assignments.append(fill("status_set"))
        needed.append(fill("status_differs"))
        parameters["status"] = status
    if attributes or removed_attributes:
        new = fill("new_attributes")
        assignments.append(fill("attributes_set", attributes=new))
        needed.append(fill("attributes_differ", attributes=new))
        parameters["removed"] = list(removed_attributes)
        parameters["names"] = list(attributes)
        parameters["values"] = list(attributes.values())
    either = needed[0]
    for other in needed[1:]:
        either = fill("where_or", left=either, right=other)
    return update(catalog, selection, ", ".join(assignments), either, parameters)


def _check(
    status: str | None, attributes: Mapping[str, str], removed_attributes: Collection[str]
) -> None:
    if status is None and not attributes and not removed_attributes:
        raise UsageError("nothing to set: give --status, --attribute or --remove-attribute")
    if status is not None:
        checked("--status", status)
    for name, value in attributes.items():
        checked("--attribute", name)
        within(f"the value of --attribute {name!r}", value, MAX_VALUE)
    for name in removed_attributes:
        checked("--remove-attribute", name)
        if name in attributes:
            raise UsageError(f"the attribute {name!r} is both set and removed: choose one")
