"""ClickHouse's HTTP protocol on loopback, over an embedded catalog.

It speaks what ClickHouse's HTTP clients speak and leaves all SQL to the engine. Each request gets
a connection of its own (1 ms), so requests run side by side and their settings cannot meet; what a
session would keep between requests (temporary tables, SET) is not kept. Answers are streamed. A
request whose client has gone away is ended in the engine.
"""

from __future__ import annotations

import json
import re
import secrets
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from hamsight_core.catalog.statements import fill, quoted
from hamsight_core.errors import StatementError
from hamsight_explore.answering import Answer, SeveralError, Statement, insert_of
from hamsight_explore.encodings import PIECE, EncodingError, accepted, packing, unpacked
from hamsight_explore.received import (
    body_of,
    bound_of,
    check_credentials,
    form_fields,
    settings_of,
    whole,
)
from hamsight_explore.refusals import RefusedError, status_of
from hamsight_explore.screen import Screen

if TYPE_CHECKING:
    import chdb

_HELD = 1 << 20
"""Bytes of an answer up to which it is sent whole, with its length and what it took."""
LINK = "/page-link"
"""The path at which other processes of the user ask for an address of the page."""
_MOST_CLIENTS = 512
_ASKING, _ANSWERING = 30.0, 300.0


class HttpFront(ThreadingHTTPServer):
    """Serves the engine at `path` on 127.0.0.1, on a port that the system gives.

    A reader (`read_only`) cannot change the catalog, nor reach files and other machines.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self,
        path: str,
        user: str = "default",
        password: str = "",
        *,
        port: int = 0,
        read_only: bool = False,
    ) -> None:
        self.engine_path = path
        self.user, self.password, self.read_only = user, password, read_only
        with self.handle() as engine:
            self.timezone = _text(engine, "time_zone")
            self.version = _text(engine, "engine_version")
            self.screen = Screen(_text(engine, "table_functions").split())
        self.link: Callable[[], str] | None = None
        """What makes a new address of the page that this process shows, if it shows one."""
        self.under_way: set[Answer] = set()
        self._clients = threading.BoundedSemaphore(_MOST_CLIENTS)
        super().__init__(("127.0.0.1", port), _Handler)
        names = ("127.0.0.1", "localhost", "[::1]")
        self.hosts = frozenset(f"{name}:{self.server_port}" for name in names)

    def dsn(self, database: str) -> str:
        """Return the DSN of `database` behind this front."""
        return f"clickhouse://{self.user}:{self.password}@127.0.0.1:{self.server_port}/{database}"

    @contextmanager
    def handle(self) -> Iterator[chdb.Connection]:
        """Yield a new connection with the engine."""
        engine = self.connection()
        try:
            yield engine
        finally:
            engine.close()

    def connection(self) -> chdb.Connection:
        """Return a new connection with the engine."""
        import chdb

        return chdb.connect(self.engine_path)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin to answer a client in a thread, unless too many are being answered."""
        if self._clients.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer a client."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._clients.release()

    def server_close(self) -> None:
        """Close the socket, and end what is being answered."""
        super().server_close()
        for answer in list(self.under_way):
            answer.end()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Leave a client that went away alone; tell of any other fault."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


def _text(engine: chdb.Connection, statement: str) -> str:
    made: str = engine.query(fill(statement), "TabSeparated").bytes().decode().strip()
    return made


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "ClickHouse", ""
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = _ASKING
    server: HttpFront

    def do_GET(self) -> None:
        """Answer a statement in the URL, which changes nothing."""
        self._respond()

    def do_POST(self) -> None:
        """Answer a statement, of which data may follow."""
        self._respond()

    def _respond(self) -> None:
        self._begun = self._has_read = False
        try:
            self._answer()
        except (RuntimeError, StatementError, RefusedError) as error:  # chDB raises RuntimeError
            if self._begun:
                raise ConnectionAbortedError from None  # the answer says it, or is cut short
            status, code = status_of(str(error))
            self._send(status, self._words(error), {"X-ClickHouse-Exception-Code": str(code)})

    def _words(self, error: Exception) -> bytes:
        text = str(error)
        if "(version " not in text:
            text += f" (version {self.server.version})"
        return f"{text}\n".encode("utf-8", "replace")

    def _answer(self) -> None:
        url = urlsplit(self.path)
        parameters = dict(parse_qsl(url.query, keep_blank_values=True))
        if self.headers.get("Host", "").lower() not in self.server.hosts:
            raise RefusedError(516, "unknown Host", "AUTHENTICATION_FAILED")
        if url.path == "/ping" or (self.command == "GET" and "query" not in parameters):
            known = url.path in ("/", "/ping", "/replicas_status")
            self._send(200, b"Ok.\n") if known else self._send(404, b"There is no such handle\n")
            return
        check_credentials(self.headers, parameters, self.server.user, self.server.password)
        if url.path == LINK and self.server.link is not None:
            self._send(200, self.server.link().encode())
            return
        if parameters.get("compress", "0") != "0" or parameters.get("decompress", "0") != "0":
            raise RefusedError(
                48,
                "compress=1 and decompress=1 are not known here: use Accept-Encoding and"
                " Content-Encoding with zstd, lz4 or gzip",
                "NOT_IMPLEMENTED",
            )
        with tempfile.NamedTemporaryFile() as data:
            text = self._statement(parameters, data)
            self.connection.settimeout(_ANSWERING)
            self._run(text, parameters)
            self.connection.settimeout(_ASKING)

    def _statement(self, parameters: dict[str, str], data: Any) -> bytes:
        """Return the statement of a request; the data of an INSERT go into a file."""
        encoding = self.headers.get("Content-Encoding", "")
        try:
            body = unpacked(encoding, body_of(self.headers, self.rfile))
            content_type = self.headers.get("Content-Type", "")
            if content_type.startswith("multipart/form-data"):
                parameters |= form_fields(content_type, whole(b"", body))
                body = iter(())
            # ClickHouse, too, takes the query to be the parameter followed by the body.
            text = parameters.get("query", "").encode()
            head = next(filter(None, body), b"")
            text = text + b"\n" + head if text and head else text or head
            insert = insert_of(text)
            if insert is None or not insert[2]:
                self._has_read = True
                return whole(text, body)
            # chDB cuts binary data short when they follow the statement, so they go by a file.
            data.write(insert[2])
            data.writelines(body)
            data.flush()
        except EncodingError as error:
            raise RefusedError(271, str(error), "CANNOT_DECOMPRESS") from None
        self._has_read = True
        return insert[0] + f"FROM INFILE '{data.name}' FORMAT ".encode() + insert[1]

    def _run(self, text: bytes, parameters: Mapping[str, str]) -> None:
        if not text.strip():
            raise RefusedError(62, "Syntax error: Empty query", "SYNTAX_ERROR")
        if self.server.read_only:
            self._check_reads(text)
        settings = settings_of(parameters, of_reader=self.server.read_only)
        if self.server.read_only or self.command == "GET":
            settings["readonly"] = "1"
        try:
            statement = Statement.of(text, parameters.get("default_format", "TabSeparated"))
        except SeveralError:
            raise RefusedError(
                62, "Syntax error: Multi-statements are not allowed", "SYNTAX_ERROR"
            ) from None
        with self.server.handle() as engine:
            if parameters.get("database"):
                named = parameters["database"].replace("`", "``")
                engine.query(fill("use_database", database=named))
            # readonly goes last: it forbids to change any other.
            for name in sorted(settings, key="readonly".__eq__):
                engine.query(fill("set_value", name=name, value=quoted(settings[name])))
            bound = bound_of(parameters)
            with Answer(engine, self.server.connection, statement, bound) as answer:
                self.server.under_way.add(answer)
                try:
                    self._stream(answer, parameters)
                finally:
                    self.server.under_way.discard(answer)

    def _stream(self, answer: Answer, parameters: Mapping[str, str]) -> None:
        """Send an answer: whole where it is short or asked for so, else as it comes."""
        compressed = parameters.get("enable_http_compression", "0") != "0"
        encoding = accepted(self.headers.get("Accept-Encoding", "")) if compressed else ""
        waits = parameters.get("wait_end_of_query", "0") != "0"
        pack, end = packing(encoding)
        headers = {
            "X-ClickHouse-Query-Id": parameters.get("query_id") or str(uuid.uuid4()),
            "X-ClickHouse-Timezone": self.server.timezone,
            **({"Content-Encoding": encoding} if encoding else {}),
        }
        if answer.statement.has_rows:
            headers["X-ClickHouse-Format"] = answer.statement.format
        pieces = answer.pieces(self.connection)
        with tempfile.SpooledTemporaryFile(_HELD) as held:
            for piece in pieces:
                held.write(pack(piece))
                if held.tell() > _HELD and not waits:
                    break
            else:
                held.write(end())
                headers["X-ClickHouse-Summary"] = json.dumps(_summary(answer.result))
                self._head(200, {**headers, "Content-Length": str(held.tell())})
                held.seek(0)
                for piece in iter(lambda: held.read(PIECE), b""):
                    self.wfile.write(piece)
                return
            held.seek(0)
            tag = secrets.token_hex(8)
            headers["X-ClickHouse-Exception-Tag"] = tag
            self._head(200, headers)
            self._chunk(held.read())
        try:
            for piece in pieces:
                self._chunk(pack(piece))
        except RuntimeError as error:
            said = self._words(error)
            said = b"\r\n__exception__\r\n%b\r\n%b%d %b\r\n__exception__\r\n" % (
                *(tag.encode(), said, len(said), tag.encode()),
            )
            self._chunk(pack(said) + end())
            raise
        self._chunk(end())
        if self.request_version != "HTTP/1.0":
            self.wfile.write(b"0\r\n\r\n")

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self._begun = True
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, re.sub(r"[^ -~]", "?", value))
        if "Content-Length" not in headers:
            if self.request_version == "HTTP/1.0":
                self.close_connection = True
            else:
                self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _chunk(self, piece: bytes) -> None:
        if piece and self.request_version == "HTTP/1.0":
            self.wfile.write(piece)
        elif piece:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    def _check_reads(self, query: bytes) -> None:
        try:
            self.server.screen.check(query.decode("utf-8", "replace"))
        except StatementError as error:
            raise RefusedError(164, str(error), "READONLY") from None

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        if not self._has_read and self.command == "POST":
            self.close_connection = True  # what was not read is no further request
        closing = {"Connection": "close"} if self.close_connection else {}
        self._head(status, {**(headers or {}), **closing, "Content-Length": str(len(body))})
        with suppress(BrokenPipeError):
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log no request: its address may hold a password."""


def _summary(result: Any) -> dict[str, str]:
    return {
        "read_rows": str(result.rows_read()),
        "read_bytes": str(result.bytes_read()),
        "written_rows": str(result.rows_written()),
        "written_bytes": str(result.bytes_written()),
        "elapsed_ns": str(int(result.elapsed() * 1e9)),
    }


@contextmanager
def serve(
    path: str, user: str = "default", password: str = "", *, port: int = 0, read_only: bool = False
) -> Iterator[HttpFront]:
    """Yield a front over the engine at `path`, served until the block is left.

    One connection is held all that time: the engine stops when its last one is closed.
    """
    made = HttpFront(path, user, password, port=port, read_only=read_only)
    with made as front, front.handle():
        thread = threading.Thread(target=front.serve_forever, name="http-front", daemon=True)
        thread.start()
        try:
            yield front
        finally:
            front.shutdown()
            thread.join()
