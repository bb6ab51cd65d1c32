"""Moments as a catalog has them: whole microseconds since 1970, and texts in UTC."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


def now_us() -> int:
    """Return the present moment in µs since 1970."""
    return microseconds(datetime.now(timezone.utc))


def microseconds(moment: datetime) -> int:
    """Return a moment in µs since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_at(us: int) -> datetime:
    """Return the moment, in UTC, that is so many µs after the beginning of 1970."""
    return _EPOCH + us * _MICROSECOND


def moment_text(us: int) -> str:
    """Return a moment, in µs since 1970, as the text that a DateTime64 reads."""
    return f"{moment_at(us):%Y-%m-%d %H:%M:%S.%f}"
