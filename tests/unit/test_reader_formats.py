"""What a folder of two formats is taken for, and the list of formats."""

import io
import json
import tarfile
import zipfile

import pytest
import toy
from reader_sets import DATA, error, image, opened, real_data, text
from typer.testing import CliRunner

from hamsight.cli.app import app
from hamsight_core.errors import SourceError
from hamsight_ingest.listing import Listing
from hamsight_ingest.readers import ReadOptions, open_source, readers


def test_a_folder_of_two_formats_says_so(tmp_path):
    image(tmp_path / "images/a.jpg")
    text(tmp_path / "labels/a.txt", "0 0.5 0.5 1 1")
    text(tmp_path / "data.yaml", "train: images", "names: [cat]")
    one = '{"images": [{"id": 1, "file_name": "images/a.jpg"}], "annotations": []}'
    text(tmp_path / "coco.json", one)
    source = open_source(tmp_path)
    assert source.format == "coco"
    also = "(also YOLO dataset: data.yaml names classes and images: --format yolo)"
    assert source.detected == f"COCO annotations in coco.json {also}"
    assert open_source(tmp_path, "yolo").format == "yolo"
    (tmp_path / "coco.json").unlink()
    assert opened(tmp_path, "yolo")[0].detected.endswith("names classes and images")


def test_a_format_that_was_not_meant_says_how_to_take_another(tmp_path):
    image(tmp_path / "images/a.jpg")
    text(tmp_path / "data.yaml", "train: images", "names: cat")
    with pytest.raises(SourceError) as caught:
        open_source(tmp_path)
    words = str(caught.value)
    assert f"{tmp_path / 'data.yaml'}: names: expected a list of names" in words
    assert f"{tmp_path} was taken for yolo: YOLO dataset: data.yaml" in words
    assert "--format folder takes the images alone" in words


def test_the_list_of_formats():
    printed = CliRunner().invoke(app, ["formats"]).stdout
    assert all(f"\n{reader.name} " in printed for reader in readers())
    assert max(map(len, printed.splitlines())) <= 100
    listed = json.loads(CliRunner().invoke(app, ["formats", "--format", "json"]).stdout)
    assert [one["name"] for one in listed] == [reader.name for reader in readers()]
    assert listed[0]["carries"] == ["boxes", "tags", "captions", "subsets"]
    assert all(one["description"] for one in listed)


@real_data
@pytest.mark.parametrize("name", ["caltech101", "flowers", "emoji", "flickr8k-2000", "coco128"])
def test_real_data_of_other_formats_is_not_mistaken(name):
    kept = {"coco128": ["coco"]}.get(name, [])
    annotated = ("coco", "yolo", "openimages", "cvat", "voc", "labelme")
    known = [reader for reader in readers() if reader.name in annotated]
    assert [reader.name for reader in known if reader.detect(Listing(DATA / name))] == kept


def test_class_folders_are_told_of_the_option_for_tags(tmp_path):
    image(tmp_path / "train/cat/a.jpg")
    image(tmp_path / "val/dog/b.jpg")
    hint = " in folders such as cat/ and dog/: --tags-from-folder makes tags of their names"
    assert open_source(tmp_path).detected == f"2 image files{hint}"
    assert (
        open_source(tmp_path, None, ReadOptions(tags_from_folder=True)).detected == "2 image files"
    )
    image(tmp_path / "c.jpg")
    assert open_source(tmp_path).detected == "3 image files"


def test_a_damaged_file_is_named_and_not_only_unknown(tmp_path):
    shard = tmp_path / "shards/train 0.tar"
    shard.parent.mkdir()
    with tarfile.open(shard, "w") as archive:
        for name in ("a.jpg", "b.jpg"):
            member = tarfile.TarInfo(name)
            member.size = len(toy.jpeg(1))
            archive.addfile(member, io.BytesIO(toy.jpeg(1)))
    shard.write_bytes(shard.read_bytes()[:700])
    words = error(tmp_path / "shards", None)
    assert words.startswith(f"{shard}: a damaged tar archive") or "not a tar archive" in words
    assert f"{tmp_path / 'shards'} was taken for webdataset: a tar shard" in words
    with zipfile.ZipFile(tmp_path / "notes.zip", "w") as archive:
        archive.writestr("a.txt", "nothing")
    words = error(tmp_path / "notes.zip", None)
    assert "notes.zip: no image file among its members" in words
    assert "--format folder" not in words


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[{"image": "a.jpg"},\n{"image": "b', "t.json:2: not JSON: Unterminated string, near '"),
        ('[{"image": "a.jpg"},\n{"image" 3}]', "t.json:2: not JSON: Expecting ':' delimiter, near"),
        ('[\n{"image": "a.jpg"}', "t.json:2: expected a comma or the end of the list"),
    ],
)
def test_a_cut_json_table_names_the_line(tmp_path, content, words):
    (tmp_path / "t.json").write_text(content)
    said = error(tmp_path / "t.json", None, rest_read=True)
    assert words in said
    assert "near ''" not in said
