"""Neighbours, outliers, labels, samples and comparisons of made features."""

from __future__ import annotations

import numpy as np
import pytest
from planted import flipped

from hamsight_analyze import blocks, coverage, density
from hamsight_analyze.compare import compare_sets
from hamsight_analyze.coverage import cover
from hamsight_analyze.density import dense_clusters
from hamsight_analyze.kinds.clusters import _names
from hamsight_analyze.mislabelled import find_mislabelled
from hamsight_analyze.neighbours import find_neighbours
from hamsight_analyze.outliers import outlier_scores


def clusters(count: int, kinds: int, seed: int = 0, spread: float = 0.5) -> tuple:
    """Return features (count, 32) of unit length about `kinds` centres, and each one's kind."""
    centres = np.random.default_rng(99).standard_normal((kinds, 32))
    draw = np.random.default_rng(seed)
    kind = draw.integers(0, kinds, count)
    features = centres[kind] + spread * draw.standard_normal((count, 32))
    return (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32), kind


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_neighbours_are_those_of_a_full_sort(dtype) -> None:
    features = clusters(3000, 10)[0].astype(dtype)
    found = find_neighbours(features, 7)
    likeness = features.astype(np.float32) @ features.astype(np.float32).T
    np.fill_diagonal(likeness, -2)
    best = -np.sort(-likeness, axis=1)[:, :7]
    assert found.recall == 1 and found.places.dtype == np.int32
    np.testing.assert_allclose(found.similarity, best, atol=1e-5)
    np.testing.assert_allclose(
        np.take_along_axis(likeness, found.places.astype(int), 1), best, atol=1e-5
    )


def test_neighbours_of_near_cells_and_their_recall(monkeypatch) -> None:
    features = clusters(6000, 4)[0]
    heard = []
    found = find_neighbours(features, 5, exact=100, on_progress=heard.append)
    assert sum(heard) == 6000
    full = find_neighbours(features, 5)
    share = np.mean([len(set(a) & set(b)) for a, b in zip(found.places, full.places, strict=True)])
    assert 0.7 < found.recall < 1 and found.recall == pytest.approx(share / 5, abs=0.05)
    monkeypatch.setattr(blocks, "_LEAST", 1000)  # six cells, all of which are near
    np.testing.assert_array_equal(
        find_neighbours(features, 5, exact=100).similarity, full.similarity
    )


@pytest.mark.parametrize("count", range(3))
def test_hardly_any_items_end_well(count: int) -> None:
    features = clusters(9, 2)[0][:count]
    assert find_neighbours(features).places.shape == (count, max(count - 1, 0))
    score, flagged = outlier_scores(features)
    assert score.tolist() == [0] * count and not flagged.any()
    assert sorted(cover(features, 5)) == list(range(count))
    assert compare_sets(features, features).p == 1
    labels = np.arange(count)
    assert np.isnan(find_mislabelled(features, labels, labels).score).all()


def test_outliers_stand_out() -> None:
    features, _ = clusters(400, 3)
    strange, _ = clusters(12, 1, seed=5, spread=3)
    score, flagged = outlier_scores(np.concatenate([features, strange]))
    assert score[400:].min() > np.quantile(score[:400], 0.9)
    assert flagged[400:].mean() > 0.8 and flagged[:400].mean() < 0.03


def test_items_that_are_all_the_same_have_no_outliers() -> None:
    score, flagged = outlier_scores(np.tile(np.float32([0.6, 0.8]), (20, 1)))
    assert not flagged.any() and (score == 0).all()


def test_flipped_labels_come_first() -> None:
    features, kind = clusters(400, 5)
    given = flipped(kind, 0.1, 3)
    wrong = given != kind
    found = find_mislabelled(features, np.arange(400), given)
    first = np.argsort(-found.score)[: wrong.sum()]
    assert wrong[first].mean() > 0.95
    assert (found.suggested[wrong] == kind[wrong]).mean() > 0.95
    assert found.flagged[wrong].mean() > 0.9 and found.flagged[~wrong].mean() < 0.02


def test_each_tag_of_an_item_is_judged_for_itself() -> None:
    features, kind = clusters(300, 4)
    items = np.concatenate([np.arange(300), np.arange(300)])
    tags = np.concatenate([kind, np.full(300, 4)])  # every item has a second tag, all the same
    tags[0] = (kind[0] + 1) % 4
    shuffled = np.random.default_rng(1).permutation(600)
    found = find_mislabelled(features, items[shuffled], tags[shuffled])
    worst = shuffled[np.argmax(found.score)]
    assert worst == 0
    assert found.suggested[np.argmax(found.score)] == kind[0]


def test_a_tag_of_one_item_is_not_judged() -> None:
    features, kind = clusters(60, 2)
    kind[7] = 2
    found = find_mislabelled(features, np.arange(60), kind)
    assert np.isnan(found.score[7]) and found.suggested[7] == -1 and not found.flagged[7]
    assert np.isfinite(np.delete(found.score, 7)).all()
    assert (np.delete(found.suggested, 7) < 2).all()


def test_a_sample_has_something_of_each_kind() -> None:
    features, kind = clusters(900, 12, spread=0.3)
    chosen = cover(features, 12)
    assert len(set(kind[chosen])) == 12
    assert len(set(chosen)) == 12


def test_a_sample_goes_on_from_what_is_kept() -> None:
    features, kind = clusters(600, 6, spread=0.2)
    kept = np.flatnonzero(kind < 4)
    chosen = cover(features, 2, kept)
    assert set(kind[chosen]) == {4, 5}
    assert not set(chosen) & set(kept)


def test_a_sample_of_all_is_all() -> None:
    features, _ = clusters(50, 3)
    assert sorted(cover(features, 80)) == list(range(50))


def test_a_large_sample_is_made_in_parts(monkeypatch) -> None:
    monkeypatch.setattr(coverage, "_PART", 300)
    monkeypatch.setattr(coverage, "_PICKS", 60)
    features, kind = clusters(1000, 5, spread=0.3)
    chosen = cover(features, 150)
    assert len(set(chosen.tolist())) == 150
    assert len(set(kind[chosen[:20]])) == 5


def test_sets_of_one_kind_do_not_differ() -> None:
    features, _ = clusters(800, 4)
    alarms = sum(
        compare_sets(features[order[:200]], features[order[200:400]]).p < 0.05
        for order in (np.random.default_rng(seed).permutation(800) for seed in range(10))
    )
    assert alarms <= 2


def test_a_fifth_of_another_kind_is_found() -> None:
    features, _ = clusters(400, 4)
    other, _ = clusters(40, 1, seed=8)
    mixed = np.concatenate([features[200:360], other])
    found = compare_sets(features[:200], mixed)
    assert found.p < 0.01
    assert set(found.tests) == set(found.each)
    assert found.typical[360:].mean() > found.typical[:360].mean()


def test_clusters_by_density_leave_out_what_lies_apart() -> None:
    draw = np.random.default_rng(4)
    centres = np.array([[0, 0], [9, 0], [0, 9]])
    close = centres[np.arange(300) % 3] + 0.3 * draw.standard_normal((300, 2))
    apart = np.array([[30.0, 30], [-30, 30], [30, -30]])
    labels, sure = dense_clusters(np.concatenate([close, apart]).astype(np.float32))
    assert labels[300:].tolist() == [0, 0, 0] and sure[300:].tolist() == [0, 0, 0]
    for kind in range(3):
        (one,) = set(labels[:300][np.arange(300) % 3 == kind])
        assert one > 0
    assert len(set(labels)) == 4


def test_clusters_by_density_of_many_items_go_by_the_nearest_fitted(monkeypatch) -> None:
    monkeypatch.setattr(density, "_FITTED", 100)
    draw = np.random.default_rng(4)
    kind = np.arange(400) % 2
    positions = (kind[:, None] * 20 + draw.standard_normal((400, 2))).astype(np.float32)
    labels, _ = dense_clusters(positions)
    assert all(len(set(kind[labels == one])) == 1 for one in set(labels) - {0})
    assert (labels > 0).mean() > 0.5


def test_the_only_tag_of_a_few_items_does_not_name_a_cluster_without_tags() -> None:
    words = [{"rose"}] * 4 + [set()] * 96 + [{"rose"}] * 40 + [{"tulip"}] * 40
    labels = np.repeat([1, 2], [100, 80])
    assert _names(words, labels, 2)[0] == ""
    labels = np.repeat([1, 2, 3], [100, 40, 40])
    assert _names(words, labels, 3) == ["", "rose", "tulip"]
