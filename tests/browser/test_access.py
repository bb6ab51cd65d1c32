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
    page.locator("#where").fill("width > 9000")
    page.locator("#where").press("Enter")
    expect(page.get_by_role("main")).to_contain_text("No picture answers this")
    assert page.evaluate(RUN) == []


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not here: `make setup` brings it")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_no_fault_in_searches_maps_and_classifiers(
    visit: Callable[..., Page], dark: bool
) -> None:
    page = visit("?q=text:red+circle&q=text^-0.5:green+heart&map=latest", dark=dark, width=1600)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    page.locator(".chip .label").first.click()
    expect(page.get_by_role("slider", name="weight")).to_be_visible()
    assert page.evaluate(RUN) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="cut-off").click()
    expect(page.locator("#cutoff svg")).to_be_visible()
    assert page.evaluate(RUN) == []
    page.keyboard.press("Escape")
    made = page.get_by_role("button", name="Make a map")
    made.or_(page.get_by_role("application")).wait_for()
    if made.count():
        assert page.evaluate(RUN) == []
        page.get_by_label("method").select_option("pca")
        made.click()
        page.get_by_role("button", name="dismiss").click()
    expect(page.locator(".legend")).to_contain_text("circle")
    assert page.evaluate(RUN) == []
    page.get_by_role("link", name="Classifier").click()
    page.get_by_placeholder("a person on a bike").fill("a heart")
    page.get_by_role("button", name="Begin").click()
    page.locator(".tiles [data-id]").first.focus()
    page.keyboard.press("y")
    page.keyboard.press("n")
    assert page.evaluate(RUN) == []
    page.keyboard.press("Enter")
    expect(page.locator(".learned li")).to_have_count(2)
    assert page.evaluate(RUN) == []
