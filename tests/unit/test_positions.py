"""Maps of made features, and pictures of maps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from hamsight_analyze import positions
from hamsight_analyze.neighbours import nearest_among
from hamsight_analyze.positions import lay_out, place, principal_components, trustworthiness
from hamsight_core.errors import UsageError
from hamsight_core.show.map_picture import Point, draw_line, draw_map


def kinds(count: int, width: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Return features (count, width) of unit length of four kinds, and the kind of each."""
    draw = np.random.default_rng(3)
    kind = np.arange(count) % 4
    features = draw.standard_normal((4, width))[kind] + 0.3 * draw.standard_normal((count, width))
    return (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32), kind


def share_of_kind(where: np.ndarray, kind: np.ndarray) -> float:
    """Return how often the nearest on the map is of the same kind."""
    apart = np.square(where[:, None] - where).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    return float((kind[apart.argmin(axis=1)] == kind).mean())


def test_like_items_are_near_on_a_map_and_a_seed_repeats_it() -> None:
    features, kind = kinds(160)
    heard: list[int] = []
    where, fitted = lay_out(features, "tsne", seed=5, on_progress=heard.append)
    assert where.shape == (160, 2) and where.dtype == np.float32 and fitted.all()
    assert share_of_kind(where, kind) > 0.95 and sum(heard) == 160 and len(heard) > 5
    np.testing.assert_array_equal(where, lay_out(features, "tsne", seed=5)[0])
    assert trustworthiness(features, where) > 0.85


def test_items_beyond_those_fitted_are_placed_among_them(monkeypatch) -> None:
    monkeypatch.setattr(positions, "FITTED", 100)
    features, kind = kinds(180)
    heard: list[int] = []
    where, fitted = lay_out(features, "tsne", on_progress=heard.append)
    assert fitted.sum() == 100 and sum(heard) == 180
    assert share_of_kind(where, kind) > 0.9
    assert np.isfinite(where).all()


def test_a_copy_is_placed_where_its_original_lies() -> None:
    features, _ = kinds(40)
    where = np.random.default_rng(0).standard_normal((40, 2)).astype(np.float32)
    np.testing.assert_allclose(place(features[7:9], features, where), where[7:9], atol=1e-3)


def test_nearest_among_others_are_those_of_a_full_sort() -> None:
    features, _ = kinds(300)
    near, apart = nearest_among(features[:20], features[20:], 5)
    full = np.linalg.norm(features[:20, None] - features[None, 20:], axis=2)
    np.testing.assert_allclose(apart, np.sort(full, axis=1)[:, :5], atol=1e-3)
    np.testing.assert_allclose(np.take_along_axis(full, near, 1), apart, atol=1e-3)


def test_principal_components_are_those_of_numpy_up_to_their_sign() -> None:
    features, _ = kinds(90)
    found = principal_components(features.astype(np.float16), 3)
    off = features - features.mean(axis=0)
    _, _, waves = np.linalg.svd(off, full_matrices=False)
    np.testing.assert_allclose(np.abs(found), np.abs(off @ waves[:3].T), atol=2e-3)
    assert (np.diff(found.std(axis=0)) < 0).all()


def test_trustworthiness_is_one_where_the_map_is_the_features() -> None:
    plane = np.random.default_rng(1).standard_normal((400, 2)).astype(np.float32)
    sphere = plane / np.linalg.norm(plane, axis=1, keepdims=True)
    assert trustworthiness(sphere, sphere) == pytest.approx(1)
    mixed = np.random.default_rng(2).permutation(sphere)
    assert 0.4 < trustworthiness(sphere, mixed) < 0.6
    assert trustworthiness(sphere[:30], sphere[:30]) is None


@pytest.mark.parametrize("method", ["tsne", "pca"])
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_hardly_any_items_have_a_map(method: str, count: int) -> None:
    where, fitted = lay_out(kinds(7)[0][:count], method)
    assert where.shape == (count, 2) and fitted.all() and np.isfinite(where).all()


def test_a_method_that_is_missing_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setattr(positions, "find_spec", lambda name: None)
    features, _ = kinds(30)
    with pytest.raises(UsageError, match=r"pip install 'hamsight\[umap\]'"):
        lay_out(features, "umap")
    with pytest.raises(UsageError, match="there is no map 'mds'; expected tsne, umap"):
        lay_out(features, "mds")


@pytest.fixture
def points(tmp_path) -> list[Point]:
    Image.new("RGB", (40, 20), "#00ff00").save(tmp_path / "green.png")
    uri = f"file://{tmp_path / 'green.png'}"
    return [Point(uri, 0, 0, "a"), Point(uri, 1, 1, "b"), Point("file:///none.png", 1, 0, None)]


def share(image: Image.Image, colour: tuple[int, int, int]) -> float:
    """Return the share of pixels that are about of a colour."""
    off = np.abs(np.asarray(image.convert("RGB"), int) - np.array(colour)).max(axis=2)
    return float((off < 90).mean())


def test_a_map_is_drawn_as_pictures_or_as_points(points, tmp_path) -> None:
    draw_map(points, tmp_path / "map.png", title="a map")
    pictures = Image.open(tmp_path / "map.png")
    width, height = pictures.size  # a square map, and its legend
    assert width - height == 300 - 56 and height == 1440 and share(pictures, (0, 255, 0)) > 1e-4
    draw_map(points, tmp_path / "points.png", pictures=False)
    drawn = Image.open(tmp_path / "points.png")
    assert share(drawn, (0, 255, 0)) == 0
    levels = np.asarray(drawn.convert("L"))
    blue, orange = (np.argwhere(levels[:, :-300] < 200)[at] for at in (-1, 0))
    assert blue[0] > 1300 and orange[0] < 140  # y grows upwards
    flat = [replace(point, y=point.y / 9) for point in points]
    draw_map(flat, tmp_path / "flat.png")
    assert Image.open(tmp_path / "flat.png").size == (2220, 1360 // 3 + 80)


def test_a_component_is_drawn_as_a_line(points, tmp_path) -> None:
    draw_line(points * 9, tmp_path / "line.png")
    line = Image.open(tmp_path / "line.png")
    assert line.width > 16 * 128 and share(line, (0, 255, 0)) > 0.1
    draw_line([], tmp_path / "none.png")
    draw_map([], tmp_path / "empty.png")
