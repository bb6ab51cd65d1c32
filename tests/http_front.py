"""A loopback ClickHouse HTTP front over the embedded engine, for tests of the HTTP path.

It speaks what clickhouse-connect's HTTP client speaks and leaves all SQL to chDB. Each request
gets an engine handle of its own (1 ms), so requests run side by side and their settings cannot
meet; what a session would keep between requests (temporary tables, SET) is not kept. Answers
are made whole before they are sent, and are not compressed.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import chdb
import lz4.frame

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Parameters that ClickHouse's HTTP interface takes itself; all others are settings.
_TRANSPORT = frozenset(
    {
        *("query", "database", "user", "password", "default_format", "role", "query_id"),
        *("session_id", "session_timeout", "session_check", "quota_key", "buffer_size"),
        *("compress", "decompress", "wait_end_of_query", "client_protocol_version"),
    }
)
_DECODERS = {
    "identity": bytes,
    "gzip": gzip.decompress,
    "lz4": lz4.frame.decompress,
    "zstd": zstd.decompress,
}
_FIELD_BYTES = 128 * 1024  # ClickHouse's http_max_field_value_size
_AUTHENTICATION_FAILED = 516
_STATUS = {_AUTHENTICATION_FAILED: 403, 46: 404, 47: 404, 60: 404, 81: 404, 115: 404, 62: 400}
_FORMAT = re.compile(rb"\bFORMAT\s+(\w+)[^()]*$", re.IGNORECASE)
_RESULT = re.compile(rb"\s*\(*\s*(SELECT|WITH|SHOW|DESC|EXISTS|EXPLAIN|CHECK)\b", re.IGNORECASE)
# An INSERT up to its format, and the data that follow on the next line.
_INSERT = re.compile(
    rb"((?:\s|--[^\n]*\n)*INSERT\b.*?)\bFORMAT\s+(\w+)[^\S\n]*\n(.+)", re.IGNORECASE | re.DOTALL
)


class RefusedError(Exception):
    """A request that the front itself refuses; the message is worded as ClickHouse's."""


class HttpFront(ThreadingHTTPServer):
    """Serves the chDB engine at `path` on 127.0.0.1, on a port that the system gives."""

    def __init__(self, path: str, user: str = "default", password: str = "") -> None:
        self.engine_path = path
        self.user, self.password = user, password
        with self.handle() as engine:
            self.timezone = engine.query("SELECT timezone()", "TabSeparated").bytes().decode()
        super().__init__(("127.0.0.1", 0), _Handler)

    def dsn(self, database: str) -> str:
        """Return the DSN of `database` behind this front."""
        return f"clickhouse://{self.user}:{self.password}@127.0.0.1:{self.server_port}/{database}"

    @contextmanager
    def handle(self) -> Iterator[chdb.Connection]:
        """Yield a new handle on the engine."""
        engine = chdb.connect(self.engine_path)
        try:
            yield engine
        finally:
            engine.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: HttpFront

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def _respond(self) -> None:
        body = self._body()
        try:
            self._answer(urlsplit(self.path), body)
        except (RuntimeError, RefusedError) as error:  # chDB raises RuntimeError
            found = re.search(r"Code: (\d+)", str(error))
            code = int(found[1]) if found else 1002
            self._send(
                _STATUS.get(code, 500),
                f"{error}\n".encode(),
                {"X-ClickHouse-Exception-Code": str(code)},
            )

    def _answer(self, url, body: bytes) -> None:
        parameters = dict(parse_qsl(url.query, keep_blank_values=True))
        if url.path == "/ping" or not (body or "query" in parameters):
            return self._send(200, b"Ok.\n")
        self._authenticate(parameters)
        encoding = self.headers.get("Content-Encoding", "identity")
        if encoding not in _DECODERS:
            raise RefusedError(f"Code: 48. DB::Exception: no Content-Encoding {encoding} here")
        body = _DECODERS[encoding](body)
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
            "X-ClickHouse-Timezone": self.server.timezone.strip(),
        }
        if _RESULT.match(query):
            named = _FORMAT.search(query)
            default = parameters.get("default_format", "TabSeparated")
            headers["X-ClickHouse-Format"] = named[1].decode() if named else default
        return self._send(200, result.bytes() or b"", headers)

    def _run(self, query: bytes, parameters: dict[str, str]):
        settings = {
            name: value
            for name, value in parameters.items()
            if name not in _TRANSPORT and not name.startswith("param_")
        }
        if self.command == "GET":
            settings.setdefault("readonly", "2")
        with self.server.handle() as engine:
            if parameters.get("database"):
                engine.query("USE `{}`".format(parameters["database"].replace("`", "``")))
            # readonly goes last: it forbids to change any other.
            for name in sorted(settings, key="readonly".__eq__):
                if not name.isidentifier():
                    raise RefusedError(f"Code: 115. DB::Exception: Unknown setting '{name}'")
                value = settings[name].replace("\\", "\\\\").replace("'", "\\'")
                engine.query(f"SET {name} = '{value}'")
            bound = {k[6:]: v for k, v in parameters.items() if k.startswith("param_")}
            answer_format = parameters.get("default_format", "TabSeparated")
            insert = _INSERT.fullmatch(query)
            if not insert:
                return engine.query(query, answer_format, params=bound)
            # chDB cuts binary data short when they follow the statement, so they go by a file.
            with tempfile.NamedTemporaryFile() as data:
                data.write(insert[3])
                data.flush()
                source = f"FROM INFILE '{data.name}' FORMAT ".encode()
                return engine.query(insert[1] + source + insert[2], answer_format, params=bound)

    def _authenticate(self, parameters: dict[str, str]) -> None:
        user = self.headers.get("X-ClickHouse-User", parameters.get("user", "default"))
        password = self.headers.get("X-ClickHouse-Key", parameters.get("password", ""))
        scheme, _, credentials = self.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            user, _, password = base64.b64decode(credentials).decode().partition(":")
        if (user, password) != (self.server.user, self.server.password):
            raise RefusedError(
                f"Code: {_AUTHENTICATION_FAILED}. DB::Exception: {user}: Authentication failed: "
                "password is incorrect, or there is no user with such name. (AUTHENTICATION_FAILED)"
            )

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the log of requests out of the tests' output."""


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
def serve(path: str, user: str = "default", password: str = "") -> Iterator[HttpFront]:
    """Yield a front over the chDB engine at `path`, served until the block is left.

    One handle is held all that time: the engine stops when its last handle is closed.
    """
    with HttpFront(path, user, password) as front, front.handle():
        thread = threading.Thread(target=front.serve_forever, name="http-front", daemon=True)
        thread.start()
        try:
            yield front
        finally:
            front.shutdown()
            thread.join()
