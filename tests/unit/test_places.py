"""Bytes come from local paths and URLs, or an error says why not."""

import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hamsight_core.errors import ImageError
from hamsight_core.images.places import fetch, is_url, local_path


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers.get("User-Agent")))
        path = self.path.split("?")[0]
        if path == "/ok" or path == "/b%20%C3%A9":
            self.reply(200, b"bytes")
        elif path == "/big":
            self.reply(200, b"x" * 1000)
        elif path == "/stream":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"x" * 1000)
        elif path == "/short":
            self.reply(200, b"half", length=1000)
        elif path == "/loop":
            self.redirect("/loop")
        elif path == "/away":
            self.redirect("/ok")
        elif path == "/file":
            self.redirect("file:///etc/hostname")
        elif path == "/ftp":
            self.redirect("ftp://127.0.0.1/x")
        elif path == "/silent":
            self.server.closing.wait(10)
        else:
            self.reply(404, b"")

    def reply(self, status: int, body: bytes, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def redirect(self, to: str) -> None:
        self.send_response(302)
        self.send_header("Location", to)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def site():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.seen, server.closing = [], threading.Event()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def address(site, monkeypatch):
    monkeypatch.setattr("hamsight_core.images.places.web._FIRST_DELAY", 0.01)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return f"http://127.0.0.1:{site.server_port}"


def reason(uri: str, **options: object) -> str:
    with pytest.raises(ImageError) as caught:
        fetch(uri, **options)
    return str(caught.value)


@pytest.mark.parametrize("name", ["a.jpg", "a b é 😀.jpg", "~", "100%25 #1?.jpg"])
def test_a_local_path_is_taken_as_it_is(tmp_path, name):
    (tmp_path / name).write_bytes(b"bytes")
    assert fetch(str(tmp_path / name)) == b"bytes"


def test_local_paths_that_cannot_be_read(tmp_path):
    (tmp_path / "f").write_bytes(b"12345")
    assert reason(str(tmp_path / "none.jpg")) == "file not found"
    (tmp_path / "link.jpg").symlink_to("none.jpg")
    assert reason(str(tmp_path / "link.jpg")) == "a link to a file that is not there"
    assert reason(str(tmp_path)) == "a folder, not a file"
    assert "file not found" in reason(str(tmp_path / "f" / "g"))
    assert reason(str(tmp_path / "f"), max_bytes=4) == "larger than 4 bytes"
    assert fetch(str(tmp_path / "f"), max_bytes=5) == b"12345"
    assert "not a path" in reason("a\0b")
    assert "cannot be read" in reason("x" * 5000)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert reason(str(tmp_path / "pipe")) == "not a regular file"


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may read every file"
)
def test_a_file_that_may_not_be_read(tmp_path):
    (tmp_path / "f").touch(0o000)
    assert reason(str(tmp_path / "f")) == "permission denied"


@pytest.mark.skipif(os.name == "nt", reason="names are bytes on POSIX alone")
def test_a_file_url_names_any_bytes(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff \xc3\xa9.jpg"
    try:
        Path(os.fsdecode(path)).write_bytes(b"bytes")
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    uri = Path(os.fsdecode(path)).as_uri()
    assert uri.isascii()
    assert fetch(uri) == b"bytes"
    assert local_path(uri) == Path(os.fsdecode(path))


def test_schemes():
    assert is_url("http://a/b.jpg")
    assert is_url("HTTPS://a/b.jpg")
    assert not is_url("s3://bucket/key")
    assert not is_url("/http://a")
    assert local_path("https://a/b.jpg") is None
    assert local_path("C:\\images\\a.jpg") == Path("C:\\images\\a.jpg")
    words = reason("ftp://bucket/key")
    assert words.startswith("ftp:// is not supported")
    assert "http, https" in words


def test_a_url_is_downloaded(site, address):
    assert fetch(f"{address}/ok") == b"bytes"
    assert site.seen[-1][1].startswith("hamsight")
    assert fetch(f"{address}/away") == b"bytes"
    assert fetch(f"{address}/ok?w=1 2#part") == b"bytes"
    assert fetch(f"{address}/b é") == b"bytes"


def test_urls_that_cannot_be_read(address):
    assert reason(f"{address}/none") == "HTTP 404 Not Found"
    assert reason(f"{address}/big", max_bytes=999) == "larger than 999 bytes"
    assert reason(f"{address}/stream", max_bytes=999) == "larger than 999 bytes"
    assert fetch(f"{address}/stream", max_bytes=1000) == b"x" * 1000
    assert "the connection closed after 4 of 1000 bytes (4 tries)" in reason(f"{address}/short")
    assert "redirect" in reason(f"{address}/loop")
    assert "seconds" in reason(f"{address}/silent", timeout=0.2)
    for place in ("file", "ftp"):
        assert "302" in reason(f"{address}/{place}") or "ftp" in reason(f"{address}/{place}")


def test_addresses_that_are_wrong_or_dead():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for uri in (
        f"http://127.0.0.1:{port}/a.jpg",
        "http://",
        "http://a:b/",
        "http://[::1/",
        "http://a\nb/",
    ):
        assert "cannot be downloaded" in reason(uri, timeout=2)
