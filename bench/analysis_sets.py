"""Real photos in ../shared/data, and changed copies of them, as the analyses see them."""

from __future__ import annotations

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from planted import Change

from hamsight_core.images.decode import decode
from hamsight_core.images.looks import Looks, look_at
from hamsight_core.models.encoder import encode_pixels
from hamsight_core.models.package import ModelPackage

REPO = Path(__file__).resolve().parents[1]
DATA = REPO.parent / "shared" / "data"
MODELS = ("mini", str(REPO.parent / "shared" / "models" / "photo-cca"))
FOLDERS = {
    "flickr8k": "flickr8k-2000/images",
    "caltech101": "caltech101",
    "flowers": "flowers",
    "emoji": "emoji",
    "coco128": "coco128",
    "tiny-imagenet": "tiny-imagenet-10k.zip",
}
Changes = dict[str, tuple[Change, int]]


class Seen:
    """Pictures as the analyses see them: features by model, hashes and scores."""

    def __init__(self, pictures: list[Image.Image], packages: list[ModelPackage]) -> None:
        with ThreadPoolExecutor() as pool:
            looks: list[Looks] = list(pool.map(look_at, pictures))
            self.features = {
                package.name: encode_pixels(
                    package, np.stack(list(pool.map(package.image.preprocess, pictures)))
                )
                for package in packages
            }
        self.hashes = np.array(
            [
                [np.frombuffer(one, np.uint8) for one in (each.phash, each.phash_trimmed)]
                for each in looks
            ]
        )
        self.quality = [each.quality for each in looks]


def opened(folder: str, every: int) -> tuple[list[Image.Image], np.ndarray]:
    """Return the pictures of a data set and the number of each one's folder."""
    place = DATA / folder
    root = zipfile.Path(place) if place.suffix == ".zip" else place
    files = sorted(files_in(root), key=str)[::every]
    with ThreadPoolExecutor() as pool:
        pictures = list(
            pool.map(lambda read: decode(read).image, [one.read_bytes() for one in files])
        )
    _, number = np.unique([file.parent.name for file in files], return_inverse=True)
    return pictures, number


def files_in(folder: Path | zipfile.Path) -> list[Path | zipfile.Path]:
    """Return the image files in a folder and in the folders within it."""
    found: list[Path | zipfile.Path] = []
    for one in folder.iterdir():
        if one.is_dir():
            found += files_in(one)
        elif one.name.lower().endswith((".jpg", ".jpeg", ".png")):
            found.append(one)
    return found


class Sets:
    """The data sets, each opened and seen when it is first asked for."""

    def __init__(self, packages: list[ModelPackage], every: int) -> None:
        self.packages, self._every = packages, every
        self.opened = cache(self._opened)
        self.seen = cache(self._seen)

    def _opened(self, name: str) -> tuple[list[Image.Image], np.ndarray]:
        return opened(FOLDERS[name], self._every)

    def _seen(self, name: str) -> Seen:
        return Seen(self.opened(name)[0], self.packages)


def saved(photo: Image.Image, change: tuple[Change, int]) -> Image.Image:
    """Return a changed copy of a photo, as its JPEG shows it."""
    out = io.BytesIO()
    change[0](photo.convert("RGB")).save(out, "JPEG", quality=change[1])
    return Image.open(out).convert("RGB")


def drawn(photos: list[Image.Image], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of up to 200 photos, a fifth of a small set, and of up to 800 others."""
    every = len(photos)
    count = min(200, max(40, every // 5), every // 3)
    chosen = np.sort(np.random.default_rng(seed).choice(every, count, replace=False))
    rest = np.setdiff1d(np.arange(every), chosen)
    return chosen, np.random.default_rng(1).permutation(rest)[: 1000 - count]
