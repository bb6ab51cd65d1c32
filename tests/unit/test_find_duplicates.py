"""Pairs that show the same picture, found among hashes and features."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from planted import COPIES, copied, photo

from hamsight_analyze import blocks
from hamsight_analyze.duplicates import find_duplicates
from hamsight_core.images.looks import look_at
from hamsight_core.images.perceptual_hash import MIRRORED, perceptual_hash, perceptual_hashes
from hamsight_core.images.picture_quality import grey_thumbnail

_PHOTOS = 60


def seen(image: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture's hashes (2, 32), and in place of a model's feature its smallest colours."""
    hashes = perceptual_hashes(grey_thumbnail(image))
    small = np.asarray(image.resize((6, 6), Image.Resampling.BOX), np.float32).ravel() - 128
    return np.array([np.frombuffer(one, np.uint8) for one in hashes]), small / np.linalg.norm(small)


@pytest.fixture(scope="module")
def photos() -> tuple[np.ndarray, np.ndarray]:
    both = [seen(photo(seed)) for seed in range(_PHOTOS)]
    return np.stack([one for one, _ in both]), np.stack([one for _, one in both])


@pytest.fixture(scope="module")
def copies() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    found = {}
    for change in COPIES:
        both = [seen(Image.open(io.BytesIO(copied(photo(seed), change)))) for seed in range(12)]
        found[change] = np.stack([one for one, _ in both]), np.stack([one for _, one in both])
    return found


@pytest.mark.parametrize("change", COPIES)
def test_changed_copies_are_found_and_nothing_else(photos, copies, change: str) -> None:
    hashes, features = (np.concatenate(both) for both in zip(photos, copies[change], strict=True))
    pairs = find_duplicates(hashes, features)
    found = set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    planted = {(place, _PHOTOS + place) for place in range(12)}
    assert len(found & planted) >= 11
    assert found - planted == set()


def test_hashes_alone_find_most(photos, copies) -> None:
    hashes = np.concatenate([photos[0], copies["mirror"][0], copies["quality"][0]])
    pairs = find_duplicates(hashes, None)
    assert len(pairs) == 36  # each of twelve with both copies, and these with each other
    assert np.isnan(pairs.similarity).all()
    assert (pairs.first < pairs.second).all()
    assert (np.diff(pairs.distance) >= 0).all()


def test_near_cells_find_nearly_all_pairs(photos, copies, monkeypatch) -> None:
    monkeypatch.setattr(blocks, "_LEAST", 3)
    sides = [photos, *copies.values()]
    hashes, features = (np.concatenate(side) for side in zip(*sides, strict=True))
    every, cells = find_duplicates(hashes, features), find_duplicates(hashes, features, exact=1)
    assert len(every) > 13 * 12
    all_keys, keys = (set((one.first * 1000 + one.second).tolist()) for one in (every, cells))
    assert keys <= all_keys and len(keys) > 0.95 * len(all_keys)


@pytest.mark.parametrize("count", range(3))
def test_hardly_any_items_end_well(photos, count: int) -> None:
    assert len(find_duplicates(photos[0][:count], photos[1][:count])) == 0
    assert len(find_duplicates(photos[0][:count], None)) == 0


def test_two_copies_alone_are_a_pair(photos) -> None:
    hashes, features = photos[0][[0, 0]], photos[1][[0, 0]]
    pairs = find_duplicates(hashes, features)
    assert (pairs.first.tolist(), pairs.second.tolist()) == ([0], [1])
    assert pairs.distance.tolist() == [0] and pairs.similarity[0] == pytest.approx(1)


def test_pictures_of_one_colour_are_not_taken_for_copies() -> None:
    flat = [seen(Image.new("RGB", (90, 60), colour)) for colour in ("red", "navy", "white")]
    hashes, features = (np.stack(side) for side in zip(*flat, strict=True))
    assert not hashes.any()
    assert len(find_duplicates(hashes, features)) == 0


def test_a_mirror_image_inverts_the_odd_frequencies() -> None:
    grey = photo(3).convert("L").resize((128, 128))
    mirrored = perceptual_hash(grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    turned = bytes(a ^ b for a, b in zip(perceptual_hash(grey), MIRRORED, strict=True))
    unlike = sum((a ^ b).bit_count() for a, b in zip(mirrored, turned, strict=True))
    assert unlike <= 4  # what rounding makes of frequencies near 0


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 300), (3, 2), (60, 200)])
@pytest.mark.parametrize("slope", [0, 0.1, 40])
def test_any_picture_has_hashes_and_scores(size: tuple[int, int], slope: float) -> None:
    width, height = size
    levels = slope * (np.arange(height)[:, None] + np.zeros(width))
    image = Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8)).convert("RGB")
    looks = look_at(image)
    assert len(looks.phash) == len(looks.phash_trimmed) == 32
    assert all(0 <= score <= 1 for score in looks.quality.values())
    assert looks.quality["low_information"] > 0.5 or slope == 40


def test_margins_do_not_count() -> None:
    whole = photo(5).convert("L")
    framed = Image.new("L", (320, 300), 255)
    framed.paste(whole, (40, 60))
    plain, trimmed = perceptual_hashes(framed)
    assert plain != trimmed == perceptual_hash(whole)


def like_looking(draw: np.random.Generator, alike: int, others: int) -> np.ndarray:
    """Return hashes (n, 2, 32), the first alike in what is coarse alone, the others in nothing."""
    bits = np.repeat(draw.integers(0, 2, (1, 16, 16), np.uint8), alike, axis=0)
    bits[:, 8:] ^= draw.integers(0, 2, (alike, 8, 16), np.uint8)
    rest = draw.integers(0, 2, (others, 16, 16), np.uint8)
    whole = np.packbits(np.concatenate([bits, rest]).reshape(-1, 256), axis=1)
    return np.stack([whole, whole], axis=1)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors (n, d) of unit length."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_items_that_pairs_connect_are_all_compared() -> None:
    draw = np.random.default_rng(2)
    hashes = like_looking(draw, 5, 40)
    features = draw.standard_normal((45, 32))
    features[:5] = features[0] + 0.01 * draw.standard_normal((5, 32))
    chain = [(one, one + 1) for one in range(4)]
    others = [(one, other) for one in range(45) for other in range(max(5, one + 1), 45)]
    found = find_duplicates(hashes, unit(features), near=tuple(np.array(chain + others).T))
    assert (found.distance > 30).all()
    expected = [(one, other) for one in range(5) for other in range(one + 1, 5)]
    assert sorted(zip(found.first.tolist(), found.second.tolist(), strict=True)) == expected


def test_copies_are_told_by_how_alike_pictures_are_about_them() -> None:
    draw = np.random.default_rng(4)
    hashes = like_looking(draw, 2, 98)
    hashes[1, :, 16:] = ~hashes[0, :, 16:]  # what is fine differs in all bits
    features = draw.standard_normal((100, 32))
    change = 0.5 * draw.standard_normal(32)
    features[1] = features[0] + change
    apart = find_duplicates(hashes, unit(features))
    assert list(zip(apart.first, apart.second, strict=True)) == [(0, 1)]
    features[60:] = features[60] + 0.2 * draw.standard_normal((40, 32))
    beside_a_crowd = find_duplicates(hashes, unit(features))
    assert len(beside_a_crowd) == 1
    features[0] = features[60] + 0.2 * draw.standard_normal(32)
    features[1] = features[0] + change
    assert len(find_duplicates(hashes, unit(features))) == 0
