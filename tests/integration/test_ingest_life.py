"""A dataset's life as ingest sees it: annotations and files that change, vanish, are mended."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import toy
from toy import counts, stored

import hamsight
from hamsight_core.errors import ModelMismatchError, SourceError, UsageError
from hamsight_core.images.decode import decode
from hamsight_core.models.package import load_package
from hamsight_ingest.job import ingest
from hamsight_ingest.listing import Listing
from hamsight_ingest.pipeline import Settings
from hamsight_ingest.readers import open_source
from hamsight_ingest.retry import retry_rejects
from hamsight_ingest.source import ReadOptions
from hamsight_ingest.upkeep.reencode import encode_again


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return toy.model(tmp_path_factory.mktemp("models") / "toy")


@pytest.fixture
def session(dsn):
    with hamsight.open(dsn) as opened:
        yield opened


def run(session, path, package, **options):
    read = ReadOptions(subset=options.pop("subset", None))
    source = open_source(path, None, read)
    catalog = session.catalog(create=True)
    return ingest(catalog, source, model=str(package), options=read, **options)


def ids(session):
    return sorted(id for _, id in stored(session))


def annotated(root, boxes=2):
    images = [(n, f"{n:03}.jpg") for n in range(3)]
    objects = [(n, "cat", (1, 2, 3, boxes)) for n in range(2)]
    toy.photos(root / "train", 3)
    return toy.coco(root, images, objects)


# Metadata alone


def test_changed_annotations_keep_the_feature_and_encode_nothing(
    session, package, tmp_path, monkeypatch
):
    root = annotated(tmp_path / "set")
    run(session, root, package)
    before = stored(session)
    session.add_to_group("mine", ["000.jpg"])
    annotated(root, boxes=7)
    shutil.copytree(root, tmp_path / "copy")
    monkeypatch.setattr("hamsight_ingest.pipeline.ImageEncoder", None)
    assert counts(run(session, root, package)) == (0, 2, 1, 0)
    after = stored(session)
    changed = {"boxes", "metadata_digest", "ingested_at", "groups", "modified_at"}
    for key, row in after.items():
        assert {k: v for k, v in row.items() if k not in changed} == {
            k: v for k, v in before[key].items() if k not in changed
        }
    assert after["train", "000.jpg"]["boxes"][0]["height"] == 7
    assert after["train", "000.jpg"]["groups"] == ["mine"]
    assert counts(run(session, root, package)) == (0, 0, 3, 0)
    annotated(tmp_path / "copy", boxes=9)
    assert counts(run(session, tmp_path / "copy", package, dataset="set")) == (0, 2, 1, 0)
    rows = stored(session)
    assert rows["train", "001.jpg"]["boxes"][0]["height"] == 9
    assert all(row["uri"].startswith(str(tmp_path / "copy")) for row in rows.values())
    assert rows["train", "001.jpg"]["feature"] == before["train", "001.jpg"]["feature"]


# Vanished files


def test_vanished_files_are_reported_and_pruned(session, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 5)
    (folder / "bad.jpg").write_bytes(b"")
    assert run(session, folder, package).vanished.items == 0
    for name in ("001.jpg", "003.jpg", "bad.jpg"):
        (folder / name).unlink()
    outcome = run(session, folder, package)
    assert outcome.vanished.items == 2
    assert outcome.vanished.first == (("", "001.jpg"), ("", "003.jpg"))
    assert not outcome.vanished.pruned
    assert len(stored(session)) == 5
    outcome = run(session, folder, package, prune=True)
    assert (outcome.vanished.items, outcome.vanished.pruned) == (2, True)
    assert ids(session) == ["000.jpg", "002.jpg", "004.jpg"]
    assert session.catalog().rows("count_rejects") == []
    assert run(session, folder, package, prune=True).vanished.items == 0


def test_a_stopped_run_prunes_nothing(session, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 4)
    run(session, folder, package)
    (folder / "003.jpg").unlink()
    outcome = run(session, folder, package, prune=True, stopped=lambda: True)
    assert (outcome.complete, outcome.vanished.items) == (False, 0)
    assert len(stored(session)) == 4


def test_one_of_several_sources_does_not_prune_the_others(session, package, tmp_path):
    one = toy.photos(tmp_path / "one", 3)
    two = toy.photos(tmp_path / "two", 3, first=5)
    run(session, one, package, dataset="both")
    run(session, two, package, dataset="both")
    shutil.rmtree(two)
    toy.photos(two, 1, first=5)
    (one / "000.jpg").unlink()
    outcome = run(session, one, package, dataset="both", prune=True)
    assert outcome.vanished.first == (("", "000.jpg"),)
    assert len(stored(session)) == 5
    outcome = run(session, two, package, dataset="both", prune=True)
    assert outcome.vanished.first == (("", "006.jpg"), ("", "007.jpg"))
    assert ids(session) == ["001.jpg", "002.jpg", "005.jpg"]


def test_only_the_subset_that_was_read_can_vanish(session, package, tmp_path):
    root = tmp_path / "set"
    toy.photos(root / "train", 2)
    toy.photos(root / "val", 2)
    run(session, root, package)
    run(session, root / "train", package, dataset="set", subset="train")
    (root / "val" / "000.jpg").unlink()
    (root / "train" / "001.jpg").unlink()
    outcome = run(session, root / "train", package, dataset="set", subset="train", prune=True)
    assert outcome.vanished.first == (("train", "001.jpg"),)
    assert len(stored(session)) == 3


def test_what_the_annotations_no_longer_list_has_vanished(session, package, tmp_path):
    root = annotated(tmp_path / "set")
    run(session, root, package)
    toy.coco(root, [(0, "000.jpg"), (1, "001.jpg")])
    outcome = run(session, root, package)
    assert outcome.vanished.first == (("train", "002.jpg"),)


def test_a_folder_that_cannot_be_read_loses_nothing(session, package, tmp_path, monkeypatch):
    folder = toy.photos(tmp_path / "photos", 2)
    toy.photos(folder / "closed", 2)
    run(session, folder, package)
    whole = Listing._listed

    def listed(self, path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return whole(self, path)

    monkeypatch.setattr(Listing, "_listed", listed)
    with pytest.warns(UserWarning, match="not read"):
        assert run(session, folder, package, prune=True).vanished.items == 0
    assert len(stored(session)) == 4


def test_the_command_reports_and_prunes(session, dsn, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 9)
    command = ("ingest", folder, "--model", package, "--db", dsn)
    toy.command(*command)
    for n in range(7):
        (folder / f"{n:03}.jpg").unlink()
    said = toy.command(*command)
    assert said.exit_code == 0
    assert f"7 items of the catalog are no longer in {folder}" in said.stderr
    assert "--prune" in said.stderr
    assert "  000.jpg\n" in said.stderr
    assert "… and 2 more" in said.stderr
    said = toy.command(*command, "--prune")
    assert f"7 items no longer in {folder} deleted" in said.stdout
    assert len(stored(session)) == 2


# Rejects tried again


def test_rejects_are_mended_with_their_metadata(session, package, tmp_path):
    root = annotated(tmp_path / "set")
    for name in ("000.jpg", "002.jpg"):
        (root / "train" / name).write_bytes(b"broken")
    assert counts(run(session, root, package, subset="mine")) == (1, 0, 0, 2)
    (root / "train" / "000.jpg").write_bytes(toy.jpeg(0))
    (retried,) = retry_rejects(session.catalog())
    assert (retried.dataset, retried.rejects, retried.mended) == ("set", 2, 1)
    row = stored(session)["mine", "000.jpg"]
    assert row["tags"] == {"cat": 1}
    assert len(row["boxes"]) == 1
    left = session.catalog().rows("list_rejects", {"limit": 9})
    assert [one[3] for one in left] == ["002.jpg"]
    assert len(stored(session)) == 2


def test_only_rejected_items_are_read_again(session, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 3)
    (folder / "001.jpg").write_bytes(b"broken")
    run(session, folder, package)
    toy.photos(folder, 2, first=7)
    toy.photos(folder, 2)
    (retried,) = retry_rejects(session.catalog(), ["photos"])
    assert (retried.rejects, retried.mended) == (1, 1)
    assert counts(retried.outcomes[0]) == (1, 0, 0, 0)
    assert retry_rejects(session.catalog()) == []


def test_a_source_that_is_gone_is_named(session, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 2)
    (folder / "001.jpg").write_bytes(b"broken")
    run(session, folder, package)
    shutil.move(folder, tmp_path / "elsewhere")
    with pytest.raises(SourceError) as caught:
        retry_rejects(session.catalog())
    assert str(folder) in str(caught.value)
    assert "hamsight datasets move photos" in str(caught.value)
    with pytest.raises(UsageError, match="'other' has no rejected files; these have: 'photos'"):
        retry_rejects(session.catalog(), ["other"])


def test_the_command_tries_rejects_again(dsn, session, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 3)
    (folder / "001.jpg").write_bytes(b"broken")
    (folder / "002.jpg").write_bytes(b"broken")
    run(session, folder, package)
    toy.photos(folder, 2)
    said = toy.command("ingest", "--retry-rejects", "--dataset", "photos", "--db", dsn)
    assert said.exit_code == 0
    assert "photos: 1 of 2 rejected items mended" in said.stdout
    assert f"rejected {folder / '002.jpg'}: not an image" in said.stderr
    assert toy.command("ingest", "--retry-rejects", "--strict", "--db", dsn).exit_code == 6
    for wrong in ([folder], ["--prune"], ["--model", "toy"], ["--subset", "a"]):
        said = toy.command("ingest", "--retry-rejects", *wrong, "--db", dsn)
        assert said.exit_code == 2
        assert "leave out PATH" in said.stderr
    assert toy.command("ingest", "--db", dsn).exit_code == 2


def test_the_options_of_a_run_are_recorded(session, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 1)
    run(session, folder, package, subset="all")
    parameters = {"model": "toy", "dataset": "photos"}
    ((path, format, options),) = session.catalog().rows("recorded_sources", parameters)
    assert (Path(path), format) == (folder, "folder")
    assert ReadOptions(**json.loads(options)) == ReadOptions(subset="all")


# Other weights


def again(session, package, **options):
    return encode_again(session.catalog(), str(package), **options)


@pytest.fixture
def other(tmp_path):
    return toy.model(tmp_path / "other", seed=8)


def digests(session):
    return [(one.digest, one.items_table) for one in session.catalog().models()]


def test_all_datasets_are_encoded_again_with_their_metadata(session, package, other, tmp_path):
    run(session, annotated(tmp_path / "set"), package)
    folder = toy.photos(tmp_path / "photos", 4)
    run(session, folder, package)
    session.set("000.jpg", dataset="photos", status="reviewed")
    session.add_to_group("mine", dataset="set")
    before = stored_all(session, "items_toy")
    (folder / "003.jpg").unlink()
    with pytest.raises(ModelMismatchError, match="--re-encode"):
        run(session, folder, other)
    done = again(session, other)
    assert (done.encoded, done.items, done.complete) == (6, 6, True)
    assert [one.item.id for one in done.rejected] == ["003.jpg"]
    ((digest, table),) = digests(session)
    assert digest == load_package(str(other)).digest
    assert toy.in_use(session) == {table}
    after = stored_all(session, "items_toy")
    assert set(before) - set(after) == {("photos", "", "003.jpg")}
    new = {"hash", "feature", "ingested_at"}
    for key, row in after.items():
        assert {k: v for k, v in row.items() if k not in new} == {
            k: v for k, v in before[key].items() if k not in new
        }
        assert row["feature"] != before[key]["feature"]
    pictures = [decode(Path(row["uri"]).read_bytes()).image for row in after.values()]
    features = np.array([row["feature"] for row in after.values()])
    np.testing.assert_allclose(features, toy.direct(other, pictures), atol=0.005)
    assert [one[3] for one in session.catalog().rows("list_rejects", {"limit": 9})] == ["003.jpg"]
    assert again(session, other) is None
    assert counts(run(session, folder, other)) == (0, 0, 3, 0)
    assert again(session, package).items == 6
    assert len(toy.in_use(session)) == 1


def stored_all(session, table):
    rows = session.catalog().client.query(f"SELECT * FROM {table}").named_results()
    return {(row["dataset"], row["subset"], row["id"]): row for row in rows}


def test_a_stopped_re_encoding_changes_nothing_and_goes_on(session, package, other, tmp_path):
    folder = toy.photos(tmp_path / "photos", 40)
    run(session, folder, package)
    before, former = stored(session), toy.generation(session)
    asked = iter(range(1000))
    done = again(session, other, stopped=lambda: next(asked) >= 15)
    assert (done.encoded, done.complete) == (15, False)
    assert stored(session) == before
    assert digests(session) == [(load_package(str(package)).digest, former)]
    session.set("001.jpg", status="reviewed")
    (folder / "000.jpg").write_bytes(toy.jpeg(77))
    run(session, folder, package)
    done = again(session, other)
    assert (done.encoded, done.items) == (26, 40)
    rows = stored(session, digests(session)[0][1])
    assert rows["", "001.jpg"]["status"] == "reviewed"
    assert rows["", "000.jpg"]["sha256"] == hashlib.sha256(toy.jpeg(77)).digest()


def test_what_a_killed_re_encoding_leaves_is_dropped(session, package, other, tmp_path):
    run(session, toy.photos(tmp_path / "photos", 5), package)
    third = toy.model(tmp_path / "third", seed=9)
    asked = iter(range(1000))
    again(session, third, stopped=lambda: next(asked) >= 3)
    assert len(toy.in_use(session)) == 2
    again(session, other)
    assert len(toy.in_use(session)) == 1
    table = digests(session)[0][1]
    killed = f"CREATE TABLE items_toy_g01234567 AS {table} COMMENT 'made 1'"
    session.catalog().client.command(killed)
    session.catalog().client.command(f"CREATE TABLE items_toy_r01234567_making AS {table}")
    assert again(session, other) is None
    session.catalog(create=True)
    assert toy.in_use(session) == {table}


def test_files_that_are_all_gone_leave_the_former_features(session, package, other, tmp_path):
    run(session, toy.photos(tmp_path / "kept", 2), package)
    folder = toy.photos(tmp_path / "photos", 3)
    run(session, folder, package)
    before = stored_all(session, "items_toy")
    shutil.move(folder, tmp_path / "away")
    with pytest.raises(SourceError) as caught:
        again(session, other)
    assert "'photos'" in str(caught.value)
    assert str(folder / "000.jpg") in str(caught.value)
    assert stored_all(session, "items_toy") == before
    shutil.move(tmp_path / "away", folder)
    done = again(session, other)
    assert (done.encoded, done.items) == (3, 5)
    assert session.catalog().rows("count_rejects") == []


def test_searches_see_the_former_rows_until_the_new_are_whole(session, package, other, tmp_path):
    folder = toy.photos(tmp_path / "photos", 30)
    run(session, folder, package)
    seen = []

    def stopped():
        found = session.query(image=folder / "003.jpg", model="toy", k=1)
        seen.append((found[0].id, round(found[0].similarity, 2)))
        return False

    again(session, other, settings=Settings(batch=8), stopped=stopped)
    assert set(seen) == {("003.jpg", 1.0)}
    assert len(seen) >= 30
    found = session.query(image=folder / "003.jpg", k=1)
    assert (found[0].id, round(found[0].similarity, 2)) == ("003.jpg", 1.0)


def test_the_command_encodes_again(session, dsn, package, other, tmp_path):
    folder = toy.photos(tmp_path / "photos", 3)
    run(session, folder, package)
    toy.photos(folder, 1, first=5)
    said = toy.command("ingest", folder, "--model", other, "--db", dsn)
    assert said.exit_code == 3
    assert f"--model {other} --re-encode" in said.stderr
    said = toy.command("ingest", folder, "--model", other, "--re-encode", "--db", dsn)
    assert said.exit_code == 0
    assert "toy: 3 images encoded again" in said.stdout
    assert "1 added, 0 replaced, 3 unchanged" in said.stdout
    said = toy.command("ingest", "--re-encode", "--db", dsn)
    assert said.exit_code == 0
    assert "nothing to encode again" in said.stderr
    unknown = toy.model(tmp_path / "unknown", name="unknown")
    said = toy.command("ingest", "--re-encode", "--model", unknown, "--db", dsn)
    assert said.exit_code == 2
    assert "'unknown'" in said.stderr


def test_the_session_does_it_all(session, package, other, tmp_path):
    folder = toy.photos(tmp_path / "photos", 4)
    (folder / "003.jpg").write_bytes(b"broken")
    session.ingest(folder, model=str(package))
    (folder / "003.jpg").write_bytes(toy.jpeg(3))
    (retried,) = session.retry_rejects("photos", batch=2)
    assert (retried.rejects, retried.mended) == (1, 1)
    (folder / "000.jpg").unlink()
    assert session.ingest(folder).vanished.items == 1
    assert session.ingest(folder, prune=True).vanished.pruned
    assert session.encode_again(str(other)).items == 3
    np.savez(tmp_path / "made.npz", ids=["a", "b"], features=np.eye(2, 8))
    done = session.import_features(tmp_path / "made.npz", "made", dimension=8)
    assert done.datasets["made"].added == 2
