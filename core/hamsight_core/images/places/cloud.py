"""Objects in stores that fsspec reaches: s3:// and gs://."""

from __future__ import annotations

from typing import Any, BinaryIO, cast

from hamsight_core.errors import ImageError
from hamsight_core.images.places.local import too_large
from hamsight_core.images.places.uris import scheme

_PACKAGES = {"s3": "s3fs", "gs": "gcsfs"}


def read_object(uri: str, max_bytes: int) -> bytes:
    """Return the bytes of an object. Raises ImageError."""
    with open_object(uri) as opened:
        try:
            data = opened.read(max_bytes + 1)
        except Exception as error:  # each store's package raises errors of its own
            raise _failed(error) from error
    if len(data) > max_bytes:
        raise too_large(max_bytes)
    return data


def open_object(uri: str) -> BinaryIO:
    """Return an object, open for reading at any place. Raises ImageError.

    Credentials and endpoints are those of the environment, as s3fs and gcsfs document them.
    """
    try:
        return cast(BinaryIO, _store(scheme(uri) or "").open(uri, "rb"))
    except ImageError:
        raise
    except Exception as error:  # each store's package raises errors of its own
        raise _failed(error) from error


def list_objects(uri: str) -> list[str]:
    """Return the uris of all objects at or under `uri`, sorted. Raises ImageError."""
    found = scheme(uri) or ""
    try:
        keys = _store(found).find(uri.rstrip("/"))
    except ImageError:
        raise
    except Exception as error:  # each store's package raises errors of its own
        raise _failed(error) from error
    return sorted(f"{found}://{key.lstrip('/')}" for key in keys)


def _store(name: str) -> Any:
    import fsspec

    try:
        return fsspec.filesystem(name)
    except ImportError as error:
        package = _PACKAGES[name]
        raise ImageError(
            f"{name}:// needs the package {package}: pip install 'hamsight[{name}]' ({error})"
        ) from error


def _failed(error: Exception) -> ImageError:
    if isinstance(error, FileNotFoundError):
        return ImageError("file not found")
    if isinstance(error, PermissionError):
        return ImageError(f"permission denied: {error}")
    words = " ".join(str(error).split()) or type(error).__name__
    return ImageError(f"cannot be downloaded: {words}")
