"""Pixels reach the encoder as the image processors of `transformers` make them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from hamsight_core.images.decode import decode
from hamsight_core.images.preprocess import Preprocess
from hamsight_core.models.registry import registry

pytestmark = pytest.mark.reference


def processors():
    """The reference for each way of feeding that the registry has."""
    from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    imagenet = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
    square = {"height": 224, "width": 224}
    return {
        "clip-vit-b-32": CLIPImageProcessorPil(),
        "clip-vit-l-14-336": CLIPImageProcessorPil(
            size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336}
        ),
        "siglip2-base": SiglipImageProcessorPil(size=square, resample=2),
        "mobileclip-s0": CLIPImageProcessorPil(
            size={"shortest_edge": 256},
            crop_size={"height": 256, "width": 256},
            resample=2,
            do_normalize=False,
        ),
        "dinov2-small": BitImageProcessorPil(
            size={"shortest_edge": 256}, crop_size=square, resample=3, **imagenet
        ),
        "dinov3-small": SiglipImageProcessorPil(size=square, resample=2, **imagenet),
    }


MODELS = (
    "clip-vit-b-32",
    "clip-vit-l-14-336",
    "siglip2-base",
    "mobileclip-s0",
    "dinov2-small",
    "dinov3-small",
)


def ours(name: str, image: Image.Image) -> np.ndarray:
    """Return what a model of the registry is fed, normalised, (3, size, size)."""
    from hamsight_core.models.package import _image
    from hamsight_core.models.toml_table import TomlTable

    table = TomlTable(registry()[name].package["image"], "registry", "image.")
    preprocess: Preprocess = _image(table).preprocess
    pixels = preprocess(image).astype(np.float64) / 255
    mean, std = preprocess.mean or (0, 0, 0), preprocess.std or (1, 1, 1)
    return ((pixels - mean) / std).transpose(2, 0, 1)


def steps(name: str, found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return how many of 255 steps each pixel is off."""
    std = registry()[name].package["image"].get("std", [1, 1, 1])
    return np.abs(found - expected) * np.reshape(std, (3, 1, 1)) * 255


def reference(name: str, image: Image.Image) -> np.ndarray:
    return np.asarray(processors()[name](image, return_tensors="np")["pixel_values"][0])


@pytest.mark.parametrize("name", MODELS)
def test_fifty_photos(odd_photos, name):
    off = []
    for file in odd_photos:
        image = decode(file.read_bytes()).image
        found, expected = ours(name, image), reference(name, image)
        assert found.shape == expected.shape
        off.append(steps(name, found, expected))
    off = np.stack(off)
    assert off.max() < 0.01


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def seen(data: bytes) -> Image.Image:
    """Return the picture as `transformers` opens it: upright and in red, green and blue."""
    from transformers.image_utils import load_image

    return load_image(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("name", ["clip-vit-b-32", "siglip2-base", "dinov2-small"])
def test_kinds_of_files(odd_photos, name):
    photo = Image.open(odd_photos[0]).convert("RGB")
    turned = Image.Exif()
    turned[274] = 6
    files = {
        "8 bits": saved(photo, "PNG"),
        "grey": saved(photo.convert("L"), "PNG"),
        "palette": saved(photo.quantize(64), "PNG"),
        "CMYK": saved(photo.convert("CMYK"), "JPEG", quality=95),
        "turned": saved(photo, "JPEG", quality=95, exif=turned),
        **{
            f"{size[0]} x {size[1]}": saved(photo.resize(size), "PNG")
            for size in ((1, 1), (3, 2), (1, 40), (40, 1), (223, 225))
        },
    }
    for kind, data in files.items():
        off = steps(name, ours(name, decode(data).image), reference(name, seen(data)))
        assert off.max() < 0.01, kind


def test_sixteen_bits_are_seen_as_their_eight(odd_photos):
    """Pillow clips 16 bits to white where it makes RGB of them; the same picture in 8 is meant."""
    grey = np.asarray(Image.open(odd_photos[1]).convert("L"))
    deep = saved(Image.fromarray(grey.astype(np.uint16) * 257), "PNG")
    shallow = saved(Image.fromarray(grey), "PNG")
    for name in MODELS:
        off = steps(name, ours(name, decode(deep).image), reference(name, seen(shallow)))
        assert off.max() < 0.01, name


def test_datumaros_resize_is_opencvs(odd_photos):
    """cv2.resize with INTER_LINEAR, in whole numbers of 1/2048, against sampling in floats."""
    import cv2

    preprocess = Preprocess(
        224, 224, resize="squash", crop="none", interpolation="bilinear", antialias=False
    )
    for file in odd_photos:
        image = decode(file.read_bytes()).image
        expected = cv2.resize(np.asarray(image), (224, 224)).astype(int)
        assert np.abs(preprocess(image).astype(int) - expected).max() <= 1, file
