"""What killed runs leave is named by `verify`, dropped by the next run, and disks do not fill."""

import os
import sys
import time
import zipfile
from pathlib import Path

import prepared
import pytest
import toy

from hamsight_core.catalog.leftovers import leftovers
from hamsight_core.catalog.model_row import CatalogModel
from hamsight_core.hashing.hash_settings import HashSettings
from hamsight_ingest.readers.held_folder import HeldFolder, delete_left_folders

MADE = [
    "CREATE TABLE import_{0} (a UInt8) ENGINE = MergeTree ORDER BY a COMMENT 'made 1'",
    "CREATE TABLE items_toy_h01234567_making (a UInt8) ENGINE = Memory COMMENT 'made 1'",
    "CREATE TABLE items_toy_g01234567 (a UInt8) ENGINE = MergeTree ORDER BY a COMMENT 'made 1'",
    "CREATE TABLE cells_items_toy_01234567 (a UInt8) ENGINE = Memory COMMENT 'made 1'",
]


WAITING = """
import sys, time, hamsight
with hamsight.open(sys.argv[1]) as session:
    until = time.monotonic() + 20  # the engine itself begins after half a minute
    while True:
        sql = "SELECT count() AS n FROM system.parts"
        sql += " WHERE NOT active AND modification_time < now() - 300"
        left = session.sql(sql)["n"][0].as_py()
        if left < 3 or time.monotonic() > until:
            break
        time.sleep(0.2)
"""


@pytest.fixture
def catalog(tmp_path, run_cli):
    photos = toy.photos(tmp_path / "photos", 3)
    package = toy.model(tmp_path / "toy")
    run_cli("ingest", photos, "--model", package, "--db", tmp_path / "catalog", check=True)
    return tmp_path / "catalog"


def test_leftovers_are_named_and_dropped(catalog, tmp_path, run_cli):
    db = ("--db", catalog)
    code = "import sys, hamsight\nfor sql in sys.argv[2:]:"
    code += " hamsight.open(sys.argv[1]).sql(sql, write=True)"
    made = [sql.format("0" * 32) for sql in MADE]
    names = sorted(sql.split()[2] for sql in made)
    prepared.run([sys.executable, "-c", code, catalog, *made], check=True)
    found = run_cli("verify", "--files", "none", "--format", "csv", *db)
    kinds = [line.partition(",")[0] for line in found.stdout.splitlines()[1:]]
    assert (found.returncode, kinds) == (1, ["leftover"] * 4)
    repaired = run_cli("verify", "--repair", *db, check=True)
    dropped = [line.split()[3].rstrip(",") for line in repaired.stderr.splitlines()[:4]]
    assert sorted(dropped) == names
    prepared.run([sys.executable, "-c", code, catalog, *made], check=True)
    run_cli("ingest", tmp_path / "photos", *db, check=True)
    assert "nothing differs" in run_cli("verify", *db, check=True).stderr


def test_what_may_be_under_way_is_no_leftover():
    settings = HashSettings(making=("cells_items_toy_22222222",))
    model = CatalogModel(
        "toy", "items_toy_g11111111", "", "", 8, 8, False, "", "sign", settings.to_text()
    )
    tables = {
        "items_toy": ("View", ""),
        "items_toy_g11111111": ("MergeTree", "made 50"),
        "items_toy_g22222222": ("MergeTree", "made 150"),
        "items_toy_g33333333": ("MergeTree", "retired 900"),
        "items_other_g33333333": ("MergeTree", "made 1"),
        "cells_items_toy_22222222": ("MergeTree", "made 150"),
        f"import_{'0' * 32}": ("MergeTree", "made 150"),
    }
    assert leftovers(tables, [model], now=1000, begun=100) == []
    old = leftovers(tables, [model], now=2000, begun=200)
    assert old == [name for name in tables if name[-1] in "230" and "other" not in name]


def test_an_embedded_catalog_does_not_grow_with_each_run(catalog, tmp_path, run_cli):
    def ingest(number):
        for n in range(3):
            (tmp_path / "photos" / f"{n:03}.jpg").write_bytes(toy.jpeg(10 * number + n))
        run_cli("ingest", tmp_path / "photos", "--db", catalog, check=True)

    for number in range(1, 4):
        ingest(number)
    past = time.time() - 600
    for file in sorted(catalog.rglob("*"), key=lambda one: -len(one.parts)):
        os.utime(file, (past, past), follow_symlinks=False)
    before = len(list(catalog.glob("store/*/*/all_*")))
    prepared.run([sys.executable, "-c", WAITING, catalog], check=True)
    assert len(list(catalog.glob("store/*/*/all_*"))) < before / 2


@pytest.mark.skipif(sys.platform == "win32", reason="folders are locked with flock")
def test_folders_of_processes_that_are_no_more_are_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    held = HeldFolder()
    left, other = tmp_path / "hamsight-files-left", tmp_path / "another"
    for folder in (left, other):
        folder.mkdir()
        (folder / "000.jpg").touch()
    for folder in (left, other, Path(held.name)):
        os.utime(folder, (1, 1))
    (tmp_path / "hamsight-files-new").mkdir()
    delete_left_folders()
    names = {Path(held.name).name, "another", "hamsight-files-new"}
    assert {entry.name for entry in tmp_path.iterdir()} == names
    held.close()
    assert not Path(held.name).exists()


KILLED = """
import os, signal, sys, hamsight
from hamsight_ingest.writer import Writer
Writer.flush = lambda writer: os.kill(os.getpid(), signal.SIGKILL)
hamsight.open(sys.argv[1]).ingest(sys.argv[2], model=sys.argv[3])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
def test_an_archive_makes_no_file_of_an_image_and_a_killed_ingest_is_swept(tmp_path, run_cli):
    temporary, archive = tmp_path / "temporary", tmp_path / "coco.zip"
    temporary.mkdir()
    images = [(n, f"{n:03}.jpg") for n in range(9)]
    toy.coco(tmp_path / "coco", images, [(n, "cat", (1, 1, 5, 5)) for n, _ in images])
    with zipfile.ZipFile(archive, "w") as file:
        file.write(tmp_path / "coco/annotations/instances_train.json", "annotations/train.json")
        for n, name in images:
            file.writestr(f"train/{name}", toy.jpeg(n))
    env = {**os.environ, "TMPDIR": str(temporary), "PYTHONWARNINGS": "ignore"}
    arguments = [tmp_path / "catalog", archive, toy.model(tmp_path / "toy")]
    killed = prepared.run([sys.executable, "-c", KILLED, *map(str, arguments)], env=env)
    (left,) = temporary.glob("hamsight-files-*")
    made = [file.name for file in left.rglob("*") if file.is_file()]
    assert (killed.returncode, made) == (-9, ["train.json"])
    os.utime(left, (1, 1))
    ingest = ("ingest", archive, "--model", arguments[2], "--db", arguments[0])
    done = run_cli(*ingest, env={"TMPDIR": str(temporary)}, check=True)
    assert "9 added" in done.stdout
    assert not list(temporary.glob("hamsight-files-*"))
