"""A dataset of drawn scenes in COCO form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hamsight.demo.scenes.content import SHAPES
from hamsight.demo.scenes.scene import Scene, draw_scene
from hamsight_core.errors import UsageError

_CATEGORIES = {shape: number for number, shape in enumerate(SHAPES, 1)}
_INFO = {"description": "Hamsight's drawn scenes", "version": "1.0", "year": 2026}
_LICENSES = [{"id": 1, "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"}]


def write_dataset(folder: Path, count: int = 1200, seed: int = 0) -> None:
    """Draw `count` scenes into `folder`: five of six into `train`, the others into `val`.

    Writes `train/*.jpg`, `val/*.jpg` and then `annotations/instances_*.json` and
    `captions_*.json`, each file whole or not at all, so that a run that was stopped leaves
    no annotations. The same count and seed give the same pictures. Raises UsageError when
    `count` is below 2.
    """
    if count < 2:
        raise UsageError(f"a dataset of {count} scenes has no train and val; ask for 2 or more")
    annotations = folder / "annotations"
    for stale in annotations.glob("*.json"):
        stale.unlink()
    rng = np.random.default_rng(seed)
    validation = max(1, count // 6)
    sizes = {"train": count - validation, "val": validation}
    written = {}
    first = 1
    for subset, size in sizes.items():
        written[subset] = list(_write_images(folder / subset, rng, first, size))
        first += size
    annotations.mkdir(parents=True, exist_ok=True)
    for subset, images in written.items():
        _write_json(annotations / f"instances_{subset}.json", _instances(images))
        _write_json(annotations / f"captions_{subset}.json", _captions(images))


def _write_images(
    folder: Path, rng: np.random.Generator, first: int, count: int
) -> Iterator[tuple[dict[str, object], Scene]]:
    """Write scenes as JPEG files; yield the COCO record of each image with its scene."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        scene = draw_scene(rng)
        name = f"scene-{number:05d}.jpg"
        scene.image.save(folder / name, quality=92, subsampling=0)
        width, height = scene.image.size
        scene.image.close()
        yield (
            {"id": number, "file_name": name, "width": width, "height": height, "license": 1},
            scene,
        )


def _instances(images: list[tuple[dict[str, object], Scene]]) -> dict[str, object]:
    boxes = [(image["id"], box) for image, scene in images for box in scene.boxes]
    return _document(images) | {
        "annotations": [
            {
                "id": number,
                "image_id": image,
                "category_id": _CATEGORIES[box.label],
                "bbox": [box.x, box.y, box.width, box.height],
                "area": box.width * box.height,
                "iscrowd": 0,
            }
            for number, (image, box) in enumerate(boxes, 1)
        ],
        "categories": [
            {"id": number, "name": name, "supercategory": "shape"}
            for name, number in _CATEGORIES.items()
        ],
    }


def _captions(images: list[tuple[dict[str, object], Scene]]) -> dict[str, object]:
    captions = [(image["id"], text) for image, scene in images for text in scene.captions]
    return _document(images) | {
        "annotations": [
            {"id": number, "image_id": image, "caption": text}
            for number, (image, text) in enumerate(captions, 1)
        ]
    }


def _document(images: list[tuple[dict[str, object], Scene]]) -> dict[str, object]:
    return {"info": _INFO, "licenses": _LICENSES, "images": [image for image, _ in images]}


def _write_json(path: Path, document: dict[str, object]) -> None:
    """Write the file under another name first, so that it is never seen in part."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(document, indent=1), encoding="utf-8")
    partial.replace(path)
