"""The map: drawn alike each time, linked with the grid, and a lasso that filters both."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from browser.conftest import SCENES

Visit = Callable[..., Page]
SHARES = [(0.3, 0.25), (0.7, 0.3), (0.75, 0.7), (0.4, 0.8), (0.2, 0.5)]


def settled(page: Page) -> None:
    """Wait until the map is coloured and drawn."""
    expect(page.locator(".legend")).to_contain_text("circle")
    page.wait_for_timeout(300)


def lasso(page: Page) -> None:
    box = page.get_by_role("application").bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in SHARES]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in [*places[1:], places[0]]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()
    expect(page.locator(".status")).to_contain_text("part of the map")


@pytest.fixture
def mapped(visit: Visit) -> Callable[..., Page]:
    """`mapped(dark=…)` opens the page with its map, which the first makes."""

    def open_page(**options: object) -> Page:
        page = visit(width=1600, **options)
        page.keyboard.press("m")
        made = page.get_by_role("button", name="Make a map")
        expect(page.get_by_role("application").or_(made)).to_be_visible()
        if made.count():
            page.get_by_label("method").select_option("pca")
            made.click()
            page.get_by_role("button", name="dismiss").click()
        settled(page)
        return page

    return open_page


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_map_is_drawn_alike_each_time_and_moves(mapped, dark: bool) -> None:
    page = mapped(dark=dark)
    canvas = page.locator("canvas")
    first = canvas.screenshot()
    page.reload()
    settled(page)
    assert canvas.screenshot() == first
    page.get_by_role("application").focus()
    page.keyboard.press("+")
    page.wait_for_timeout(400)
    closer = canvas.screenshot()
    assert closer != first
    page.keyboard.press("0")
    page.wait_for_timeout(400)
    assert canvas.screenshot() == first
    page.get_by_label("colour").select_option("subset")
    expect(page.locator(".legend")).to_contain_text("train")
    assert canvas.screenshot() != first


def test_a_lasso_filters_the_grid_and_stays_until_let_go(mapped) -> None:
    page = mapped()
    lasso(page)
    told = page.locator(".legend [role=status]")
    expect(told).to_contain_text("in the lasso")
    count = int(told.locator("b").inner_text())
    assert 0 < count < SCENES
    expect(page.locator(".status b").first).to_have_text(str(count))
    # what the address says is what the server is asked
    corners = page.evaluate("new URLSearchParams(location.search).get('lasso')").split(":")[1]
    assert len(np.array(corners.split(","), float)) % 2 == 0
    page.locator("aside li", has_text="circle").get_by_role("checkbox").check()
    expect(page.locator(".status b").first).not_to_have_text(str(count))
    expect(page.locator(".status")).to_contain_text("part of the map")
    page.keyboard.press("Control+a")
    expect(page.locator(".tray")).to_be_visible()
    page.reload()
    expect(page.locator(".status")).to_contain_text("part of the map")
    page.get_by_role("button", name="Let go").click()
    expect(page.locator(".status")).not_to_contain_text("part of the map")


def test_points_show_their_pictures_and_open_them(mapped) -> None:
    page = mapped()
    frame = page.get_by_role("application")
    box = frame.bounding_box()
    assert box is not None
    ring = frame.locator("circle")
    expect(ring).to_be_attached()
    x, y = (float(ring.get_attribute(name) or 0) for name in ("cx", "cy"))
    page.mouse.move(box["x"] + x, box["y"] + y)
    expect(frame.locator("img")).to_be_visible()
    page.mouse.down()
    page.mouse.up()
    expect(page.get_by_role("complementary", name="picture")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    expect(frame).to_have_count(0)
