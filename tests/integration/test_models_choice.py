"""Which model `ingest` takes: the one named, the dataset's own, the best of the cache, or mini."""

import warnings

import pytest
import toy

import hamsight
from hamsight_core.models.model_toml import to_toml
from hamsight_core.models.registry import registry


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HAMSIGHT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def session(dsn):
    with hamsight.open(dsn) as opened:
        yield opened


@pytest.fixture
def cached(cache, tmp_path):
    """A toy network in the place of dinov2-small in the cache."""
    entry = registry()["dinov2-small"]
    toy.model(entry.folder, name="dinov2-small")
    return entry


def noted(session, *args, **options):
    """Ingest; return the model that was taken, and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        outcome = session.ingest(*args, **options)
    return outcome.model, " ".join(str(one.message) for one in caught)


def test_mini_is_taken_loudly_where_nothing_else_is(session, cache, tmp_path):
    model, said = noted(session, toy.photos(tmp_path / "photos", 2))
    assert model == "mini"
    assert "ONLY ROUGHLY" in said
    assert "hamsight models pull clip-vit-b-32" in said and "--model clip-vit-b-32" in said


def test_the_best_of_the_cache_is_taken(session, cached, tmp_path):
    assert noted(session, toy.photos(tmp_path / "photos", 2)) == ("dinov2-small", "")


def test_a_dataset_stays_with_its_model(session, cached, tmp_path):
    photos = toy.photos(tmp_path / "photos", 2)
    package = toy.model(tmp_path / "toy")
    assert noted(session, photos, model=str(package)) == ("toy", "")
    assert noted(session, photos) == ("toy", "")
    model, said = noted(session, toy.photos(tmp_path / "drawn", 1), model="mini")
    assert (model, said) == ("mini", "")
    model, said = noted(session, tmp_path / "drawn")
    assert model == "mini" and "--model dinov2-small" in said


def test_a_model_of_the_catalog_is_named_by_its_name(session, cache, tmp_path, monkeypatch):
    package = toy.model(tmp_path / "packages" / "toy")
    session.ingest(toy.photos(tmp_path / "photos", 2), model=str(package))
    monkeypatch.chdir(tmp_path)
    assert noted(session, toy.photos(tmp_path / "more", 2), model="toy") == ("toy", "")


def test_two_models_stand_side_by_side(session, cached, tmp_path):
    photos = toy.photos(tmp_path / "photos", 3)
    package = toy.model(tmp_path / "toy", seed=8)
    session.ingest(photos, model=str(package))
    second = session.ingest(photos, model="dinov2-small")
    assert (second.counts.added, second.dataset) == (3, "photos")
    for model in ("toy", "dinov2-small"):
        (best,) = session.query(image=photos / "000.jpg", k=1, model=model)
        assert (best.id, best.distance) == ("000.jpg", 0)


def test_the_written_package_is_the_registrys(cached):
    text = to_toml(cached.package)
    assert 'name = "dinov2-small"' in text and 'pool = "cls"' in text
