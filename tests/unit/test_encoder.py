"""The image encoder: batches that do not depend on each other, all of it delivered, or an error."""

import threading

import numpy as np
import pytest
import toy
from PIL import Image

from hamsight_core.errors import ModelError
from hamsight_core.models import encoder
from hamsight_core.models.encoder import ImageEncoder, encode_pixels, unit_length
from hamsight_core.models.network import Compute
from hamsight_core.models.package import load_package

CPU = Compute("CPU")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return load_package(str(toy.model(tmp_path_factory.mktemp("models") / "toy")))


def pixels(count):
    shape = (count, toy.SIDE, toy.SIDE, 3)
    return np.random.default_rng(count).integers(0, 256, shape, np.uint8)


def encoded(package, given, batch, step=None):
    """Features by way of ImageEncoder, `step` pictures at a time."""
    found = {}
    one = ImageEncoder(package, compute=CPU, batch=batch, on_features=found.__setitem__)
    step = step or one.batch
    for start in range(0, len(given), step):
        one.submit(given[start : start + step], start)
    one.finish()
    return np.concatenate([found[start] for start in sorted(found)])


@pytest.mark.parametrize(("batch", "step"), [(1, 1), (4, 4), (8, 8), (8, 3), (64, 50)])
def test_a_feature_does_not_depend_on_its_batch(package, batch, step):
    given = pixels(50)
    expected = toy.direct(package.folder, [Image.fromarray(one) for one in given])
    found = encoded(package, given, batch, step)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 17])
def test_the_last_batch_may_be_short(package, count):
    found = encode_pixels(package, pixels(count), CPU)
    expected = toy.direct(package.folder, [Image.fromarray(one) for one in pixels(count)])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_zero_feature_stays_zero():
    np.testing.assert_array_equal(unit_length(np.zeros((2, 3), np.float32)), np.zeros((2, 3)))


def in_time(work, seconds=20):
    """Run `work` on a thread and return what it raised; fail when it does not end."""
    raised = []

    def run():
        try:
            work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it hangs"
    return raised[0] if raised else None


def test_a_failure_in_the_callback_is_raised_and_does_not_hang(package):
    def refuse(token, features):
        if token == 3:
            raise ValueError("no room")

    def work():
        one = ImageEncoder(package, compute=CPU, batch=2, on_features=refuse)
        for token in range(200):
            one.submit(pixels(2), token)
        one.finish()

    assert str(in_time(work)) == "no room"


def test_an_encoder_left_with_batches_under_way_does_not_hang(package):
    def work():
        one = ImageEncoder(package, compute=CPU, batch=2, on_features=lambda *_: None)
        for token in range(20):
            one.submit(pixels(2), token)
        raise KeyboardInterrupt

    assert isinstance(in_time(work), KeyboardInterrupt)


def test_what_openvino_refuses_is_a_model_error(package):
    class Lost:
        def get_input_tensor(self, index):
            raise RuntimeError("Exception from src/request.cpp:1:\nthe device was lost")

    one = ImageEncoder(package, compute=CPU, batch=2, on_features=lambda *_: None)
    one._idle[:] = [Lost()]
    with pytest.raises(ModelError, match="'toy' failed on CPU: the device was lost; another"):
        one.submit(pixels(2), 0)


def test_a_network_is_compiled_once_and_again_where_its_file_changed(tmp_path, monkeypatch):
    made = []
    compile = encoder.compile_network
    monkeypatch.setattr(encoder, "compile_network", lambda *a: made.append(a) or compile(*a))
    folder = toy.model(tmp_path / "toy", seed=1)
    first = [encode_pixels(load_package(str(folder)), pixels(2), CPU) for _ in range(3)]
    assert len(made) == 1
    np.testing.assert_array_equal(first[0], first[2])
    toy.model(folder, seed=2)
    second = encode_pixels(load_package(str(folder)), pixels(2), CPU)
    assert len(made) == 2
    assert not np.allclose(first[0], second)


def error(package, device="CPU"):
    with pytest.raises(ModelError) as caught:
        encode_pixels(package, np.zeros((1, toy.SIDE, toy.SIDE, 3), np.uint8), Compute(device))
    return str(caught.value)


def test_a_wrong_dimension_names_both(tmp_path):
    folder = toy.model(tmp_path / "toy", dimension=32)
    words = error(load_package(str(folder)))
    assert "24 numbers" in words
    assert "dimension = 32" in words


def test_an_unknown_output_is_named(tmp_path):
    folder = toy.model(tmp_path / "toy", toml={"output": '"embedding"'})
    assert "no tensor 'embedding'" in error(load_package(str(folder)))
    folder = toy.model(tmp_path / "toy", toml={"output": '"pool"'})
    assert "no tensor 'pool'" in error(load_package(str(folder)))


def test_the_output_is_found_by_its_name(tmp_path, package):
    named = load_package(str(toy.model(tmp_path / "toy", toml={"output": '"feature"'})))
    given = pixels(3)
    found, expected = encode_pixels(named, given, CPU), encode_pixels(package, given, CPU)
    np.testing.assert_array_equal(found, expected)


def test_a_wrong_size_or_layout_is_named(tmp_path):
    folder = toy.model(tmp_path / "toy", toml={"size": "32"})
    assert "[-1, 32, 32, 3]" in error(load_package(str(folder)))
    folder = toy.model(tmp_path / "toy", toml={"layout": '"NCHW"'})
    assert "[-1, 3, 16, 16]" in error(load_package(str(folder)))


def test_an_unknown_device_is_answered_with_those_there_are(package):
    words = error(package, "TPU")
    assert "'TPU'" in words
    assert "CPU" in words
    assert "TPU" in error(package, "TPU:1")


def test_weights_that_are_no_network_are_named(tmp_path):
    folder = toy.model(tmp_path / "toy")
    (folder / "image.xml").write_text("<net>")
    assert "cannot read" in error(load_package(str(folder)))
    toy.model(folder)
    (folder / "image.bin").write_bytes(b"")
    assert str(folder) in error(load_package(str(folder)))


def test_features_that_are_no_numbers_are_refused(package, monkeypatch):
    rows = np.array([[np.nan] * 24], np.float32)
    with pytest.raises(ModelError, match="not finite"):
        encoder._rows(rows, 1, 24, "toy")


def normalised(folder, layout):
    """A network that takes normalised floats in the given layout; its feature is its input."""
    import openvino as ov
    from openvino import opset13 as ops

    folder.mkdir()
    shape = [-1, 4, 4, 3] if layout == "NHWC" else [-1, 3, 4, 4]
    given = ops.parameter(shape, ov.Type.f32, "x")
    flat = ops.reshape(given, np.array([-1, 48]), special_zero=False)
    ov.save_model(ov.Model([flat], [given]), folder / "image.xml", False)
    mean, std = "[0.48, 0.45, 0.4]", "[0.26, 0.27, 0.28]"
    lines = {"size": "4", "dtype": '"f32"', "layout": f'"{layout}"', "mean": mean, "std": std}
    toy.write_toml(folder, dimension=48, lines=lines)
    return load_package(str(folder))


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_mean_std_and_layout_are_applied(tmp_path, layout):
    given = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), np.uint8)
    found = encode_pixels(normalised(tmp_path / "toy", layout), given, CPU)
    expected = (given / 255 - [0.48, 0.45, 0.4]) / [0.26, 0.27, 0.28]
    expected = expected if layout == "NHWC" else expected.transpose(0, 3, 1, 2)
    expected = unit_length(expected.reshape(3, 48).astype(np.float32))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 4])
def test_mobilenet_is_read_at_its_pooling(shared, batch):
    folder = shared / "models" / "mobilenet-v2"
    package = load_package(str(folder))
    files = sorted((shared / "data" / "coco128" / "train2017").glob("*.jpg"))[:6]
    pictures = [Image.open(file).convert("RGB") for file in files]
    given = np.stack([package.image.preprocess(one) for one in pictures])
    found = encoded(package, given, batch)
    np.testing.assert_allclose(found, toy.direct(folder, pictures), atol=1e-3)
