"""What others change between two steps of a change is not lost, and nothing comes back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import toy

import hamsight
import hamsight_ingest.features.load
import hamsight_ingest.upkeep.reencode
import hamsight_ingest.upkeep.rehash
import hamsight_ingest.writer
from hamsight_core.catalog import lock
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.fits import hash_of
from hamsight_core.catalog.successor import Successor
from hamsight_core.errors import ModelMismatchError

pytestmark = pytest.mark.homes("chdb", "http")

COUNT = 56
NAMES = [f"red/{n:03}.jpg" for n in range(COUNT)]


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return str(toy.model(tmp_path_factory.mktemp("models") / "toy"))


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return str(toy.model(tmp_path_factory.mktemp("models") / "toy", seed=8))


@pytest.fixture
def folder(tmp_path):
    return toy.photos(tmp_path / "photos" / "red", COUNT).parent


@pytest.fixture
def session(dsn, package, folder):
    with hamsight.open(dsn) as opened:
        opened.ingest(folder, model=package)
        opened.add_to_group("old", dataset="photos")
        yield opened


class Others:
    """Sessions of their own, each in a thread, that do something at a certain moment."""

    def __init__(self, dsn: str, *changes: Callable[[hamsight.Session], object]) -> None:
        self.errors: list[BaseException] = []
        self._dsn, self._asking = dsn, threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(one,)) for one in changes]

    def _run(self, change: Callable[[hamsight.Session], object]) -> None:
        try:
            with hamsight.open(self._dsn) as session:
                catalog = session.catalog()
                taken = catalog._lock.hold

                def hold(what: str, **options):
                    self._asking.set()
                    return taken(what, **options)

                catalog._lock.hold = hold
                change(session)
        except BaseException as error:
            self.errors.append(error)

    def let(self, held: bool) -> None:
        """Let them begin, and go on when they have ended; where `held`, when one waits for us."""
        for thread in self._threads:
            thread.start()
        if held:
            assert self._asking.wait(60)
        else:
            self.end()

    def end(self, *errors: type) -> None:
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()
        assert [type(error) for error in self.errors] == list(errors), self.errors


def at(monkeypatch, where: object, name: str, others: Others, turn: int = 1, after: bool = False):
    """Let the others begin when a function is called for the `turn`th time, before it or after."""
    function, calls = getattr(where, name), []

    def called(*given, **options):
        calls.append(1)
        now = len(calls) == turn
        held = threading.current_thread() is threading.main_thread() and is_held()
        if now and not after:
            others.let(held)
        answer = function(*given, **options)
        if now and after:
            others.let(held)
        return answer

    def is_held() -> bool:
        return any(one.depth for one in lock._of_process.values())

    monkeypatch.setattr(where, name, called)
    return calls


def check(session, gone=(), more=()) -> dict[str, dict]:
    """Each item stands once, with the hash of the model's row; return the rows by id."""
    catalog = session.catalog()
    model = catalog.model()
    rows = {id: row for (_, id), row in toy.stored(session, model.items_table).items()}
    assert sorted(rows) == sorted({*NAMES, *more} - set(gone))
    hash = hash_of(catalog, model)
    for row in rows.values():
        assert row["hash"] == hash.encode_images(np.array([row["feature"]])).tobytes()
    assert toy.in_use(session) == {model.items_table}
    assert len(toy.stored(session, "items_toy")) == len(rows)
    return rows


# A rehash that ends between reading the name of the table and reading the table


def ingest_again(session, folder):
    toy.photos(folder / "red", 1, first=COUNT)
    assert session.ingest(folder).counts.added == 1


def ingest_metadata(session, folder):
    assert session.ingest(folder, tags_from_folder=True).counts.replaced == COUNT


def group_by_name(session, folder):
    assert session.add_to_group("new", [NAMES[3]]).changed == 1


def group_by_filter(session, folder):
    assert session.add_to_group("new", where='id < "red/010.jpg"').changed == 10


def delete(session, folder):
    assert session.delete([NAMES[3]]) == 1


def delete_dataset(session, folder):
    assert session.delete_dataset("photos") == COUNT


def export(session, folder):
    session.export(folder.parent / "out", "coco", dataset="photos")
    assert (folder.parent / "out" / "annotations").is_dir()


def verify(session, folder):
    assert session.verify(files="none").to_pylist() == []


def datasets(session, folder):
    assert session.datasets()["items"].to_pylist() == [COUNT]


PLACES = [
    ingest_again,
    ingest_metadata,
    group_by_name,
    group_by_filter,
    delete,
    delete_dataset,
    export,
    verify,
    datasets,
]


@pytest.mark.homes("http")
@pytest.mark.parametrize("act", PLACES, ids=lambda act: act.__name__)
@pytest.mark.parametrize("turn", [1, 2])
def test_a_rehash_after_the_name_was_read(session, dsn, home, folder, monkeypatch, act, turn):
    others = Others(dsn, lambda other: other.rehash())
    catalog = session.catalog()
    calls = at(monkeypatch, catalog, "models", others, turn, after=True)
    act(session, folder)
    monkeypatch.undo()
    if len(calls) >= turn:
        others.end(*(() if act is not delete_dataset else others_errors(others)))
    if act is delete_dataset:
        assert session.datasets().num_rows == 0
        return
    gone = [NAMES[3]] if act is delete else []
    more = [f"red/{COUNT:03}.jpg"] if act is ingest_again else []
    rows = check(session, gone, more)
    grouped = [id for id, row in rows.items() if "new" in row["groups"]]
    assert len(grouped) == {group_by_name: 1, group_by_filter: 10}.get(act, 0)


def others_errors(others: Others) -> list[type]:
    """Hashing again what has no items left is an error, which may come or not."""
    return [type(error) for error in others.errors]


# What others change while an ingest is between its look at the items and their rows


def test_an_ingest_loses_nothing_and_brings_nothing_back(session, dsn, folder, monkeypatch):
    others = Others(
        dsn,
        lambda other: other.add_to_group("new", NAMES[:3]),
        lambda other: other.set(NAMES[3], status="reviewed", attributes={"by": "me"}),
        lambda other: other.delete_group("old"),
        lambda other: other.delete(NAMES[4:6]),
    )
    for name in NAMES[:4]:
        (folder / name).write_bytes(toy.jpeg(500 + int(name[4:7])))
    at(monkeypatch, hamsight_ingest.writer, "present_items", others, after=True)
    assert session.ingest(folder).counts.replaced == 4
    others.end()
    rows = check(session, gone=NAMES[4:6])
    assert [rows[name]["groups"] for name in NAMES[:4]] == [["new"]] * 3 + [[]]
    assert (rows[NAMES[3]]["status"], rows[NAMES[3]]["attributes"]) == ("reviewed", {"by": "me"})
    assert not any("old" in row["groups"] for row in rows.values())


def test_what_was_deleted_before_the_batch_does_not_come_back(session, dsn, folder, monkeypatch):
    others = Others(
        dsn,
        lambda other: other.delete(NAMES[4:6]),
        lambda other: other.remove_from_group("old", NAMES[6]),
    )
    at(monkeypatch, hamsight_ingest.writer.Writer, "flush", others)
    counts = session.ingest(folder, tags_from_folder=True).counts
    assert (counts.replaced, counts.unchanged) == (COUNT - 2, 2)
    rows = check(session, gone=NAMES[4:6])
    assert rows[NAMES[6]]["groups"] == []


# What others change while a model moves to another generation


def changes(folder: Path, first: int, ingests: bool = True) -> list[Callable]:
    names = NAMES[first : first + 8]

    def ingest(other) -> None:
        source = folder.parent / f"more{first}"
        toy.photos(source / "red", 2, first=COUNT + first)
        (source / names[6]).write_bytes(toy.jpeg(500 + first))
        other.ingest(source, dataset="photos")

    return [
        lambda other: other.add_to_group("mine", names[:3]),
        lambda other: other.set(names[3], status="reviewed"),
        lambda other: other.delete(names[4:6]),
        *([ingest] if ingests else []),
    ]


def check_changed(session, firsts: list[int], ingested: list[int]) -> None:
    gone = [name for first in firsts for name in NAMES[first + 4 : first + 6]]
    more = [f"red/{COUNT + first + n:03}.jpg" for first in ingested for n in range(2)]
    rows = check(session, gone, more)
    for first in firsts:
        names = NAMES[first : first + 8]
        assert all("mine" in rows[name]["groups"] for name in names[:3])
        assert rows[names[3]]["status"] == "reviewed"
        assert first not in ingested or f"more{first}" in rows[names[6]]["uri"]


def test_changes_during_a_rehash_are_kept(session, dsn, folder, monkeypatch):
    early, late = Others(dsn, *changes(folder, 0)), Others(dsn, *changes(folder, 20))
    at(monkeypatch, hamsight_ingest.upkeep.rehash, "calibrate", early)
    at(monkeypatch, Successor, "switch", late)
    session.rehash()
    late.end()
    check_changed(session, [0, 20], ingested=[0, 20])


def test_changes_during_a_re_encoding_are_kept(session, dsn, folder, other, monkeypatch):
    early = Others(dsn, *changes(folder, 0))
    # an ingest that has begun with the weights of before ends, as the next test has it
    late = Others(dsn, *changes(folder, 20, ingests=False))
    at(monkeypatch, hamsight_ingest.upkeep.reencode._Work, "check_datasets", early)
    at(monkeypatch, hamsight_ingest.upkeep.reencode, "switch", late)
    assert session.encode_again(other).complete
    late.end()
    check_changed(session, [0, 20], ingested=[0])


def test_an_ingest_with_the_former_weights_ends(session, dsn, folder, other, monkeypatch):
    others = Others(dsn, lambda another: another.encode_again(other))
    at(monkeypatch, hamsight_ingest.writer.Writer, "flush", others)
    (folder / NAMES[0]).write_bytes(toy.jpeg(500))
    with pytest.raises(ModelMismatchError):
        session.ingest(folder)
    check(session)


def test_an_import_has_the_hash_of_the_row(session, dsn, tmp_path, monkeypatch):
    np.savez(tmp_path / "new.npz", ids=["a", "b"], features=np.eye(2, toy.DIMENSION))
    others = Others(dsn, lambda other: other.rehash())
    at(monkeypatch, hamsight_ingest.features.load, "_check_twice", others)
    session.import_features(tmp_path / "new.npz", "toy")
    assert session.catalog().model().hash_scheme == "ternary"
    check(session, more=["a", "b"])


def test_of_two_rehashes_one_says_that_the_other_was_sooner(session, dsn, monkeypatch):
    others = Others(dsn, lambda other: other.rehash())
    at(monkeypatch, hamsight_ingest.upkeep.rehash, "calibrate", others)
    assert session.rehash(scheme="sign") is None
    assert session.catalog().model().hash_scheme == "ternary"
    check(session)


def test_a_rename_takes_along_what_comes_meanwhile(session, dsn, folder, monkeypatch):
    others = Others(dsn, lambda other: other.add_to_group("new", where='id < "red/010.jpg"'))
    catalog: Catalog = session.catalog()
    at(monkeypatch, catalog, "await_replicas", others)
    session.rename_dataset("photos", "pictures")
    others.end()
    rows = check(session)
    assert {row["dataset"] for row in rows.values()} == {"pictures"}
    assert sum("new" in row["groups"] for row in rows.values()) == 10
