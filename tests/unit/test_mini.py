"""The bundled model, on scenes that it never saw."""

from __future__ import annotations

import sys

import numpy as np
import openvino
import pytest
from PIL import Image
from tokenizers import Tokenizer

from hamsight.demo.scenes import draw_scene
from hamsight_core.models.package import BUILT_IN
from training.photos import sources

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PACKAGE = BUILT_IN / "mini"
SCENES, HALF = 200, 256
SEED = 31_337


class Mini:
    def __init__(self):
        self.settings = tomllib.loads((PACKAGE / "model.toml").read_text(encoding="utf-8"))
        core = openvino.Core()
        self.image, self.text = (
            core.compile_model(PACKAGE / self.settings[side]["file"], "CPU")
            for side in ("image", "text")
        )
        self.tokenizer = Tokenizer.from_file(str(PACKAGE / self.settings["text"]["tokenizer"]))

    def pixels(self, images):
        size = self.settings["image"]["size"]
        return np.stack(
            [np.asarray(each.resize((size, size), Image.Resampling.BILINEAR)) for each in images]
        )

    def pictures(self, images):
        return self.image(self.pixels(images))[0]

    def ids(self, texts):
        return np.array([each.ids for each in self.tokenizer.encode_batch(texts)], np.int64)

    def words(self, texts):
        return self.text(self.ids(texts))[0]


@pytest.fixture(scope="module")
def mini():
    return Mini()


@pytest.fixture(scope="module")
def scenes():
    rng = np.random.default_rng(SEED)
    return [draw_scene(rng) for _ in range(SCENES)]


@pytest.fixture(scope="module")
def pictures(mini, scenes):
    return mini.pictures([scene.image for scene in scenes])


@pytest.fixture(scope="module")
def photos(mini, shared):
    """A caption and the feature of each of 200 photos that were held out."""
    data = shared / "data"
    told = sources.captions(data)
    held = [p for p in sources.photos(data) if p.held and p.source == "flickr8k-2000"][:200]
    return [told[p.name][0] for p in held], mini.pictures(sources.pixels(data, held))


def recall_at_10(table):
    return (np.sum(table > np.diag(table)[:, None], axis=1) < 10).mean()


def bits(features):
    return np.where(features > 0, 1, -1)


def test_the_package_is_whole_and_small(mini):
    assert sum(file.stat().st_size for file in PACKAGE.rglob("*") if file.is_file()) <= 6_000_000
    settings = mini.settings
    assert (settings["name"], settings["dimension"]) == ("mini", 512)
    assert settings["license"].startswith("Apache-2.0")
    assert settings["text"]["prompt"] == "{}"
    assert settings["image"]["resize"] == "squash" and settings["image"]["crop"] == "none"
    assert (PACKAGE / "README.md").is_file()


def test_the_inputs_are_as_the_package_says(mini):
    size, context = mini.settings["image"]["size"], mini.settings["text"]["context"]
    for model, shape, kind in (
        (mini.image, [size, size, 3], "u8"),
        (mini.text, [context], "i64"),
    ):
        (source,), (target,) = model.inputs, model.outputs
        assert source.partial_shape[0].is_dynamic and target.partial_shape[0].is_dynamic
        assert [dimension.get_length() for dimension in list(source.partial_shape)[1:]] == shape
        assert source.element_type.get_type_name() == kind
        assert target.element_type.get_type_name() == "f32"
        assert target.partial_shape[1].get_length() == mini.settings["dimension"]


@pytest.mark.parametrize(("wording", "least"), [(0, 0.97), (1, 0.93)])
def test_captions_find_their_pictures(mini, scenes, pictures, wording, least):
    words = mini.words([scene.captions[wording] for scene in scenes])
    assert recall_at_10(words @ pictures.T) >= least
    assert recall_at_10(bits(words) @ bits(pictures).T) >= least - 0.03


def test_features_have_unit_length_and_even_bits(mini, scenes, pictures):
    words = mini.words([scene.captions[0] for scene in scenes])
    for features in (pictures, words):
        assert features.shape == (SCENES, 2 * HALF) and features.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=0.01)
        assert 0.4 < (features[:, :HALF] > 0).mean() < 0.6


def test_a_scene_has_the_first_half_and_a_photo_the_other(mini, photos, pictures):
    assert (pictures[:, HALF:] == 0).all()
    assert (photos[1][:, :HALF] == 0).all()
    assert 0.4 < (photos[1][:, HALF:] > 0).mean() < 0.6


def test_words_find_photos_that_training_never_saw(mini, photos):
    captions, features = photos
    words = mini.words(captions)
    assert recall_at_10(words @ features.T) >= 0.6
    assert recall_at_10(bits(words) @ bits(features).T) >= 0.3


def test_a_photo_finds_its_kind(mini, shared):
    held = [p for p in sources.photos(shared / "data") if p.held and p.source == "flowers"]
    features = mini.pictures(sources.pixels(shared / "data", held))
    scores = features @ features.T
    np.fill_diagonal(scores, -1)
    nearest = scores.argmax(1)
    assert np.mean([p.label == held[i].label for p, i in zip(held, nearest, strict=True)]) >= 0.65


def test_a_feature_does_not_depend_on_how_many_streams_compute(mini, scenes, pictures):
    settings = {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": 2}
    several = openvino.Core().compile_model(PACKAGE / "image_encoder.xml", "CPU", settings)
    found = several(mini.pixels([scene.image for scene in scenes[:8]]))[0]
    assert np.sum(found * pictures[:8], axis=1).min() > 0.999


def test_a_feature_does_not_depend_on_its_batch(mini, scenes, pictures):
    for size in (1, 7):
        some = mini.pictures([scene.image for scene in scenes[:size]])
        assert np.sum(some * pictures[:size], axis=1).min() > 0.999
    texts = [scene.captions[1] for scene in scenes[:9]]
    together, alone = mini.words(texts), np.concatenate([mini.words([text]) for text in texts])
    assert np.sum(together * alone, axis=1).min() > 0.999


def test_texts_of_any_kind_are_taken(mini):
    texts = ["", "zebra", "a red circle " * 100, "ROTER KREIS, 赤い円 🔴", "A Red Circle"]
    ids = mini.ids(texts)
    assert ids.shape == (5, mini.settings["text"]["context"])
    features = mini.words(texts)
    assert np.isfinite(features).all()
    np.testing.assert_allclose(features[4], mini.words(["a red circle"])[0], atol=1e-2)


def test_short_queries_find_what_they_name(mini, scenes, pictures):
    def share(text, right):
        wanted = np.array([right(scene) for scene in scenes])
        first = np.argsort(-(mini.words([text]) @ pictures.T)[0])[:10]
        return wanted[first].sum() / min(10, wanted.sum())

    def holds(**said):
        return lambda scene: any(
            all(getattr(group, name) == value for name, value in said.items())
            for group in scene.groups
        )

    shares = {
        "three stars": share("three stars", holds(count=3, shape="star")),
        "heart": share("heart", holds(shape="heart")),
        "red circle": share("red circle", holds(shape="circle", colour="red")),
        "a large ring": share("a large ring", holds(count=1, size="large", shape="ring")),
        "arrow on the left": share("arrow on the left", holds(shape="arrow", place="left")),
        "stripes": share("stripes", lambda scene: scene.background.kind == "stripes"),
        "beach": share("a sandy beach", lambda scene: scene.background.kind == "beach"),
    }
    assert np.mean(list(shares.values())) >= 0.7, shares
