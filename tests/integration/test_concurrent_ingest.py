"""Ingests at the same time into one catalog on a server end as if one had run after the other."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import toy
from toy import stored

import hamsight
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.errors import ModelMismatchError
from hamsight_core.models.network import HERE
from hamsight_core.models.package import load_package
from hamsight_ingest.pipeline import Settings, run
from hamsight_ingest.readers import open_source
from hamsight_ingest.upkeep.tune import tune
from hamsight_ingest.writer import Counts, Writer

pytestmark = pytest.mark.homes("chdb", "http")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return toy.model(tmp_path_factory.mktemp("models") / "toy")


@pytest.fixture
def small_flushes(monkeypatch):
    monkeypatch.setattr("hamsight_ingest.writer.FLUSH_ROWS", 7)


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


# Two processes, step by step: `before` lets one do something between two steps of the other.


@pytest.fixture
def two(dsn) -> Iterator[tuple[Catalog, Catalog]]:
    with Catalog.open(dsn, create=True) as one, Catalog.open(dsn, create=True) as other:
        yield one, other


def before(monkeypatch, catalog: Catalog, statement: str, do: Callable[[], object]) -> None:
    """Do something once, just before a catalog sends a statement of `sql/` for the first time."""
    run, rows = catalog.run, catalog.rows
    left = [do]

    def late(send: Callable) -> Callable:
        def sent(name: str, *given, **fragments):
            if name == statement and left:
                left.pop()()
            return send(name, *given, **fragments)

        return sent

    monkeypatch.setattr(catalog, "run", late(run))
    monkeypatch.setattr(catalog, "rows", late(rows))


def before_flush(monkeypatch, catalog: Catalog, do: Callable[[], object]) -> None:
    """Do something once, just before a catalog's writer begins its first batch."""
    flush, left = Writer.flush, [do]

    def late(writer: Writer) -> None:
        if left and writer._catalog is catalog:
            left.pop()()
        flush(writer)

    monkeypatch.setattr(Writer, "flush", late)


def ingested(catalog: Catalog, folder: Path, package) -> Counts:
    """Ingest a folder into the dataset `both` through a catalog that is open."""
    return run(
        catalog,
        open_source(folder),
        load_package(str(package)),
        "both",
        Settings("CPU", batch=4, workers=1),
        on_progress=lambda counts: None,
        stopped=lambda: False,
    ).counts


def test_rows_of_one_moment_are_healed(two, dsn, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 4)
    one, _ = two
    ingested(one, folder, package)
    table = one.model().items_table
    one.client.command(f"INSERT INTO {table} SELECT * FROM {table}")
    assert ingested(one, folder, package).unchanged == 4
    with hamsight.open(dsn) as session:
        assert len(stored(session)) == 4


def test_one_model_is_registered_once(two, dsn, package):
    loaded = load_package(str(package))
    made, start = [], threading.Barrier(2)

    def register(catalog: Catalog) -> None:
        start.wait(30)
        made.append(catalog.register(loaded))

    threads = [threading.Thread(target=register, args=(one,)) for one in two]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert made[0] == made[1]
    assert two[0].models() == made[:1]
    with hamsight.open(dsn) as session:
        assert session.verify().to_pylist() == []
        assert toy.in_use(session) == {made[0].items_table}


def test_the_second_of_two_packages_of_one_name_is_refused(two, dsn, package, tmp_path):
    other_package = load_package(str(toy.model(tmp_path / "other", seed=8)))
    one, other = two
    photos = toy.photos(tmp_path / "photos", 3)
    ingested(other, photos, package)
    with pytest.raises(ModelMismatchError, match="must not be compared"):
        one.register(other_package)
    assert [model.digest for model in one.models()] == [load_package(str(package)).digest]
    with hamsight.open(dsn) as session:
        assert len(stored(session)) == 3
        assert session.verify().to_pylist() == []


def test_a_place_is_not_given_to_another_picture(two, dsn, package, tmp_path, monkeypatch):
    one, other = two
    first, second = (toy.photos(tmp_path / name, 3) for name in ("first", "second"))
    ingested(one, first, package)
    third = toy.photos(tmp_path / "third", 3, first=50)
    for n in range(3):
        (third / f"{50 + n:03}.jpg").rename(third / f"{n:03}.jpg")
    before_flush(monkeypatch, one, lambda: ingested(other, third, package))
    assert ingested(one, second, package).unchanged == 3
    with hamsight.open(dsn) as session:
        assert {Path(row["uri"]).parent for row in stored(session).values()} == {third}
        assert session.verify(files="digest").to_pylist() == []


@pytest.mark.parametrize("statement", ["count_items", "find_hash_fit"])
def test_a_hash_that_another_process_has_just_fitted_stays(
    two, dsn, package, tmp_path, monkeypatch, statement
):
    monkeypatch.setattr("hamsight_ingest.upkeep.tune.FIT_ITEMS", 50)
    one, other = two
    ingested(one, toy.photos(tmp_path / "photos", 50), package)
    loaded = load_package(str(package))
    before(monkeypatch, one, statement, lambda: tune(other, other.model(), loaded, HERE))
    assert tune(one, one.model(), loaded, HERE) is None
    assert one.model().hash_scheme == "ternary"
    with hamsight.open(dsn) as session:
        assert session.verify().to_pylist() == []


def test_a_catalog_without_what_tells_runs_apart_is_read_and_mended(two, dsn, package, tmp_path):
    one, _ = two
    folder = toy.photos(tmp_path / "photos", 3)
    one.client.command("ALTER TABLE ingests DROP COLUMN run")
    one.client.command(
        "INSERT INTO ingests (dataset, model, source, started_at, finished_at, complete)"
        " VALUES ('both', 'toy', '/former', 1, 2, true)"
    )
    assert len(one.rows("list_ingests", {"limit": 9})) == 1
    with hamsight.open(dsn) as session:
        assert session.verify().to_pylist() == []
        session.ingest(folder, dataset="both", model=str(package))
    assert [row[6] for row in one.rows("list_ingests", {"limit": 9})] == [True, True]


def test_runs_that_begin_at_the_same_moment_are_both_recorded(two, package, tmp_path, monkeypatch):
    one, other = two
    folder = toy.photos(tmp_path / "photos", 3)
    monkeypatch.setattr("hamsight_ingest.record._now_ms", lambda: 1_700_000_000_000)
    before_flush(monkeypatch, one, lambda: ingested(other, folder, package))
    ingested(one, folder, package)
    rows = one.rows("list_ingests", {"limit": 9})
    assert [row[6] for row in rows] == [True, True]


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
            encoding="utf-8",
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
    other = tmp_path / "other"
    other.mkdir()
    for n in range(40, 100):
        (other / f"{n:03}.jpg").write_bytes(toy.jpeg(100 + n))
    counts = processes(server, package, [folder, other])
    assert [(sum(one), one[3]) for one in counts] == [(81, 1), (60, 0)]
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
        assert [row[6] for row in ingests] == [True] * 2
        again = session.ingest(other, dataset="both", model=str(package)).counts
        assert (again.total, again.added) == (60, 0)
