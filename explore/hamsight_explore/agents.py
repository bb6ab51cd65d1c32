"""A catalog's tools for agents: the Model Context Protocol over stdin and stdout."""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from hamsight.session import Session
from hamsight_core.catalog.statements import fill
from hamsight_core.closing import Closing
from hamsight_core.controls import masked, printable
from hamsight_core.errors import HamsightError, UsageError
from hamsight_core.names import check_options
from hamsight_explore.named_models import check_models_known
from hamsight_explore.shared import Shared, shares

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

Several = str | list[str] | None
"""A value, or several."""
_THUMBNAIL = 256
"""Pixels of the longer side of a picture that an agent gets."""
_MOST_MATCHES, _MOST_THUMBNAILS = 200, 16
_NAMES = 500
_INSTRUCTIONS = """\
Search a catalog of images by content and by metadata. `filters` tells which models, datasets,
tags, groups and attributes there are, and how a filter is written. `search` finds items by words,
by stored items or by groups, or lists items by a filter alone. `show` tells all of one item, with
its picture. An item's name is DATASET/SUBSET/ID, as the answers have it."""
_LANGUAGE = """\
`where` is an expression of: a tag's name, which is its count (dog > 2, 0 without the tag; also
tags["traffic light"]), width, height, file_size, format, dataset, subset, id, filename, status,
captions, groups, attributes["NAME"], scores["NAME"]; and, or, not, in, ==, !=, <, <=, >, >=, + - *
/ %, like(text, pattern), startswith, lower, length. Examples: person > 2 and not dog; "good" in
groups; width >= 640; "bicycle" in captions (some caption contains it). `sort` is an expression too,
with - before it for the greatest first."""


class Agents(Closing):
    """The tools of one catalog. An embedded catalog stays open to the user's other commands."""

    def __init__(self, dsn: str | os.PathLike[str] | None) -> None:
        self._shared = Shared(dsn) if shares(dsn) else None
        self._session = Session(dsn)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the catalog."""
        self._session.close()
        if self._shared is not None:
            self._shared.close()

    def filters(self, model: str | None = None) -> dict[str, Any]:
        """Tell what the catalog holds and how it is filtered.

        For each model (or the one named): how many items it has, and the names of datasets,
        subsets, statuses, tags, groups, attributes and scores, 500 of each at most. `language` says
        how `where` and `sort` of `search` are written.
        """
        with self._answering() as session:
            catalog = session.catalog()
            check_models_known(catalog, [model])
            models = catalog.models() if model is None else [catalog.model(model)]
            told = {}
            for one in models or [catalog.model()]:
                sql = fill("named_in_filters", table=one.items_table)
                (row,) = catalog.arrow(sql, {"limit": _NAMES}).to_pylist()
                told[one.name] = {**row, "words": one.words}
            return {"models": told, "language": _LANGUAGE}

    def search(
        self,
        text: Several = None,
        not_text: Several = None,
        item: Several = None,
        box: Several = None,
        group: Several = None,
        each_of: Several = None,
        combine: str | None = None,
        where: str | None = None,
        dataset: Several = None,
        subset: Several = None,
        sort: str | None = None,
        random: int | None = None,
        min_similarity: float | None = None,
        max_distance: int | None = None,
        calibrated: bool = False,
        dissimilar: bool = False,
        exclude_self: bool | None = None,
        objects: bool = False,
        model: Several = None,
        k: int = 20,
        offset: int = 0,
        thumbnails: int = 0,
    ) -> list[Any]:
        """Find the items most like words, stored items or groups; without these, list items.

        Each may be one or several. text: words to search by; "beach^0.7" gives them a weight.
        not_text: words to search away from. item: names of stored items; box: for each of them the
        part that is searched by, "X,Y,WIDTH,HEIGHT" in pixels or shares of its size, or "whole".
        group: groups, by the mean of their items; each_of: by each of their items. combine: nearest
        (near any query, the default), balanced, all (near all of them) or blend. where: a filter
        (see `filters`). sort: an order; random: the seed of an order without a query.
        min_similarity: a cosine or, with calibrated, the share of the catalog's pairs that are no
        more alike (0 to 1). max_distance: bits of the hash that may differ. exclude_self: whether
        items searched by are left out, as they are by default. objects: find annotated boxes
        instead of pictures. model: of several, the rankings are fused. k: how many, 200 at most.
        thumbnails: pictures of so many of the first matches, 16 at most, follow the answer.
        """
        options = {name: given for name, given in locals().items() if given is not None}
        del options["self"], options["thumbnails"]
        if k > _MOST_MATCHES or thumbnails > _MOST_THUMBNAILS:
            most = f"k is at most {_MOST_MATCHES}, thumbnails at most {_MOST_THUMBNAILS}"
            raise _error(f"{most}: page with offset")
        named = [model] if isinstance(model, str) else model or []
        with self._answering() as session:
            check_models_known(session.catalog(), named)
            matches = session.query(**options)
        rows = matches.to_arrow().to_pylist(maps_as_pydicts="strict")
        for row, match in zip(rows, matches, strict=True):
            row["item"] = match.name
        told = {"model": matches.model, "matches": rows}
        shown = [(match.name, match.uri) for match in matches[: max(0, thumbnails)]]
        return [_as_json(told), *_pictures(shown)]

    def show(self, item: str, model: str | None = None) -> list[Any]:
        """Tell all that the catalog knows of one item, and show its picture.

        item: its name, [DATASET/][SUBSET/]ID.
        """
        with self._answering() as session:
            check_models_known(session.catalog(), [model])
            row = session.show(item, model)
        return [_as_json(row), *_pictures([(item, row["uri"])])]

    def add_to_group(self, group: str, items: list[str]) -> str:
        """Put items, by their names, into a group, which is made if there is none of that name."""
        with self._answering() as session:
            return str(session.add_to_group(group, items))

    def remove_from_group(self, group: str, items: list[str]) -> str:
        """Take items, by their names, out of a group."""
        with self._answering() as session:
            return str(session.remove_from_group(group, items))

    @contextmanager
    def _answering(self) -> Iterator[Session]:
        """Yield the session; what it raises is told to the agent."""
        try:
            with self._lock:
                yield self._session
        except HamsightError as error:
            raise _error(str(error)) from error


def server(agents: Agents, *, write: bool = False) -> MCPServer:
    """Return the server of a catalog's tools; only with `write` are there tools that change it.

    Raises UsageError where the package mcp is missing.
    """
    try:
        from mcp.server.mcpserver import MCPServer
        from mcp_types import ToolAnnotations
    except ImportError as error:
        raise UsageError(
            "`hamsight mcp` needs the package mcp, version 2: pip install 'hamsight[mcp]'"
        ) from error

    class Server(MCPServer):  # type: ignore[misc]
        async def call_tool(self, name: str, arguments: dict[str, Any], *context: Any) -> Any:
            """Refuse options that a tool does not have, which would be left out without a word."""
            schemas = {tool.name: tool.input_schema for tool in await self.list_tools()}
            try:
                if name in schemas:
                    check_options(arguments, schemas[name]["properties"])
            except UsageError as error:
                raise _error(str(error)) from None
            return await super().call_tool(name, arguments, *context)

    made = Server(
        "hamsight",
        version=version("hamsight"),
        instructions=_INSTRUCTIONS,
        log_level="WARNING",
    )
    reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    made.tool(annotations=reads)(agents.filters)
    for tool in (agents.search, agents.show):
        made.tool(annotations=reads, structured_output=False)(tool)
    if write:
        writes = ToolAnnotations(read_only_hint=False, destructive_hint=False)
        for change in (agents.add_to_group, agents.remove_from_group):
            made.tool(annotations=writes)(change)
    return made


def serve_agents(dsn: str | os.PathLike[str] | None, *, write: bool = False) -> None:
    """Answer agents over stdin and stdout until stdin ends. Raises what `server` raises."""
    with ExitStack() as open_until_end:
        agents = open_until_end.enter_context(Agents(dsn))
        server(agents, write=write).run("stdio")


def _as_json(told: dict[str, Any]) -> str:
    return masked(json.dumps(told, ensure_ascii=False, default=str))


def _error(message: str) -> Exception:
    from mcp.server.mcpserver.exceptions import ToolError

    error: Exception = ToolError(printable(message))
    return error


def _pictures(named: Sequence[tuple[str, str]]) -> list[Any]:
    """Return small pictures for an agent, the name of each before it, or why there is none."""
    from mcp.server.mcpserver import Image

    from hamsight_core.images.thumbnails import Shown, thumbnails

    found: list[Any] = []
    made = thumbnails([Shown(uri) for _, uri in named], _THUMBNAIL)
    for (name, _), picture in zip(named, made, strict=True):
        if isinstance(picture, str):
            found.append(f"{name}: no picture: {printable(picture)}")
            continue
        stream = io.BytesIO()
        picture.convert("RGB").save(stream, "JPEG", quality=80)
        found += [name, Image(data=stream.getvalue(), format="jpeg")]
    return found
