"""A classifier is trained in three rounds with keys, saved, and repeated in a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import prepared
from playwright.sync_api import Page, expect

Visit = Callable[..., Page]
MARKS = 8


def ids(page: Page) -> list[str]:
    """Return the ids of the list that is shown."""
    tiles = page.locator(".tiles [data-id]").all()
    return [tile.get_attribute("data-id") or "" for tile in tiles]


def is_right(caption: str | None) -> bool:
    return "heart" in (caption or "")


def test_three_rounds_of_marks_find_what_is_meant(visit: Visit, catalog: Path) -> None:
    page = visit("?screen=classifier", tiles=False)
    page.get_by_placeholder("a person on a bike").fill("a heart")
    page.get_by_role("button", name="Begin").click()
    tiles = page.locator(".tiles [data-id]")
    tiles.first.wait_for()
    found = []
    for round in (1, 2, 3):
        said = [tile.get_attribute("aria-label") for tile in tiles.all()]
        found.append(sum(map(is_right, said[:24])))
        tiles.first.focus()
        for caption in said[:MARKS]:
            page.keyboard.press("y" if is_right(caption) else "n")
        page.get_by_role("button", name=f"Refit with {MARKS} more").click()
        status = page.locator("section [role=status]")
        expect(status).to_contain_text(f"round {round} ·")
        expect(page.locator(".tiles")).to_have_attribute("aria-busy", "false")
        expect(page.locator(".learned li")).to_have_count(round * MARKS)
    right = int(page.locator("b.right").inner_text())
    said = [tile.get_attribute("aria-label") for tile in tiles.all()]
    assert right + sum(map(is_right, said[:24])) > found[0]
    likely = ids(page)
    for name in ("Least sure", "Nearest wrong"):
        page.get_by_role("button", name=name).click()
        expect(page.get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".tiles")).to_have_attribute("aria-busy", "false")
        assert ids(page) != likely
    marked = [one.get_attribute("title") for one in page.locator(".learned img").all()]
    page.get_by_label("save as").fill("hearts")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("hamsight run hearts")
    command = [sys.executable, "-m", "hamsight", "run", "hearts", "-k", "60", "--db", catalog]
    answered = prepared.run([*command, "--format", "jsonl"], check=True, capture_output=True)
    repeated = [json.loads(line)["id"] for line in answered.stdout.splitlines()]
    rest = [id for id in repeated if id not in marked]
    assert rest[:20] == likely[:20]
    page.locator(".learned button").first.click()
    expect(page.locator(".learned li")).to_have_count(3 * MARKS - 1)
