"""A stand-in on 127.0.0.1 for the model hub's HTTP interface, as far as huggingface_hub asks it.

It serves `/{repo}/resolve/{revision}/{path}`: a commit, sizes, SHA-256 tags and ranges. It can
break a download off in its middle, hold a repository behind a gate, and lie about a digest.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_PATH = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")


class HubStandIn:
    """What is served, and what was asked: `got` lists (path, first byte) of each GET."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)
        self.gated = False
        self.break_after: int | None = None  # bytes, after which an answer ends
        self.mute = False  # nothing is given of what is asked for from a later byte on
        self.wrong_tag = False
        self.got: list[tuple[str, int]] = []
        self.url = ""


@contextmanager
def serve(files: Mapping[str, bytes]) -> Iterator[HubStandIn]:
    """Serve files by "repo/path" until the block ends."""
    hub = HubStandIn(files)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _refuse(self, status: int, code: str) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("X-Error-Message", f"{code} for {self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _answer(self, *, body: bool) -> None:
            asked = _PATH.fullmatch(self.path)
            data = hub.files.get(f"{asked['repo']}/{asked['path']}") if asked else None
            if hub.gated:
                return self._refuse(403, "GatedRepo")
            if asked is None or data is None:
                return self._refuse(404, "EntryNotFound")
            start = 0
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            if body and wanted:
                start = int(wanted[1])
            tag = hashlib.sha256(b"other" if hub.wrong_tag else data).hexdigest()
            self.send_response(206 if start else 200)
            self.send_header("ETag", f'"{tag}"')
            self.send_header("X-Linked-Size", str(len(data)))
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Accept-Ranges", "bytes")
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            if not body:
                return None
            hub.got.append((asked["path"], start))
            if hub.break_after is not None and start + hub.break_after < len(data):
                if not (start and hub.mute):
                    self.wfile.write(data[start : start + hub.break_after])
                self.close_connection = True
                return None
            self.wfile.write(data[start:])
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
