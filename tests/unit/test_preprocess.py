"""Preprocessing gives the pixels that transformers' image processors give."""

import resource
import sys

import numpy as np
import pytest
from PIL import Image

from hamsight_core.images.preprocess import INTERPOLATIONS, Preprocess


def reference(image, edge, size, interpolation):
    """Resize the whole image by its shortest edge, then crop the centre, as transformers does."""
    width, height = image.size
    short, long = min(width, height), max(width, height)
    new_long = int(edge * long / short)
    new = (edge, new_long) if width <= height else (new_long, edge)
    resized = np.asarray(image.resize(new, Image.Resampling[interpolation.upper()]))
    top, left = (resized.shape[0] - size) // 2, (resized.shape[1] - size) // 2
    return resized[top : top + size, left : left + size]


def gradient(width, height):
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / 3) * 90 + 128, y * 255 / max(height - 1, 1), np.sin(x + y / 2) * 60 + 128]
    return Image.fromarray(np.stack(waves, 2).astype(np.uint8))


SIZES = [(31, 17), (17, 31), (224, 224), (225, 223), (500, 333), (333, 500), (1, 1), (2000, 37)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(("edge", "side"), [(32, 32), (36, 32), (37, 24)])
@pytest.mark.parametrize("interpolation", sorted({*INTERPOLATIONS} - {"nearest"}))
def test_shortest_edge_and_centre_crop(size, edge, side, interpolation):
    image = gradient(*size)
    found = Preprocess(side, edge, interpolation=interpolation)(image)
    expected = reference(image, edge, side, interpolation)
    assert found.shape == (side, side, 3)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_real_photos(shared, interpolation):
    files = sorted((shared / "data" / "coco128" / "train2017").glob("*.jpg"))[::25]
    for file in files:
        image = Image.open(file).convert("RGB")
        found = Preprocess(224, 256, interpolation=interpolation)(image)
        expected = reference(image, 256, 224, interpolation)
        assert np.abs(found.astype(int) - expected).max() <= 1


def test_squash_keeps_every_side():
    image = gradient(50, 20)
    found = Preprocess(16, 16, resize="squash", crop="none", interpolation="bilinear")(image)
    expected = np.asarray(image.resize((16, 16), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(found, expected)


def test_an_image_of_the_right_size_is_not_touched():
    image = gradient(24, 24)
    np.testing.assert_array_equal(Preprocess(24, 24)(image), np.asarray(image))


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux")
@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (1, 60000)], ids=str)
def test_extreme_shapes_need_no_memory(size):
    image = gradient(*size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pixels = Preprocess(224, 224)(image)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert pixels.shape == (224, 224, 3)
    assert grown < 50_000
