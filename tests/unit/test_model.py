"""A wrong model package is refused with the place, what was expected and the remedy."""

import re
import shutil

import pytest
import toy

from hamsight_core.errors import ModelError
from hamsight_core.models.package import BUILT_IN, built_in_names, load_package


@pytest.fixture
def folder(tmp_path):
    return toy.model(tmp_path / "toy")


def error(source):
    with pytest.raises(ModelError) as caught:
        load_package(str(source))
    return str(caught.value)


def test_a_package_is_loaded_by_folder_file_and_name(folder, monkeypatch):
    package = load_package(str(folder))
    assert (package.name, package.dimension, package.license) == ("toy", 24, "unknown")
    assert package.source == str(folder)
    assert package.text is None
    assert load_package(str(folder / "model.toml")) == package
    monkeypatch.chdir(folder.parent)
    assert load_package("./toy").source == str(folder)
    assert load_package("toy").source == str(folder)


def test_mini_is_built_in():
    package = load_package("mini")
    assert (package.source, package.folder) == ("mini", BUILT_IN / "mini")
    assert package.text is not None
    assert "mini" in built_in_names()


def test_unknown_names_are_answered_with_a_near_one(tmp_path):
    assert "did you mean 'mini'?" in error("minni")
    assert "built-in models: mini" in error("resnet")
    assert "no model.toml" in error(tmp_path)
    assert "empty" in error("")


WRONG = [
    ({"interpolation": '"lanczos"', "antialias": "false"}, r"'lanczos' needs antialias = true"),
    ({"antialias": '"no"'}, r"image\.antialias = 'no'; expected bool"),
    ({"pool": '"mean"'}, r"image\.pool = 'mean'; expected cls"),
    ({"name": None}, r"model\.toml: name is missing; expected str"),
    ({"name": "3"}, r"name = 3; expected str"),
    ({"name": '"a/b"'}, r"name = 'a/b'; expected letters"),
    ({"dimension": None}, r"dimension is missing; expected int"),
    ({"dimension": '"24"'}, r"dimension = '24'; expected int"),
    ({"dimension": "true"}, r"dimension = True; expected int"),
    ({"dimension": "0"}, r"dimension = 0; expected at least 1"),
    ({"licence": '"MIT"'}, r"licence is not a key .* did you mean 'license'\?"),
    ({"file": None}, r"image\.file is missing"),
    ({"file": '"gone.xml"'}, r"gone\.xml, which is not in"),
    ({"size": None}, r"image\.size is missing; expected int"),
    ({"size": "16.0"}, r"image\.size = 16\.0; expected int"),
    ({"size": "0"}, r"image\.size = 0; expected at least 1"),
    ({"edge": "8"}, r"image\.edge = 8; expected at least size, 16"),
    ({"resize": '"stretch"'}, r"image\.resize = 'stretch'; expected shortest-edge, squash"),
    ({"crop": '"centre"'}, r"image\.crop = 'centre'; expected center, none"),
    ({"interpolation": '"cubic"'}, r"image\.interpolation = 'cubic'; expected nearest"),
    ({"interpolaton": '"bicubic"'}, r"image\.interpolaton .* did you mean 'interpolation'\?"),
    ({"layout": '"HWC"'}, r"image\.layout = 'HWC'; expected NCHW, NHWC"),
    ({"dtype": '"f16"'}, r"image\.dtype = 'f16'; expected f32, u8"),
    ({"mean": "0.5"}, r"image\.mean = 0\.5; expected list"),
    ({"mean": "[0.5, 0.5]"}, r"image\.mean = \[0\.5, 0\.5\]; expected three numbers"),
    ({"mean": "[true, 1, 1]"}, r"image\.mean = \[True, 1, 1\]; expected three numbers"),
    ({"std": "[0.5, 0, 0.5]"}, r"image\.std = \[0\.5, 0, 0\.5\]; expected"),
]


@pytest.mark.parametrize(("lines", "expected"), WRONG, ids=str)
def test_a_fault_in_model_toml_is_named(folder, lines, expected):
    toy.write_toml(folder, lines=lines)
    message = error(folder)
    assert str(folder / "model.toml") in message
    assert re.search(expected, message), message


def test_text_that_is_no_toml_is_refused_with_its_place(folder):
    (folder / "model.toml").write_text("name = \n")
    assert "line 1" in error(folder)
    (folder / "model.toml").write_bytes(b"\xff\xfe")
    assert "cannot be read" in error(folder)
    (folder / "model.toml").write_text('name = "toy"\ndimension = 24\nimage = 3\n')
    assert "image = 3; expected" in error(folder)


def test_weights_that_are_missing_are_named(folder):
    (folder / "image.bin").unlink()
    assert "image.bin" in error(folder)


def test_the_digest_tells_whatever_changes_features(folder, tmp_path):
    first = load_package(str(folder)).digest
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert load_package(str(copy)).digest == first
    toy.write_toml(copy, name="other", lines={"license": '"MIT"'})
    assert load_package(str(copy)).digest == first
    toy.write_toml(copy, lines={"interpolation": '"bicubic"'})
    assert load_package(str(copy)).digest != first
    toy.write_toml(copy)
    weights = bytearray((copy / "image.bin").read_bytes())
    weights[17] ^= 1
    (copy / "image.bin").write_bytes(weights)
    assert load_package(str(copy)).digest != first


@pytest.mark.parametrize("named", ["../toy2/image.xml", "{0}/other.xml", "a/../../image.xml"])
def test_a_package_names_files_of_its_own_folder_alone(folder, tmp_path, named):
    named = named.format(tmp_path)
    toy.write_toml(folder, lines={"file": f"'{named}'"})
    assert "which is outside" in error(str(folder))


def test_a_file_of_a_package_may_be_a_link(folder, tmp_path):
    shutil.move(folder / "image.bin", tmp_path / "blob")
    (folder / "image.bin").symlink_to(tmp_path / "blob")
    assert load_package(str(folder)).dimension == toy.DIMENSION


def test_toml_that_is_nested_too_deeply_is_one_line(folder):
    (folder / "model.toml").write_text(f"a = {'[' * 100_000}")
    assert len(error(str(folder)).splitlines()) == 1
