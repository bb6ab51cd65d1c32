"""Faults planted into pictures and labels, whose places are known."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

Change = Callable[[Image.Image], Image.Image]


def _cropped(image: Image.Image) -> Image.Image:
    """Return nine tenths of each side, off the centre."""
    width, height = (round(side * 0.9) for side in image.size)
    left, top = (image.width - width) // 4, (image.height - height) * 3 // 4
    return image.crop((left, top, left + width, top + height))


def _lettered(image: Image.Image) -> Image.Image:
    image = image.copy()
    draw, high = ImageDraw.Draw(image), image.height // 10
    draw.rectangle((0, 0, image.width, high), fill=(20, 20, 60))
    draw.text((high, 1), "Planted for a test", fill=(255, 255, 0), font_size=max(8, high * 0.8))
    return image


def _noisy(image: Image.Image) -> Image.Image:
    noise = np.random.default_rng(1).normal(0, 12, (image.height, image.width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def _shifted(image: Image.Image) -> Image.Image:
    hue, saturation, value = image.convert("HSV").split()
    hue = hue.point(lambda level: (level + 20) % 256)
    return Image.merge("HSV", (hue, saturation, value)).convert("RGB")


COPIES: dict[str, tuple[Change, int]] = {
    "quality": (lambda image: image, 25),
    "resize": (lambda image: image.resize((image.width * 2 // 5, image.height * 2 // 5)), 90),
    "crop": (_cropped, 90),
    "mirror": (ImageOps.mirror, 90),
    "blur": (lambda image: image.filter(ImageFilter.GaussianBlur(max(image.size) / 250)), 90),
    "brightness": (lambda image: ImageEnhance.Brightness(image).enhance(1.35), 90),
    "contrast": (lambda image: ImageEnhance.Contrast(image).enhance(0.6), 90),
    "grey": (lambda image: image.convert("L").convert("RGB"), 90),
    "rotate": (lambda image: image.rotate(-4, Image.Resampling.BICUBIC), 90),
    "text": (_lettered, 90),
    "border": (lambda image: ImageOps.expand(image, round(min(image.size) * 0.08), "white"), 90),
    "noise": (_noisy, 90),
    "colour": (_shifted, 90),
}
"""How a copy differs from its original, and the quality of JPEG with which it is written."""


def copied(image: Image.Image, change: str) -> bytes:
    """Return the JPEG of a changed copy of an RGB picture."""
    make, quality = COPIES[change]
    out = io.BytesIO()
    make(image).save(out, "JPEG", quality=quality)
    return out.getvalue()


def _patch(image: Image.Image) -> Image.Image:
    """Return a corner so small that it is nearly of one colour, enlarged."""
    return image.crop((0, 0, 8, 8)).resize(image.size, Image.Resampling.BICUBIC)


def _shrunk(image: Image.Image) -> Image.Image:
    image = image.copy()
    image.thumbnail((48, 48))
    return image


FAULTS: dict[str, Change] = {
    "blurry": lambda image: image.filter(ImageFilter.GaussianBlur(max(image.size) / 125)),
    "dark": lambda image: ImageEnhance.Brightness(image).enhance(0.18),
    "light": lambda image: Image.blend(image, Image.new("RGB", image.size, "white"), 0.85),
    "grayscale": lambda image: image.convert("L").convert("RGB"),
    "low_information": _patch,
    "odd_aspect_ratio": lambda image: image.crop((0, 0, image.width, image.width // 5)),
    "odd_size": _shrunk,
}
"""Faults of quality, by issue."""


def flipped(
    labels: NDArray[np.int64], share: float, seed: int, features: NDArray[np.float32] | None = None
) -> NDArray[np.int64]:
    """Return labels of which a share are another: any, or, with features, one of the three nearest.

    Nearness is that of the means of the labels' features.
    """
    draw = np.random.default_rng(seed)
    count = int(labels.max()) + 1
    near = np.stack([np.delete(np.arange(count), label) for label in range(count)])
    if features is not None:
        means = np.stack([features[labels == label].mean(axis=0) for label in range(count)])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        likeness = means @ means.T - 9 * np.eye(count)
        near = np.argsort(-likeness, axis=1)[:, :3]
    given = labels.copy()
    for place in draw.choice(len(labels), round(share * len(labels)), replace=False):
        given[place] = draw.choice(near[labels[place]])
    return given


def photo(seed: int, size: tuple[int, int] = (240, 180)) -> Image.Image:
    """Return a made picture with the spectrum of a photo: coloured clouds and a few shapes."""
    draw = np.random.default_rng(seed)
    width, height = size
    across, down = np.fft.fftfreq(width), np.fft.fftfreq(height)
    power = 1 / np.maximum(np.hypot(across[None], down[:, None]), 1 / max(size)) ** 1.3
    layers = []
    for _ in range(3):
        waves = power * np.exp(2j * np.pi * draw.random((height, width)))
        clouds = np.fft.ifft2(waves).real
        layers.append(np.clip(128 + 50 * clouds / clouds.std(), 0, 255))
    image = Image.fromarray(np.stack(layers, axis=-1).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    for _ in range(6):
        left, top = draw.integers(0, width), draw.integers(0, height)
        box = (left, top, left + draw.integers(10, 70), top + draw.integers(10, 70))
        pen.ellipse(tuple(map(int, box)), fill=tuple(map(int, draw.integers(0, 255, 3))))
    return image
