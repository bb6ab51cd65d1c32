"""The photos, which of them are held out, and their captions and classes."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SEED = 2026
HELD_FLICKR = 500
HELD = 0.2
LONGEST = 320


@dataclass(frozen=True)
class Photo:
    """One photo; `label` is its class folder or "", and `held` keeps it from training."""

    source: str
    name: str
    label: str
    held: bool


def photos(data: Path, held_share: float = HELD) -> list[Photo]:
    """Return every photo under `data`, in a fixed order.

    Held out: 500 photos of flickr8k-2000, and a share of each class of caltech101 and of flowers;
    a smaller share holds no others than a larger one does.
    """
    rng = np.random.default_rng(SEED)
    flickr = sorted(path.name for path in (data / "flickr8k-2000/images").glob("*.jpg"))
    held = set(rng.permutation(len(flickr))[:HELD_FLICKR].tolist())
    found = [Photo("flickr8k-2000", name, "", i in held) for i, name in enumerate(flickr)]
    for source in ("caltech101", "flowers"):
        for folder in sorted(path for path in (data / source).iterdir() if path.is_dir()):
            names = sorted(path.name for path in folder.iterdir())
            out = set(rng.permutation(len(names))[: int(len(names) * held_share)].tolist())
            found += [Photo(source, n, folder.name, i in out) for i, n in enumerate(names)]
    coco = sorted((data / "coco128/train2017").glob("*.jpg"))
    found += [Photo("coco128", path.name, "", False) for path in coco]
    signs = sorted((data / "road-signs-yolo").rglob("*.jpg"))
    found += [
        Photo("road-signs-yolo", path.relative_to(data / "road-signs-yolo").as_posix(), "", False)
        for path in signs
    ]
    with zipfile.ZipFile(data / "tiny-imagenet-10k.zip") as archive:
        names = sorted(
            name for name in archive.namelist() if name.lower().endswith((".jpg", ".jpeg"))
        )
    found += [Photo("tiny-imagenet-10k", n, Path(n).parts[-2], False) for n in names]
    return found


def pixels(data: Path, chosen: list[Photo]) -> Iterator[Image.Image]:
    """Yield each photo as RGB, at most 320 pixels along its shorter edge."""
    with zipfile.ZipFile(data / "tiny-imagenet-10k.zip") as archive:
        for photo in chosen:
            if photo.source == "tiny-imagenet-10k":
                yield Image.open(io.BytesIO(archive.read(photo.name))).convert("RGB")
                continue
            with Image.open(path_of(data, photo)) as image:
                image.draft("RGB", (LONGEST, LONGEST))
                image = image.convert("RGB")
            scale = LONGEST / min(image.size)
            if scale < 1:
                image = image.resize(
                    (round(image.width * scale), round(image.height * scale)), Image.BILINEAR
                )
            yield image


def path_of(data: Path, photo: Photo) -> Path:
    """Return where the photo's file is; tiny-imagenet-10k has none of its own."""
    folder = {"flickr8k-2000": "images", "coco128": "train2017"}.get(photo.source, photo.label)
    return data / photo.source / folder / photo.name


def captions(data: Path) -> dict[str, list[str]]:
    """Return the captions of each photo of flickr8k-2000 by its file's name."""
    found: dict[str, list[str]] = {}
    with (data / "flickr8k-2000/captions.tsv").open(encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        next(rows)
        for name, caption in rows:
            found.setdefault(name, []).append(caption)
    return found
