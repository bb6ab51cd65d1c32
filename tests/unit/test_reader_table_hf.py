"""Hugging Face's datasets on disk are read without their package."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from reader_sets import damage, image

from hamsight_core.errors import SourceError
from hamsight_core.images.places import fetch
from hamsight_core.items import Item
from hamsight_ingest.listing import Listing
from hamsight_ingest.readers import ReadOptions, open_source, readers

FEATURES = {
    "image": {"_type": "Image"},
    "label": {"names": ["cat", "dog"], "_type": "ClassLabel"},
    "many": {"feature": {"names": ["x", "y"], "_type": "ClassLabel"}, "_type": "Sequence"},
    "n": {"dtype": "int64", "_type": "Value"},
}
READER = next(reader for reader in readers() if reader.name == "huggingface")


def table(folder: Path, start: int, stop: int) -> pa.Table:
    rows = [
        {
            "image": {"bytes": image(folder / "x.png", 10 + n).read_bytes(), "path": "x.png"},
            "label": n % 3 - 1,
            "many": [0, 1, 1] if n == 1 else None,
            "n": n,
        }
        for n in range(start, stop)
    ]
    (folder / "x.png").unlink()
    made = pa.Table.from_pylist(rows)
    features = json.dumps({"info": {"features": FEATURES}}).encode()
    return made.replace_schema_metadata({b"huggingface": features})


def saved(folder: Path, rows: int = 5, split: str | None = "train") -> Path:
    """Write what Dataset.save_to_disk writes, in two shards."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"data-0000{part}-of-00002.arrow" for part in range(2)]
    for part, name in enumerate(names):
        made = table(folder, part * rows, (part + 1) * rows)
        with (
            pa.OSFile(str(folder / name), "wb") as sink,
            pa.ipc.new_stream(sink, made.schema) as out,
        ):
            out.write_table(made, max_chunksize=2)
    state = {"_data_files": [{"filename": name} for name in names], "_split": split}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text(json.dumps({"features": FEATURES}))
    return folder


def read(path: Path, **options: object) -> list[Item]:
    source = open_source(path, None, ReadOptions(**options))
    assert source.format == "huggingface", source.detected
    items = list(source)
    assert source.count() == len(items)
    assert list(source) == items
    return items


def error(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        read(path)
    return str(caught.value)


def test_a_dataset_saved_to_disk(tmp_path):
    items = read(saved(tmp_path / "set"))
    assert [item.id for item in items] == [str(n) for n in range(10)]
    assert {item.subset for item in items} == {"train"}
    assert [dict(item.tags) for item in items[:3]] == [{}, {"cat": 1, "x": 1, "y": 2}, {"dog": 1}]
    assert dict(items[7].attributes) == {"n": "7"}
    assert fetch(items[7].uri) == image(tmp_path / "y.png", 17).read_bytes()


def test_a_dictionary_of_datasets(tmp_path):
    for split in ("train", "test"):
        saved(tmp_path / split, 2, None)
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    items = read(tmp_path)
    assert [(i.subset, i.id) for i in items] == [
        (split, str(n)) for split in ("train", "test") for n in range(4)
    ]
    assert [item.id for item in read(tmp_path, subset="all")] == [str(n) for n in range(8)]


@pytest.mark.parametrize("folder", ["data", "."])
def test_shards_as_on_the_hub(tmp_path, folder):
    (tmp_path / folder).mkdir(exist_ok=True)
    shards = {"train-00000-of-00002": 0, "train-00001-of-00002": 3, "val-00000-of-00001": 6}
    for name, start in shards.items():
        pq.write_table(table(tmp_path, start, start + 3), tmp_path / folder / f"{name}.parquet")
    items = read(tmp_path)
    assert [(i.subset, i.id) for i in items] == [
        *(("train", str(n)) for n in range(6)),
        *(("val", str(n)) for n in range(3)),
    ]
    assert dict(items[2].tags) == {"dog": 1}
    for n, item in enumerate(items):
        assert fetch(item.uri) == image(tmp_path / "y.png", 10 + n).read_bytes()


def test_wrong_datasets_are_named(tmp_path):
    state = saved(tmp_path) / "state.json"
    (tmp_path / "data-00001-of-00002.arrow").unlink()
    assert "state.json: _data_files: no file data-00001-of-00002.arrow" in error(tmp_path)
    state.write_text('{"_data_files": [{"filename": "../x.arrow"}]}')
    assert "expected a list of objects with filename" in error(tmp_path)
    state.write_text('{"_data_files": \n}')
    assert "state.json: line 2, column" in error(tmp_path)
    (tmp_path / "dataset_dict.json").write_text('{"splits": "train"}')
    assert "dataset_dict.json: splits: 'train'; expected a list" in error(tmp_path)


def test_damaged_datasets(tmp_path):
    saved(tmp_path, 2)
    files = sorted(tmp_path.iterdir())
    damage(files, lambda: READER.open(Listing(tmp_path), ReadOptions()), 200)
