"""Each model of the registry is a package that loads, from files that have a place."""

import re
import sys

import pytest
import toy

from hamsight_core.errors import ModelError
from hamsight_core.models.cache import cache_folder
from hamsight_core.models.model_toml import to_toml
from hamsight_core.models.package import BUILT_IN, load_package
from hamsight_core.models.registry import best_cached, registry

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NAMES = list(registry())


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HAMSIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def fill(entry):
    """Put empty files of a model into the cache, as a pull leaves them."""
    for file in entry.files:
        target = entry.folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"")
    (entry.folder / "model.toml").write_text(to_toml(entry.package), encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_each_model_is_a_package(name, cache):
    entry = registry()[name]
    assert not entry.cached
    fill(entry)
    assert entry.cached
    package = load_package(name)
    assert (package.name, package.source, package.folder) == (name, name, entry.folder)
    assert (package.text is None) == (entry.languages is None)
    named = {one.relative_to(entry.folder).as_posix() for one in package._files()}
    assert named == {file.path for file in entry.files}


@pytest.mark.parametrize("name", NAMES)
def test_each_file_has_a_place_and_pins_are_whole(name):
    for file in registry()[name].files:
        assert (file.repo is None) != (file.url is None)
        assert file.revision is None or re.fullmatch(r"[0-9a-f]{40}", file.revision)
        assert file.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", file.sha256)
    assert not (BUILT_IN / name).exists()


def test_a_model_that_is_not_there_says_how_to_get_it(cache):
    with pytest.raises(ModelError, match="hamsight models pull clip-vit-b-32` downloads it"):
        load_package("clip-vit-b-32")
    with pytest.raises(ModelError, match="did you mean 'dinov2-small'"):
        load_package("dinov2-smal")


def test_the_best_of_the_cache_is_the_first_of_the_list(cache):
    assert best_cached() is None
    fill(registry()["dinov2-small"])
    assert best_cached().name == "dinov2-small"
    fill(registry()["clip-vit-b-32"])
    assert best_cached().name == "clip-vit-b-32"


def test_a_model_toml_is_written_as_toml():
    content = {"name": 'a "b" ö', "n": 3, "image": {"mean": [0.1, 2], "yes": True, "s": "\\n"}}
    assert tomllib.loads(to_toml(content)) == content


def test_digests_of_former_packages_stay(tmp_path):
    package = load_package(str(toy.model(tmp_path / "toy")))
    for later in ("pool", "pad", "lowercase", "project", "antialias"):
        assert f'"{later}"' not in package.preprocessing
    other = toy.model(tmp_path / "other", toml={"antialias": "false"})
    assert '"antialias": false' in load_package(str(other)).preprocessing


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/hamsight"),
        ("linux", {"HOME": "/home/me"}, "/home/me/.cache/hamsight"),
        ("darwin", {"HOME": "/Users/me"}, "/Users/me/Library/Caches/hamsight"),
        ("linux", {"HAMSIGHT_CACHE": "/c"}, "/c"),
    ],
)
def test_the_cache_is_where_the_system_keeps_caches(monkeypatch, platform, variables, expected):
    for name in ("HAMSIGHT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    assert cache_folder().as_posix() == expected
