"""Ingests at the same time into one catalog on a server end as if one had run after the other."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import threading
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
import toy
from toy import stored

import hamsight
from hamsight.catalog import Catalog, model_of
from hamsight.errors import ModelMismatchError
from hamsight.model import load_package
from ingest.pipeline import Settings, run
from ingest.readers import open_source


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return toy.model(tmp_path_factory.mktemp("models") / "toy")


@pytest.fixture
def small_flushes(monkeypatch):
    monkeypatch.setattr("ingest.writer.FLUSH_ROWS", 7)


def together(dsn, package, folders: list[Path]) -> list:
    """Ingest each folder into the dataset `both`, all at once, each on a connection of its own."""
    with Catalog.open(dsn, create=True):
        pass
    outcomes, errors = [], []
    start = threading.Barrier(len(folders))

    def work(folder: Path) -> None:
        try:
            with Catalog.open(dsn, create=True) as catalog:
                start.wait(30)
                outcome = run(
                    catalog,
                    open_source(folder),
                    load_package(str(package)),
                    "both",
                    Settings("CPU", batch=4, workers=2),
                    on_progress=lambda counts: None,
                    stopped=lambda: False,
                )
                outcomes.append(outcome)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(one,), daemon=True) for one in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert errors == []
    assert len(outcomes) == len(folders)
    return outcomes


def test_the_same_files_twice_stand_once(dsn, package, tmp_path, small_flushes):
    folder = toy.photos(tmp_path / "photos", 40)
    (folder / "bad.jpg").write_bytes(b"broken")
    outcomes = together(dsn, package, [folder, folder])
    assert [one.counts.total for one in outcomes] == [41, 41]
    with hamsight.open(dsn) as session:
        assert len(session.catalog().models()) == 1
        assert sorted(id for _, id in stored(session)) == [f"{n:03}.jpg" for n in range(40)]
        assert len(session.catalog().rows("list_rejects", {"limit": 9})) == 1
        again = session.ingest(folder, dataset="both")
        assert (again.counts.unchanged, again.counts.rejected) == (40, 1)


def test_the_same_identities_of_other_pictures_stand_once(dsn, package, tmp_path, small_flushes):
    one = toy.photos(tmp_path / "one", 30)
    two = tmp_path / "two"
    two.mkdir()
    for n in range(10, 40):
        (two / f"{n:03}.jpg").write_bytes(toy.jpeg(100 + n))
    together(dsn, package, [one, two])
    with hamsight.open(dsn) as session:
        rows = stored(session)
        assert sorted(id for _, id in rows) == [f"{n:03}.jpg" for n in range(40)]
        for (_, id), row in rows.items():
            path = Path(row["uri"])
            assert path.name == id
            assert row["sha256"] == hashlib.sha256(path.read_bytes()).digest()
        session.ingest(two, dataset="both", model=str(package))
        rows = stored(session)
        assert {Path(rows["", f"{n:03}.jpg"]["uri"]).parent for n in range(10, 40)} == {two}
        counts = session.ingest(two, dataset="both", model=str(package)).counts
        assert (counts.unchanged, counts.added, counts.replaced) == (30, 0, 0)


def test_rows_of_one_moment_are_healed(dsn, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 4)
    with hamsight.open(dsn) as session:
        session.ingest(folder, model=str(package))
        before = stored(session)
        session.catalog().client.command("INSERT INTO items_toy SELECT * FROM items_toy")
        session.ingest(folder)
        assert set(stored(session)) == set(before)


def test_one_model_is_registered_once(dsn, package):
    with Catalog.open(dsn, create=True) as one, Catalog.open(dsn, create=True) as two:
        made = model_of(load_package(str(package)))
        table = one.new_table(made.name)
        models = [each.add_model(replace(made, items_table=table)) for each in (one, two)]
        assert models[0] == models[1]
        assert one.models() == [models[0]]


def test_the_second_of_two_packages_of_one_name_is_refused(dsn, package, tmp_path):
    other = load_package(str(toy.model(tmp_path / "other", seed=8)))
    with Catalog.open(dsn, create=True) as one, Catalog.open(dsn, create=True) as two:
        table = two.new_table("toy")
        one.register(load_package(str(package)))
        with pytest.raises(ModelMismatchError, match="another process"):
            two.add_model(replace(model_of(other), items_table=table))
        assert [model.digest for model in two.models()] == [load_package(str(package)).digest]


# Processes of the command, on an empty catalog behind HTTP.


@pytest.fixture
def server(front):
    database = f"test_{uuid.uuid4().hex[:12]}"
    yield front.dsn(database)
    with front.handle() as handle:
        handle.query(f"DROP DATABASE IF EXISTS {database}")


def processes(dsn, package, folders: list[Path]) -> list[tuple[int, ...]]:
    """Run `hamsight ingest FOLDER --dataset both` for each folder at once; return its counts."""
    command = [sys.executable, "-m", "hamsight", "ingest"]
    options = ["--dataset", "both", "--model", str(package), "--db", dsn]
    started = [
        subprocess.Popen(
            [*command, str(folder), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for folder in folders
    ]
    counts = []
    for process in started:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        counts.append(tuple(map(int, re.findall(r"(\d+) (?:added|replaced|unchanged|rej)", out))))
    return counts


def test_two_commands_at_once_end_as_if_one_ran_after_the_other(server, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 80)
    (folder / "bad.jpg").write_bytes(b"broken")
    counts = processes(server, package, [folder, folder])
    assert [(sum(one), one[3]) for one in counts] == [(81, 1)] * 2
    other = tmp_path / "other"
    other.mkdir()
    for n in range(40, 100):
        (other / f"{n:03}.jpg").write_bytes(toy.jpeg(100 + n))
    (folder / "050.jpg").write_bytes(toy.jpeg(999))
    counts = processes(server, package, [folder, other])
    assert [sum(one) for one in counts] == [81, 60]
    with hamsight.open(server) as session:
        rows = stored(session)
        assert sorted(id for _, id in rows) == [f"{n:03}.jpg" for n in range(100)]
        for (_, id), row in rows.items():
            path = Path(row["uri"])
            assert path.name == id
            assert row["sha256"] == hashlib.sha256(path.read_bytes()).digest()
        assert session.verify(files="digest").to_pylist() == []
        catalog = session.catalog()
        assert len(catalog.models()) == 1
        assert len(catalog.rows("list_rejects", {"limit": 9})) == 1
        ingests = catalog.rows("list_ingests", {"limit": 9})
        assert [row[6] for row in ingests] == [True] * 4
        again = session.ingest(other, dataset="both", model=str(package)).counts
        assert (again.total, again.added) == (60, 0)
