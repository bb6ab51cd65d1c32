"""How fast the page of `hamsight explore` is, in a headless Chromium.

    .venv/bin/python bench/explore.py                   # 10,000 items
    .venv/bin/python bench/explore.py --items 1000000 --folder million    # kept for another run

The items are 300 drawn scenes, encoded with `mini`, each stored many times with other names, other
bits of the hash and a slightly other embedding. On their map each copy lies near one of twelve
places. Times are medians in milliseconds.
"""

from __future__ import annotations

import argparse
import gzip
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from playwright.sync_api import Page, sync_playwright

import hamsight
from hamsight.demo.scenes import write_dataset
from hamsight_explore.page import page_folder

SCENES, ROUNDS = 300, 7
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
COPY = """
INSERT INTO {table} (dataset, subset, id, uri, width, height, format, sha256, tags, boxes, captions,
    status, file_size, hash, feature, ingested_at)
SELECT dataset, subset, concat('copy ', leftPad(toString(number), 8, '0'), ' of ', id), uri, width,
    height, format, sha256, tags, boxes, captions, status, file_size,
    toFixedString(concat(randomString(4), substring(hash, 5)), 64),
    arrayMap((v, n) -> v + 0.01 * (toInt32(bitAnd(cityHash64(number, n), 255)) - 128) / 128,
        feature, range(length(feature))), ingested_at
FROM {table} CROSS JOIN numbers({copies}) AS copies
WHERE NOT startsWith(id, 'copy ')
"""
MAPPED = """
INSERT INTO map_points (analysis, dataset, subset, id, digest, x, y, fitted)
SELECT '{analysis}', dataset, subset, id, 0, randNormal(0, 1, 1) * 0.6 + cos(place) * 3,
    randNormal(0, 1, 2) * 0.6 + sin(place) * 3, true
FROM (
    SELECT dataset, subset, id, cityHash64(substring(id, -12)) % 12 AS place FROM {table}
    WHERE startsWith(id, 'copy ')
)
"""
LASSO = [(0.3, 0.3), (0.6, 0.3), (0.6, 0.6), (0.4, 0.7), (0.25, 0.5)]
LOADED = """() => {
    const tiles = [...document.querySelectorAll('.tile')].filter(tile => {
        const box = tile.getBoundingClientRect();
        return box.bottom > 120 && box.top < innerHeight;
    });
    return tiles.length > 0 && tiles.every(tile => {
        const image = tile.querySelector('img');
        return image && image.complete && image.naturalWidth > 0;
    });
}"""
FRAMES = """async () => {
    const grid = document.querySelector('[role=grid]'), begun = performance.now();
    let frames = 0;
    while (performance.now() - begun < 2000) {
        grid.scrollTop += 40;
        await new Promise(done => requestAnimationFrame(done));
        frames += 1;
    }
    return frames / 2;
}"""


def fill(folder: Path, items: int) -> None:
    """Make a catalog of so many items in a folder."""
    write_dataset(folder / "scenes", SCENES, 0)
    with hamsight.open(folder / "catalog") as session:
        session.ingest(folder / "scenes", dataset="scenes", model="mini")
        table = session.catalog().model("mini").items_table
        client = session.catalog().client
        copies = max(1, items // SCENES - 1)
        session.map("pca")
        client.command(COPY.format(table=table, copies=copies), settings={"max_threads": 2})
        analysis = session.maps()["analysis"][0].as_py()
        client.command(MAPPED.format(table=table, analysis=analysis))


def timed(act: Callable[[], None], page: Page) -> float:
    """Return the milliseconds until all tiles that are in sight have their pictures."""
    begun = time.perf_counter()
    act()
    page.wait_for_function(LOADED)
    return (time.perf_counter() - begun) * 1000


def measure(page: Page, address: str, total: int) -> dict[str, float]:
    """Return what each thing that people do takes."""
    found: dict[str, float] = {}
    page.goto(address)
    page.wait_for_function(LOADED)

    def median(name: str, act: Callable[[], object]) -> None:
        found[name] = statistics.median(timed(act, page) for _ in range(ROUNDS))

    median("open, to the first pictures", lambda: page.goto(address))
    grid = page.locator("[role=grid]")
    places = random.Random(1)
    jump = "(grid, share) => { grid.scrollTop = share * grid.scrollHeight; }"
    median("scroll anywhere", lambda: grid.evaluate(jump, places.random()))
    found["frames a second while scrolling"] = page.evaluate(FRAMES)

    def ask(path: str, content: dict) -> float:
        begun = time.perf_counter()
        answer = page.request.post(f"{address}api/{path}", data=content)
        assert answer.ok, answer.text()
        return (time.perf_counter() - begun) * 1000

    wide = {"where": "heart >= 2"}
    found["a filter with its total"] = statistics.median(ask("search", wide) for _ in range(ROUNDS))
    result = page.request.post(f"{address}api/search", data=wide).json()["result"]
    begun = time.perf_counter()
    for _ in range(ROUNDS):
        page.request.get(f"{address}api/facets", params={"result": result, "field": "tags"})
    found["counts of a facet"] = (time.perf_counter() - begun) * 1000 / ROUNDS
    words = {"queries": [{"kind": "text", "given": "a red heart"}]}
    ask("search", words)
    found["search by words, encoded before"] = statistics.median(
        ask("search", words) for _ in range(ROUNDS)
    )
    page.keyboard.press("Enter")
    image = page.get_by_role("complementary", name="picture").locator("img")
    image.wait_for()
    steps = []
    for _ in range(ROUNDS):
        page.wait_for_timeout(400)
        before, begun = image.get_attribute("src"), time.perf_counter()
        page.keyboard.press("n")
        page.wait_for_function(
            "([image, before]) => image.getAttribute('src') !== before && image.complete",
            arg=[image.element_handle(), before],
        )
        steps.append((time.perf_counter() - begun) * 1000)
    found["next picture"] = statistics.median(steps)
    return found


def measure_map(page: Page, address: str) -> dict[str, float]:
    """Return what the map takes: its numbers are of all points."""
    found: dict[str, float] = {}
    page.set_viewport_size({"width": 1600, "height": 900})
    page.goto(address)
    page.wait_for_function(LOADED)
    begun = time.perf_counter()
    page.keyboard.press("m")
    frame = page.get_by_role("application", name="map")
    page.wait_for_function(
        "() => document.querySelector('[role=application]')?.ariaLabel.match(/of [1-9]/)"
    )
    drawn = int(frame.get_attribute("data-drawn") or 0)
    page.wait_for_function(
        "drawn => Number(document.querySelector('[role=application]').dataset.drawn) > drawn",
        arg=drawn,
    )
    found["map, to its points"] = (time.perf_counter() - begun) * 1000
    page.locator(".legend i").first.wait_for()
    found["map, to its colours"] = (time.perf_counter() - begun) * 1000
    page.wait_for_timeout(3000)
    found["one drawing of all points"] = float(frame.get_attribute("data-milliseconds") or 0)
    box = frame.bounding_box()
    assert box is not None
    page.get_by_role("button", name="move").click()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    before, begun = int(frame.get_attribute("data-drawn") or 0), time.perf_counter()
    for step in range(120):
        page.mouse.move(box["x"] + 300 + step % 40 * 3, box["y"] + 300 + step % 30 * 2)
    frames = int(frame.get_attribute("data-drawn") or 0) - before
    found["frames a second while panning"] = frames / (time.perf_counter() - begun)
    page.mouse.up()
    page.get_by_role("button", name="fit").click()
    page.get_by_role("button", name="lasso").click()
    for number, (x, y) in enumerate([*LASSO, LASSO[0]]):
        place = box["x"] + x * box["width"], box["y"] + y * box["height"]
        page.mouse.move(*place, steps=12 if number else 1)
        if not number:
            page.mouse.down()
    page.mouse.up()
    page.wait_for_function(
        "() => Number(document.querySelector('[role=application]').dataset.lasso) > 0"
    )
    found["what a lasso holds"] = float(frame.get_attribute("data-lasso") or 0)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--browser", default=shutil.which("chromium"))
    parser.add_argument("--folder", type=Path, help="keeps the catalog for another run")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = given.folder or Path(name)
        if not (folder / "catalog").is_dir():
            made = [sys.executable, __file__, "fill", str(folder), str(given.items)]
            subprocess.run(made, check=True)
        command = [sys.executable, "-m", "hamsight", "explore", "--no-browser"]
        served = subprocess.Popen(
            [*command, "--db", str(folder / "catalog")], stdout=subprocess.PIPE, text=True
        )
        assert served.stdout is not None
        link = served.stdout.readline().strip()
        before = psutil.Process(served.pid).memory_info().rss
        try:
            with sync_playwright() as playwright:
                launched = playwright.chromium.launch(executable_path=given.browser, args=FLAGS)
                page = launched.new_page(viewport={"width": 1280, "height": 800}, bypass_csp=True)
                page.goto(link)
                found = measure(page, link.partition("?")[0], given.items)
                found.update(measure_map(page, link.partition("?")[0]))
                launched.close()
            grown = psutil.Process(served.pid).memory_info().rss - before
        finally:
            served.terminate()
            served.wait()
    script = sum(len(gzip.compress(file.read_bytes())) for file in page_folder().rglob("*.*"))
    print(f"{given.items} items, {psutil.getloadavg()[0]:.0f} load")
    for what, value in found.items():
        print(f"{what:35} {value:8.0f}")
    print(f"{'memory grown, MB':35} {grown / 1e6:8.0f}")
    print(f"{'page, compressed, kB':35} {script / 1e3:8.0f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["fill"]:
        fill(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
