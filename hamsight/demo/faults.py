"""A small dataset with planted faults, for the analyses to find."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hamsight.demo.scenes import draw_scene

COPIES, LEAKS, BLURRED, DARK = 4, 3, 3, 2
"""How many faults of each kind are planted; each pair of copies is one."""
_SCENES = {"train": 30, "val": 12}
_SEED = 2_000_003


def write_faulty(folder: Path) -> None:
    """Draw scenes into `folder/train` and `folder/val`, and plant faults among them.

    Copies of pictures of train stand in train (compressed or smaller) and in val (mirrored or
    framed); some pictures of train are blurred, and some dark.
    """
    from PIL import Image, ImageEnhance, ImageFilter, ImageOps

    rng = np.random.default_rng(_SEED)
    drawn = {}
    for subset, count in _SCENES.items():
        (folder / subset).mkdir(parents=True, exist_ok=True)
        drawn[subset] = [draw_scene(rng).image for _ in range(count)]
        for number, image in enumerate(drawn[subset], 1):
            image.save(folder / subset / f"{subset}-{number:02d}.jpg", quality=92)
    originals = iter(drawn["train"])

    def save(image: Image.Image, subset: str, name: str, quality: int = 90) -> None:
        image.save(folder / subset / name, quality=quality)

    for number in range(1, COPIES + 1):
        original = next(originals)
        small = original.resize((original.width // 2, original.height // 2))
        image, quality = (small, 90) if number % 2 else (original, 30)
        save(image, "train", f"copy-{number}.jpg", quality)
    for number in range(1, LEAKS + 1):
        original = next(originals)
        framed = ImageOps.expand(original, original.height // 15, "white")
        save(ImageOps.mirror(original) if number % 2 else framed, "val", f"leak-{number}.jpg")
    for number in range(1, BLURRED + 1):
        image = draw_scene(rng).image
        blur = ImageFilter.GaussianBlur(max(image.size) / 80)
        save(image.filter(blur), "train", f"blurred-{number}.jpg")
    for number in range(1, DARK + 1):
        image = ImageEnhance.Brightness(draw_scene(rng).image).enhance(0.15)
        save(image, "train", f"dark-{number}.jpg")
