"""`hamsight export`: what it takes, where it writes, what it leaves alone, and how it ends."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import exported
import made_catalog
import pytest
from exported import HOSTILE, made
from typer.testing import CliRunner, Result

import hamsight
from hamsight.cli.app import app
from hamsight_core.items import Item
from hamsight_curate.export import exporter, job, tables
from hamsight_curate.export import items as export_items
from hamsight_ingest.listing import Listing
from hamsight_ingest.readers.coco import CocoReader
from hamsight_ingest.source import ReadOptions


def run(db: str, *args: str | Path, piped: str = "") -> Result:
    result = CliRunner().invoke(app, ["export", *map(str, args), "--db", db], input=piped.encode())
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def db(dsn: str, tmp_path: Path) -> str:
    """The DSN of a catalog of 24 made-up items, whose images are nowhere."""
    made_catalog.fill(dsn, tmp_path / "model", made_catalog.made_items(24))
    return dsn


def rows(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_selections(db, tmp_path) -> None:
    items = made_catalog.made_items(24)

    def exported_by(*args: str, piped: str = "") -> list[str]:
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}.jsonl"
        done = run(db, file, "--to", "jsonl", *args, piped=piped)
        assert done.exit_code == 0, done.output
        assert done.stdout.startswith(f"{len(rows(file))} item")
        return [f"{row['dataset']}/{row['subset']}/{row['id']}" for row in rows(file)]

    def names(chosen) -> list[str]:
        ordered = sorted((one for one in items if chosen(one)), key=lambda one: one.sorted_by)
        return [one.name for one in ordered]

    assert exported_by(items[9].name) == [items[9].name]
    assert exported_by("--dataset", "birds", "--subset", "val") == names(
        lambda one: (one.dataset, one.item.subset) == ("birds", "val")
    )
    assert exported_by("--where", "dog > 1") == names(lambda one: one.item.tags.get("dog", 0) > 1)
    assert exported_by("--group", "good") == names(lambda one: "good" in one.item.groups)
    both = exported_by("--group", "good", "--where", "dog > 1 or width < 110")
    assert both == names(
        lambda one: (
            "good" in one.item.groups and (one.item.tags.get("dog", 0) > 1 or one.width < 110)
        )
    )
    piped = "\n".join(
        json.dumps(dict(zip(("dataset", "subset", "id"), one.identity, strict=True)))
        for one in items[:5]
    )
    assert exported_by(piped=piped) == names(lambda one: one in items[:5])


def test_a_selection_of_nothing_makes_nothing(db, tmp_path) -> None:
    for to in ("csv", "coco", "folder"):
        done = run(db, tmp_path / "out", "--to", to, "--where", "width > 9999")
        assert (done.exit_code, done.stdout) == (1, "")
        assert "no item matched" in done.stderr and not (tmp_path / "out").exists()


WRONG = [
    (("--to", "csv", "--images", "copy", "--dataset", "birds"), "--images"),
    (("--to", "coco", "--features", "--dataset", "birds"), "--features"),
    (("--to", "folder", "--images", "none", "--dataset", "birds"), "--images"),
    (("--to", "fiftyone", "--images", "hardlink", "--dataset", "birds"), "hard links"),
    (("--to", "datumaro", "--images", "link", "--dataset", "birds"), "no link"),
    (("--to", "csv", "--dataset", "birdz"), "did you mean 'birds'?"),
    (("--to", "csv", "--group", " "), "--group is empty"),
    (("--to", "csv", "--group", "good", "--where", "dogg > 1"), "dogg"),
    (("--to", "csv", "--group", "good", "a.jpg"), "--group, not both"),
    (("--to", "csv", "--where", "dog > 1", "a.jpg"), "not both"),
    (("--to", "voc", "--dataset", "birds"), "voc"),
]


@pytest.mark.parametrize(("args", "words"), WRONG, ids=lambda value: str(value)[:40])
def test_wrong_requests_say_what_is_wrong(db, tmp_path, args, words) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = run(db, tmp_path / "out", *args)
    assert done.exit_code == 2 and words in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("package", ["datumaro", "fiftyone"])
def test_a_package_that_is_not_there(db, tmp_path, package, monkeypatch) -> None:
    monkeypatch.setattr("hamsight_curate.export.exporter.find_spec", lambda name: None)
    done = run(db, tmp_path / "out", "--to", package, "--dataset", "birds")
    assert done.exit_code == 2 and f"pip install {package}" in done.stderr
    assert not (tmp_path / "out").exists()


def test_what_exists_is_never_touched(db, tmp_path) -> None:
    folder, file, nowhere = tmp_path / "full", tmp_path / "file", tmp_path / "link"
    folder.mkdir()
    (folder / ".mine").write_text("mine")
    file.write_text("mine")
    nowhere.symlink_to(tmp_path / "gone")
    cases = [
        (folder, "coco", "'.mine'"),
        (folder, "csv", "a folder"),
        (file, "csv", "exists already"),
        (file, "coco", "is a file"),
        (nowhere, "csv", "exists already"),
        (nowhere, "coco", "is a file"),
        (tmp_path / "no/where", "coco", "there is no folder"),
        (file / "below", "csv", "there is no folder"),
        (Path("/"), "coco", "no name"),
    ]
    before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
    for target, to, words in cases:
        done = run(db, target, "--to", to, "--images", "none", "--dataset", "birds")
        assert done.exit_code == 2 and words in done.stderr, done.output
    assert {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_an_empty_folder_is_filled(db, tmp_path) -> None:
    (tmp_path / "out").mkdir()
    inode = (tmp_path / "out").stat().st_ino
    done = run(db, tmp_path / "out", "--to", "coco", "--images", "none", "--dataset", "birds")
    assert done.exit_code == 0 and (tmp_path / "out").stat().st_ino == inode
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["annotations"]


def test_what_comes_to_exist_meanwhile_is_left_as_it_is(db, tmp_path, monkeypatch) -> None:
    out = tmp_path / "out"
    how = exporter.exporter("coco")
    out.mkdir()

    def meanwhile(source, folder, placer, report) -> None:
        how.folder(source, folder, placer, report)
        (folder / "z").mkdir()
        (out / "z").write_text("mine")

    monkeypatch.setattr(job, "exporter", lambda name: replace(how, folder=meanwhile))
    done = run(db, out, "--to", "coco", "--images", "none", "--dataset", "birds")
    assert done.exit_code == 5 and "has come to exist meanwhile" in done.stderr
    assert [path.name for path in out.iterdir()] == ["z"] and (out / "z").read_text() == "mine"


def test_the_current_folder_is_filled_when_it_is_empty(db, tmp_path, monkeypatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    done = run(db, ".", "--to", "coco", "--images", "none", "--dataset", "birds")
    assert done.exit_code == 0 and os.listdir() == ["annotations"]
    assert run(db, ".", "--to", "coco", "--dataset", "birds").exit_code == 2


@pytest.mark.parametrize("there", [False, True])
def test_an_export_that_breaks_off_leaves_nothing(db, tmp_path, monkeypatch, there) -> None:
    if there:
        (tmp_path / "out").mkdir()
    before = sorted(tmp_path.rglob("*"))

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hamsight_curate.export.coco._image", broken)
    done = run(db, tmp_path / "out", "--to", "coco", "--images", "none", "--dataset", "birds")
    assert done.exit_code == 7 and "No space left on device" in done.stderr
    assert sorted(tmp_path.rglob("*")) == before
    monkeypatch.setattr(tables, "write", broken)
    done = run(db, tmp_path / "out.csv", "--to", "csv", "--dataset", "birds")
    assert done.exit_code == 7 and sorted(tmp_path.rglob("*")) == before


def test_missing_images_are_named_and_the_others_exported(dsn, tmp_path) -> None:
    photo = exported.photo(tmp_path / "source", 1)
    archive = tmp_path / "source/a.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.write(photo, "in/side.jpg")
    os.mkfifo(tmp_path / "source/pipe.jpg")
    told = {
        "good.jpg": photo,
        "packed.jpg": f"zip://in/side.jpg::{archive}",
        "gone.jpg": tmp_path / "gone.jpg",
        "pipe.jpg": tmp_path / "source/pipe.jpg",
        "odd.jpg": "gopher://host/a.jpg",
    }
    items = [made("d", "", id, uri, boxes=exported.boxes(1)) for id, uri in told.items()]
    made_catalog.fill(dsn, tmp_path / "model", items)
    for to, copied in (("folder", 2), ("coco", 2), ("yolo", 2)):
        done = run(dsn, tmp_path / to, "--to", to, "--dataset", "d")
        assert done.exit_code == 5
        assert done.stdout == f"{copied} items exported to {tmp_path / to} ({to})\n"
        for id, reason in (("gone", "file not found"), ("pipe", "regular"), ("odd", "gopher")):
            assert f"missing: d/{id}.jpg: " in done.stderr and reason in done.stderr
        names = sorted(path.name for path in (tmp_path / to).rglob("*.jpg"))
        assert names == ["good.jpg", "packed.jpg"]
        packed = next((tmp_path / to).rglob("packed.jpg"))
        assert packed.read_bytes() == photo.read_bytes()
    assert [
        item.id for item in CocoReader().open(Listing(tmp_path / "coco"), ReadOptions())
    ] == names
    done = run(dsn, tmp_path / "links", "--to", "folder", "--images", "link", "--dataset", "d")
    assert done.exit_code == 5 and "--images copy" in done.stderr
    assert [path.name for path in (tmp_path / "links").rglob("*.jpg")] == ["good.jpg"]


@pytest.mark.parametrize("to", ["folder", "coco", "yolo"])
def test_hostile_names_stay_within_the_target(dsn, tmp_path, monkeypatch, to) -> None:
    monkeypatch.setattr(export_items, "PAGE_ROWS", 4)
    photo = exported.photo(tmp_path / "source", 1)
    subsets = ("", "../..", "/", "a/b", "s'\"`\n")
    shapes = exported.boxes(1)
    items = [made("../d", "train", id, photo, boxes=shapes) for id in HOSTILE]
    items += [made("../d", subset, "a.jpg", photo, boxes=shapes) for subset in subsets]
    made_catalog.fill(dsn, tmp_path / "model", items)
    before = set(tmp_path.rglob("*"))
    assert not Path("/abs").exists()
    with hamsight.open(dsn) as session:
        found = session.export(tmp_path / "out", to, dataset="../d", images="link")
    assert (found.items, found.missing_count) == (len(items), 0)
    new = set(tmp_path.rglob("*")) - before
    assert all(path.is_relative_to(tmp_path / "out") for path in new)
    links = [path for path in new if path.is_symlink()]
    assert len(links) == len(items) and not Path("/abs").exists()
    assert all(path.parent.resolve().is_relative_to(tmp_path / "out") for path in links)
    if to == "coco":
        names = [
            Path(item.uri) for item in CocoReader().open(Listing(tmp_path / "out"), ReadOptions())
        ]
        assert sorted(names) == sorted(links)


def test_hostile_words_come_back(dsn, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(export_items, "PAGE_ROWS", 4)
    words = {"tags": {exported.WORDS: 3}, "captions": (exported.WORDS, "nul\0"), "groups": ("g'",)}
    known = {**words, "attributes": {exported.WORDS: exported.WORDS, "coco_id": "1; DROP"}}
    items = [made("d", "", id, "/a.jpg", **known) for id in HOSTILE]
    made_catalog.fill(dsn, tmp_path / "model", items)
    with hamsight.open(dsn) as session:
        session.export(tmp_path / "a.jsonl", "jsonl", dataset="d", group="g'")
        session.export(tmp_path / "coco", "coco", dataset="d", images="none")
    found = rows(tmp_path / "a.jsonl")
    assert [row["id"] for row in found] == sorted(HOSTILE)
    for row in found:
        read = Item(
            row["id"], row["uri"], tags=row["tags"], captions=tuple(row["captions"]),
            groups=tuple(row["groups"]), attributes=row["attributes"],
        )  # fmt: skip
        assert read == Item(row["id"], "/a.jpg", **known)
    content = json.loads((tmp_path / "coco/annotations/captions_.json").read_text("utf-8"))
    assert {one["file_name"] for one in content["images"]} == set(HOSTILE)
    assert {one["caption"] for one in content["annotations"]} == {exported.WORDS, "nul\0"}
