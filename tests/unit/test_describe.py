"""`hamsight models add` writes a model.toml that loads, and says what it read and assumed."""

import json
import shutil

import numpy as np
import pytest
from toy import command

from hamsight_core.errors import ModelError
from hamsight_core.models.describe import describe
from hamsight_core.models.encoder import encode_pixels, encode_texts
from hamsight_core.models.package import BUILT_IN, load_package


def network(file, shape, kind="f32", name="image_embeds", width=8, tokens=0):
    """Write a network whose outputs are constant: a vector, or `tokens` of them."""
    import openvino as ov
    from openvino import opset13 as ops

    given = ops.parameter(shape, ov.Type.f32 if kind == "f32" else ov.Type.u8, "pixels")
    flat = ops.reshape(ops.convert(given, "f32"), np.array([0, -1]), special_zero=True)
    mean = ops.reduce_mean(flat, np.array([1]), keep_dims=True)
    out = ops.matmul(mean, np.ones((1, width), np.float32), False, False)
    if tokens:
        out = ops.unsqueeze(out, np.array([1]))
        out = ops.concat([out] * tokens, 1)
    out.output(0).set_names({name})
    file.parent.mkdir(parents=True, exist_ok=True)
    ov.save_model(ov.Model([out], [given]), file, False)
    return file


def test_a_folder_of_both_encoders(tmp_path):
    shutil.copytree(BUILT_IN / "mini", tmp_path / "my mini")
    (tmp_path / "my mini" / "model.toml").unlink()
    described = describe(tmp_path / "my mini")
    package = load_package(str(described.file))
    assert (package.name, package.dimension) == ("my-mini", 512)
    assert (package.image.layout, package.image.dtype) == ("NHWC", "u8")
    assert (package.image.preprocess.size, package.text.context) == (112, 64)
    mini = load_package("mini")
    words = ["a red circle", "two blue squares"]
    np.testing.assert_array_equal(encode_texts(package, words), encode_texts(mini, words))


def test_a_file_without_any_word_about_it(tmp_path):
    file = network(tmp_path / "net.xml", [-1, 3, -1, -1])
    described = describe(file)
    image = load_package(str(tmp_path)).image
    assert (image.layout, image.dtype, image.output) == ("NCHW", "f32", "image_embeds")
    assert image.preprocess.size == 224
    assert image.preprocess.mean == (0.485, 0.456, 0.406)
    assumed = [note for note in described.notes if note.startswith("ASSUMED")]
    for word in ("224 pixels", "bilinear", "ImageNet", "license"):
        assert any(word in note for note in assumed), word


def test_the_preprocessor_config_of_the_model_hub_is_read(tmp_path):
    network(tmp_path / "m" / "onnx" / "vision_model.xml", [-1, 3, -1, -1])
    config = {
        "do_center_crop": True,
        "crop_size": {"height": 32, "width": 32},
        "size": {"shortest_edge": 40},
        "resample": 3,
        "do_normalize": True,
        "image_mean": [0.1, 0.2, 0.3],
        "image_std": [0.4, 0.5, 0.6],
    }
    (tmp_path / "m" / "preprocessor_config.json").write_text(json.dumps(config))
    described = describe(tmp_path / "m")
    preprocess = load_package(str(described.file)).image.preprocess
    assert (preprocess.size, preprocess.edge, preprocess.resize) == (32, 40, "shortest-edge")
    assert (preprocess.mean, preprocess.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert preprocess.interpolation == "bicubic"


def test_of_tokens_the_first_is_taken(tmp_path):
    file = network(tmp_path / "net.xml", [1, 3, 16, 16], name="last_hidden_state", tokens=5)
    described = describe(file, name="dino")
    package = load_package(str(tmp_path))
    assert (package.name, package.dimension, package.image.pool) == ("dino", 8, "cls")
    assert any("first token" in note for note in described.notes)
    pixels = np.full((2, 16, 16, 3), 200, np.uint8)
    np.testing.assert_allclose(encode_pixels(package, pixels), np.full((2, 8), 8**-0.5), 1e-2)


def test_of_a_classifier_the_pooling_is_taken(shared, tmp_path):
    shutil.copy(next((shared / "models" / "mobilenet-v2").glob("*.tflite")), tmp_path)
    described = describe(tmp_path)
    package = load_package(str(described.file))
    assert (package.image.output, package.dimension) == ("pool", 1280)


def test_what_cannot_be_described_is_said(tmp_path):
    def error(path, **options):
        with pytest.raises(ModelError) as caught:
            describe(path, **options)
        return str(caught.value)

    assert "is not there" in error(tmp_path / "gone")
    (tmp_path / "words.txt").write_text("x")
    assert "is no network" in error(tmp_path / "words.txt")
    assert "found: none" in error(tmp_path)
    network(tmp_path / "a.xml", [-1, 3, 16, 16])
    network(tmp_path / "b.xml", [-1, 3, 16, 16])
    assert "found: a.xml, b.xml" in error(tmp_path)
    assert "takes no pictures alone" in error(network(tmp_path / "c.xml", [-1, 77]))
    describe(tmp_path / "a.xml")
    assert "--replace" in error(tmp_path / "a.xml")
    describe(tmp_path / "b.xml", replace=True)
    (tmp_path / "broken.xml").write_text("<net>")
    assert "cannot read" in error(tmp_path / "broken.xml", replace=True)


def test_the_command_says_what_comes_next(tmp_path):
    network(tmp_path / "net.xml", [-1, 3, 16, 16])
    done = command("models", "add", tmp_path / "net.xml", "--name", "mine")
    assert done.exit_code == 0
    assert done.stdout == f"wrote {tmp_path / 'model.toml'}\n"
    assert f"--model {tmp_path}" in done.stderr
    assert command("models", "add", tmp_path / "net.xml").exit_code == 4
