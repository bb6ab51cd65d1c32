"""The part of the HTTP API that answers requests as the command line and Python make them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hamsight_core.errors import UsageError
from hamsight_core.names import is_text
from hamsight_explore.explorer import Explorer
from hamsight_explore.given import Given
from hamsight_explore.web import Answers, json_answer
from hamsight_explore.windows import MOST_ROWS
from hamsight_query.request import Kind, Request

if TYPE_CHECKING:
    from starlette.responses import Response


class QueryApi:
    """Answers a request as `Request.to_json` writes it."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer
        self.read: Answers = {}
        self.write: Answers = {"/api/query": self.query}

    def query(self, given: Given) -> Response:
        """Return the matches of a request: pictures of one's own are searched by as uploads."""
        members = given.members()
        _check(members)
        request = Request.from_json(members)
        if any(query.kind is Kind.IMAGE for query in request.queries):
            raise UsageError("the server reads no picture by its place: send it to /api/uploads")
        if request.k > MOST_ROWS:
            raise UsageError(f"k is {request.k}; at most {MOST_ROWS} are sent: page with offset")
        with self._explorer.pool.lent() as session:
            known = {model.name for model in session.catalog().models()}
            for name in filter(None, (request.model, *request.models)):
                if name not in known:
                    raise UsageError(f"the catalog has no model {name[:40]!r}")
            matches = session.search(request)
        rows = matches.to_arrow().to_pylist(maps_as_pydicts="strict")
        sql = matches.statement.script()
        return json_answer({"model": matches.model, "matches": rows, "sql": sql})


def _check(value: Any) -> None:
    """Raise UsageError for text that is not UTF-8 or holds a NUL."""
    if isinstance(value, str):
        if not is_text(value) or "\x00" in value:
            raise UsageError("the request holds what is not UTF-8 text")
    elif isinstance(value, Mapping):
        for one in value.values():
            _check(one)
    elif isinstance(value, list):
        for one in value:
            _check(one)
