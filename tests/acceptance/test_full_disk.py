"""A full disk is refused before anything is written; files that are cut are named and repaired."""

import os
import shutil
import subprocess
import sys

import full_disk
import prepared
import pytest
import toy

import hamsight
from hamsight_core.catalog import room
from hamsight_core.catalog.definitions import CHANGING, changed
from hamsight_core.errors import DamagedCatalogError, DiskFullError
from hamsight_curate.repair import repair

SHARE = ["--moments", "1", "--only", "ingest", "group", "index", "query"]


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root can mount a small disk"
)
def test_operations_on_a_full_disk_lose_nothing():
    done = subprocess.run(
        [sys.executable, full_disk.__file__, *SHARE],
        capture_output=True,
        encoding="utf-8",
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_first_ingest_without_room_makes_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "RESERVE", 1 << 60)
    toy.photos(tmp_path / "photos", 1)
    with (
        pytest.raises(DiskFullError, match="MiB free, and this needs") as caught,
        hamsight.open(tmp_path / "catalog") as session,
    ):
        session.ingest(tmp_path / "photos", model=toy.model(tmp_path / "toy"))
    assert caught.value.exit_status == 7
    assert not (tmp_path / "catalog").exists()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A catalog of three photos on a path of its own, made by a process of its own."""
    folder = tmp_path_factory.mktemp("made")
    toy.photos(folder / "photos", 3)
    toy.model(folder / "toy")
    code = (
        "import sys, hamsight; s = hamsight.open(sys.argv[1]);"
        " s.ingest(sys.argv[2], model=sys.argv[3]); s.close()"
    )
    arguments = [str(folder / name) for name in ("catalog", "photos", "toy")]
    prepared.run([sys.executable, "-W", "ignore", "-c", code, *arguments], check=True)
    return folder


def broken(made, tmp_path, kind):
    catalog = tmp_path / "catalog"
    shutil.copytree(made / "catalog", catalog, symlinks=True)
    definition = next(catalog.glob("store/*/*/ingests.sql"))
    table = definition.read_text().partition("UUID '")[2][:36]
    if kind == "empty":
        definition.write_text("")
    elif kind == "cut":
        definition.write_bytes(definition.read_bytes()[:-20])
    elif kind == "foreign":
        definition.write_bytes(b"\xff\xfe" + definition.read_bytes())
    elif kind == "deleted":
        definition.unlink()
    elif kind == "flipped":
        definition.write_text(definition.read_text().replace("DateTime", "DateXime"))
    elif kind == "version":
        (catalog / "store" / table[:3] / table / "format_version.txt").write_text("7")
    elif kind == "no database":
        (catalog / "metadata" / "default").unlink()
    elif kind == "change":
        (catalog / "store" / table[:3] / table / "mutation_99.txt").write_text("format version: 1")
    return catalog


NAMED = {
    "no database": "metadata/default",
    "change": "mutation_99.txt",
    "version": "format_version.txt (the format version of ingests) is not as it was",
}


@pytest.mark.parametrize(
    "kind", ["empty", "cut", "foreign", "deleted", "flipped", "no database", "change", "version"]
)
def test_a_catalog_that_cannot_be_opened_names_the_file_and_is_repaired(
    made, tmp_path, run_cli, kind
):
    catalog = broken(made, tmp_path, kind)
    count = ("sql", "SELECT count() FROM items_toy", "--format", "csv", "--db", catalog)
    refused = run_cli(*count)
    assert refused.returncode == 3
    assert len(refused.stderr.splitlines()) == 1
    assert NAMED.get(kind, "ingests.sql") in refused.stderr
    assert "DB::" not in refused.stderr
    assert "verify --repair" in refused.stderr
    repaired = run_cli("verify", "--repair", "--db", catalog)
    assert repaired.returncode == 0, repaired.stderr
    assert "restored: " in repaired.stderr
    assert run_cli(*count, check=True).stdout.split() == ["count()", "3"]
    if kind not in ("deleted", "no database"):
        assert list(tmp_path.glob("catalog.damaged-*/**/*.*"))


def test_a_lost_view_is_named_and_restored(made, tmp_path, run_cli):
    catalog = tmp_path / "catalog"
    shutil.copytree(made / "catalog", catalog, symlinks=True)
    next(catalog.glob("store/*/*/items_toy.sql")).unlink()
    count = ("sql", "SELECT count() FROM items_toy", "--format", "csv", "--db", catalog)
    assert "the definition of items_toy is not as Hamsight left it" in run_cli(*count).stderr
    run_cli("verify", "--repair", "--db", catalog, check=True)
    assert run_cli(*count, check=True).stdout.split() == ["count()", "3"]


def test_definitions_newer_than_their_copy_are_not_taken_for_damaged(made, tmp_path, run_cli):
    catalog = tmp_path / "catalog"
    shutil.copytree(made / "catalog", catalog, symlinks=True)
    file = next(catalog.glob("store/*/*/ingests.sql"))
    whole = file.read_text()
    file.write_text(whole.replace("`not_read` String", "`not_read` String,\n    `mine` String"))
    assert changed(catalog) == []  # so much differs only where another program changed it
    file.write_text(whole.replace("not_read", "not_reed"))
    assert [fault.what for fault in changed(catalog)] == ["the definition of ingests"]
    (catalog / CHANGING).touch()  # a process was killed while it changed definitions
    assert changed(catalog) == []
    run_cli("sql", "CREATE VIEW v AS SELECT 1", "--write", "--db", catalog, check=True)
    assert not (catalog / CHANGING).exists()
    assert "not_reed" in (catalog / "definitions.json").read_text()


def test_what_cannot_be_restored_is_named(made, tmp_path, run_cli):
    catalog = broken(made, tmp_path, "empty")
    (catalog / "definitions.json").unlink()
    with pytest.raises(DamagedCatalogError):
        hamsight.open(catalog).sql("SELECT 1")
    done = repair(catalog)
    assert (done.restored, [fault.why for fault in done.lost]) == ([], ["is empty"])
    said = run_cli("verify", "--repair", "--db", catalog)
    assert said.returncode == 3
    assert "cannot be restored: " in said.stderr
    assert "the definition of ingests" in said.stderr
    catalog = broken(made, tmp_path / "other", "flipped")
    (catalog / "definitions.json").unlink()
    said = run_cli("verify", "--repair", "--db", catalog)
    assert said.returncode == 3 and "DB::" not in said.stderr
    assert "ingests.sql). There is no copy of which it can be restored" in said.stderr
