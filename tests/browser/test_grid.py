"""The path that people take: open, see the grid, search, select, group, export."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import prepared
import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import SCENES, WORDS, Explored

Visit = Callable[..., Page]


def ids(page: Page, count: int) -> list[str]:
    """Return the ids of the first tiles."""
    expect(page.locator(f'.tile[data-position="{count - 1}"] img')).to_be_visible()
    return [
        page.locator(f'.tile[data-position="{place}"]').get_attribute("data-id") or ""
        for place in range(count)
    ]


def ask(page: Page, words: str) -> None:
    page.keyboard.press("/")
    page.keyboard.type(words)
    page.keyboard.press("Enter")
    expect(page.locator(".status")).to_contain_text("most alike first")
    page.keyboard.press("Escape")


def selected(page: Page, count: int) -> None:
    if count:
        expect(page.locator(".tray")).to_contain_text(f"{count} selected")
    else:
        expect(page.locator(".tray")).to_have_count(0)


def test_the_first_address_lets_in_and_others_do_not(browser: Browser, catalog: Path) -> None:
    own = catalog.parent / "second"
    options = ["--dataset", "few", "--model", "mini", "--db", own]
    few = catalog.parent / "few"
    few.mkdir()
    for file in sorted((catalog.parent / "scenes").rglob("*.jpg"))[:3]:
        shutil.copy(file, few)
    command = [sys.executable, "-m", "hamsight", "ingest", few, *options]
    prepared.run(command, check=True, capture_output=True)
    served = Explored(own)
    try:
        context = browser.new_context()
        page = context.new_page()
        page.goto(served.link)
        page.locator("img[src*=thumb]").first.wait_for()
        assert "token" not in page.url
        page.reload()
        page.locator("img[src*=thumb]").first.wait_for()
        other = browser.new_context().new_page()
        assert other.goto(served.link).status == 403
        assert other.goto(served.address).status == 401
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(30) == 130
    finally:
        served.process.kill()


@pytest.mark.parametrize(("width", "dark"), [(1024, False), (2560, True)], ids=["light", "dark"])
def test_search_shows_what_query_answers(
    visit: Visit, catalog: Path, width: int, dark: bool
) -> None:
    page = visit(width=width, dark=dark)
    expect(page.locator(".status")).to_contain_text(f"{SCENES} pictures")
    ask(page, WORDS)
    found = ids(page, 8)
    assert found == (catalog.parent / "answer.txt").read_text().split("\n")
    assert page.evaluate("location.search") == "?q=text%3Agreen+hearts"
    similarity = page.locator(".tile .line b").all_inner_texts()[:8]
    assert [float(one) for one in similarity] == sorted(map(float, similarity), reverse=True)
    page.reload()
    assert ids(page, 8) == found
    page.go_back()
    expect(page.locator(".status")).not_to_contain_text("most alike first")


def test_queries_have_weights_regions_and_a_cut_off(visit: Visit, catalog: Path) -> None:
    page = visit()
    ask(page, "green hearts")
    page.get_by_role("button", name="add to the search").click()
    page.keyboard.type("a red circle zebrafish")
    page.keyboard.press("Enter")
    expect(page.locator(".chip")).to_have_count(2)
    expect(page.get_by_text("does not know 'zebrafish'")).to_be_visible()
    page.locator(".chip .label").nth(1).click()
    with page.expect_response("**/api/rows*"):
        page.get_by_role("slider", name="weight").fill("-0.5")
    expect(page.locator(".chip").nth(1)).to_contain_text("−0.5")
    page.keyboard.press("Escape")
    expect(page.get_by_role("grid")).to_have_attribute("aria-busy", "false")
    page.locator('.tile[data-position="1"]').click()
    item = page.get_by_role("complementary", name="picture")
    expect(item.locator("dl")).to_contain_text("path")
    box = item.locator("img").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.25)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.8, steps=3)
    page.mouse.up()
    item.get_by_role("button", name="+ like this").click()
    expect(page.locator(".chip").nth(2)).to_contain_text("part of")
    page.get_by_role("button", name="cut-off").click()
    expect(page.locator("#cutoff")).to_contain_text(f"of {SCENES - 1} pictures")
    page.get_by_label("least similarity").focus()
    page.keyboard.press("End")
    for _ in range(3):
        page.keyboard.press("PageDown")
    expect(page.get_by_role("button", name="similarity ≥")).to_be_visible()
    expect(page.get_by_role("grid")).to_have_attribute("aria-busy", "false")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="SQL").click()
    command = shlex.split(page.locator("dialog pre").first.inner_text())
    page.keyboard.press("Escape")
    count = int(page.locator(".status b").first.inner_text())
    assert 0 < count < SCENES - 1
    command = [sys.executable, "-m", *command, "-k", "200", "--format", "jsonl"]
    answered = prepared.run(command, check=True, capture_output=True, text=True).stdout
    expected = [json.loads(line)["id"] for line in answered.splitlines()]
    assert len(expected) == count
    assert ids(page, min(count, 8)) == expected[:8]
    page.reload()
    assert ids(page, min(count, 8)) == expected[:8]
    page.locator(".chip").nth(2).get_by_role("button", name="remove").click()
    expect(page.locator(".status")).to_contain_text(f"{SCENES} pictures")


def test_keys_go_through_the_grid_and_select(visit: Visit) -> None:
    page = visit(width=1024)
    columns = int(page.locator("[role=grid]").get_attribute("aria-colcount") or 0)
    assert columns > 2

    def at(position: int) -> None:
        expect(page.locator(f'.tile[data-position="{position}"]')).to_be_focused()

    page.keyboard.press("ArrowRight")
    at(1)
    page.keyboard.press("ArrowDown")
    at(1 + columns)
    page.keyboard.press("Space")
    selected(page, 1)
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    selected(page, 3)
    page.keyboard.press("End")
    at(SCENES - 1)
    page.keyboard.press("PageUp")
    page.keyboard.press("Home")
    at(0)
    page.keyboard.press("Control+a")
    selected(page, SCENES)
    page.keyboard.press("Escape")
    selected(page, 0)
    page.locator('.tile[data-position="2"] .check').click(force=True)
    page.locator('.tile[data-position="7"]').click(modifiers=["Shift"])
    selected(page, 6)
    page.locator('.tile[data-position="3"]').click(modifiers=["Control"])
    selected(page, 5)
    page.keyboard.press("Escape")
    selected(page, 0)
    # none of them does anything while someone types
    page.keyboard.press("/")
    page.keyboard.type("g u 1 ? a b")
    expect(page.locator("#search")).to_have_value("g u 1 ? a b")
    expect(page.locator("dialog")).to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("dialog")).to_contain_text("Keys")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)


def test_select_group_filter_and_undo(visit: Visit) -> None:
    page = visit()
    ask(page, "a red circle")
    for place in (0, 1, 2):
        page.locator(f'.tile[data-position="{place}"] .check').click(force=True)
    selected(page, 3)
    chosen = ids(page, 3)
    page.keyboard.press("g")
    page.keyboard.type("round things")
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text("3 put into 'round things'")
    group = page.locator("aside li", has_text="round things")
    expect(group).to_contain_text("3 / 3")
    group.get_by_role("checkbox").check()
    expect(page.locator(".status")).to_contain_text("3 pictures")
    assert ids(page, 3) == chosen
    assert "f=groups%3Around+things" in page.url
    group.get_by_role("button", name="all but").click()
    expect(page.locator(".status")).to_contain_text(f"{SCENES - 3} pictures")
    group.get_by_role("button", name="all but").click()
    expect(page.locator(".status")).to_contain_text(f"{SCENES} pictures")
    page.keyboard.press("Escape")
    group.get_by_role("button", name="search by round things").click()
    expect(page.locator(".status")).to_contain_text(f"{SCENES - 3} pictures")
    page.locator(".chip .label").click()
    page.get_by_label("by each picture of the group").check()
    expect(page.locator(".chip")).to_contain_text("each of round things")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="cut-off").click()
    page.get_by_label("as percentiles").check()
    expect(page.locator("#cutoff .ends")).to_contain_text("percentile")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Hamsight").click()
    expect(page.locator(".status")).not_to_contain_text("most alike first")
    page.keyboard.press("u")
    expect(page.locator(".toast").last).to_contain_text("undone")
    expect(group).to_have_count(0)


def test_an_export_holds_the_selection(visit: Visit, catalog: Path) -> None:
    page = visit("?f=tags:heart")
    chosen = ids(page, 4)
    page.locator('.tile[data-position="0"] .check').click(force=True)
    page.locator('.tile[data-position="3"]').click(modifiers=["Shift"])
    selected(page, 4)
    page.get_by_role("button", name="Export").click()
    page.get_by_label("new folder").fill("hearts")
    page.get_by_role("button", name="Export", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("4 items in hearts")
    folder = catalog.parent / "hearts" / "annotations"
    images = [
        image
        for file in sorted(folder.glob("instances*.json"))
        for image in json.loads(file.read_text())["images"]
    ]
    assert sorted(Path(image["file_name"]).name for image in images) == sorted(
        Path(id).name for id in chosen
    )


def test_the_item_its_boxes_and_its_neighbours(visit: Visit) -> None:
    page = visit()
    first = ids(page, 2)
    page.keyboard.press("Enter")
    item = page.get_by_role("complementary", name="picture")
    expect(item).to_contain_text(first[0])
    expect(item.locator("svg rect").first).to_be_attached()
    page.keyboard.press("n")
    expect(item).to_contain_text(first[1])
    expect(item).to_contain_text(f"2 of {SCENES}")
    page.keyboard.press("p")
    page.keyboard.press("b")
    expect(item.locator("svg")).to_have_count(0)
    page.keyboard.press("b")
    assert "item=0" in page.url
    page.reload()
    expect(item).to_contain_text(first[0])
    item.get_by_role("button", name="Copy id").click()
    assert first[0] in page.evaluate("navigator.clipboard.readText()")
    page.keyboard.press("s")
    expect(page.locator(".chip")).to_contain_text("like")
    expect(page.locator(".status")).to_contain_text(f"{SCENES - 1} pictures")
    page.keyboard.press("Escape")
    expect(item).to_have_count(0)


def test_the_filter_language_names_its_faults(visit: Visit) -> None:
    page = visit()
    where = page.locator("#where")
    where.fill("heart >= 2 and width >")
    where.press("Enter")
    expect(page.locator("#fault")).to_contain_text("expected a name")
    expect(page.locator("#fault pre")).to_contain_text("^")
    where.fill("")
    where.press_sequentially("hea")
    expect(page.locator("#where-names li")).to_have_text(["heart"])
    where.press("Tab")
    expect(where).to_have_value("heart")
    where.fill("heart >= 2")
    where.press("Enter")
    expect(page.locator("#fault")).to_have_count(0)
    expect(page.locator(".status")).not_to_contain_text(f"{SCENES} pictures")
    page.get_by_role("button", name="SQL").click()
    expect(page.locator("dialog")).to_contain_text("hamsight query --where 'heart >= 2'")
    expect(page.locator("dialog")).to_contain_text("tags[")


def test_a_picture_is_dropped_and_searched_by(visit: Visit, catalog: Path) -> None:
    page = visit()
    picture = next((catalog.parent / "scenes").rglob("*00.jpg"))
    page.locator("input[type=file]").set_input_files(picture)
    expect(page.locator(".chip")).to_contain_text("picture")
    expect(page.locator(".status")).to_contain_text("most alike first")
    assert Path(ids(page, 1)[0]).name == picture.name
    page.locator(".chip [aria-label^='remove' i]").click()
    expect(page.locator(".status")).not_to_contain_text("most alike first")


def test_sql_is_asked_and_shown_as_pictures(visit: Visit) -> None:
    page = visit()
    page.get_by_role("button", name="SQL").click()
    statement = page.get_by_label("Ask in SQL")
    statement.fill(
        "SELECT dataset, subset, id FROM items_mini WHERE tags['heart'] > 1 ORDER BY id DESC"
    )
    statement.press("Control+Enter")
    expect(page.locator("dialog table")).to_contain_text("scenes")
    shown = page.locator("dialog tbody tr td:nth-child(3)").all_inner_texts()
    page.get_by_role("button", name="Show these pictures").click()
    expect(page.locator(".status")).to_contain_text(f"{len(shown)} pictures")
    assert ids(page, 3) == shown[:3]
    page.reload()
    assert ids(page, 3) == shown[:3]
    page.get_by_role("button", name="SQL").click()
    page.get_by_label("Ask in SQL").fill("SELECT nothing")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("dialog [role=alert]")).to_contain_text("nothing")


def test_the_bar_stays_one_line_and_folds_where_it_is_narrow(visit: Visit) -> None:
    page = visit("?item=3", width=1024)
    bar = page.locator(".status")
    more = bar.get_by_label("more", exact=True)
    expect(more).to_be_visible()
    box = bar.bounding_box()
    assert box is not None and box["height"] < 45
    more.click()
    bar.get_by_role("button", name="saved").click()
    expect(page.locator("dialog")).to_contain_text("Saved searches")
    page.keyboard.press("Escape")
    expect(bar.get_by_label("size of pictures")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(bar.get_by_role("button", name="saved")).to_be_visible()


def test_a_search_is_saved_and_opened(visit: Visit) -> None:
    page = visit("?f=tags:heart")
    ask(page, "a red heart")
    found = ids(page, 4)
    page.get_by_role("button", name="saved").click()
    page.get_by_label("save this search as").fill("red hearts")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("dialog li", has_text="red hearts")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Hamsight").click()
    expect(page.locator(".status")).to_contain_text(f"{SCENES} pictures")
    page.get_by_role("button", name="saved").click()
    page.get_by_role("button", name="red hearts").click()
    expect(page.locator(".status")).to_contain_text("most alike first")
    assert ids(page, 4) == found
