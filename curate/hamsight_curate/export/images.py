"""The image files of an export: copies, or links to where the images are."""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from hamsight_core.errors import ImageError
from hamsight_core.images.places import fetch, local_path
from hamsight_core.items import Identity
from hamsight_curate.export.choices import Images
from hamsight_curate.export.items import Stored
from hamsight_curate.export.names import other_path, safe_path

TAKEN = (FileExistsError, NotADirectoryError, IsADirectoryError)
"""What the file system raises where the path of a new file is taken, or leads through a file."""

_AHEAD = 8


class Placer:
    """Puts image files into a folder, under their ids where these can be names of files."""

    def __init__(self, images: Images) -> None:
        self.images = images
        self._current: tuple[Identity, Future[bytes]] | None = None

    def ahead(self, items: Iterable[Stored]) -> Iterator[Stored]:
        """Yield the items in their order, while images of the next are fetched already."""
        if self.images is not Images.COPY:
            yield from items
            return
        pool = ThreadPoolExecutor(_AHEAD)
        waiting: deque[tuple[Stored, Future[bytes]]] = deque()
        try:
            for item in items:
                waiting.append((item, pool.submit(fetch, item.uri)))
                if len(waiting) > _AHEAD:
                    yield self._next(waiting)
            while waiting:
                yield self._next(waiting)
        finally:
            self._current = None
            pool.shutdown(cancel_futures=True)

    def _next(self, waiting: deque[tuple[Stored, Future[bytes]]]) -> Stored:
        item, content = waiting.popleft()
        self._current = item.identity, content
        return item

    def _content(self, item: Stored) -> bytes:
        if self._current is not None and self._current[0] == item.identity:
            return self._current[1].result()
        return fetch(item.uri)

    def place(self, item: Stored, folder: Path) -> str:
        """Put an item's image into the folder; return its path there, with `/` between parts.

        An id that cannot be a path, or whose path is taken, gets another. With Images.NONE
        nothing is put anywhere. Raises ImageError with the reason where there is no image.
        """
        if self.images is Images.NONE:
            return item.id
        for name in (safe_path(item.id), other_path(item.id)):
            try:
                self.put(item, folder / name)
            except TAKEN:
                continue
            return name
        raise ImageError(f"two files of {folder} would have the name {other_path(item.id)}")

    def put(self, item: Stored, path: Path) -> None:
        """Put an item's image at a path. Raises FileExistsError where something is there."""
        if self.images is Images.COPY:
            content = self._content(item)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(content)
            return
        source = local_file(item)
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.images is Images.LINK:
            path.symlink_to(source)
        else:
            _hard_link(source, path)


def local_file(item: Stored) -> Path:
    """Return the absolute path of an item's image. Raises ImageError where it is no local file."""
    path = local_path(item.uri)
    if path is None:
        raise ImageError("not a file of its own here, so it can only be copied: --images copy")
    try:
        if not path.is_file():
            raise ImageError("file not found")
    except ValueError as error:  # a NUL
        raise ImageError(f"not a path: {error}") from error
    return Path(os.path.abspath(path))  # noqa: PTH100 - keeps links as the catalog names them


def _hard_link(source: Path, path: Path) -> None:
    try:
        os.link(os.path.realpath(source), path)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            raise
        raise ImageError(
            f"cannot be hard linked: {error.strerror}; take --images link or copy"
        ) from error
