"""A hash fitted to a catalog: searches, later ingests, saved queries and killed runs."""

from __future__ import annotations

import json

import made_catalog
import numpy as np
import pytest
import toy
from made_catalog import DIMENSION, made_items

import hamsight
import hamsight_ingest.upkeep.rehash
import hamsight_query.saved
import hamsight_query.search
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.fits import hash_of
from hamsight_core.errors import SourceError, UsageError
from hamsight_core.hashing.sign import sign_hash
from hamsight_core.hashing.ternary import HashParameters
from hamsight_core.models.package import load_package
from hamsight_ingest.pipeline import Settings, run
from hamsight_ingest.readers import open_source
from hamsight_ingest.upkeep.tune import tune
from hamsight_ingest.writer import Counts

ITEMS = made_items(120)
FEATURES = np.stack([made.feature for made in ITEMS])
NAMES = [made.name for made in ITEMS]
IDENTITIES = [made.identity for made in ITEMS]


@pytest.fixture
def session(dsn, tmp_path):
    made_catalog.fill(dsn, tmp_path / "model", ITEMS)
    with hamsight.open(dsn) as opened:
        yield opened


def rows_of(session) -> dict[str, tuple[bytes, list[float]]]:
    table = session.catalog().model().items_table
    found = session.catalog().client.query(
        f"SELECT concat(dataset, '/', subset, '/', id), hash, feature FROM {table}"
    )
    return {name: (hash, feature) for name, hash, feature in found.result_rows}


def place(sums: np.ndarray) -> list[str]:
    """Names by the sum of planes, ties by identity."""
    keys = [(int(sums[n]), ITEMS[n].sorted_by) for n in range(len(ITEMS))]
    return [NAMES[n] for n in sorted(range(len(ITEMS)), key=keys.__getitem__)]


def test_all_items_have_the_fitted_hash_and_nothing_else_changes(session):
    before = session.sql("SELECT * EXCEPT hash FROM items_made ORDER BY ALL")
    done = session.rehash()
    assert (done.items, done.sample, done.words) == (120, 120, 0)
    model = session.catalog().model()
    assert (model.hash_scheme, model.items_table, model.bits) == (
        "ternary",
        *toy.in_use(session),
        64,
    )
    after = session.sql("SELECT * EXCEPT hash FROM items_made ORDER BY ALL")
    assert sorted(map(str, after.to_pylist())) == sorted(map(str, before.to_pylist()))
    hash = hash_of(session.catalog(), model)
    assert isinstance(hash, HashParameters)
    for name, (stored, feature) in rows_of(session).items():
        assert stored == hash.encode_images(np.array([feature])).tobytes(), name
    assert session.verify(files="none").num_rows == 0
    again = session.rehash(bits=128)
    assert (again.model.bits, again.former) == (128, model.items_table)
    assert {len(stored) for stored, _ in rows_of(session).values()} == {16}


@pytest.mark.parametrize("combine", ["nearest", "balanced", "all"])
def test_searches_rank_by_planes_of_bits(session, combine):
    session.rehash()
    hash = hash_of(session.catalog(), session.catalog().model())
    packed = hash.encode_images(FEATURES)
    asked = [3, 50]
    planes = [hash.encode_query(FEATURES[n], "image", 2) for n in asked]
    differ = np.stack(
        [np.unpackbits(packed[:, None] ^ one, axis=2).sum(axis=2, dtype=int) for one in planes]
    )
    sums = differ @ [1, 2]
    options = {"combine": combine, "rank": "hamming", "k": 120, "exclude_self": False}
    found = session.query(item=[NAMES[n] for n in asked], **options)
    assert len(found) == 120
    for match in found:
        query = [f"item: {NAMES[n]}" for n in asked].index(match.query)
        item = ITEMS[
            [made.identity for made in ITEMS].index((match.dataset, match.subset, match.id))
        ]
        assert match.distance == differ[query, ITEMS.index(item), 1]
    if combine != "balanced":
        ordered = sums.min(axis=0) if combine == "nearest" else sums.max(axis=0)
        identities = ["/".join((m.dataset, m.subset, m.id)) for m in found]
        assert identities == place(ordered)
    within = session.query(item=NAMES[3], rank="hamming", k=120, max_distance=9, exclude_self=False)
    assert {m.distance for m in within} <= set(range(10))
    assert len(within) == (differ[0, :, 1] <= 9).sum()
    assert within[0].distance == 0


def test_the_default_search_is_that_of_exact_cosine(session):
    options = {"k": 10, "exclude_self": False}
    before = [list(session.query(item=name, **options)) for name in NAMES[:20]]
    session.rehash()
    assert session.catalog().model().hash_settings.calibration.items == 120
    after = [list(session.query(item=name, **options)) for name in NAMES[:20]]
    assert [[m.id for m in one] for one in after] == [[m.id for m in one] for one in before]


def test_signs_come_back_and_then_stay(session):
    before = rows_of(session)
    session.rehash()
    done = session.rehash(scheme="sign")
    assert rows_of(session) == before
    assert (done.model.hash_scheme, done.model.hash_settings.chosen) == ("sign", True)
    package = load_package(done.model.source)
    assert tune(session.catalog(), done.model, package, "CPU") is None
    assert session.catalog().model() == done.model


def test_saved_queries_follow(session):
    session.save_query("early", item=NAMES[7], k=9, rank="hamming")
    session.rehash()
    session.save_query("late", item=NAMES[7], k=9, rank="hamming")
    direct = [m.id for m in session.query(item=NAMES[7], k=9, rank="hamming")]
    assert [m.id for m in session.run("early")] == direct
    assert [m.id for m in session.run("late")] == direct
    session.save_view("late", "found_late")
    seen = session.sql("SELECT id FROM found_late ORDER BY rank")["id"].to_pylist()
    assert seen == direct
    session.rehash(scheme="sign")
    direct = [m.id for m in session.query(item=NAMES[7], k=9, rank="hamming")]
    assert [m.id for m in session.run("early")] == direct
    assert [m.id for m in session.run("late")] == direct


def test_a_search_that_a_new_hash_overtakes_is_answered_from_the_former(session, monkeypatch):
    session.save_query("near", item=NAMES[7], k=9, rank="hamming")
    before = [match.name for match in session.query(item=NAMES[7], k=9, rank="hamming")]
    answered = hamsight_query.search.Prepared.answer
    overtaken: list[str] = []

    def overtake(prepared, catalog):
        if len(overtaken) % 2 == 0:
            overtaken.append(session.rehash().former)
        else:
            overtaken.append("")
        return answered(prepared, catalog)

    monkeypatch.setattr(hamsight_query.search.Prepared, "answer", overtake)
    found = session.query(item=NAMES[7], k=9, rank="hamming")
    again = session.run("near")
    assert len(overtaken) == 2
    assert [match.name for match in found] == before
    assert len(again) == 9
    assert found.statement.sql != again.statement.sql


def test_a_run_that_is_killed_leaves_the_former_hashes_in_use(session, monkeypatch):
    before = rows_of(session)

    def killed(*given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(hamsight_ingest.upkeep.rehash, "calibrate", killed)
    with pytest.raises(KeyboardInterrupt):
        session.rehash()
    assert session.catalog().model().hash_scheme == "sign"
    assert rows_of(session) == before
    assert toy.in_use(session) == {session.catalog().model().items_table}


def test_imports_are_hashed_by_the_fit_and_bring_no_hashes(session, tmp_path):
    session.rehash()
    random = np.random.default_rng(5).normal(size=(8, DIMENSION)).astype(np.float32)
    ids = [f"new{n}" for n in range(8)]
    np.savez(tmp_path / "new.npz", id=ids, feature=random)
    session.import_features(tmp_path / "new.npz", "made")
    hash = hash_of(session.catalog(), session.catalog().model())
    found = {name: row for name, row in rows_of(session).items() if name.startswith("new/")}
    assert len(found) == 8
    for stored, feature in found.values():
        assert stored == hash.encode_images(np.array([feature])).tobytes()
    np.savez(tmp_path / "signs.npz", id=ids, feature=random, hash=sign_hash(random))
    with pytest.raises(SourceError, match="--column hash="):
        session.import_features(tmp_path / "signs.npz", "made")


def test_imports_are_measured_where_they_have_features(session, tmp_path, monkeypatch):
    monkeypatch.setattr("hamsight_core.hashing.hash_settings.DEFAULT_CANDIDATES", 30)
    features = np.random.default_rng(6).normal(size=(60, 16)).astype(np.float32)
    ids = [str(n) for n in range(60)]
    np.savez(tmp_path / "new.npz", id=ids, feature=features)
    np.savez(tmp_path / "bare.npz", id=ids, hash=sign_hash(features))
    session.import_features(tmp_path / "new.npz", "new", dimension=16)
    session.import_features(tmp_path / "bare.npz", "bare", bits=16)
    models = {model.name: model.hash_settings for model in session.catalog().models()}
    assert models["new"].calibration.items == 60
    assert models["bare"].calibration is None


def test_wrong_requests_say_what_is_wrong(session, tmp_path):
    with pytest.raises(UsageError, match="choose sign or ternary"):
        session.rehash(scheme="itq")
    with pytest.raises(UsageError, match="multiple of 8"):
        session.rehash(bits=12)
    with pytest.raises(UsageError, match="leave --bits out"):
        session.rehash(scheme="sign", bits=128)
    np.savez(tmp_path / "few.npz", id=["a"], hash=np.zeros((1, 8), np.uint8))
    session.import_features(tmp_path / "few.npz", "few", bits=64)
    with pytest.raises(UsageError, match="hashes alone"):
        session.rehash("few")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return toy.model(tmp_path_factory.mktemp("models") / "toy")


def test_an_ingest_at_the_same_time_loses_nothing(dsn, package, tmp_path, monkeypatch):
    folder = toy.photos(tmp_path / "photos", 60)
    with hamsight.open(dsn) as session:
        session.ingest(folder, model=str(package))
        toy.photos(folder, 40, first=60)
        (folder / "005.jpg").write_bytes(toy.jpeg(500))
        (folder / "006.jpg").write_bytes(toy.jpeg(600))
        monkeypatch.setattr("hamsight_ingest.writer.FLUSH_ROWS", 5)
        rehashed: list[int] = []

        def rehash_meanwhile(counts: Counts) -> None:
            if len(rehashed) < 2 and counts.added < 35 and counts.added > sum(rehashed):
                rehashed.append(counts.added)
                assert session.rehash() is not None

        outcome = run(
            session.catalog(),
            open_source(folder),
            load_package(str(package)),
            "photos",
            Settings("CPU", batch=1, workers=1),
            on_progress=rehash_meanwhile,
            stopped=lambda: False,
        )
        assert (outcome.counts.added, outcome.counts.replaced) == (40, 2)
        assert rehashed
        check_whole(session, package, 100)


def check_whole(session: hamsight.Session, package, count: int) -> None:
    """Each item stands once, with the hash that the model's row names, in the only table."""
    model = session.catalog().model()
    assert toy.in_use(session) == {model.items_table}
    rows = toy.stored(session, model.items_table)
    assert sorted(id for _, id in rows) == [f"{n:03}.jpg" for n in range(count)]
    hash = hash_of(session.catalog(), model)
    for row in rows.values():
        assert row["hash"] == hash.encode_images(np.array([row["feature"]])).tobytes()
    again = session.ingest(row_folder(rows), model=str(package))
    assert again.counts.unchanged == count


def row_folder(rows: dict) -> str:
    return next(iter(rows.values()))["uri"].rsplit("/", 1)[0].removeprefix("file://")


def test_the_first_ingest_of_many_fits_by_itself(dsn, package, tmp_path, monkeypatch):
    monkeypatch.setattr("hamsight_ingest.upkeep.tune.FIT_ITEMS", 50)
    folder = toy.photos(tmp_path / "photos", 49)
    with hamsight.open(dsn) as session:
        assert session.ingest(folder, model=str(package)).rehashed is None
        toy.photos(folder, 11, first=49)
        outcome = session.ingest(folder)
        assert outcome.rehashed.model == session.catalog().model()
        check_whole(session, package, 60)
        assert session.ingest(folder).rehashed is None
        settings = json.loads(session.catalog().model().hash_parameters)
        assert settings["calibration"]["items"] == 60


def test_metadata_that_changes_keeps_the_hash(dsn, package, tmp_path):
    folder = toy.photos(tmp_path / "photos" / "red", 50).parent
    with hamsight.open(dsn) as session:
        session.ingest(folder, model=str(package))
        session.rehash()
        before = {name: hash for name, (hash, _) in rows_of(session).items()}
        assert session.ingest(folder, tags_from_folder=True).counts.replaced == 50
        assert {name: hash for name, (hash, _) in rows_of(session).items()} == before
        table = session.catalog().model().items_table
        tagged = session.sql(f"SELECT count() AS n FROM {table} WHERE tags['red'] = 1")
        assert tagged.to_pylist() == [{"n": 50}]


def test_a_table_that_a_view_names_is_not_moved_by_itself(dsn, package, tmp_path, monkeypatch):
    monkeypatch.setattr("hamsight_ingest.upkeep.tune.FIT_ITEMS", 50)
    folder = toy.photos(tmp_path / "photos", 40)
    with hamsight.open(dsn) as session:
        session.ingest(folder, model=str(package))
        table = toy.generation(session)
        session.sql(f"CREATE VIEW fixed AS SELECT id FROM {table}", write=True)
        session.sql("CREATE VIEW mine AS SELECT id FROM items_toy", write=True)
        toy.photos(folder, 20, first=40)
        assert session.ingest(folder).rehashed is None
        session.sql("DROP VIEW fixed", write=True)
        assert session.ingest(folder).rehashed is not None
        toy.photos(folder, 1, first=60)
        session.ingest(folder)
        assert session.sql("SELECT count() FROM mine").to_pylist() == [{"count()": 61}]


def test_the_number_of_candidates_follows_the_table(dsn, package, tmp_path, monkeypatch):
    monkeypatch.setattr("hamsight_core.hashing.hash_settings.DEFAULT_CANDIDATES", 30)
    monkeypatch.setattr("hamsight_core.catalog.calibration.LEAST", 5)
    folder = toy.photos(tmp_path / "photos", 60)
    with hamsight.open(dsn) as session:
        session.ingest(folder, model=str(package))
        catalog = session.catalog()
        assert isinstance(catalog, Catalog)
        first = catalog.model().hash_settings.calibration
        assert first.items == 60
        assert first.recall["image"] >= 0.97
        statement = session.query(item="000.jpg").statement
        assert statement.parameters["candidates"] == first.candidates["image"] >= 10
        assert session.query(item="000.jpg", candidates=7).statement.parameters["candidates"] == 7
        toy.photos(folder, 5, first=60)
        session.ingest(folder)
        assert catalog.model().hash_settings.calibration == first
        toy.photos(folder, 20, first=65)
        session.ingest(folder)
        assert catalog.model().hash_settings.calibration.items == 85
