"""Items with real images, boxes and hostile words, for tests of export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import toy
from made_catalog import Made, exact

from hamsight_core.items import Box, Item

WORDS = 'He said: "ü, \\ ☃"\n<b>\t; DROP TABLE items --'
LABELS = ("dog", 'traffic "light"', "it's: a, {cat} #1", "漢 😀")
HOSTILE = [
    *("../../up.jpg", "/abs/olute.jpg", "a/../b.jpg", "..", "./here.jpg", "x//y.jpg", "dir/"),
    *(
        "nul\0.jpg",
        "back\\slash.jpg",
        "new\nline.jpg",
        "q'\"`$(x).jpg",
        "{x:String}.jpg",
        "%s%20.jpg",
    ),
    *("n" * 300 + ".jpg", "deep/" * 250 + "z.jpg", "漢" * 120 + ".png", "😀.png", " ", "-rf", "~"),
    *("file.jpg", "file.jpg/inside.jpg", "same.jpg", "same.png", "SAME.jpg"),
]


def made(
    dataset: str, subset: str, id: str, uri: str | Path, seed: int = 0, **known: object
) -> Made:
    """Return an item of 640 x 480 pixels, its image wherever `uri` says."""
    feature = exact(np.random.default_rng(seed).normal(size=64))
    item = Item(id=id, uri=str(uri), subset=subset, **known)
    return Made(dataset, item, feature, 640)


def photo(folder: Path, seed: int) -> Path:
    """Write a picture of 640 x 480 pixels and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{seed}.jpg"
    path.write_bytes(toy.jpeg(seed, 640, 480))
    return path


def boxes(seed: int) -> tuple[Box, ...]:
    """Return boxes within 640 x 480 with decimals that a 32-bit float rounds."""
    numbers = np.random.default_rng(seed).uniform(0, 200, (3, 4)).round(3).tolist()
    return tuple(Box(LABELS[(seed + n) % 4], *box) for n, box in enumerate(numbers))


def dataset(folder: Path) -> list[Made]:
    """Return seven items of one dataset in two subsets; ids, COCO ids and captions of all kinds."""
    told = [
        ("train", "a b.jpg", "42", (WORDS, "a dog")),
        ("train", "deep/er/b.jpg", "7", ()),
        ("train", "b.jpg", "", ("twice", "twice")),
        ("train", "same1.jpg", "9", ()),
        ("train", "same2.jpg", "9", ()),
        ("val", "a b.jpg", "-5", ("one",)),
        ("val", "漢.jpg", "x1", ()),
    ]
    items = []
    for seed, (subset, id, coco_id, captions) in enumerate(told):
        shapes = boxes(seed) if seed != 2 else ()
        tags: dict[str, int] = {}
        for box in shapes:
            tags[box.label] = tags.get(box.label, 0) + 1
        attributes = {"coco_id": coco_id} if coco_id else {}
        known = {"boxes": shapes, "tags": tags, "captions": captions, "attributes": attributes}
        items.append(made("photos", subset, id, photo(folder, seed), seed, **known))
    return items
