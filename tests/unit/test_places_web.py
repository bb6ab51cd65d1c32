"""Downloads are tried again where that helps, and end in time, in bounds, on the web alone."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import pytest

from hamsight_core.errors import ImageError
from hamsight_core.images.places import web


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        site = self.server
        with site.lock:
            site.seen.append((time.monotonic(), self.path))
            site.busy += 1
            site.most_busy = max(site.most_busy, site.busy)
            tries = sum(1 for _, path in site.seen if path == self.path)
        self.inside = True
        try:
            self.answer(tries)
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            self.leave()

    def leave(self) -> None:
        """Count this request as done, which its client may know before the handler ends."""
        if self.inside:
            self.inside = False
            with self.server.lock:
                self.server.busy -= 1

    def answer(self, tries: int) -> None:
        kind, _, value = self.path[1:].partition("/")
        if kind == "flaky" and tries <= 2:
            self.reply(int(value), b"")
        elif kind == "asks" and tries == 1:
            self.reply(429, b"", ("Retry-After", value))
        elif kind == "reset" and tries == 1:
            self.connection.close()
        elif kind == "drip":
            self.send_response(200)
            if value:
                self.send_header("Content-Length", value)
            self.end_headers()
            while not self.server.closing.wait(0.05):
                self.wfile.write(b"x")
        elif kind == "drip-headers":
            while not self.server.closing.wait(0.05):
                self.wfile.write(b"x")
        elif kind == "slow":
            time.sleep(0.1)
            self.reply(200, b"slow")
        elif kind == "redirect":
            self.reply(302, b"", ("Location", "file:///etc/hostname"))
        elif kind == "status":
            self.reply(int(value), b"")
        else:
            self.reply(200, b"bytes")

    def reply(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.leave()
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def site(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(web, "_FIRST_DELAY", 0.05)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    server.seen, server.closing, server.lock = [], threading.Event(), threading.Lock()
    server.busy = server.most_busy = 0
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()
    thread.join()


def get(site, path: str, **options: object) -> bytes:
    given = {"timeout": 5.0, "max_bytes": 1000, "total": 5.0, **options}
    return web.download(f"http://127.0.0.1:{site.server_port}/{path}", **given)


def reason(site, path: str, **options: object) -> str:
    with pytest.raises(ImageError) as caught:
        get(site, path, **options)
    return str(caught.value)


@pytest.mark.parametrize("path", ["flaky/503", "flaky/429", "flaky/500", "reset/"])
def test_a_fault_that_passes_is_tried_again(site, path):
    assert get(site, path) == b"bytes"
    assert len(site.seen) == (2 if path == "reset/" else 3)


def test_the_delay_grows_and_the_tries_end(site):
    assert reason(site, "status/503") == "HTTP 503 Service Unavailable (4 tries)"
    times = [moment for moment, _ in site.seen]
    delays = [later - sooner for sooner, later in pairwise(times)]
    assert len(delays) == 3
    for number, delay in enumerate(delays):
        assert delay >= 0.05 * 2**number * 0.5


def test_what_stays_wrong_is_tried_once(site):
    assert reason(site, "status/404") == "HTTP 404 Not Found"
    assert reason(site, "status/403") == "HTTP 403 Forbidden"
    assert "ftp" in reason(site, "redirect") or "302" in reason(site, "redirect")
    assert len([path for _, path in site.seen if path != "/redirect"]) == 2


def test_the_server_says_how_long_to_wait(site):
    started = time.monotonic()
    assert get(site, "asks/1") == b"bytes"
    assert time.monotonic() - started >= 1
    assert reason(site, "asks/3600") == "HTTP 429 Too Many Requests"


@pytest.mark.parametrize("path", ["drip/", "drip/900", "drip-headers/"])
def test_a_slow_drip_is_cut_off(site, path):
    started = time.monotonic()
    assert "not complete within 1 seconds" in reason(site, path, total=0.6)
    assert time.monotonic() - started < 3


def test_the_size_is_bounded(site):
    assert reason(site, "drip/1001") == "larger than 1000 bytes"
    assert reason(site, "drip/", max_bytes=3) == "larger than 3 bytes"


def test_one_host_is_asked_by_few_at_once(site, monkeypatch):
    monkeypatch.setattr(web, "HOST_CONNECTIONS", 3)
    threads = [threading.Thread(target=get, args=(site, "slow/")) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(site.seen) == 12
    assert 1 < site.most_busy <= 3
    assert not web._turns
