"""The files of the built page, and no others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hamsight_explore.web import LASTING

if TYPE_CHECKING:
    from starlette.routing import Route

_KINDS = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".md": "text/markdown",
}


def page_folder() -> Path:
    """Return the folder of the built page."""
    return Path(__file__).parent / "page"


def is_built() -> bool:
    """Tell whether this Hamsight has its page."""
    return page_folder().joinpath("index.html").is_file()


def page_routes() -> list[Route]:
    """Return a route for each file of the page; names of assets hold a digest of their content."""
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    def route(path: str, file: Path, caching: str) -> Route:
        content = file.read_bytes()

        async def respond(_: Request) -> Response:
            headers = {"cache-control": caching}
            return Response(content, headers=headers, media_type=_KINDS[file.suffix])

        return Route(path, respond, methods=["GET"])

    folder, routes = page_folder(), []
    for file in sorted(folder.rglob("*")):
        if file.suffix in _KINDS:
            name = file.relative_to(folder).as_posix()
            lasting = name.startswith("assets/")
            path = "/" if name == "index.html" else f"/{name}"
            routes.append(route(path, file, LASTING if lasting else "no-cache"))
    return routes
