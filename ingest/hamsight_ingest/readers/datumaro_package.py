"""The package `datumaro`: whether it is there, what it takes a path for, and its datasets."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hamsight_core.errors import SourceError, UsageError
from hamsight_ingest.listing import printable

INSTALL = "pip install 'hamsight[datumaro]'"
"""How the package is had."""

_SHOWN = 200


def hint(path: Path) -> str | None:
    """Return words on how datumaro could read a path that no other reader knows, or None."""
    if find_spec("datumaro") is None:
        return f"datumaro knows more formats: {INSTALL}, then --format datumaro"
    names = _matches(path)
    if not names:
        return None
    return f"datumaro takes it for {' or '.join(names)}: --format datumaro:{names[0]}"


def _environment() -> Any:
    try:
        from datumaro.components.environment import DEFAULT_ENVIRONMENT
    except ImportError as error:
        raise UsageError(
            f"--format datumaro needs the package datumaro: {INSTALL} ({error})"
        ) from error
    return DEFAULT_ENVIRONMENT


def check_name(name: str) -> None:
    """Raise UsageError where datumaro is not installed or has no format of that name."""
    known = sorted(_environment().importers)
    if name not in known:
        near = get_close_matches(name.lower(), known, 1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(
            f"--format datumaro:{name}: datumaro has no such format{meant}; it has"
            f" {', '.join(known)}"
        )


def _matches(path: Path) -> Sequence[str]:
    """Return the formats that datumaro takes a path for, those of which it is surest."""
    environment = _environment()
    from datumaro.components.format_detection import detect_dataset_format

    found: list[Any] = []
    with _warnings():
        for name in sorted(environment.importers):
            try:
                detector = environment.make_importer(name).detect
                found += detect_dataset_format([(name, detector)], str(path))
            except Exception:  # noqa: S112 - a plugin whose packages are missing, or that stumbles
                continue
    surest = max((one.confidence for one in found), default=None)
    return [str(one) for one in found if one.confidence == surest]


def only_match(path: Path) -> str:
    """Return the format that datumaro takes a path for. Raises SourceError for none or many."""
    names = _matches(path)
    if len(names) == 1:
        return names[0]
    if not names:
        raise SourceError(
            f"{printable(path)}: of no format that datumaro detects; --format datumaro:NAME names"
            f" one of {', '.join(sorted(_environment().importers))}"
        )
    raise SourceError(
        f"{printable(path)}: datumaro takes it for several formats, {', '.join(names)}: name one,"
        f" such as --format datumaro:{names[0]}"
    )


def imported(path: Path, name: str) -> tuple[Any, list[str]]:
    """Return a dataset as datumaro's format `name`, and what datumaro warned of.

    Raises UsageError where datumaro is not installed, SourceError where it cannot read the path.
    """
    environment = _environment()
    from datumaro import Dataset

    try:
        with _warnings() as warned:
            dataset = Dataset.import_from(str(path), name, env=environment)
            dataset.init_cache()
    except Exception as error:  # plugins raise every kind of exception
        raise refused(path, f"datumaro:{name}", error) from error
    return dataset, list(dict.fromkeys(warned))


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Yield a list that takes what is logged as a warning, in place of stderr."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(" ".join(printable(record.getMessage()).split()))

    listener = Listener(logging.WARNING)
    logging.getLogger().addHandler(listener)
    try:
        yield said
    finally:
        logging.getLogger().removeHandler(listener)


def refused(path: Path, format: str, error: BaseException) -> SourceError:
    """Return the error of a dataset that datumaro cannot read, with its reasons in one line."""
    reasons: dict[str, None] = {}
    cause: BaseException | None = error
    while cause is not None:
        words = " ".join(str(cause).split())
        reasons[f"{type(cause).__name__}: {words}"[:_SHOWN] if words else type(cause).__name__] = (
            None
        )
        cause = cause.__cause__
    said = " <- ".join(map(printable, reasons))
    return SourceError(f"{printable(path)}: {format} cannot read it: {said}")
