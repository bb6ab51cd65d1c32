"""What people who do not see the page, or see little, need of it: axe-core finds no fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

AXE = Path(__file__).parents[2] / "explore" / "web" / "node_modules" / "axe-core" / "axe.min.js"
RUN = """async () => {
    const found = await axe.run(document, {resultTypes: ['violations']});
    return found.violations.map(one => `${one.id}: ${one.nodes[0].html.slice(0, 200)}`);
}"""


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not here: `make setup` brings it")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_no_fault(visit: Callable[..., Page], dark: bool) -> None:
    page = visit("?q=text:red+circle&f=tags:circle", dark=dark)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert page.evaluate(RUN) == []
    page.locator('.tile[data-position="1"] .check').click(force=True)
    page.locator('.tile[data-position="2"]').click()
    expect(page.get_by_role("complementary", name="picture").locator("img")).to_be_visible()
    assert page.evaluate(RUN) == []
    page.keyboard.press("Escape")
    for name in ("Group …", "Export …", "Delete …", "SQL", "saved", "keys and help"):
        page.get_by_role("button", name=name).click()
        expect(page.locator("dialog")).to_be_visible()
        assert page.evaluate(RUN) == [], name
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)
