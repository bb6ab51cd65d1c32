"""Photos and saved PyTorch models for the comparisons with `transformers`."""

from __future__ import annotations

from pathlib import Path

import pytest

PHOTOS = 50


@pytest.fixture(scope="session")
def photos() -> list[Path]:
    """Fifty real photos whose sides are odd, unequal, and of many proportions."""
    from PIL import Image

    data = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not data.is_dir():
        pytest.skip(f"real photos are not here: no folder {data}")
    found: dict[tuple[int, int], Path] = {}
    for folder in ("coco128/train2017", "flickr8k-2000/images", "flowers", "caltech101"):
        for file in sorted((data / folder).rglob("*.jpg"))[::3]:
            with Image.open(file) as image:
                width, height = image.size
            if width % 2 or height % 2:
                found.setdefault((width, height), file)
    assert len(found) >= PHOTOS
    return list(found.values())[:: len(found) // PHOTOS][:PHOTOS]
