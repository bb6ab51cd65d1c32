"""What decoding large JPEGs at a half or a quarter changes: time, pixels, bits of the hash.

Large photos are made of small ones: enlarged, with a camera's noise. Beside it stands what a
network's computing in bfloat16 changes, which nobody sees in answers.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from pathlib import Path

import numpy as np
from PIL import Image

from hamsight_core.images.decode import decode
from hamsight_core.models.encoder import encode_pixels
from hamsight_core.models.network import Compute, Precision
from hamsight_core.models.package import load_package

SHARED = Path(__file__).resolve().parents[2] / "shared"
TIMES = (8, 4, 3, 2, 1)


def large(file: Path, side: int, draw: np.random.Generator) -> bytes:
    """Return a photo as a JPEG whose shorter side has `side` pixels."""
    image = Image.open(file).convert("RGB")
    scale = side / min(image.size)
    size = (round(image.width * scale), round(image.height * scale))
    pixels = np.asarray(image.resize(size, Image.Resampling.LANCZOS)).astype(np.int16)
    noise = draw.normal(0, 4, (*pixels.shape[:2], 1)).astype(np.int16)
    stream = io.BytesIO()
    noisy = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(stream, "JPEG", quality=92)
    return stream.getvalue()


def main() -> None:
    """Print a line for each model and each least size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=SHARED / "data/coco128/train2017", type=Path)
    parser.add_argument("--model", nargs="+", default=["mini", str(SHARED / "models/photo-cca")])
    parser.add_argument("--side", default=3000, type=int, help="pixels of the shorter side")
    parser.add_argument("--count", default=16, type=int)
    asked = parser.parse_args()
    files = sorted(asked.data.rglob("*.jpg"))[:: max(1, 128 // asked.count)][: asked.count]
    if not files:
        raise SystemExit(f"{asked.data} has no .jpg: name photos with --data")
    draw = np.random.default_rng(0)
    photos = [large(file, asked.side, draw) for file in files]
    megabytes = sum(map(len, photos)) / len(photos) / 1e6
    print(f"{len(photos)} JPEGs, shorter side {asked.side}, {megabytes:.1f} MB each")
    for name in asked.model:
        package = load_package(name)
        edge = package.image.preprocess.edge
        exact: np.ndarray | None = None
        for least in (None, *(times * edge for times in TIMES)):
            seconds, pixels = [], []
            for photo in photos:
                began = time.perf_counter()
                picture = decode(photo, least=least)
                pixels.append(package.image.preprocess(picture.image))
                seconds.append(time.perf_counter() - began)
            fed = np.stack(pixels)
            features = encode_pixels(package, fed, Compute("CPU", Precision.F32))
            milliseconds = statistics.median(seconds) * 1000
            if exact is None:
                exact = features > 0
                bf16 = encode_pixels(package, fed, Compute("CPU", Precision.BF16)) > 0
                print(
                    f"{package.name}: whole {milliseconds:.0f} ms; bfloat16 changes"
                    f" {(bf16 != exact).sum(1).mean():.1f} of {exact.shape[1]} bits"
                )
                continue
            bits = ((features > 0) != exact).sum(1)
            print(
                f"{package.name}: at least {least / edge:.0f} x edge, shorter side"
                f" {min(picture.image.size)}: {milliseconds:.0f} ms, {bits.mean():.1f} bits"
                f" (at most {bits.max()})"
            )


if __name__ == "__main__":
    main()
