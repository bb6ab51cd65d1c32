"""What a new user comes for, on real photos: blurred ones grouped, wrong tags corrected."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import prepared
import pytest
from PIL import Image, ImageFilter
from playwright.sync_api import Page, expect

from browser.conftest import Explored

Visit = Callable[..., Page]

CLASSES = ("Motorbikes", "airplanes", "butterfly", "dollar_bill", "grand_piano", "sunflower")
FLIPPED = {
    "Motorbikes": "sunflower",
    "airplanes": "grand_piano",
    "butterfly": "dollar_bill",
}
"""A picture of each of these classes lies in the folder of the other."""
BLURRED = 5


@pytest.fixture(scope="module")
def catalog(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty photos of flickr8k, five of them blurred, and six classes of caltech101."""
    root = tmp_path_factory.mktemp("stories")
    photos, classes = root / "photos", root / "classes"
    photos.mkdir()
    found = sorted((shared / "data" / "flickr8k-2000" / "images").iterdir())[:200:5]
    for number, file in enumerate(found):
        with Image.open(file) as photo:
            softer = photo.filter(ImageFilter.GaussianBlur(5)) if number < BLURRED else photo
            softer.save(photos / f"{number:02}.jpg", quality=90)
    for name in CLASSES:
        for number, file in enumerate(sorted((shared / "data" / "caltech101" / name).iterdir())):
            folder = FLIPPED.get(name, name) if number == 0 else name
            (classes / folder).mkdir(parents=True, exist_ok=True)
            shutil.copy(file, classes / folder / f"{name}-{number:02}.jpg")
    db = root / "catalog"
    for dataset, folder in (("photos", photos), ("classes", classes)):
        command = [sys.executable, "-m", "hamsight", "ingest", folder, "--dataset", dataset]
        more = ["--tags-from-folder"] if dataset == "classes" else []
        command += ["--model", "mini", "--db", db, *more]
        prepared.run(command, check=True, capture_output=True)
    return db


@pytest.fixture(scope="module")
def explored(browser: object, catalog: Path) -> Iterator[Explored]:
    served = Explored(catalog)
    yield served
    served.process.terminate()
    served.process.wait(30)


def rows(catalog: Path, statement: str) -> list[str]:
    """Ask in a terminal while the page is open."""
    command = [sys.executable, "-m", "hamsight", "sql", statement, "--format", "csv"]
    done = prepared.run(
        [*command, "--db", catalog], check=True, capture_output=True, text=True, encoding="utf-8"
    )
    return done.stdout.splitlines()[1:]


def test_find_blurred_photos_and_group_them(visit: Visit, catalog: Path) -> None:
    page = visit()
    page.get_by_role("link", name="Findings").click()
    page.get_by_role("button", name="Find quality").click()
    page.get_by_role("button", name="open the list of quality").click()
    page.get_by_role("button", name="blurry").click()
    expect(page.locator(".entry").first).to_contain_text("blurry")
    page.locator(".entry img").first.wait_for()
    page.keyboard.press("Control+a")
    page.keyboard.press("g")
    expect(page.locator(".toast").last).to_contain_text("put into 'blurry'")
    grouped = rows(catalog, "SELECT id FROM items_mini WHERE has(groups, 'blurry') ORDER BY id")
    assert set(grouped) >= {f"{number:02}.jpg" for number in range(BLURRED)}
    assert len(grouped) <= BLURRED + 2


def test_find_wrong_tags_and_correct_them(visit: Visit, catalog: Path) -> None:
    page = visit("?screen=mislabelled", tiles=False)
    page.get_by_role("button", name="Find mislabelled").click()
    page.locator(".entry img").first.wait_for()
    for name, wrong in FLIPPED.items():
        page.locator(".entry", has_text=f"{wrong} → {name}?").first.get_by_role(
            "button", name="mark"
        ).click()
    page.keyboard.press("r")
    expect(page.locator(".toast").last).to_contain_text("3 tags changed")
    for name in FLIPPED:
        statement = f"SELECT mapKeys(tags)[1] FROM items_mini WHERE id LIKE '%/{name}-00.jpg'"
        assert rows(catalog, statement) == [name]
