"""Files of a model package that are odd, deep or hostile: one line each, and no file elsewhere."""

from __future__ import annotations

import json
import random
import warnings
from pathlib import Path

import pytest
import toy

from hamsight_core.errors import HamsightError, ModelError
from hamsight_core.models.describe import describe
from hamsight_core.models.package import BUILT_IN, load_package
from hamsight_core.models.tokens import tokenize

DEEP = 100_000


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return toy.model(tmp_path / "toy")


def refused(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_package(str(folder))
    words = str(caught.value)
    assert "\n" not in words and len(words) < 400 + 2 * len(str(folder)), words
    return words


@pytest.mark.parametrize(
    "name",
    [
        "../x.xml",
        "/etc/passwd",
        "a/../../x.xml",
        "C:\\x.xml",
        "\\\\host\\x",
        "..\\x.xml",
        "",
        "a\0",
    ],
)
def test_a_model_names_files_of_its_own_folder_alone(package, name):
    (package.parent / "x.xml").write_text("<net/>")
    text = (package / "model.toml").read_text()
    own = next(line for line in text.splitlines() if line.startswith("file ="))
    (package / "model.toml").write_text(text.replace(own, f"file = {json.dumps(name)}"))
    assert "expected a file in the folder of model.toml" in refused(package)


@pytest.mark.parametrize(
    "line",
    [
        "x = " + "[" * DEEP + "]" * DEEP,
        "x = " + "{a=" * DEEP + "1" + "}" * DEEP,
        "x = " + "9" * 5000,
        "dimension = 1e400",
        "dimension = nan",
        "dimension = true",
        "dimension = " + "9" * 30,
        "dimension = -1",
        'name = "' + "a" * 5000 + '/"',
        'name = "\\u001b[2J"',
        "x = '" + "\0" + "'",
        "]]]",
        "\ufeff\ud7ff = 1",
    ],
)
def test_odd_and_deep_toml_is_one_line(package, line):
    text = (package / "model.toml").read_text()
    key = line.partition("=")[0]
    kept = [one for one in text.splitlines() if not one.startswith(key)]
    (package / "model.toml").write_text("\n".join([line, *kept]), encoding="utf-8")
    refused(package)


@pytest.mark.parametrize("key", ["size", "mean", "std", "layout", "file"])
@pytest.mark.parametrize(
    "value", ["[nan, 1, 1]", "[inf, 1, 1]", "[1e300, 1, 1]", "0", "99999999999", "[]", '"\\u202e"']
)
def test_odd_values_are_refused(package, key, value):
    text = (package / "model.toml").read_text()
    lines = [one for one in text.splitlines() if not one.startswith(f"{key} =")]
    lines.insert(lines.index("[image]") + 1, f"{key} = {value}")
    (package / "model.toml").write_text("\n".join(lines))
    refused(package)


@pytest.mark.parametrize(
    "config",
    [
        "[" * DEEP,
        '{"a":' * DEEP,
        "9" * 5000,
        '{"size": {"height": "large"}, "resample": []}',
        '{"size": 1e400}',
        '{"size": -5}',
        '{"size": [1, 2]}',
        '{"crop_size": {}, "do_center_crop": true}',
        '{"image_mean": "abc", "image_std": {"a": 1}}',
        '{"image_mean": ["\\ud800", 1, 1], "image_std": [1, 1, 1]}',
        '{"size": {"shortest_edge": "x"}}',
    ],
)
def test_an_odd_config_leaves_no_model_toml(package, config):
    (package / "model.toml").unlink()
    (package / "preprocessor_config.json").write_text(config)
    try:
        described = describe(package)
    except ModelError as error:
        assert "\n" not in str(error)
        assert not (package / "model.toml").exists()
    else:  # what is not used may be anything
        load_package(str(described.file.parent))


def test_five_hundred_mutations_of_packages_files_are_one_line_each(tmp_path):
    dice = random.Random(5)
    mini = tmp_path / "mini"
    mini.mkdir()
    for file in (BUILT_IN / "mini").iterdir():
        if file.name not in ("model.toml", "tokenizer.json"):
            (mini / file.name).symlink_to(file)
    whole = {
        name: (BUILT_IN / "mini" / name).read_bytes() for name in ("model.toml", "tokenizer.json")
    }
    ends = {"refused": 0, "taken": 0}
    pieces = [
        b"",
        b'"',
        b"[",
        b"{",
        b"\xff",
        b"\0",
        b"null",
        b"-1",
        b"1e999",
        b"99999999999",
        b"\\u0000",
    ]
    for number in range(500):
        name = dice.choice(list(whole))
        data = whole[name]
        for _ in range(dice.randrange(1, 4)):
            at = dice.randrange(len(data))
            at = at if dice.random() < 0.5 else at % 400
            data = data[:at] + dice.choice(pieces) + data[at + dice.choice((0, 1, 2, 20)) :]
        for one, content in {**whole, name: data}.items():
            (mini / one).write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = load_package(str(mini))
                if found.text is not None:
                    tokenize(found, found.text, ["a red dog"])
            ends["taken"] += 1
        except HamsightError as error:
            assert "\n" not in str(error), (number, error)
            ends["refused"] += 1
    assert ends["refused"] > 100, ends
