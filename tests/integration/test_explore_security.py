"""The page's server lets in one browser of this machine, and nobody and nothing else."""

from __future__ import annotations

import http.client
import io
import json
import socket
import struct
import threading
import time
import uuid
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import toy
from PIL import Image
from visitor import Answer, Visitor

import hamsight
from hamsight_core.items import Box, Item
from hamsight_explore import Options, Running, start

JSON = "application/json"
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a\u202egpj.exe",
    "x" * 65536,
]


@pytest.fixture(scope="module")
def dsn(engine: str) -> Iterator[str]:
    database = f"test_{uuid.uuid4().hex[:12]}"
    made = f"chdb://{engine}?database={database}"
    yield made
    with hamsight.open(made) as opened:
        opened.sql(f"DROP DATABASE {database}", write=True)


@pytest.fixture(scope="module")
def folder(dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four pictures that are in the catalog at `dsn`."""
    root = tmp_path_factory.mktemp("explored")
    with hamsight.open(dsn) as opened:
        opened.ingest(toy.photos(root / "photos", 4), model=toy.model(root / "model"))
    return root


@pytest.fixture(scope="module")
def running(dsn: str, folder: Path) -> Iterator[Running]:
    with start(dsn) as served:
        yield served


@pytest.fixture
def visitor(running: Running) -> Visitor:
    return Visitor(running)


def refused(answer: Answer, status: int) -> bool:
    """Tell whether an answer refuses with a status, in the form of all errors, and says nothing."""
    return answer.status == status and set(answer.json) == {"error", "hint"}


def test_an_address_lets_in_once(running: Running) -> None:
    link = urlsplit(running.link())
    stranger = Visitor(running, let_in=False)
    assert refused(stranger.get("catalog"), 401)
    assert refused(stranger.send("GET", "/"), 401)
    first = stranger.send("GET", f"{link.path}?{link.query}&q=text%3Adog&sort=-width")
    assert (first.status, first.headers["location"]) == (303, "./?q=text%3Adog&sort=-width")
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and str(running.port) in cookie
    assert link.query.partition("=")[2] not in cookie
    assert refused(stranger.send("GET", f"{link.path}?{link.query}"), 403)
    assert refused(stranger.send("GET", "/?token=" + "a" * 22), 403)
    assert refused(stranger.send("GET", "/?token=%F0%9F%98%80"), 403)
    name = cookie.partition("=")[0]
    for wrong in (f"{name}=x", f"{name}=", "=;=;", f"other={cookie}", '"' * 9000):
        assert refused(stranger.send("GET", "/api/catalog", headers={"Cookie": wrong}), 401)
    assert Visitor(running).get("catalog").status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        ("LOCALHOST:{port}", 200),
        ("[::1]:{port}", 200),
        ("127.0.0.1", 421),
        ("127.0.0.1:1", 421),
        ("evil.example", 421),
        ("evil.example:{port}", 421),
        ("127.0.0.1.evil.example:{port}", 421),
        ("[::1]", 421),
        ("[::1]:{port}@evil.example", 421),
        ("localhost:{port}.", 421),
    ],
)
def test_the_host_must_be_this_server(visitor: Visitor, host: str, status: int) -> None:
    answer = visitor.send("GET", "/api/health", headers={"Host": host.format(port=visitor.port)})
    assert answer.status == status


def test_one_host_must_be_there(visitor: Visitor) -> None:
    for lines in (b"", b"Host: %s\r\nHost: evil.example\r\n" % visitor.host.encode()):
        with socket.create_connection(("127.0.0.1", visitor.port)) as raw:
            cookie = f"Cookie: {visitor.cookie}\r\n".encode()
            raw.sendall(b"GET /api/health HTTP/1.1\r\n" + lines + cookie + b"\r\n")
            assert raw.recv(4096).split()[1] in (b"400", b"421")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://{host}"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_other_sites_change_and_read_nothing(visitor: Visitor, headers, status) -> None:
    sent = {name: value.format(host=visitor.host) for name, value in headers.items()}
    body = json.dumps({"page": "p", "operation": "none"}).encode()
    sent = {"Content-Type": "application/json", **sent}
    assert visitor.send("POST", "/api/selection", body, sent).status == status
    if "Sec-Fetch-Site" in headers:
        assert visitor.send("GET", "/api/catalog", headers=sent).status == status
    answer = visitor.send("OPTIONS", "/api/selection", headers={"Origin": "http://evil.example"})
    assert answer.status in (403, 405)
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_every_answer_has_the_policy(visitor: Visitor) -> None:
    paths = ["/", "/api/catalog", "/api/nothing", "/nothing", "/api/thumb?number=0", "/?token=x"]
    for path in paths:
        headers = visitor.send("GET", path).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/assets/../../../../../../etc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2f..%2f..%2fetc/passwd",
        "//etc/passwd",
        "/assets/%00",
        "/api.py",
        "/__init__.py",
        "/sources.sha256",
        "/sources.sha256/..",
        "/index.html/",
        "/api/picture?number=../../etc/passwd",
        "/api/picture?uri=/etc/passwd&number=0",
    ],
)
def test_no_path_leads_out_of_the_page(visitor: Visitor, path: str) -> None:
    answer = visitor.send("GET", path)
    assert answer.status in (400, 404), answer
    assert b"root:" not in answer.body


def bomb(side: int) -> bytes:
    """Return a small PNG that says it has side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(side) * 64, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_uploads_are_pictures_of_a_size(visitor: Visitor) -> None:
    for data in (b"", b"GIF89a", b"<svg onload='alert(1)'/>", bomb(60_000), toy.jpeg(1)[:200]):
        assert refused(visitor.upload(data), 422)
    too_large = {"Content-Length": str(51 << 20)}
    assert visitor.send("POST", "/api/uploads", b"", too_large).status == 413
    connection = http.client.HTTPConnection("127.0.0.1", visitor.port, timeout=60)
    parts = (bytes(1 << 20) for _ in range(60))
    headers = {"Host": visitor.host, "Cookie": visitor.cookie}
    try:
        connection.request("POST", "/api/uploads", parts, headers, encode_chunked=True)
        assert connection.getresponse().status == 413
    except (BrokenPipeError, ConnectionResetError):
        pass  # it answered before all was sent
    polyglot = toy.jpeg(2) + b"<script>alert(1)</script>"
    sent = visitor.upload(polyglot, "%3Cscript%3E.html").json
    shown = visitor.get("uploaded", key=sent["upload"])
    assert shown.headers["content-type"] == "image/jpeg" and b"<script>" not in shown.body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'"a"',
        b"[" * 100_000,
        b'{"where": 5}',
        b'{"where": "a\\u0000b"}',
        b'{"where": "\\ud800"}',
        b'{"queries": [{"kind": "url", "given": "file:///etc/passwd"}]}',
        b'{"queries": [{"kind": "image", "given": "/etc/passwd"}]}',
        b'{"queries": {}}',
        b'{"sort": {"by": "width; DROP TABLE models"}}',
        b'{"filters": [{"field": "uri", "value": "x"}]}',
        b'{"model": "/etc"}',
        b'{"nothing": 1}',
    ],
)
def test_wrong_requests_are_named(visitor: Visitor, body: bytes) -> None:
    answer = visitor.send("POST", "/api/search", body, {"Content-Type": "application/json"})
    assert answer.status in (400, 409), answer
    assert answer.json["error"] and "Traceback" not in answer.json["error"]


def test_endless_statements_end_when_nobody_waits_and_leave_the_page_alone(
    visitor: Visitor, dsn: str
) -> None:
    statement = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)"
    body = json.dumps({"statement": statement}).encode()
    waiting = []
    for _ in range(2):
        connection = http.client.HTTPConnection("127.0.0.1", visitor.port, timeout=60)
        headers = {"Host": visitor.host, "Cookie": visitor.cookie}
        connection.request("POST", "/api/sql", body, {**headers, "Content-Type": JSON})
        waiting.append(connection)
    asked = "SELECT count() FROM system.processes WHERE query LIKE '%numbers(1000000000000)%'"
    with hamsight.open(dsn) as opened:

        def running() -> int:
            answer = opened.sql(asked)
            assert answer is not None
            return answer.column(0)[0].as_py() - 1  # but for this one

        until = time.monotonic() + 20
        while running() < 2:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert visitor.post("sql", statement="SELECT 1").status == 400
        assert len(visitor.asked()["rows"]) == 4
        for connection in waiting:
            connection.close()
        until = time.monotonic() + 20  # less than the time that a statement may take
        while running():
            assert time.monotonic() < until
            time.sleep(0.1)
    assert visitor.post("sql", statement="SELECT 1").status == 200
    hostile = "SELECT 1 " + "/*" * 30_000
    assert visitor.post("sql", statement=hostile).status in (400, 409)


def test_a_model_is_no_folder(visitor: Visitor, folder: Path) -> None:
    for name in (str(folder / "model"), "/etc", "~", "0" * 300, "../model"):
        answer = visitor.get("item", number=0, model=name)
        assert answer.status == 400 and b"holds nothing of the model" in answer.body
        for path in ("thumb", "picture"):  # of a number that is known they ask no model
            assert visitor.get(path, number=0, model=name).status in (200, 400)
        assert visitor.post("search", model=name).status == 400
        assert visitor.get("selected", page="p", model=name).status in (200, 400)
    assert visitor.get("item", number=0, model="0" * 600).status == 400


def test_a_read_only_page_changes_nothing(dsn: str, folder: Path) -> None:
    with start(dsn, Options(read_only=True)) as served:
        visitor = Visitor(served)
        assert visitor.get("catalog").json["readOnly"] is True
        numbers = [row["number"] for row in visitor.asked()["rows"]]
        for action in ("group", "status", "delete", "export"):
            given = {"action": action, "name": "a", "items": numbers, "page": "p"}
            assert refused(visitor.post("actions", **given), 403)
        assert refused(visitor.post("undo"), 403)
        assert visitor.asked(where='"a" in groups')["total"] == 0


def test_hostile_names_come_as_data(engine: str, tmp_path: Path) -> None:
    from datetime import datetime, timezone

    import numpy as np

    from hamsight_core.hashing.sign import sign_hash
    from hamsight_ingest.prepare import Prepared, metadata_digest
    from hamsight_ingest.rows import item_rows

    database = f"test_{uuid.uuid4().hex[:12]}"
    made = f"chdb://{engine}?database={database}"
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    with hamsight.open(made) as opened:
        opened.ingest(toy.photos(tmp_path / "photos", 1), model=toy.model(tmp_path / "model"))
        catalog = opened.catalog()
        for number, text in enumerate(HOSTILE):
            item = Item(
                id=f"{number}{text}",
                uri=f"/nowhere/{text}",
                tags={text: 2},
                boxes=(Box(text, 0, 0, 5, 5),),
                captions=(text,),
                groups=(text,),
                attributes={text: text},
            )
            ready = Prepared(item, None, 9, 9, 1, 1, 0, "JPEG", bytes(32), metadata_digest(item))
            features = np.ones((1, toy.DIMENSION), np.float32) / np.sqrt(toy.DIMENSION)
            rows = item_rows(text[:40], [ready], features, sign_hash(features), now)
            catalog.insert(catalog.model().items_table, rows)
    with start(made) as served:
        visitor = Visitor(served)
        rows = visitor.asked()["rows"]
        assert len(rows) == len(HOSTILE) + 1
        for row in rows:
            thumb = visitor.get("thumb", number=row["number"])
            assert b"<script" not in thumb.body and b"onerror=" not in thumb.body
            whole = visitor.get("item", number=row["number"]).json
            if row["dataset"] != "photos":
                assert whole["captions"][0] in HOSTILE and len(row["captions"][0]) <= 300
        for text in HOSTILE[:3]:
            filters = [{"field": field, "value": text} for field in ("tags", "groups")]
            attribute = {"field": "attributes", "value": f"{text} = {text}"}
            assert visitor.asked(filters=[*filters, attribute])["total"] == 1
    with hamsight.open(made) as opened:
        opened.sql(f"DROP DATABASE {database}", write=True)


def test_slow_and_many_clients_hold_nobody_up(visitor: Visitor) -> None:
    slow = [socket.create_connection(("127.0.0.1", visitor.port)) for _ in range(200)]
    try:
        for raw in slow:
            raw.sendall(b"GET /api/health HTTP/1.1\r\nHost: ")
        assert visitor.get("health").status == 200
        result = visitor.asked()["result"]

        def ask(number: int) -> int:
            if number % 3:
                return visitor.get("thumb", number=number % 4).status
            return visitor.get("rows", result=result, from_=0, count=4).status

        with ThreadPoolExecutor(40) as pool:
            assert set(pool.map(ask, range(200))) == {200}
    finally:
        for raw in slow:
            raw.close()
    assert threading.active_count() < 120


def test_a_picture_is_decoded_within_the_limits_of_an_ingest(visitor: Visitor) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (3000, 2000), "red").save(stream, "JPEG")
    sent = visitor.upload(stream.getvalue()).json
    small = Image.open(io.BytesIO(visitor.get("uploaded", key=sent["upload"]).body))
    assert max(small.size) == 1024
