"""What is registered by name: Hamsight's own and that of other packages, by entry points."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from hamsight_core.errors import UsageError


def plugins(group: str, own: Mapping[str, str]) -> dict[str, EntryPoint]:
    """Return what is registered in a group of entry points, by name: that of other packages
    first, by name, then `own`, which maps names to "module:object" in the order that counts.

    Raises UsageError where a package registers a name that is taken.
    """
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        if point.name in own or point.name in found:
            raise UsageError(
                f"{_package(point)} registers {point.name!r} in {group}, which is taken;"
                " uninstall it, or rename its entry point"
            )
        found[point.name] = point
    return {**found, **{name: EntryPoint(name, value, group) for name, value in own.items()}}


def load(point: EntryPoint) -> Any:
    """Return an instance of what an entry point names, a class or function without arguments.

    Raises UsageError where a package's object cannot be loaded.
    """
    try:
        return point.load()()
    except Exception as error:
        if point.dist is None:
            raise
        raise UsageError(
            f"{_package(point)}: {point.name} = {point.value} in {point.group} cannot be loaded:"
            f" {type(error).__name__}: {error}; update the package or uninstall it"
        ) from error


def _package(point: EntryPoint) -> str:
    return "a package" if point.dist is None else f"the package {point.dist.name}"
