"""The part of the HTTP API that sends pictures, and takes those to search by."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from hamsight_core.errors import ImageError, UsageError
from hamsight_explore.explorer import Explorer
from hamsight_explore.given import Given
from hamsight_explore.thumbnails import SIZES, as_jpeg, placeholder
from hamsight_explore.web import LASTING, Answers, bytes_answer, json_answer

if TYPE_CHECKING:
    from starlette.responses import Response

_SHOWABLE = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}


class PicturesApi:
    """The answers of one server that are pictures, and `upload`."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer
        self.read: Answers = {
            "/api/thumb": self.thumb,
            "/api/picture": self.picture,
            "/api/uploaded": self.uploaded,
        }
        self.write: Answers = {}

    def thumb(self, given: Given) -> Response:
        """Return an item's thumbnail as JPEG, or an SVG that says why there is none."""
        number, size = given.whole("number"), given.whole("size", 256)
        model = given.text_or_none("model")
        given.text("version", "")
        given.finish()
        if size not in SIZES:
            raise UsageError(f"'size' is {size}; expected {', '.join(map(str, SIZES))}")
        uri, sha256 = self._place(number, model)
        try:
            made = self._explorer.thumbnails.get(uri, sha256, size)
        except ImageError as error:
            return bytes_answer(placeholder(str(error)), "image/svg+xml", "no-store")
        return bytes_answer(made, "image/jpeg", LASTING)

    def picture(self, given: Given) -> Response:
        """Return an item's picture: its file, or a JPEG where no browser shows that type."""
        from hamsight_core.images.decode import decode
        from hamsight_core.images.image_types import open_image
        from hamsight_core.images.places import fetch

        number = given.whole("number")
        model = given.text_or_none("model")
        given.text("version", "")
        given.finish()
        uri, _ = self._place(number, model)
        try:
            data = fetch(uri)
            name, _ = open_image(io.BytesIO(data))
            if name in _SHOWABLE:
                return bytes_answer(data, _SHOWABLE[name], LASTING)
            image = decode(data).image
        except ImageError as error:
            return bytes_answer(placeholder(str(error)), "image/svg+xml", "no-store")
        return bytes_answer(as_jpeg(image, max(image.size)), "image/jpeg", LASTING)

    def upload(self, data: bytes, name: str) -> Response:
        """Keep a picture to search by."""
        key, kept = self._explorer.uploads.add(data, name)
        return json_answer(
            {"upload": key, "name": kept.name, "width": kept.width, "height": kept.height}
        )

    def uploaded(self, given: Given) -> Response:
        """Return a small JPEG of a picture that was sent."""
        kept = self._explorer.uploads.get(given.text("key"))
        given.finish()
        return bytes_answer(kept.small, "image/jpeg", LASTING)

    def _place(self, number: int, model: str | None) -> tuple[str, str]:
        """Return where an item's picture is, and its SHA-256."""
        known = self._explorer.windows.known(number)
        if known is not None:
            return known
        with self._explorer.pool.lent() as session:
            catalog = session.catalog()
            model_asked = self._explorer.results.model(catalog, model)
            return self._explorer.windows.place(catalog, model_asked, number)
