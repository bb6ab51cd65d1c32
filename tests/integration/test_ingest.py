"""Ingest adds, replaces, leaves and rejects what it should, run after run, in every home."""

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import toy
from PIL import Image
from toy import counts, stored

import hamsight
from hamsight_core.errors import ModelError, ModelMismatchError, SourceError, UsageError
from hamsight_ingest.writer import Counts

STRANGE = '\u2019 " \\ \n\t {x:String} $table % — 猫 🐈 é'


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return toy.model(tmp_path_factory.mktemp("models") / "toy")


@pytest.fixture
def session(dsn):
    with hamsight.open(dsn) as opened:
        yield opened


def rejects(session):
    query = "SELECT dataset, subset, id, uri, reason FROM rejects ORDER BY ALL"
    return session.catalog().client.query(query).result_rows


def touch(file, seconds=10):
    """Give a file another time of change, its bytes as they are."""
    status = file.stat()
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + seconds * 10**9))


# What a second run finds


def test_a_second_run_adds_nothing(session, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 30)
    first = session.ingest(folder, model=str(package))
    assert counts(first) == (30, 0, 0, 0)
    assert (first.dataset, first.model, first.format, first.complete) == (
        "photos",
        "toy",
        "folder",
        True,
    )
    before = stored(session)
    assert counts(session.ingest(folder)) == (0, 0, 30, 0)
    assert stored(session) == before


def test_a_changed_file_replaces_its_row_and_keeps_its_groups(session, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 5)
    session.ingest(folder, model=str(package))
    before = stored(session)
    session.catalog().client.command(
        f"ALTER TABLE {toy.generation(session)}"
        " UPDATE groups = ['mine', 'yours'] WHERE id = '002.jpg'"
        " SETTINGS mutations_sync = 1"
    )
    (folder / "002.jpg").write_bytes(toy.jpeg(99, 40, 30))
    assert counts(session.ingest(folder)) == (0, 1, 4, 0)
    after = stored(session)
    changed = after.pop(("", "002.jpg"))
    former = before.pop(("", "002.jpg"))
    assert after == before
    assert changed["sha256"] == hashlib.sha256(toy.jpeg(99, 40, 30)).digest()
    assert (changed["width"], changed["height"]) == (40, 30)
    assert changed["groups"] == ["mine", "yours"]
    assert changed["feature"] != former["feature"]
    assert changed["ingested_at"] > former["ingested_at"]
    assert counts(session.ingest(folder)) == (0, 0, 5, 0)


def test_a_touched_file_is_unchanged(session, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 3)
    session.ingest(folder, model=str(package))
    before = stored(session)
    touch(folder / "001.jpg")
    assert counts(session.ingest(folder)) == (0, 0, 3, 0)
    assert stored(session) == before


def test_a_file_replaced_within_its_size_is_seen(session, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 1)
    file = folder / "000.jpg"
    file.write_bytes(toy.jpeg(0) + b"a")
    session.ingest(folder, model=str(package))
    file.write_bytes(toy.jpeg(0) + b"b")
    assert counts(session.ingest(folder)) == (0, 1, 0, 0)
    assert stored(session)["", "000.jpg"]["sha256"] == hashlib.sha256(file.read_bytes()).digest()


def test_a_vanished_file_keeps_its_row_and_a_new_one_is_added(session, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 3)
    session.ingest(folder, model=str(package))
    (folder / "001.jpg").unlink()
    toy.photos(folder, 1, first=7)
    assert counts(session.ingest(folder)) == (1, 0, 2, 0)
    assert sorted(id for _, id in stored(session)) == ["000.jpg", "001.jpg", "002.jpg", "007.jpg"]


def test_changed_annotations_replace_the_row(session, package, tmp_path):
    toy.photos(tmp_path / "set" / "train", 3)
    images = [(n, f"{n:03}.jpg") for n in range(3)]
    objects = [(0, "cat", (1, 2, 3, 4)), (1, "dog", (1, 2, 3, 4))]
    said = [(0, "a cat"), (2, "nothing")]
    toy.coco(tmp_path / "set", images, objects, said)
    session.ingest(tmp_path / "set", model=str(package))
    before = stored(session)
    objects[1] = (1, "dog", (1, 2, 3, 5))
    said[1] = (2, "nothing at all")
    toy.coco(tmp_path / "set", images, objects, said)
    assert counts(session.ingest(tmp_path / "set")) == (0, 2, 1, 0)
    after = stored(session)
    assert after["train", "001.jpg"]["boxes"][0]["height"] == 5
    assert after["train", "002.jpg"]["captions"] == ["nothing at all"]
    assert after["train", "000.jpg"] == before["train", "000.jpg"]
    assert counts(session.ingest(tmp_path / "set")) == (0, 0, 3, 0)


def test_two_models_stand_apart(session, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 4)
    other = toy.model(tmp_path / "other", name="Other.Toy-2", seed=8)
    session.ingest(folder, model=str(package))
    assert counts(session.ingest(folder, model=str(other))) == (4, 0, 0, 0)
    assert len(stored(session)) == len(stored(session, "items_other_toy_2")) == 4
    assert session.ingest(folder).model == "Other.Toy-2"
    assert [m.name for m in session.catalog().models()] == ["toy", "Other.Toy-2"]


# What is stored


def test_every_column_is_what_the_dataset_and_the_file_say(session, package, tmp_path):
    root = tmp_path / "set"
    (root / "train").mkdir(parents=True)
    (root / "train" / "a.jpg").write_bytes(toy.jpeg(1, 30, 20))
    toy.picture(2, 10, 40).save(root / "train" / "b.jpg", "PNG")
    objects = [(5, "cat", (1, 2.5, 3, 4)), (5, "cat", (0, 0, 9, 9)), (5, "dog", (7, 8, 1, 2))]
    toy.coco(root, [(5, "a.jpg"), (6, "b.jpg")], objects, [(5, "two cats"), (5, "and a dog")])
    session.ingest(root, model=str(package), dataset="pets")
    rows = stored(session)
    row = rows["train", "a.jpg"]
    file = root / "train" / "a.jpg"
    assert row["dataset"] == "pets"
    assert row["uri"] == str(file)
    assert (row["width"], row["height"], row["orientation"]) == (30, 20, 1)
    assert (row["file_size"], row["format"]) == (file.stat().st_size, "JPEG")
    assert row["sha256"] == hashlib.sha256(file.read_bytes()).digest()
    assert row["tags"] == {"cat": 2, "dog": 1}
    box = ("label", "x", "y", "width", "height")
    assert [tuple(one[key] for key in box) for one in row["boxes"]] == [
        ("cat", 1, 2.5, 3, 4),
        ("cat", 0, 0, 9, 9),
        ("dog", 7, 8, 1, 2),
    ]
    assert row["captions"] == ["two cats", "and a dog"]
    assert row["attributes"] == {"coco_id": "5"}
    assert (row["status"], row["groups"]) == ("annotated", [])
    assert row["modified_at"].timestamp() == pytest.approx(file.stat().st_mtime, abs=1e-3)
    other = rows["train", "b.jpg"]
    assert (other["format"], other["width"], other["height"]) == ("PNG", 10, 40)
    assert (other["status"], other["tags"], other["boxes"]) == ("unannotated", {}, [])
    named = "SELECT filename FROM items_toy WHERE id = 'a.jpg'"
    assert session.catalog().client.query(named).result_rows == [("a.jpg",)]


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_pictures_are_stored_upright(session, package, tmp_path, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.jpg").write_bytes(toy.jpeg(1, 30, 20, exif=exif))
    session.ingest(tmp_path / "p", model=str(package))
    row = stored(session)["", "a.jpg"]
    size = (30, 20) if orientation < 5 else (20, 30)
    assert (row["width"], row["height"], row["orientation"]) == (*size, orientation)


def test_names_and_words_come_back_as_they_were(session, package, tmp_path):
    root = tmp_path / "set"
    long = "x" * 5000
    name = STRANGE.replace("\\", "") + ".jpg"  # COCO of Windows writes it for /
    (root / "train").mkdir(parents=True)
    (root / "train" / name).write_bytes(toy.jpeg(1))
    objects = [(1, STRANGE, (0, 0, 1, 1)), (1, long, (0, 0, 1, 1))]
    toy.coco(root, [(1, name)], objects, [(1, STRANGE), (1, long)])
    dataset = STRANGE.replace("/", "")
    for expected in ((1, 0, 0, 0), (0, 0, 1, 0)):
        outcome = session.ingest(root, model=str(package), dataset=dataset)
        assert counts(outcome) == expected
    row = stored(session)["train", name]
    assert row["dataset"] == dataset
    assert row["tags"] == {STRANGE: 1, long: 1}
    assert row["captions"] == [STRANGE, long]
    assert row["boxes"][0]["label"] == STRANGE
    assert row["uri"] == str(root / "train" / name)


@pytest.mark.skipif(os.name != "posix", reason="names that are not text are POSIX's")
def test_names_that_are_not_text_are_ingested(session, package, tmp_path):
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    Path(os.fsdecode(folder + b"/na\xefve.jpg")).write_bytes(toy.jpeg(1))
    for expected in ((1, 0, 0, 0), (0, 0, 1, 0)):
        assert counts(session.ingest(os.fsdecode(folder), model=str(package))) == expected
    ((key, row),) = stored(session).items()
    assert key == ("", "na\\xefve.jpg")
    assert row["dataset"] == "caf\\xe9"
    assert row["uri"].startswith("file:///")


@pytest.mark.parametrize("seconds", [0, -3600, 2**33, 2**34])
def test_any_time_of_change_is_stored(session, package, tmp_path, seconds):
    folder = toy.photos(tmp_path / "photos", 1)
    os.utime(folder / "000.jpg", (seconds, seconds))
    assert counts(session.ingest(folder, model=str(package))) == (1, 0, 0, 0)
    assert counts(session.ingest(folder)) == (0, 0, 1, 0)


def test_datasets_and_subsets_are_named(session, package, tmp_path):
    root = tmp_path / "pets"
    toy.photos(root / "train", 2)
    toy.photos(root / "val", 2)
    assert session.ingest(root, model=str(package)).dataset == "pets"
    assert {subset for subset, _ in stored(session)} == {"train", "val"}
    assert session.ingest(root, model=str(package), dataset="named", subset="all").counts.added == 4
    query = "SELECT dataset, subset, count() FROM items_toy GROUP BY ALL ORDER BY ALL"
    assert session.catalog().client.query(query).result_rows == [
        ("named", "all", 4),
        ("pets", "train", 2),
        ("pets", "val", 2),
    ]


def test_another_folder_of_the_same_name_is_refused(session, package, tmp_path):
    one = toy.photos(tmp_path / "one" / "photos", 2)
    two = toy.photos(tmp_path / "two" / "photos", 2, first=5)
    session.ingest(one, model=str(package))
    with pytest.raises(UsageError) as caught:
        session.ingest(two)
    assert str(one) in str(caught.value)
    assert str(two) in str(caught.value)
    assert "--dataset photos" in str(caught.value)
    assert counts(session.ingest(two, dataset="photos")) == (2, 0, 0, 0)
    assert len(stored(session)) == 4
    assert session.ingest(one).counts.unchanged == session.ingest(two).counts.unchanged == 2


def test_runs_are_recorded(session, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 3)
    (folder / "bad.jpg").write_bytes(b"")
    session.ingest(folder, model=str(package))
    session.ingest(folder)
    answer = session.catalog().rows("list_ingests", {"limit": 10})
    columns = [(row[0], row[1], row[2], row[3], *row[6:]) for row in answer]
    said = ("photos", "toy", str(folder), "folder", True)
    assert columns == [(*said, 0, 0, 3, 1, ""), (*said, 3, 0, 0, 1, "")]
    assert all(row[4] <= row[5] for row in answer)


# Rejects


def bad_folder(root):
    """A folder of two good and five bad files; return it with a word of each reason."""
    toy.photos(root, 2)
    (root / "cut.jpg").write_bytes(toy.jpeg(1)[:300])
    (root / "empty.png").write_bytes(b"")
    (root / "text.jpg").write_text("I am no picture")
    toy.picture(3, 200, 200).save(root / "large.png")
    (root / "gone.jpg").symlink_to(root / "nowhere.jpg")
    return {
        "cut.jpg": "truncated",
        "empty.png": "empty",
        "text.jpg": "not an image",
        "large.png": "pixels",
        "gone.jpg": "a link to a file that is not there",
    }


def test_bad_files_are_rejected_with_their_reason(session, package, tmp_path):
    root = tmp_path / "photos"
    reasons = bad_folder(root)
    for expected in ((2, 0, 0, 5), (0, 0, 2, 5), (0, 0, 2, 5)):
        outcome = session.ingest(root, model=str(package), max_pixels=10_000)
        assert counts(outcome) == expected
        assert {one.item.id for one in outcome.rejected} == set(reasons)
        found = rejects(session)
        assert {row[2] for row in found} == set(reasons)
        assert len(found) == 5
        for dataset, subset, id, uri, reason in found:
            assert (dataset, subset, uri) == ("photos", "", str(root / id))
            assert reasons[id] in reason
    assert len(stored(session)) == 2


def test_a_repaired_file_leaves_the_rejects(session, package, tmp_path):
    root = tmp_path / "photos"
    bad_folder(root)
    session.ingest(root, model=str(package), max_pixels=10_000)
    (root / "cut.jpg").write_bytes(toy.jpeg(1))
    assert counts(session.ingest(root)) == (2, 0, 2, 3)  # and large.png is within the limit now
    assert {row[2] for row in rejects(session)} == {"empty.png", "text.jpg", "gone.jpg"}


def test_a_file_that_was_good_before_and_is_again_leaves_the_rejects(session, package, tmp_path):
    root = toy.photos(tmp_path / "photos", 3)
    session.ingest(root, model=str(package))
    before = stored(session)
    (root / "001.jpg").write_bytes(toy.jpeg(1)[:300])
    assert counts(session.ingest(root)) == (0, 0, 2, 1)
    assert stored(session) == before
    assert [row[2] for row in rejects(session)] == ["001.jpg"]
    (root / "001.jpg").write_bytes(toy.jpeg(1))
    assert counts(session.ingest(root)) == (0, 0, 3, 0)
    assert rejects(session) == []


def test_a_missing_file_and_one_with_no_possible_name_are_rejected(session, package, tmp_path):
    root = tmp_path / "set"
    toy.photos(root / "train", 1)
    toy.coco(root, [(0, "000.jpg"), (1, "gone.jpg"), (2, "nul\0.jpg"), (3, "n" * 300 + ".jpg")])
    outcome = session.ingest(root, model=str(package))
    assert counts(outcome) == (1, 0, 0, 3)
    reasons = {id: reason for _, _, id, _, reason in rejects(session)}
    assert reasons["gone.jpg"] == "file not found"
    assert set(reasons) == {"gone.jpg", "nul\0.jpg", "n" * 300 + ".jpg"}


class Listed:
    """A source of given items, that counts how many were taken from it."""

    format = "folder"
    detected = "items"
    notes = ignored = unread = ()

    def __init__(self, items, path=Path("/listed"), name="listed", fail_at=None):
        self.items, self.path, self.name, self.fail_at = items, path, name, fail_at
        self.taken = 0

    def count(self):
        return len(self.items)

    def __iter__(self):
        for item in self.items:
            if self.taken == self.fail_at:
                raise SourceError("the dataset broke off")
            self.taken += 1
            yield item


def run(session, source, package, **options):
    from hamsight_ingest.job import ingest

    return ingest(session.catalog(create=True), source, model=str(package), **options)


@pytest.mark.parametrize("between", [0, 3, 600, 1500])
def test_a_second_item_of_one_identity_is_rejected(
    session, package, tmp_path, between, monkeypatch
):
    import hamsight_ingest.writer

    monkeypatch.setattr(hamsight_ingest.writer, "FLUSH_ROWS", 100)
    from hamsight_core.items import Item

    folder = toy.photos(tmp_path / "photos", 3)
    twice = [Item("same", str(folder / "000.jpg")), Item("same", str(folder / "001.jpg"))]
    others = [Item(f"{n}", str(folder / "002.jpg")) for n in range(between)]
    items = [twice[0], *others, twice[1]]
    near = ((0, 0, between + 1, 1),) if between < 512 - 2 else ()
    for expected in ((between + 1, 0, 0, 1), *near):
        outcome = run(session, Listed(items), package)
        assert counts(outcome) == expected
        assert stored(session)["", "same"]["uri"] == str(folder / "000.jpg")
        ((_, _, id, uri, reason),) = rejects(session)
        assert (id, uri) == ("same", str(folder / "001.jpg"))
        assert "second" in reason
    assert run(session, Listed(items[:-1]), package).counts.rejected == 0
    assert rejects(session) == []


# Features and hashes


def check_features(session, package, folder, table, decimals):
    from hamsight_core.images.decode import decode

    rows = list(stored(session, table).values())
    pictures = [decode(Path(row["uri"]).read_bytes()).image for row in rows]
    expected = toy.direct(package, pictures)
    features = np.array([row["feature"] for row in rows], np.float32)
    assert np.linalg.norm(features, axis=1) == pytest.approx(1, abs=0.005)
    np.testing.assert_allclose(features, expected, atol=decimals)
    hashes = np.stack([np.frombuffer(as_bytes(row["hash"]), np.uint8) for row in rows])
    bits = np.unpackbits(hashes, axis=1)[:, : expected.shape[1]]
    clear = np.abs(expected) > 1e-4
    assert clear.mean() > 0.5  # a ReLU leaves zeros
    np.testing.assert_array_equal(bits[clear], (expected > 0)[clear])
    np.testing.assert_array_equal(hashes, np.packbits(features > 0, axis=1))


def as_bytes(value):
    return value if isinstance(value, bytes) else value.encode("latin-1")


def test_features_are_those_of_the_network(session, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 21)
    session.ingest(folder, model=str(package), batch=8)
    check_features(session, package, folder, "items_toy", 0.005)


def test_features_of_mini(session, tmp_path):
    from hamsight_core.models.package import BUILT_IN

    folder = toy.photos(tmp_path / "photos", 11)
    assert session.ingest(folder).model == "mini"
    check_features(session, BUILT_IN / "mini", folder, "items_mini", 0.005)


@pytest.mark.parametrize("name", ["photo-cca", "mobilenet-v2"])
def test_features_of_real_photos(session, shared, tmp_path, name):
    source = sorted((shared / "data" / "coco128" / "train2017").glob("*.jpg"))[:11]
    (tmp_path / "photos").mkdir()
    for file in source:
        shutil.copy(file, tmp_path / "photos")
    session.ingest(tmp_path / "photos", model=str(shared / "models" / name))
    table = "items_" + name.replace("-", "_")
    check_features(session, shared / "models" / name, tmp_path / "photos", table, 0.01)


def test_other_weights_under_the_same_name_are_refused(session, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 3)
    session.ingest(folder, model=str(package))
    other = toy.model(tmp_path / "other", seed=8)
    before = stored(session)
    toy.photos(folder, 1, first=5)
    with pytest.raises(ModelMismatchError) as caught:
        session.ingest(folder, model=str(other))
    model = session.catalog().model("toy")
    assert model.digest[:12] in str(caught.value)
    assert str(package) in str(caught.value)
    assert str(other) in str(caught.value)
    assert stored(session) == before


def test_a_package_that_changed_since_is_refused(session, tmp_path):
    folder = toy.photos(tmp_path / "photos", 3)
    package = toy.model(tmp_path / "toy")
    session.ingest(folder, model=str(package))
    toy.model(package, toml={"interpolation": '"bicubic"'})
    with pytest.raises(ModelMismatchError):
        session.ingest(folder)


# Bounds and failures


def test_the_source_is_read_only_a_bounded_way_ahead(session, package, tmp_path):
    from hamsight_core.items import Item
    from hamsight_ingest.pipeline import Settings

    folder = toy.photos(tmp_path / "photos", 1)
    source = Listed([Item(f"{n}", str(folder / "000.jpg")) for n in range(3000)])
    ahead = []

    def stopped():
        ahead.append(source.taken)
        return len(ahead) > 40

    outcome = run(session, source, package, settings=Settings(batch=4, workers=2), stopped=stopped)
    assert not outcome.complete
    assert outcome.counts.added == 40
    assert source.taken <= 512


def test_a_stopped_run_keeps_what_was_encoded_and_the_next_goes_on(session, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 60)
    asked = iter(range(1000))
    from hamsight_ingest.readers import open_source

    outcome = run(session, open_source(folder), package, stopped=lambda: next(asked) >= 25)
    assert not outcome.complete
    assert counts(outcome) == (25, 0, 0, 0)
    assert len(stored(session)) == 25
    assert counts(session.ingest(folder)) == (35, 0, 25, 0)
    assert len(stored(session)) == 60


def test_a_source_that_fails_midway_keeps_what_was_reported(session, package, tmp_path):
    from hamsight_core.items import Item

    folder = toy.photos(tmp_path / "photos", 1)
    items = [Item(f"{n}", str(folder / "000.jpg")) for n in range(1200)]
    with pytest.raises(SourceError, match="broke off"):
        run(session, Listed(items, fail_at=700), package)
    held = len(stored(session)) if session.catalog().has_table("items_toy") else 0
    assert counts(run(session, Listed(items), package)) == (1200 - held, 0, held, 0)
    assert len(stored(session)) == 1200


@pytest.mark.parametrize("failing", ["insert", "encode"])
def test_a_failure_in_mid_run_ends_it_and_loses_nothing_reported(
    session, package, tmp_path, monkeypatch, failing
):
    import hamsight_core.models.encoder
    import hamsight_ingest.pipeline
    import hamsight_ingest.writer
    from hamsight_core.errors import ModelError, StatementError

    monkeypatch.setattr(hamsight_ingest.writer, "FLUSH_ROWS", 16)
    folder = toy.photos(tmp_path / "photos", 1)
    from hamsight_core.items import Item

    items = [Item(f"{n}", str(folder / "000.jpg")) for n in range(400)]
    catalog = session.catalog(create=True)
    calls = iter(range(1000))
    if failing == "insert":
        whole = type(catalog).insert

        def insert(self, table, rows):
            if next(calls) == 6:
                raise StatementError("the disk is full")
            whole(self, table, rows)

        monkeypatch.setattr(type(catalog), "insert", insert)
        expected = StatementError
    else:
        rows = hamsight_core.models.encoder._rows

        def broken(*args):
            if next(calls) == 12:
                raise ModelError("the device went away")
            return rows(*args)

        monkeypatch.setattr(hamsight_core.models.encoder, "_rows", broken)
        expected = ModelError
    reported = []
    from hamsight_core.models.package import load_package
    from hamsight_ingest.pipeline import Settings

    with pytest.raises(expected):
        hamsight_ingest.pipeline.run(
            catalog,
            Listed(items),
            load_package(str(package)),
            "listed",
            Settings(batch=4),
            on_progress=lambda c: reported.append(c.total),
            stopped=lambda: False,
        )
    monkeypatch.undo()
    assert 0 < max(reported) <= len(stored(session)) < 400
    held = len(stored(session))
    assert counts(run(session, Listed(items), package)) == (400 - held, 0, held, 0)
    assert len(stored(session)) == 400


def test_settings_that_make_no_sense_are_refused(session, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 1)
    for wrong in ({"batch": 0}, {"workers": 0}, {"max_pixels": 0}, {"batch": "8"}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            session.ingest(folder, model=str(package), **wrong)


def test_counts_add_up():
    assert Counts(1, 2, 3, 4).total == 10


def test_a_killed_run_is_remembered(session, package, tmp_path):
    """Its rows have a source and a model, so that the next run goes on with both."""
    from hamsight_ingest.pipeline import Settings
    from hamsight_ingest.readers import open_source

    folder = toy.photos(tmp_path / "photos", 40)

    class KilledError(BaseException):
        pass

    def kill():
        if len(asked) > 20:
            raise KilledError
        asked.append(1)
        return False

    asked = []
    with pytest.raises(KilledError):
        settings = Settings(batch=4, workers=1)
        run(session, open_source(folder), package, settings=settings, stopped=kill)
    ((*_, complete, added, _, _, _),) = session.catalog().rows("list_ingests", {"limit": 5})
    assert (complete, added) == (False, 0)
    other = toy.photos(tmp_path / "other" / "photos", 1)
    with pytest.raises(UsageError, match="already"):
        session.ingest(other)
    outcome = session.ingest(folder, model=str(package))
    assert (outcome.model, len(stored(session))) == ("toy", 40)


def test_a_model_that_failed_is_not_the_datasets(session, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 3)
    broken = toy.model(tmp_path / "broken", name="broken", dimension=99)
    with pytest.raises(ModelError, match="dimension = 99"):
        session.ingest(folder, model=str(broken))
    assert session.ingest(folder).model == "mini"
    assert session.ingest(folder, model=str(package)).model == "toy"
    with pytest.raises(ModelError, match="dimension = 99"):
        session.ingest(folder, model=str(broken))
    assert session.ingest(folder).model == "toy"


def test_a_device_that_is_not_there_leaves_nothing(session, tmp_path):
    folder = toy.photos(tmp_path / "photos", 3)
    with pytest.raises(ModelError, match="'NPU7' cannot run the model"):
        session.ingest(folder, device="NPU7")
    assert session.catalog().rows("list_ingests", {"limit": 5}) == []
    assert session.catalog().models() == []
