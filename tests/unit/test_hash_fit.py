"""The ternary hash: what it keeps, what it survives, and that SQL comes to the same bits."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from hamsight_core.catalog.layout import Layout
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import CatalogError, ModelMismatchError, UsageError
from hamsight_core.hashing.hash_settings import HashSettings
from hamsight_core.hashing.sign import sign_hash
from hamsight_core.hashing.ternary import HashParameters, fit
from hamsight_query.sql import FUNCTIONS

REPO = Path(__file__).resolve().parents[2]
VECTORS = REPO.parent / "shared/data/clip-vit-b-32-vectors.npz"
SQL = re.findall(r"```sql\n(.*?)```", (REPO / "docs/hash.md").read_text("utf-8"), re.DOTALL)


def drawn(images: int, words: int, dimension: int, seed: int = 0):
    """Unit images about a strong mean; unit words whose differences are weak among images."""
    random = np.random.default_rng(seed)
    axes = np.linalg.qr(random.standard_normal((dimension, dimension)))[0]
    spread = np.arange(1, dimension + 1) ** -0.5
    x = 2 * axes[0] + random.standard_normal((images, dimension)) * spread @ axes
    t = 3 * axes[dimension // 3] + random.standard_normal((words, dimension)) * spread[::-1] @ axes
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (x, t))


def distances(hashes: np.ndarray, planes: np.ndarray) -> np.ndarray:
    """What the statement sums: 2^p times the bits that differ from plane p."""
    differ = np.unpackbits(hashes[:, None] ^ planes, axis=2).sum(axis=2)
    return differ @ 2 ** np.arange(len(planes))


def kept(queries, items, planes_of, hashes, candidates: int) -> float:
    found = 0
    for query in queries:
        true = np.argsort(-items @ query)[:10]
        near = np.argsort(distances(hashes, planes_of(query)), kind="stable")[:candidates]
        found += len(np.intersect1d(true, near))
    return found / (10 * len(queries))


def test_keeps_more_of_images_and_of_words_than_signs():
    images, words = drawn(2000, 300, 64)
    base, asked = images[1000:], words[150:]
    plain, spoken = fit(images[:1000], None, 64), fit(images[:1000], words[:150], 64)

    def by_sign(queries):
        return kept(queries, base, lambda q: sign_hash(q[None]), sign_hash(base), 50)

    def ternary(parameters, queries, kind, planes):
        hashes = parameters.encode_images(base)
        return kept(queries, base, lambda q: parameters.encode_query(q, kind, planes), hashes, 50)

    assert ternary(plain, base[:100], "image", 1) > by_sign(base[:100]) + 0.05
    assert ternary(spoken, base[:100], "image", 1) > by_sign(base[:100])
    assert ternary(plain, asked, "words", 3) > by_sign(asked) + 0.1
    assert ternary(spoken, asked, "words", 3) > by_sign(asked) + 0.3
    assert ternary(spoken, asked, "words", 3) > ternary(spoken, asked, "words", 1) + 0.1


def test_the_same_arguments_give_the_same_parameters():
    images, words = drawn(50, 20, 24)
    first = fit(images, words, 32, seed=3)
    assert first.to_text() == fit(images, words, 32, seed=3).to_text()
    assert first.digest == fit(images, words, 32, seed=3).digest
    assert first.digest != fit(images, words, 32, seed=4).digest
    assert first.digest != fit(images, None, 32, seed=3).digest


def test_text_brings_the_parameters_back():
    images, words = drawn(50, 20, 20)
    parameters = fit(images, words, 24)
    back = HashParameters.from_text(parameters.to_text())
    assert (back.dimension, back.bits) == (20, 24)
    assert (back.scheme, back.version) == (parameters.scheme, parameters.version)
    assert back.digest == parameters.digest
    np.testing.assert_array_equal(back.encode_images(images), parameters.encode_images(images))


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values.pop("mean"),
        lambda values: values.update(mean="not base64!"),
        lambda values: values.update(directions=values["directions"][:-8]),
        lambda values: values.update(bits="many"),
    ],
)
def test_damaged_text_is_refused(change):
    values = json.loads(fit(np.eye(8), None, 8).to_text())
    change(values)
    with pytest.raises(CatalogError, match="damaged"):
        HashParameters.from_text(json.dumps(values))


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_other_text_is_refused(text):
    with pytest.raises(CatalogError, match="damaged"):
        HashParameters.from_text(text)


@pytest.mark.parametrize(("name", "value"), [("version", 2), ("scheme", "other")])
def test_another_scheme_or_version_is_named(name, value):
    values = json.loads(fit(np.eye(8), None, 8).to_text()) | {name: value}
    with pytest.raises(CatalogError, match=str(value)):
        HashParameters.from_text(json.dumps(values))


@pytest.mark.parametrize(
    ("count", "dimension", "bits"),
    [(1, 5, 16), (10, 512, 512), (10, 20, 24), (60, 10, 64), (300, 64, 8), (300, 3, 16)],
)
def test_any_shape_can_be_fitted(count, dimension, bits):
    # as after a ReLU: never negative, and some dimensions always 0
    features = np.maximum(np.random.default_rng(1).standard_normal((count, dimension)), 0)
    features[:, 0] = 0
    parameters = fit(features.astype(np.float32), None, bits)
    hashes = parameters.encode_images(features)
    assert (hashes.dtype, hashes.shape) == (np.uint8, (count, bits // 8))
    for planes in (1, 2, 3, 4):
        for kind in ("image", "words"):
            query = parameters.encode_query(features[0], kind, planes)
            assert (query.dtype, query.shape) == (np.uint8, (planes, bits // 8))


def test_bits_of_features_that_are_never_negative_differ():
    features = np.abs(np.random.default_rng(1).standard_normal((500, 128)))
    set_bits = np.unpackbits(fit(features, None, 128).encode_images(features), axis=1).mean(axis=0)
    # a projection of variance 1 is above -0.612 for 0.73 of a normal distribution
    np.testing.assert_allclose(set_bits, [0.73] * 64 + [0.27] * 64, atol=0.1)


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_equal_features_have_equal_hashes(value):
    features = np.full((4, 16), value)
    hashes = fit(features, None, 16).encode_images(features)
    assert (hashes == hashes[0]).all()


def test_an_image_query_of_one_plane_is_its_hash():
    images, words = drawn(40, 20, 16)
    parameters = fit(images, words, 16)
    np.testing.assert_array_equal(
        parameters.encode_query(images[3], "image")[0], parameters.encode_images(images)[3]
    )


def test_planes_rank_as_their_weights_do():
    images, words = drawn(200, 50, 32)
    parameters = fit(images, words, 32)
    hashes = parameters.encode_images(images)
    weights = np.tile(parameters.words @ words[0], 2) @ np.unpackbits(hashes, axis=1).T
    agreement = [
        np.corrcoef(-distances(hashes, parameters.encode_query(words[0], "words", n)), weights)[
            0, 1
        ]
        for n in (1, 2, 3, 4)
    ]
    assert agreement == sorted(agreement)
    assert agreement[-1] > 0.99


def test_wrong_arguments_are_named():
    good = np.eye(8)
    parameters = fit(good, None, 8)
    broken = good.copy()
    broken[5, 2] = np.nan
    with pytest.raises(UsageError, match="multiple of 8"):
        fit(good, None, 12)
    with pytest.raises(UsageError, match="row 5 of features"):
        fit(broken, None, 8)
    with pytest.raises(UsageError, match="row 5 of words"):
        fit(good, broken, 8)
    with pytest.raises(UsageError, match="words have 7 dimensions and images 8"):
        fit(good, np.eye(7), 8)
    with pytest.raises(UsageError, match="shape"):
        fit(np.empty((0, 8)), None, 8)
    with pytest.raises(UsageError, match="row 5 of features"):
        parameters.encode_images(broken)
    with pytest.raises(ModelMismatchError, match="7 dimensions"):
        parameters.encode_images(np.eye(7))
    with pytest.raises(UsageError, match="planes is 5"):
        parameters.encode_query(good[0], "words", 5)
    with pytest.raises(UsageError, match="'text'"):
        parameters.encode_query(good[0], "text")


@pytest.mark.skipif(not VECTORS.exists(), reason="needs ../shared/data")
def test_keeps_what_the_documentation_says_of_clip():
    spec = importlib.util.spec_from_file_location("hash_quality", REPO / "bench/hash_quality.py")
    bench = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = bench
    spec.loader.exec_module(bench)
    data = bench.split(VECTORS, seed=7)
    # the mean of ten splits less three standard deviations of one: images, names, captions
    for words, bits, least in (
        (data.words, 512, (0.99, 0.915, 0.972)),
        (None, 512, (0.992, 0.885, 0.965)),
        (data.words, 1024, (0.994, 0.961, 0.992)),
    ):
        held_out = bench.measure(data, bench.fitted(fit(data.fit, words, bits), 2, 2))[:3]
        assert all(np.greater_equal(held_out, least)), (bits, held_out)


def test_sql_comes_to_the_same_bits(client):
    images, words = (rows.astype(np.float32) for rows in drawn(300, 40, 512))
    parameters = fit(images, words, 512)
    hashes = parameters.encode_images(images)
    client.command(fill("create_models", **Layout().fragments()))
    client.command(fill("create_hash_fits", **Layout().fragments()))
    row = [parameters.digest, parameters.to_text()]
    client.insert("hash_fits", [row], column_names=["digest", "parameters"])
    settings = HashSettings(parameters.digest).to_text()
    client.insert("models", [["clip", settings]], column_names=["name", "hash_parameters"])
    client.command(
        "CREATE TABLE items_clip (hash FixedString(64), feature Array(Float32)) "
        "ENGINE = MergeTree ORDER BY ()"
    )
    rows = [[h.tobytes(), f.tolist()] for h, f in zip(hashes, images, strict=True)]
    client.insert("items_clip", rows, column_names=["hash", "feature"])
    for name in FUNCTIONS:
        client.command(fill(name))
    by_item, by_words = SQL
    assert client.query(by_item).result_rows == [(300, 300)]
    for feature in words[:3]:
        planes = parameters.encode_query(feature, "words", 2)
        sums = distances(hashes, planes)
        found = client.query(by_words, parameters={"feature": feature.tolist()}).result_rows
        named = sorted(
            (int(total), hash.tobytes().hex().upper())
            for hash, total in zip(hashes, sums, strict=True)
        )
        assert [(total, name) for name, total in found] == named[:10]
    asked = client.query(
        "WITH assumeNotNull((SELECT parameters FROM hash_fits)) AS parameters SELECT arrayMap("
        "plane -> hex(plane), hamsight_planes(hamsight_image_weights("
        "{feature:Array(Float32)}, parameters)))",
        parameters={"feature": images[0].tolist()},
    ).result_rows
    planes = parameters.encode_query(images[0], "image", 2)
    assert asked == [([plane.tobytes().hex().upper() for plane in planes],)]


def test_sql_comes_to_the_same_signs(client):
    client.command(fill("hamsight_sign_hash"))
    for dimension in (1, 8, 20, 64):
        feature = np.random.default_rng(dimension).normal(size=dimension).astype(np.float32)
        given = {"feature": feature.tolist()}
        sql = "SELECT hex(hamsight_sign_hash({feature:Array(Float32)}))"
        found = client.query(sql, parameters=given).result_rows[0][0]
        assert bytes.fromhex(found) == sign_hash(feature[None]).tobytes()
