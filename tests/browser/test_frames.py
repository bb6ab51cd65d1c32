"""The page in a frame of a notebook, and by a link that stands on another site."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from hamsight_explore.framed import framed


@pytest.fixture
def site() -> Iterator[ThreadingHTTPServer]:
    """A server of this machine, whose only page is its `html`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(self.server.html.encode())  # type: ignore[attr-defined]

        def log_message(self, *_: object) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def another(catalog: Path) -> str:
    """Return a new address of the page of a catalog."""
    from hamsight_explore.shared import page_link

    return page_link(catalog)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_notebook_frames_the_page(
    browser: Browser, explored: object, catalog: Path, site: ThreadingHTTPServer, name: str
) -> None:
    site.html = framed(another(catalog), framing=True)  # type: ignore[attr-defined]
    page = browser.new_page()
    page.goto(f"http://{name}:{site.server_port}/")
    expect(page.frame_locator("iframe").locator(".tile img").first).to_be_visible()
    page.close()


def test_another_site_frames_nothing(
    browser: Browser, explored: object, catalog: Path, site: ThreadingHTTPServer
) -> None:
    site.html = f'<iframe src="{another(catalog)}"></iframe>'  # type: ignore[attr-defined]
    page = browser.new_page()
    with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        page.goto(f"http://localhost:{site.server_port}/")
    assert page.frame_locator("iframe").locator(".tile").count() == 0
    page.close()


def test_a_link_on_another_site_opens_the_page(
    browser: Browser, explored: object, catalog: Path, site: ThreadingHTTPServer
) -> None:
    link = another(catalog)
    site.html = f'<a href="{link}">page</a>'  # type: ignore[attr-defined]
    page = browser.new_page()
    page.goto(f"http://localhost:{site.server_port}/")  # another site than 127.0.0.1
    page.get_by_role("link").click()
    expect(page.locator(".tile img").first).to_be_visible()
    page.close()
