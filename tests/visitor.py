"""A client of the page's server that sends exactly what it is told to."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from hamsight_explore import Running


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Visitor:
    """A browser that a server has let in, unless `let_in` is false."""

    def __init__(self, running: Running, *, let_in: bool = True) -> None:
        self.port = running.port
        self.host = f"127.0.0.1:{running.port}"
        self.cookie = ""
        if let_in:
            link = urlsplit(running.link())
            answer = self.send("GET", f"{link.path}?{link.query}")
            assert answer.status == 303, answer
            self.cookie = answer.headers["set-cookie"].partition(";")[0]

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request; `headers` stand in place of those that a browser would send."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = {"Host": self.host, "Cookie": self.cookie, **(headers or {})}
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        if body is not None:
            sent.setdefault("Content-Length", str(len(body)))
        for name, value in sent.items():
            if value:
                connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        answer = Answer(response.status, named, response.read())
        connection.close()
        return answer

    def get(self, path: str, **values: Any) -> Answer:
        query = urlencode({name.rstrip("_"): value for name, value in values.items()})
        return self.send("GET", f"/api/{path}?{query}")

    def post(self, path: str, **content: Any) -> Answer:
        given = {name.rstrip("_"): value for name, value in content.items()}
        headers = {"Content-Type": "application/json"}
        return self.send("POST", f"/api/{path}", json.dumps(given).encode(), headers)

    def upload(self, data: bytes, name: str = "a.jpg") -> Answer:
        return self.send("POST", "/api/uploads", data, {"X-File-Name": name})

    def asked(self, **view: Any) -> dict[str, Any]:
        """Return the answer to a view, with its first rows."""
        answer = self.post("search", **view)
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.json
        rows = self.get("rows", result=found["result"], from_=0, count=400, page="p")
        assert rows.status == 200, rows
        return {**found, "rows": rows.json["rows"]}
