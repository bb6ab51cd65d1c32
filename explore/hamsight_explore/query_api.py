"""The part of the HTTP API that answers requests as the command line and Python make them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.generations import view_of
from hamsight_core.errors import UsageError
from hamsight_core.names import is_text
from hamsight_explore.explorer import Explorer
from hamsight_explore.given import Given
from hamsight_explore.named_models import check_models_known
from hamsight_explore.web import Answers, json_answer
from hamsight_explore.windows import MOST_ROWS
from hamsight_query.request import Kind, Query, Request
from hamsight_query.where.names import COLUMNS

if TYPE_CHECKING:
    from starlette.responses import Response


_NEAR, _MOST_NEAR = 8, 100
_MOST_TAGS = 10_000


class QueryApi:
    """Answers a request as `Request.to_json` writes it, and what a page asks beside its views."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer
        self.read: Answers = {"/api/near": self.near, "/api/names": self.names}
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
            check_models_known(session.catalog(), (request.model, *request.models))
            matches = session.search(request)
        rows = matches.to_arrow().to_pylist(maps_as_pydicts="strict")
        sql = matches.statement.script()
        return json_answer({"model": matches.model, "matches": rows, "sql": sql})

    def near(self, given: Given) -> Response:
        """Return rows of the items that are most like an item."""
        number, name = given.whole("number"), given.text_or_none("model")
        count = given.whole("count", _NEAR, most=_MOST_NEAR)
        given.finish()
        its = self._explorer
        with its.pool.lent() as session:
            catalog = session.catalog()
            model = its.results.model(catalog, name)
            its.windows.place(catalog, model, number)
            (identity,) = its.directory.identities([number])
            asked = Query(Kind.ITEM, "/".join(identity))
            matches = list(session.search(Request((asked,), k=count, model=model.name)))
            identities = [(one.dataset, one.subset, one.id) for one in matches]
            rows = its.windows.rows_of(catalog, model, identities)
        alike = zip(rows, matches, strict=True)
        shown = [{**row, "similarity": round(one.similarity, 4)} for row, one in alike if row]
        return json_answer({"rows": shown})

    def names(self, given: Given) -> Response:
        """Return the names that a filter may have: columns, and tags that are plain names."""
        name = given.text_or_none("model")
        given.finish()
        with self._explorer.pool.lent() as session:
            catalog = session.catalog()
            table = view_of(self._explorer.results.model(catalog, name).items_table)
            rows = catalog.rows("tag_names", {"limit": _MOST_TAGS}, table=table)
        tags = [row[0] for row in rows if row[0].isidentifier()]
        return json_answer({"names": [*COLUMNS, *tags]})


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
