"""Datasets that the package datumaro reads, where it is installed; what is said where it is not."""

import hashlib
import json
import sys
from pathlib import Path

import pytest
from PIL import Image
from reader_sets import error, text

from hamsight_core.errors import UsageError
from hamsight_core.items import Box
from hamsight_ingest.readers import open_source


@pytest.fixture
def datumaro():
    return pytest.importorskip("datumaro", reason="the extra datumaro is not installed")


def tree(folder: Path) -> dict[str, tuple[int, str]]:
    return {
        str(file): (
            file.stat().st_mtime_ns,
            hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "",
        )
        for file in [folder, *folder.rglob("*")]
    }


@pytest.fixture
def made(datumaro, tmp_path):
    """Three images with boxes, a polygon of two parts, labels and a caption, as datumaro's own."""
    files = [tmp_path / f"made/a {number}.png" for number in range(3)]
    (tmp_path / "made").mkdir()
    for file in files:
        Image.new("RGB", (64, 48)).save(file)
    said = [
        [datumaro.Bbox(3, 4, 20, 10, label=0), datumaro.Label(1)],
        [
            datumaro.Polygon([5, 5, 15, 5, 15, 20], label=0, group=1),
            datumaro.Polygon([30, 5, 40, 5, 40, 9], label=0, group=1),
            datumaro.Bbox(1, 2, 10, 10, label=1, group=2),
            datumaro.Polygon([1, 2, 11, 2, 11, 12], label=1, group=2),
            datumaro.Caption("a cat"),
        ],
        [],
    ]
    items = [
        datumaro.DatasetItem(
            f"more/a {number}",
            subset="train" if number else "default",
            media=datumaro.Image.from_file(path=str(file)),
            annotations=one,
            attributes={"weather": "sunny", "n": 3, "empty": [], "nested": {"a": [1]}},
        )
        for number, (file, one) in enumerate(zip(files, said, strict=True))
    ]
    return datumaro.Dataset.from_iterable(
        items, categories=["cat", "dog"], media_type=datumaro.Image
    )


def test_all_that_datumaro_says_is_kept(datumaro, made, tmp_path):
    made.get("more/a 0").annotations.append(datumaro.Bbox(1, 1, 2, 2))
    made.export(str(tmp_path / "a set"), "datumaro", save_media=True)
    source = open_source(tmp_path / "a set", "datumaro")
    assert (source.format, source.name) == ("datumaro:datumaro", "a set")
    assert source.detected == "datumaro takes it for datumaro"
    items = list(source)
    assert source.count() == len(items) == 3
    first, second, third = items
    assert [(item.subset, item.id) for item in items] == [
        ("", "more/a 0.png"),
        ("train", "more/a 1.png"),
        ("train", "more/a 2.png"),
    ]
    assert first.boxes == (Box("cat", 3, 4, 20, 10),)
    assert first.tags == {"cat": 1, "dog": 1}
    assert second.boxes == (Box("cat", 5, 5, 35, 15), Box("dog", 1, 2, 10, 10))
    assert (second.captions, second.tags) == (("a cat",), {"cat": 1, "dog": 1})
    assert (third.status, third.boxes) == ("unannotated", ())
    assert first.attributes == {"weather": "sunny", "n": "3", "nested": '{"a": [1]}'}
    assert all(Path(item.uri).is_file() for item in items)
    assert list(source.notes) == [
        "more/a 0: Bbox annotations without a label, left out",
        "Polygon annotations are read as the boxes around them: 2, the first in more/a 1",
    ]


@pytest.mark.parametrize("format", ["datumaro", "voc", "coco", "cvat", "yolo", "market1501"])
def test_nothing_is_written_into_the_dataset(made, tmp_path, format):
    made.export(str(tmp_path / "out"), format, save_media=True)
    before = tree(tmp_path)
    items = list(open_source(tmp_path / "out", f"datumaro:{format}"))
    assert items
    assert tree(tmp_path) == before


def test_an_image_that_is_gone_stays_an_item(made, tmp_path):
    made.export(str(tmp_path / "out"), "voc", save_media=True)
    (gone,) = (tmp_path / "out").rglob("a 1.*g")
    gone.unlink()
    source = open_source(tmp_path / "out", "datumaro:voc")
    assert len(list(source)) == source.count()
    assert [item.id for item in source if not Path(item.uri).exists()] == ["more/a 1.png"]


def test_what_datumaro_cannot_read_names_the_file_and_its_reason(made, tmp_path):
    made.export(str(tmp_path / "out"), "datumaro", save_media=True)
    file = tmp_path / "out/annotations/train.json"
    content = json.loads(file.read_text())
    del content["items"][0]["annotations"][0]["points"]
    file.write_text(json.dumps(content))
    words = error(tmp_path / "out", "datumaro:datumaro")
    assert words.startswith(f"{tmp_path / 'out'}: datumaro:datumaro cannot read it: ")
    assert "annotation: object of type 'float' has no len()" in words


def test_datumaro_names_several_formats_and_none(made, tmp_path):
    made.export(str(tmp_path / "out"), "voc", save_media=True)
    words = error(tmp_path / "out", "datumaro")
    assert "datumaro takes it for several formats, voc, voc_" in words
    assert words.endswith("name one, such as --format datumaro:voc")
    text(tmp_path / "none/notes.txt", "nothing")
    assert "of no format that datumaro detects" in error(tmp_path / "none", "datumaro")
    with pytest.raises(UsageError) as caught:
        open_source(tmp_path / "out", "datumaro:vocs")
    assert "datumaro has no such format; did you mean voc?" in str(caught.value)


def test_images_that_are_no_files_are_refused_with_the_remedy(made, tmp_path):
    made.export(str(tmp_path / "out"), "cifar", save_media=True)
    words = error(tmp_path / "out", "datumaro:cifar")
    assert "its images are not files of their own" in words
    statement = words.splitlines()[-1].strip().replace("NEWFOLDER", str(tmp_path / "new"))
    exec(statement)
    assert len(list(open_source(tmp_path / "new", "datumaro:datumaro"))) == 3


def test_what_no_reader_knows_but_datumaro_is_said(made, tmp_path):
    made.export(str(tmp_path / "out"), "cifar", save_media=True)
    words = error(tmp_path / "out", None)
    assert "no images and no dataset of a known format" in words
    assert "datumaro takes it for cifar: --format datumaro:cifar" in words


def test_without_the_package_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datumaro", None)
    monkeypatch.setitem(sys.modules, "datumaro.components.environment", None)
    text(tmp_path / "set/a.bin", "")
    for format in ("datumaro", "datumaro:voc"):
        with pytest.raises(UsageError) as caught:
            open_source(tmp_path / "set", format)
        assert "needs the package datumaro: pip install 'hamsight[datumaro]'" in str(caught.value)
    assert "pip install 'hamsight[datumaro]', then --format datumaro" in error(
        tmp_path / "set", None
    )
