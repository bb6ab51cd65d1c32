"""ClickHouse's HTTP protocol on loopback, over an embedded catalog.

It speaks what ClickHouse's HTTP clients speak and leaves all SQL to the engine. Each request gets
a connection of its own (1 ms), so requests run side by side and their settings cannot meet; what a
session would keep between requests (temporary tables, SET) is not kept. A request whose client has
gone away is ended in the engine.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hmac
import json
import re
import select
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYetError
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from hamsight_core.catalog.statements import fill
from hamsight_core.errors import StatementError
from hamsight_explore.screen import Screen

if TYPE_CHECKING:
    import chdb

# Parameters that ClickHouse's HTTP interface takes itself; all others are settings.
_TRANSPORT = frozenset(
    {
        *("query", "database", "user", "password", "default_format", "role", "query_id"),
        *("session_id", "session_timeout", "session_check", "quota_key", "buffer_size"),
        *("compress", "decompress", "wait_end_of_query", "client_protocol_version"),
    }
)
# Settings that a reader may give; others that ordinary clients send are dropped.
_READERS_SETTINGS = re.compile(
    r"output_format_\w+|format_\w+|date_time_\w+|max_threads|max_block_size|max_result_rows"
    r"|max_execution_time|max_memory_usage|result_overflow_mode|timeout_overflow_mode|extremes"
    r"|join_use_nulls|limit|offset|use_client_time_zone|session_timezone|prefer_column_name_to_alias"
    r"|cast_keep_nullable|max_rows_to_read|max_bytes_to_read"
)
_FIELD_BYTES = 128 * 1024  # ClickHouse's http_max_field_value_size
_AUTHENTICATION_FAILED, _READONLY, _BROKEN = 516, 164, 1002
_STATUS = {_AUTHENTICATION_FAILED: 403, 46: 404, 47: 404, 60: 404, 81: 404, 115: 404, 62: 400}
_FORMAT = re.compile(rb"\bFORMAT\s+(\w+)[^()]*$", re.IGNORECASE)
_RESULT = re.compile(
    rb"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*(SELECT|WITH|FROM|SHOW|DESC|EXISTS|EXPLAIN|CHECK)\b",
    re.IGNORECASE | re.DOTALL,
)
# An INSERT up to its format, and the data that follow on the next line.
_INSERT = re.compile(
    rb"((?:\s|--[^\n]*\n)*INSERT\b.*?)\bFORMAT\s+(\w+)[^\S\n]*\n(.+)", re.IGNORECASE | re.DOTALL
)
_SILENCE = 300.0
_LOOK = 0.5


class RefusedError(Exception):
    """A request that the front itself refuses; the message is worded as ClickHouse's."""


class HttpFront(ThreadingHTTPServer):
    """Serves the engine at `path` on 127.0.0.1, on a port that the system gives.

    A reader (`read_only`) cannot change the catalog, nor reach files and other machines.
    """

    daemon_threads = True

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
            self.screen = Screen(_text(engine, "table_functions").split())
        super().__init__(("127.0.0.1", port), _Handler)
        names = ("127.0.0.1", "localhost", "[::1]")
        self.hosts = frozenset(f"{name}:{self.server_port}" for name in names)

    def dsn(self, database: str) -> str:
        """Return the DSN of `database` behind this front."""
        return f"clickhouse://{self.user}:{self.password}@127.0.0.1:{self.server_port}/{database}"

    @contextmanager
    def handle(self) -> Iterator[chdb.Connection]:
        """Yield a new connection with the engine."""
        import chdb

        engine = chdb.connect(self.engine_path)
        try:
            yield engine
        finally:
            engine.close()

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
    timeout = _SILENCE
    server: HttpFront

    def do_GET(self) -> None:
        """Answer a statement in the URL, which changes nothing."""
        self._respond()

    def do_POST(self) -> None:
        """Answer a statement, of which data may follow."""
        self._respond()

    def _respond(self) -> None:
        body = self._body()
        try:
            self._answer(urlsplit(self.path), body)
        except (RuntimeError, StatementError, RefusedError) as error:  # chDB raises RuntimeError
            found = re.search(r"Code: (\d+)", str(error))
            code = int(found[1]) if found else _BROKEN
            self._send(
                _STATUS.get(code, 500),
                f"{error}\n".encode(),
                {"X-ClickHouse-Exception-Code": str(code)},
            )

    def _answer(self, url: SplitResult, body: bytes) -> None:
        parameters = dict(parse_qsl(url.query, keep_blank_values=True))
        if self.headers.get("Host", "").lower() not in self.server.hosts:
            raise RefusedError(f"Code: {_AUTHENTICATION_FAILED}. DB::Exception: unknown Host")
        if url.path == "/ping" or not (body or "query" in parameters):
            self._send(200, b"Ok.\n")
            return
        self._authenticate(parameters)
        body = _decoded(self.headers.get("Content-Encoding", "identity"), body)
        content_type = self.headers.get("Content-Type", "")
        if content_type.startswith("multipart/form-data"):
            parameters |= _form_fields(content_type, body)
            body = b""
        # ClickHouse, too, takes the query to be the parameter followed by the body.
        query = parameters.get("query", "").encode()
        query = query + b"\n" + body if query and body else query or body
        result = self._run(query, parameters)
        summary = {
            "read_rows": str(result.rows_read()),
            "read_bytes": str(result.bytes_read()),
            "written_rows": str(result.rows_written()),
            "written_bytes": str(result.bytes_written()),
            "elapsed_ns": str(int(result.elapsed() * 1e9)),
        }
        headers = {
            "X-ClickHouse-Summary": json.dumps(summary),
            "X-ClickHouse-Query-Id": parameters.get("query_id") or str(uuid.uuid4()),
            "X-ClickHouse-Timezone": self.server.timezone,
        }
        if _RESULT.match(query):
            named = _FORMAT.search(query)
            default = parameters.get("default_format", "TabSeparated")
            headers["X-ClickHouse-Format"] = named[1].decode() if named else default
        self._send(200, result.bytes() or b"", headers)

    def _run(self, query: bytes, parameters: Mapping[str, str]) -> Any:
        settings = {
            name: value
            for name, value in parameters.items()
            if name not in _TRANSPORT and not name.startswith("param_")
        }
        if self.server.read_only:
            self._check_reads(query)
            settings = {
                name: value for name, value in settings.items() if _READERS_SETTINGS.fullmatch(name)
            } | {"readonly": "1"}
        elif self.command == "GET":
            settings.setdefault("readonly", "2")
        with self.server.handle() as engine:
            if parameters.get("database"):
                named = parameters["database"].replace("`", "``")
                engine.query(fill("use_database", database=named))
            # readonly goes last: it forbids to change any other.
            for name in sorted(settings, key="readonly".__eq__):
                if not name.isidentifier():
                    raise RefusedError(f"Code: 115. DB::Exception: Unknown setting '{name}'")
                value = settings[name].replace("\\", "\\\\").replace("'", "\\'")
                engine.query(fill("set_setting", name=name, value=value))
            bound = {k[6:]: v for k, v in parameters.items() if k.startswith("param_")}
            default = parameters.get("default_format", "TabSeparated")
            mark = f"/* front {uuid.uuid4()} */ "
            insert = _INSERT.fullmatch(query)
            if not insert:
                marked = mark.encode() + query
                return self._awaited(mark, lambda: engine.query(marked, default, params=bound))
            # chDB cuts binary data short when they follow the statement, so they go by a file.
            with tempfile.NamedTemporaryFile() as data:
                data.write(insert[3])
                data.flush()
                source = f"FROM INFILE '{data.name}' FORMAT ".encode()
                marked = mark.encode() + insert[1] + source + insert[2]
                return self._awaited(mark, lambda: engine.query(marked, default, params=bound))

    def _awaited(self, mark: str, ask: Callable[[], Any]) -> Any:
        """Return an answer; where the client has gone away meanwhile, end the statement."""
        with ThreadPoolExecutor(1, "front") as pool:
            asked = pool.submit(ask)
            while True:
                try:
                    return asked.result(_LOOK)
                except NotYetError:
                    if not self._is_gone():
                        continue
                    with self.server.handle() as other:
                        other.query(fill("end_statement"), "Null", params={"mark": mark})

    def _is_gone(self) -> bool:
        ready, _, _ = select.select([self.connection], [], [], 0)
        return bool(ready) and not self.rfile.peek(1)  # type: ignore[attr-defined]

    def _check_reads(self, query: bytes) -> None:
        try:
            self.server.screen.check(query.decode("utf-8", "replace"))
        except StatementError as error:
            raise RefusedError(f"Code: {_READONLY}. DB::Exception: {error}. (READONLY)") from None

    def _authenticate(self, parameters: Mapping[str, str]) -> None:
        user = self.headers.get("X-ClickHouse-User", parameters.get("user", "default"))
        password = self.headers.get("X-ClickHouse-Key", parameters.get("password", ""))
        scheme, _, credentials = self.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            try:
                said = base64.b64decode(credentials, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                said = ""
            user, _, password = said.partition(":")
        expected = f"{self.server.user}:{self.server.password}"
        if not hmac.compare_digest(f"{user}:{password}".encode(), expected.encode()):
            raise RefusedError(
                f"Code: {_AUTHENTICATION_FAILED}. DB::Exception: {user}: Authentication failed: "
                "password is incorrect, or there is no user with such name. (AUTHENTICATION_FAILED)"
            )

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            length = self.headers.get("Content-Length", "0")
            return self.rfile.read(int(length) if length.isdigit() else 0)
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log no request: its address may hold a password."""


def _decoded(encoding: str, body: bytes) -> bytes:
    if encoding == "gzip":
        return gzip.decompress(body)
    if encoding == "lz4":
        import lz4.frame

        made: bytes = lz4.frame.decompress(body)
        return made
    if encoding == "zstd":
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd

        return bytes(zstd.decompress(body))
    if encoding != "identity":
        raise RefusedError(f"Code: 48. DB::Exception: no Content-Encoding {encoding} here")
    return body


def _form_fields(content_type: str, body: bytes) -> dict[str, str]:
    boundary = b"--" + content_type.split("boundary=")[1].strip('"').encode()
    fields = {}
    for part in body.split(boundary)[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = re.search(rb'\bname="([^"]+)"', head)
        if name is None or b"filename=" in head:
            raise RefusedError("Code: 48. DB::Exception: external data is not taken here")
        value = value.removesuffix(b"\r\n")
        if len(value) > _FIELD_BYTES:
            raise RefusedError(
                "Code: 1000. DB::Exception: HTML Form Exception: Field value too long"
            )
        fields[name[1].decode()] = value.decode()
    return fields


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
