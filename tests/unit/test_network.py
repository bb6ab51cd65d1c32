"""Precisions, kept compiled networks, weights in 8 bits, and what becomes of an output."""

import json
import os
import subprocess
import sys
from collections import OrderedDict

import numpy as np
import pytest
import toy
from hypothesis import given
from hypothesis import strategies as st

from hamsight_core.errors import ModelError
from hamsight_core.models import network
from hamsight_core.models.encoder import encode_pixels, encode_texts, unit_length
from hamsight_core.models.network import Compute, Precision, compile_network, read_network
from hamsight_core.models.package import BUILT_IN, load_package
from hamsight_core.models.weights import compress_weights, read_matrix

PIXELS = np.random.default_rng(3).integers(0, 256, (6, toy.SIDE, toy.SIDE, 3), np.uint8)


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    """Networks that an earlier test has compiled are not here."""
    monkeypatch.setattr(network, "_networks", OrderedDict())


@pytest.fixture
def package(tmp_path):
    return load_package(str(toy.model(tmp_path / "toy")))


@pytest.mark.parametrize("precision", [Precision.F32, Precision.INT8])
def test_a_precision_gives_nearly_the_same_features(package, precision):
    exact = encode_pixels(package, PIXELS, Compute("CPU", Precision.F32))
    found = encode_pixels(package, PIXELS, Compute("CPU", precision))
    assert (found * exact).sum(1).min() > 0.999
    if precision is Precision.INT8:
        assert not np.array_equal(found, exact)


def test_a_precision_that_the_device_lacks_is_refused(package):
    import openvino as ov

    able = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    for word, precision in (("FP16", Precision.F16), ("BF16", Precision.BF16)):
        if word in able:
            encode_pixels(package, PIXELS, Compute("CPU", precision))
            continue
        for device in ("CPU", "AUTO"):
            with pytest.raises(ModelError, match=f"{precision.value}; --precision here: auto, "):
                encode_pixels(package, PIXELS, Compute(device, precision))


def test_a_compiled_network_is_kept(package, tmp_path, monkeypatch):
    monkeypatch.setenv("HAMSIGHT_CACHE", str(tmp_path / "cache"))
    first = encode_pixels(package, PIXELS, Compute("CPU"))
    assert list((tmp_path / "cache" / "compiled").iterdir())
    model = read_network(package.path("image.xml"), None)
    model.reshape([6, toy.SIDE, toy.SIDE, 3])
    loaded = []
    for _ in range(2):
        compiled = compile_network(model, Compute("CPU"), "THROUGHPUT")
        loaded.append(compiled.get_property("LOADED_FROM_CACHE"))
    assert loaded == [False, True]
    np.testing.assert_array_equal(encode_pixels(package, PIXELS, Compute("CPU")), first)


def test_the_oldest_compiled_networks_are_forgotten(package, tmp_path, monkeypatch):
    folder = tmp_path / "cache" / "compiled"
    folder.mkdir(parents=True)
    for age in range(3):
        (folder / f"{age}.blob").write_bytes(b"x" * 1000)
        os.utime(folder / f"{age}.blob", (1000 - age, 1000 - age))
    monkeypatch.setenv("HAMSIGHT_CACHE", str(tmp_path / "cache"))
    size = sum(file.stat().st_size for file in folder.iterdir())
    encode_pixels(package, PIXELS, Compute("CPU"))
    made = sum(one.stat().st_size for one in folder.glob("*.blob")) - size
    monkeypatch.setattr("hamsight_core.models.network._COMPILED_BYTES", made + 1500)
    network._networks.clear()
    encode_pixels(package, PIXELS, Compute("CPU"))
    kept = {file.stem for file in folder.glob("*.blob")}
    assert "0" in kept and not {"1", "2"} & kept


def test_a_cache_that_cannot_be_written_costs_only_time(package, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HAMSIGHT_CACHE", str(tmp_path / "file" / "cache"))
    assert encode_pixels(package, PIXELS, Compute("CPU")).shape == (6, toy.DIMENSION)


def test_weights_in_eight_bits_are_rounded_by_output_channel():
    network = convolved()
    assert compress_weights(network) == 2
    kinds = [one.get_element_type().get_type_name() for one in network.get_ordered_ops()
             if one.get_type_name() == "Constant"]  # fmt: skip
    assert kinds.count("i8") == 2


@pytest.mark.parametrize("hint", ["LATENCY", "THROUGHPUT"])
def test_weights_in_eight_bits_change_features_little(hint):
    import openvino as ov

    pixels = np.random.default_rng(2).normal(size=(8, 3, 24, 24)).astype(np.float32)
    rounded = convolved()
    compress_weights(rounded)
    settings = {"PERFORMANCE_HINT": hint, "INFERENCE_PRECISION_HINT": "f32"}
    exact, found = (
        ov.Core().compile_model(network, "CPU", settings)(pixels)[0]
        for network in (convolved(), rounded)
    )
    lengths = np.linalg.norm(exact, axis=1) * np.linalg.norm(found, axis=1)
    assert 0.999 < ((exact * found).sum(1) / lengths).min() < 1


def convolved():
    """Convolutions, then two matrix products."""
    import openvino as ov
    from openvino import opset13 as ops

    rng = np.random.default_rng(0)

    def weights(*shape):
        wide = rng.normal(size=shape) / np.prod(shape[1:]) ** 0.5
        return ops.convert(ops.constant(wide.astype(np.float16)), "f32")

    pixels = ops.parameter([-1, 3, 24, 24], ov.Type.f32, "pixels")
    x = pixels
    for inward, outward in ((3, 32), (32, 64)):
        x = ops.convolution(x, weights(outward, inward, 3, 3), [2, 2], [1, 1], [1, 1], [1, 1])
        x = ops.relu(x)
    x = ops.reshape(x, np.array([-1, 64 * 36]), False)
    x = ops.relu(ops.matmul(x, weights(128, 64 * 36), False, True))
    x = ops.matmul(x, weights(96, 128), False, True)
    return ov.Model([x.output(0)], [pixels])


def safetensors(header, numbers=b"", length=None):
    text = json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + numbers


@given(rows=st.integers(1, 5), columns=st.integers(1, 5))
def test_a_matrix_of_safetensors(tmp_path_factory, rows, columns):
    file = tmp_path_factory.mktemp("m") / "m.safetensors"
    matrix = np.arange(rows * columns, dtype="<f4").reshape(rows, columns)
    said = {"dtype": "F32", "shape": [rows, columns], "data_offsets": [0, matrix.nbytes]}
    header = {"__metadata__": {"format": "pt"}, "linear.weight": said}
    file.write_bytes(safetensors(header, matrix.tobytes()))
    np.testing.assert_array_equal(read_matrix(file), matrix)


WRONG = [
    b"",
    b"\x05\0\0\0\0\0\0\0hello",
    safetensors([]),
    safetensors({}),
    safetensors({"a": {"dtype": "F16", "shape": [1, 1], "data_offsets": [0, 2]}}, b"ab"),
    safetensors({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}, b"x" * 16),
    safetensors({"a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}, b"x" * 8),
    safetensors({"a": {}, "b": {}}),
]


@pytest.mark.parametrize("data", WRONG, ids=range(len(WRONG)))
def test_what_is_no_matrix_is_named(tmp_path, data):
    (tmp_path / "m.safetensors").write_bytes(data)
    with pytest.raises(ModelError, match="no safetensors file of one matrix"):
        read_matrix(tmp_path / "m.safetensors")


def text_network(file, width, names):
    """A network whose token vectors are [token, mask of the token, 1, …]."""
    import openvino as ov
    from openvino import opset13 as ops

    inputs = []
    for name in names:
        one = ops.parameter([-1, -1], ov.Type.i64, name)
        one.output(0).set_names({name})
        inputs.append(one)
    parts = [ops.unsqueeze(ops.convert(one, "f32"), np.array([2])) for one in inputs]
    ones = ops.add(ops.multiply(parts[0], np.float32(0)), np.float32(1))
    parts += [ones] * (width - len(parts))
    out = ops.concat(parts, 2)
    out.output(0).set_names({"last_hidden_state"})
    ov.save_model(ov.Model([out], inputs), file, False)


@pytest.mark.parametrize("pool", ["mean", "cls"])
@pytest.mark.parametrize(
    "names", [["input_ids", "attention_mask"], ["attention_mask", "input_ids"]], ids=str
)
def test_tokens_become_one_vector_and_are_projected(tmp_path, pool, names):
    folder = toy.model(tmp_path / "toy")
    text_network(folder / "text.xml", 3, names)
    (folder / "tokenizer.json").write_bytes((BUILT_IN / "mini/tokenizer.json").read_bytes())
    matrix = np.random.default_rng(0).normal(size=(toy.DIMENSION, 3)).astype("<f4")
    said = {"dtype": "F32", "shape": list(matrix.shape), "data_offsets": [0, matrix.nbytes]}
    (folder / "dense.safetensors").write_bytes(safetensors({"w": said}, matrix.tobytes()))
    with (folder / "model.toml").open("a") as stream:
        stream.write(
            f'[text]\nfile = "text.xml"\ntokenizer = "tokenizer.json"\ncontext = 9\n'
            f'pool = "{pool}"\nproject = "dense.safetensors"\n'
        )
    package = load_package(str(folder))
    from hamsight_core.models.tokens import tokenize

    words = ["a red circle", "blue"]
    tokens, mask = tokenize(package, package.text, words)
    vectors = np.stack([tokens, mask, np.ones_like(tokens)], 2).astype(np.float32)
    if names[0] == "attention_mask":
        vectors = vectors[:, :, [1, 0, 2]]
    if pool == "mean":
        vector = (vectors * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    else:
        vector = vectors[:, 0]
    found = encode_texts(package, words, Compute("CPU", Precision.F32))
    np.testing.assert_allclose(found, unit_length(vector @ matrix.T), atol=1e-5)


def test_padding_and_case_of_texts(tmp_path):
    from hamsight_core.models.package import TextSpec
    from hamsight_core.models.tokens import tokenize

    mini = load_package("mini")
    plain = TextSpec("text_encoder.xml", "tokenizer.json", 8)
    lower = TextSpec("text_encoder.xml", "tokenizer.json", 8, lowercase=True)
    np.testing.assert_array_equal(
        tokenize(mini, lower, ["RED Circle"])[0], tokenize(mini, plain, ["red circle"])[0]
    )
    unknown = TextSpec("text_encoder.xml", "tokenizer.json", 8, pad="<nope>")
    with pytest.raises(ModelError, match="no token '<nope>'"):
        tokenize(mini, unknown, ["red"])
    with pytest.warns(UserWarning, match="reads the first 8"):
        tokenize(mini, plain, ["red " * 20])


_RACE = """
import sys
import numpy as np
from hamsight_core.models.encoder import encode_pixels
from hamsight_core.models.package import load_package
package = load_package(sys.argv[1])
side = package.image.preprocess.size
print(encode_pixels(package, np.full((2, side, side, 3), 99, np.uint8)).round(3).tolist())
"""


def test_processes_that_compile_at_once_and_damaged_files_do_no_harm(tmp_path):
    environment = {**os.environ, "HAMSIGHT_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", _RACE, "mini"]

    def run():
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def answers(running):
        ended = [(one, *one.communicate(timeout=120)) for one in running]
        assert not [errors for one, _, errors in ended if one.returncode]
        return {said for _, said, _ in ended}

    first = answers([run() for _ in range(3)])
    assert len(first) == 1
    blobs = list((tmp_path / "cache" / "compiled").glob("*.blob"))
    assert blobs
    for blob in blobs:
        blob.chmod(0o644)
        blob.write_bytes(blob.read_bytes()[: blob.stat().st_size // 2])
    assert answers([run()]) == first


def test_each_precision_has_compiled_networks_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("HAMSIGHT_CACHE", str(tmp_path))
    package = load_package("mini")
    spec = package.image
    for precision in (Precision.F32, Precision.AUTO):
        compute = Compute("CPU", precision)
        compile_network(read_network(package.path(spec.file), spec.output), compute, "LATENCY")
    folder = tmp_path / "compiled"
    assert list((folder / "f32").glob("*.blob")) and list(folder.glob("*.blob"))
