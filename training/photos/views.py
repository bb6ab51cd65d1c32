"""Draws views of the photos and asks the teacher for the feature of each.

A view is a crop, mirrored or not, with its light and colours changed; one in three is a mixture of
two, in the third plan all are. The network and its teacher see the same view, the one at 112
pixels, the other at 224: Beyer et al., "Knowledge distillation: A good teacher is patient and
consistent", 2021.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from training.photos.sources import HELD, Photo, photos, pixels

SIZE, TEACHER_SIZE, DIMENSION = 112, 224, 256
# The share of caltech101 and flowers that is held out, the share of views that are mixtures of two,
# and the views of each photo of a source.
PLANS: dict[str, tuple[float, float, dict[str, int]]] = {
    "first": (
        0.5,
        1 / 3,
        {
            "flickr8k-2000": 50,
            "caltech101": 30,
            "flowers": 60,
            "coco128": 60,
            "road-signs-yolo": 4,
            "tiny-imagenet-10k": 7,
        },
    ),
    "second": (HELD, 1 / 3, {"flickr8k-2000": 15, "caltech101": 45, "flowers": 40}),
    "third": (
        HELD,
        1.0,
        {"flickr8k-2000": 12, "caltech101": 40, "flowers": 20, "tiny-imagenet-10k": 2},
    ),
}
PLAIN = 0.3
CHUNK = 64


def main() -> None:
    """Write views.npy (n, 112, 112, 3), targets.npy (n, 256) and origins.npy (n, 2) of a plan."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", choices=list(PLANS))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--teacher", type=Path, default=Path("../shared/models/photo-cca"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "out")
    parser.add_argument("--share", type=float, default=1.0, help="of the views; a trial takes less")
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args()
    began = time.perf_counter()
    folder = options.out / options.plan
    folder.mkdir(parents=True, exist_ok=True)
    held, mixed, views = PLANS[options.plan]
    order = plan(photos(options.data, held), views, mixed, options.share, options.seed)
    kinds = {"views": ((SIZE, SIZE, 3), np.uint8), "targets": ((DIMENSION,), np.float32)}
    for name, (shape, kind) in kinds.items():
        path = folder / f"{name}.npy"
        np.lib.format.open_memmap(path, "w+", dtype=kind, shape=(len(order), *shape))
    np.save(folder / "origins.npy", order)
    half = len(order) // 2 // CHUNK * CHUNK
    with ProcessPoolExecutor(2) as pool:
        jobs = [
            pool.submit(draw, options, begin, end) for begin, end in ((0, half), (half, len(order)))
        ]
        for job in jobs:
            job.result()
    print(f"{len(order)} views in {time.perf_counter() - began:.0f} s")


class Views:
    """The views of all plans that were drawn, one after the other."""

    def __init__(self, out: Path) -> None:
        folders = [out / name for name in PLANS if (out / name / "origins.npy").is_file()]
        self.parts = [np.load(folder / "views.npy", mmap_mode="r") for folder in folders]
        self.starts = np.cumsum([0, *(len(part) for part in self.parts)])
        self.targets = np.concatenate([np.load(folder / "targets.npy") for folder in folders])
        self.origins = np.concatenate([np.load(folder / "origins.npy") for folder in folders])

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return the views (n, 112, 112, 3) of rows in ascending order."""
        cuts = np.searchsorted(rows, self.starts)
        return np.concatenate(
            [
                part[rows[begin:end] - start]
                for part, start, begin, end in zip(
                    self.parts, self.starts, cuts, cuts[1:], strict=False
                )
            ]
        )


def plan(
    found: list[Photo], views: dict[str, int], mixed: float, share: float, seed: int
) -> np.ndarray:
    """Return (n, 2): the photo of each view, and the photo mixed with it or -1."""
    rng = np.random.default_rng(seed)
    first = np.repeat(
        np.arange(len(found)), [0 if each.held else views.get(each.source, 0) for each in found]
    )
    first = rng.permutation(first)[: round(len(first) * share)]
    second = np.where(rng.random(len(first)) < mixed, rng.permutation(first), -1)
    return np.stack([first, second], axis=1)


def draw(options: argparse.Namespace, begin: int, end: int) -> None:
    """Draw the views [begin, end) and write them with the teacher's features."""
    import openvino

    folder = options.out / options.plan
    views = np.lib.format.open_memmap(folder / "views.npy", "r+")
    targets = np.lib.format.open_memmap(folder / "targets.npy", "r+")
    origins = np.load(folder / "origins.npy")
    everything = photos(options.data)
    used = np.unique(origins[origins >= 0]).tolist()
    images = dict(zip(used, pixels(options.data, [everything[i] for i in used]), strict=True))
    core = openvino.Core()
    model = core.read_model(options.teacher / "image_encoder.xml")
    model.reshape([CHUNK, TEACHER_SIZE, TEACHER_SIZE, 3])
    teacher = core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1})
    rng = np.random.default_rng((options.seed, begin))
    large = np.zeros((CHUNK, TEACHER_SIZE, TEACHER_SIZE, 3), np.uint8)
    for start in range(begin, end, CHUNK):
        stop = min(start + CHUNK, end)
        for i in range(start, stop):
            pair = view(rng, images[origins[i, 0]])
            if origins[i, 1] >= 0:
                weight = rng.uniform(0.2, 0.8)
                other = view(rng, images[origins[i, 1]])
                pair = tuple(
                    (weight * a + (1 - weight) * b).astype(np.uint8)
                    for a, b in zip(pair, other, strict=True)
                )
            views[i], large[i - start] = pair
        targets[start:stop] = teacher(large)[0][: stop - start]
        if start // CHUNK % 100 == 0:
            print(f"{start - begin} of {end - begin}", flush=True)


def view(rng: np.random.Generator, image: Image.Image) -> tuple[np.ndarray, ...]:
    """Return one view, at the network's size and at the teacher's."""
    width, height = image.size
    if rng.random() < PLAIN:
        box = (0.0, 0.0, float(width), float(height))
    else:
        area, aspect = rng.uniform(0.25, 1.0), np.exp(rng.uniform(np.log(0.7), np.log(1.4)))
        w, h = width * min(1, (area * aspect) ** 0.5), height * min(1, (area / aspect) ** 0.5)
        x, y = rng.uniform(0, width - w), rng.uniform(0, height - h)
        box = (x, y, x + w, y + h)
    if min(width, height) > 100 and rng.random() < 0.1:
        image, box = image.resize((64, 64), Image.BILINEAR, box=box), (0.0, 0.0, 64.0, 64.0)
    mirrored = rng.random() < 0.5
    changes = rng.random() < 0.6
    gain, shift = rng.uniform(0.7, 1.3), rng.uniform(-25, 25)
    colour = rng.uniform(0.5, 1.4)
    result = []
    for size in (SIZE, TEACHER_SIZE):
        drawn = np.asarray(image.resize((size, size), Image.BILINEAR, box=box))
        if mirrored:
            drawn = drawn[:, ::-1]
        if changes:
            grey = drawn.mean(2, keepdims=True, dtype=np.float32)
            changed = (grey + (drawn - grey) * np.float32(colour) - 128) * np.float32(gain)
            drawn = np.clip(changed + np.float32(128 + shift), 0, 255).astype(np.uint8)
        result.append(drawn)
    return tuple(result)


if __name__ == "__main__":
    main()
