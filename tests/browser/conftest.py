"""The page in a real browser, on a catalog of drawn scenes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import prepared
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from hamsight_explore.page import is_built

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
)
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
SCENES = 150
WORDS = "green hearts"
"""What `answer.txt` beside the catalog holds the answer to: a page holds the catalog later."""
PATIENCE_MS = 60_000
"""A machine that is busy with other tests draws a page in seconds."""
REFUSED = "the server responded with a status of 4"
"""What a browser notes of a filter or of SQL that is wrong; the page shows the fault."""

expect.set_options(timeout=PATIENCE_MS)


def faults_of(message: ConsoleMessage) -> list[str]:
    is_fault = message.type in ("error", "warning") and REFUSED not in message.text
    return [message.text] if is_fault else []


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser is here: install one of {', '.join(BROWSERS)}")
    if not is_built():
        pytest.skip("the page is not built: `make setup` builds it")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield launched
        launched.close()


MAKE = f"""
import sys, hamsight
from pathlib import Path
from hamsight.demo.scenes import write_dataset
root = Path(sys.argv[1])
write_dataset(root / "scenes", {SCENES}, 0)
with hamsight.open(root / "catalog") as opened:
    opened.ingest(root / "scenes", dataset="scenes", model="mini")
    found = opened.query(text={WORDS!r}, k=8)
(root / "answer.txt").write_text("\\n".join(match.id for match in found))
"""


def make_catalog(folder: Path) -> Path:
    """Make a catalog of drawn scenes with boxes and captions, encoded with `mini`."""
    prepared.run([sys.executable, "-c", MAKE, folder], check=True, capture_output=True)
    return folder / "catalog"


@pytest.fixture(scope="session")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of drawn scenes."""
    return make_catalog(tmp_path_factory.mktemp("explored"))


class Explored:
    """`hamsight explore` in a process of its own."""

    def __init__(self, catalog: Path, *options: str) -> None:
        command = [sys.executable, "-m", "hamsight", "explore", "--db", str(catalog), *options]
        self.process = subprocess.Popen(
            [*command, "--no-browser"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=catalog.parent,
            text=True,
        )
        assert self.process.stdout is not None
        self.link = self.process.stdout.readline().strip()
        self.address = self.link.partition("?")[0]


@pytest.fixture(scope="module")
def explored(browser: Browser, catalog: Path) -> Iterator[Explored]:
    served = Explored(catalog)
    yield served
    served.process.terminate()
    served.process.wait(30)


@pytest.fixture(scope="module")
def cookies(browser: Browser, explored: Explored) -> list:
    """What a browser keeps that came by the printed address."""
    context = browser.new_context()
    context.new_page().goto(explored.link)
    kept = context.cookies()
    context.close()
    return kept


@pytest.fixture
def visit(browser: Browser, explored: Explored, cookies: list) -> Iterator[Callable[..., Page]]:
    """`visit("?q=text:dog", width=…, dark=…)` opens the page; errors of it fail the test."""
    contexts, faults = [], []

    def open_page(
        search: str = "",
        *,
        width: int = 1280,
        height: int = 800,
        dark: bool = False,
        tiles: bool = True,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.add_cookies(cookies)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.extend(faults_of(message)))
        page.goto(explored.address + search)
        if tiles:
            page.locator(".tile img").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []
