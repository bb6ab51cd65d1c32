"""The loopback front streams answers in every encoding, and ends what nobody waits for."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlencode

import clickhouse_connect
import lz4.frame
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError
from conftest import PASSWORD, USER

from hamsight_explore.encodings import packing, unpacked
from hamsight_explore.front import HttpFront

LARGE = "SELECT number, toString(number) FROM numbers(400000)"
UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "lz4": lz4.frame.decompress,
    "zstd": lambda body: b"".join(unpacked("zstd", [body])),
}


@contextmanager
def sent(
    front: HttpFront,
    statement: str | bytes,
    headers: dict[str, str] | None = None,
    method: str = "POST",
    **parameters: object,
) -> Iterator[http.client.HTTPResponse]:
    """Yield the answer to a request, which is read as it comes."""
    asked = urlencode({"user": USER, "password": PASSWORD, **parameters})
    connection = http.client.HTTPConnection("127.0.0.1", front.server_port, timeout=60)
    try:
        connection.request(method, f"/?{asked}", statement, headers or {})
        with connection.getresponse() as answer:
            yield answer
    finally:
        connection.close()


def answered(front: HttpFront, statement: str | bytes, **given) -> tuple[int, bytes]:
    with sent(front, statement, **given) as answer:
        return answer.status, answer.read()


def wait_until_ended(front: HttpFront) -> None:
    """Wait until no statement of the front is under way."""
    until = time.monotonic() + 60
    asked = "SELECT count() FROM system.processes WHERE startsWith(query, '/* front ')"
    with front.handle() as engine:
        while int(engine.query(asked, "TabSeparated").bytes()):
            assert time.monotonic() < until
            time.sleep(0.1)


def test_an_endless_answer_comes_as_it_is_made(front: HttpFront) -> None:
    with sent(front, "SELECT number + 12345 AS n FROM system.numbers") as answer:
        found = answer.read(4 << 20)
    assert found.startswith(b"12345\n12346\n") and len(found) == 4 << 20
    wait_until_ended(front)


@pytest.mark.parametrize("encoding", [*UNPACK, "br, zstd;q=0, gzip;q=0.5"])
@pytest.mark.parametrize("statement", [LARGE, "SELECT 1"], ids=["large", "small"])
def test_answers_in_the_encoding_that_is_accepted(front, encoding, statement) -> None:
    plain = answered(front, statement)[1]
    headers = {"Accept-Encoding": encoding}
    with sent(front, statement, headers, enable_http_compression=1) as answer:
        said = answer.headers["Content-Encoding"]
        assert said in encoding
        assert UNPACK[said](answer.read()) == plain
    with sent(front, statement, headers) as answer:  # a server, too, waits for the setting
        assert answer.headers["Content-Encoding"] is None
        assert answer.read() == plain


def test_only_a_short_answer_says_what_it_took(front: HttpFront) -> None:
    for statement, waits, is_whole in (("SELECT 1", 0, True), (LARGE, 0, False), (LARGE, 1, True)):
        with sent(front, statement, wait_end_of_query=waits, query_id="mine") as answer:
            assert (answer.headers["Content-Length"] is not None) == is_whole
            assert answer.headers["X-ClickHouse-Query-Id"] == "mine"
            body = answer.read()
            if is_whole:
                rows = json.loads(answer.headers["X-ClickHouse-Summary"])["read_rows"]
                assert int(rows) == body.count(b"\n")


@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "gzip"])
def test_an_error_amid_an_answer_is_said(front: HttpFront, compress: bool | str) -> None:
    late = "SELECT throwIf(number = 3000000, 'too late'), toString(number) FROM numbers(4000000)"
    client = clickhouse_connect.get_client(dsn=front.dsn("default"), compress=compress)
    for ask in (client.query, client.query_arrow):
        with pytest.raises(ClickHouseError, match="too late") as caught:
            ask(late)
        assert caught.value.code == 395
    with sent(front, late) as answer:
        tag = answer.headers["X-ClickHouse-Exception-Tag"]
        with pytest.raises(http.client.IncompleteRead) as cut:
            answer.read()
    assert re.search(
        rf"__exception__\r\n{tag}\r\nCode: 395.* {tag}\r\n__exception__\r\n$".encode(),
        cut.value.partial,
        re.DOTALL,
    )


def test_an_answer_without_rows_has_its_columns(front: HttpFront) -> None:
    client = clickhouse_connect.get_client(dsn=front.dsn("default"))
    for statement, names, types in (
        ("SELECT 1 AS a, map('k', toNullable(2)) AS m WHERE 0", ("a", "m"), "Nullable"),
        ("SELECT {n:UInt8} AS a FROM numbers(3) WHERE number > 5 -- none", ("a",), "UInt8"),
        ("SHOW TABLES LIKE 'there is none'", ("name",), "String"),
    ):
        found = client.query(statement, parameters={"n": 1})
        assert found.column_names == names and not found.result_rows
        assert types in found.column_types[-1].name


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("SELECT 'FORMAT CSV', `FORMAT x` FROM (SELECT 1 AS `FORMAT x`)", b"FORMAT CSV\t1\n"),
        ("SELECT 1 AS a FORMAT CSVWithNames", b'"a"\n1\n'),
        ("/* ; */ select 1 as a format JSONEachRow settings max_threads = 1;", b'{"a":1}\n'),
        ("(SELECT 1) UNION ALL (SELECT 1) -- done", b"1\n1\n"),
        ("WITH 1 AS a SELECT a, $$b;c$$ SETTINGS max_threads = 1 ; ", b"1\tb;c\n"),
        ("EXISTS system.one", b"1\n"),
        ("SHOW TABLES FROM system LIKE 'one'", b"one\n"),
        ("SELECT 1; SELECT 2", b"Multi-statements are not allowed"),
        ("SELECT 1 INTO OUTFILE '/tmp/never'", b"SYNTAX_ERROR"),
        ("SELECT 'not closed", b"SYNTAX_ERROR"),
        ("/**/" * 10_000 + "SELECT !", b"SYNTAX_ERROR"),
        ("SELECT " + "/*" * 50_000, b"SYNTAX_ERROR"),
    ],
)
def test_statements_are_taken_apart(front: HttpFront, statement: str, rows: bytes) -> None:
    status, body = answered(front, statement)
    assert body == rows if status == 200 else status == 400 and rows in body


def test_bodies_are_unpacked_within_bounds(front: HttpFront) -> None:
    pack, end = packing("gzip")
    bomb = pack(b" " * (80 << 20)) + end()
    for body, encoding, status, words in (
        (gzip.compress(b"SELECT 5"), "gzip", 200, b"5\n"),
        (gzip.compress(b"SELECT") + gzip.compress(b" 6"), "gzip", 200, b"6\n"),
        (bomb, "gzip", 400, b"Max query size"),
        (gzip.compress(b"SELECT 5")[:-6], "gzip", 500, b"CANNOT_DECOMPRESS"),
        (b"SELECT 5", "gzip", 500, b"CANNOT_DECOMPRESS"),
        (b"SELECT 5", "lz4", 500, b"CANNOT_DECOMPRESS"),
        (b"SELECT 5", "zstd", 500, b"CANNOT_DECOMPRESS"),
        (b"SELECT 5", "br", 500, b"Content-Encoding br"),
    ):
        headers = {"Content-Encoding": encoding}
        found = answered(front, body, headers=headers)
        assert found[0] == status and words in found[1], (encoding, found)
    assert answered(front, "SELECT 1", compress=1)[0] == 501


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: x\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Content-Length: 5\r\n\r\nSELECT",
        b"Content-Type: multipart/form-data\r\nContent-Length: 2\r\n\r\nab",
    ],
)
def test_requests_out_of_shape_get_an_answer(front: HttpFront, lines: bytes) -> None:
    said = urlencode({"user": USER, "password": PASSWORD}).encode()
    with socket.create_connection(("127.0.0.1", front.server_port), timeout=30) as raw:
        host = f"Host: 127.0.0.1:{front.server_port}\r\n".encode()
        raw.sendall(b"POST /?%b HTTP/1.1\r\n%b%b" % (said, host, lines))
        assert raw.recv(100).split()[1] in (b"400", b"404", b"411", b"500")
    assert answered(front, "SELECT 1") == (200, b"1\n")


def test_nobody_is_heard_before_the_password(front: HttpFront) -> None:
    with socket.create_connection(("127.0.0.1", front.server_port), timeout=30) as raw:
        host = f"Host: 127.0.0.1:{front.server_port}\r\n".encode()
        raw.sendall(b"POST / HTTP/1.1\r\n" + host + b"Content-Length: 9000000000\r\n\r\nx")
        assert b"516" in raw.recv(4096)
        assert raw.recv(4096) == b"" or raw.recv(4096) == b""
    for host in ("evil.example", f"127.0.0.1.evil.example:{front.server_port}", ""):
        assert answered(front, "SELECT 1", headers={"Host": host})[0] == 403


def test_a_statement_in_the_address_changes_nothing(front: HttpFront) -> None:
    status, body = answered(
        front, b"", method="GET", query="CREATE TABLE never (a UInt8) ENGINE = Memory"
    )
    assert b"READONLY" in body and status == 500
    status, body = answered(front, b"", method="GET", query="SELECT getSetting('readonly')")
    assert (status, body) == (200, b"1\n")


def test_slow_and_many_clients_hold_nobody_up(front: HttpFront) -> None:
    slow = [socket.create_connection(("127.0.0.1", front.server_port)) for _ in range(200)]
    try:
        for raw in slow:
            raw.sendall(b"POST / HTTP/1.1\r\nHost: ")
        with ThreadPoolExecutor(40) as pool:
            found = pool.map(lambda n: answered(front, f"SELECT {n}"), range(200))
            assert list(found) == [(200, b"%d\n" % n) for n in range(200)]
    finally:
        for raw in slow:
            raw.close()
