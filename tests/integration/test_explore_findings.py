"""What analyses found, as the page's server shows and decides it; and that all of it is undone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import toy
from PIL import Image
from visitor import Visitor

import hamsight
from hamsight_explore import Options, Running, start

pytestmark = pytest.mark.homes("chdb")

COLOURS = {"red": (200, 30, 30), "green": (30, 170, 30), "blue": (30, 30, 210)}


@pytest.fixture
def session(dsn: str, tmp_path: Path) -> Iterator[hamsight.Session]:
    """Nine flat pictures of each of three colours, one of them wrongly called red; two copies."""
    draw = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        folder = tmp_path / "colours" / name
        folder.mkdir(parents=True)
        for number in range(9):
            shown = COLOURS["blue"] if (name, number) == ("red", 0) else colour
            pixels = np.clip(np.array(shown) + draw.integers(0, 40, (20, 20, 3)), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    package = toy.model(tmp_path / "model")
    copies = toy.photos(tmp_path / "copies", 4)
    (copies / "other.jpg").write_bytes((copies / "000.jpg").read_bytes())
    (copies / "same.jpg").write_bytes((copies / "001.jpg").read_bytes())
    with hamsight.open(dsn) as opened:
        opened.ingest(tmp_path / "colours", dataset="colours", tags_from_folder=True, model=package)
        opened.ingest(copies, dataset="copies", model=package)
        yield opened


@pytest.fixture
def running(dsn: str, session: hamsight.Session) -> Iterator[Running]:
    with start(dsn) as served:
        yield served


@pytest.fixture
def visitor(running: Running) -> Visitor:
    return Visitor(running)


def analyzed(visitor: Visitor, **given: object) -> dict:
    """Run an analysis to its end; return it as the overview has it."""
    assert visitor.post("analyze", **given).status == 202
    last = visitor.get("events").body.decode().strip().split("\n\n")[-1]
    job = json.loads(last.removeprefix("data: "))["jobs"][0]
    assert job["state"] == "done" and job["kind"] == given["kind"], job
    made = visitor.get("analyses").json["analyses"]
    return next(one for one in made if one["kind"] == given["kind"])


def opened(visitor: Visitor, analysis: dict, **given: object) -> tuple[dict, list[dict]]:
    listed = visitor.post("findings", analysis=analysis["analysis"], **given).json
    return listed, visitor.get("findings", list=listed["list"]).json["entries"]


def stored(session: hamsight.Session) -> list[dict]:
    columns = "dataset, id, tags, boxes, groups, attributes"
    answer = session.sql(f"SELECT {columns} FROM items_toy ORDER BY dataset, subset, id")
    assert answer is not None
    return answer.to_pylist(maps_as_pydicts="strict")


def ids(entry: dict) -> list[str]:
    return [item["id"] for item in entry["items"]]


def test_duplicates_are_decided_one_by_one_and_in_bulk(visitor, session) -> None:
    found = analyzed(visitor, kind="duplicates", where='dataset == "copies"')
    assert (found["total"], found["open"], found["current"]) == (2, 2, True)
    assert found["scope"] == {"where": 'dataset == "copies"'}
    assert [row["id"] for row in found["first"]] == ["000.jpg", "001.jpg"]
    before = stored(session)
    listed, (one, other) = opened(visitor, found)
    assert (listed["total"], ids(one), ids(other)) == (
        2,
        ["000.jpg", "other.jpg"],
        ["001.jpg", "same.jpg"],
    )
    assert [item["keep"] for item in one["items"]] == [True, False]

    kept = visitor.post("decide", list=listed["list"], decision="keep", keys=[one["key"]])
    assert kept.json["changed"] == 1
    listed, (left,) = opened(visitor, found)
    assert left["key"] == other["key"]
    assert opened(visitor, found, show="decided")[1][0]["decision"] == "kept"
    # which later analyses remember, until it is undone
    again = analyzed(visitor, kind="duplicates", where='dataset == "copies"')
    assert again["total"] == 1
    assert visitor.post("undo").status == 200
    again = analyzed(visitor, kind="duplicates", where='dataset == "copies"')
    assert (again["total"], again["open"]) == (2, 2)

    # the other picture of the second group is kept, of the first the best
    listed, (one, other) = opened(visitor, again)
    everything = {"list": listed["list"], "decision": "delete", "all": True}
    assert "confirmed" in visitor.post("decide", **everything).json["error"]
    chosen = [other["items"][1]["row"]["number"]]
    done = visitor.post("decide", **everything, kept=chosen, confirmed=2).json
    assert "2 deleted" in done["label"]
    assert {row["id"] for row in stored(session) if row["dataset"] == "copies"} == {
        *("000.jpg", "same.jpg", "002.jpg", "003.jpg")
    }
    assert opened(visitor, again)[0]["total"] == 0
    assert visitor.post("undo").status == 200
    assert stored(session) == before
    assert opened(visitor, again)[0]["total"] == 2


def test_wrong_tags_are_replaced_and_put_back(visitor, session, tmp_path) -> None:
    before = stored(session)
    found = analyzed(visitor, kind="mislabelled")
    listed, (wrong,) = opened(visitor, found)
    assert (ids(wrong), wrong["tag"], wrong["suggested"]) == (["red/0.png"], "red", "blue")
    done = visitor.post("decide", list=listed["list"], decision="relabel", all=True).json
    assert "1 tags changed" in done["label"]
    (row,) = [one for one in stored(session) if one["id"] == "red/0.png"]
    assert row["tags"] == {"blue": 1}
    assert visitor.post("undo").status == 200
    assert stored(session) == before
    # what a terminal changed since stays
    visitor.post("decide", list=listed["list"], decision="relabel", keys=[wrong["key"]], name="sea")
    reviewed = tmp_path / "reviewed.csv"
    reviewed.write_text("dataset,subset,id,tag,suggested\ncolours,,red/0.png,sea,sky\n")
    assert session.relabel(reviewed).changed == 1
    assert visitor.post("undo").status == 200
    (row,) = [one for one in stored(session) if one["id"] == "red/0.png"]
    assert row["tags"] == {"sky": 1}


def test_leaks_move_to_one_subset_and_back(visitor, session, tmp_path) -> None:
    val = toy.photos(tmp_path / "val", 1, first=2)
    (val / "twin.jpg").write_bytes((val / "002.jpg").read_bytes())
    (val / "002.jpg").write_bytes((tmp_path / "copies" / "003.jpg").read_bytes())
    for subset, folder in (("train", tmp_path / "copies"), ("val", val)):
        session.ingest(folder, dataset="split", subset=subset, model=tmp_path / "model")
    before = stored(session)
    found = analyzed(visitor, kind="leaks", where='dataset == "split"')
    listed, entries = opened(visitor, found)
    pairs = {tuple(ids(one)): one["key"] for one in entries}
    assert set(pairs) == {("002.jpg", "twin.jpg"), ("003.jpg", "002.jpg")}
    asked = {"list": listed["list"], "decision": "move"}
    blocked = visitor.post("decide", **asked, keys=[pairs["003.jpg", "002.jpg"]], name="train").json
    assert "it has items of these ids already" in blocked["error"]
    wrong = visitor.post("decide", **asked, all=True, name="nowhere").json
    assert "no subset 'nowhere'" in wrong["error"]
    assert stored(session) == before
    done = visitor.post("decide", **asked, all=True, name="train").json
    assert "1 moved to 'train', 1 could not" in done["label"]
    assert len(session.find_leaks(where='dataset == "split"')) == 1
    assert visitor.post("undo").status == 200
    assert stored(session) == before


@pytest.mark.parametrize(
    ("kind", "finding"), [("mislabelled", "mislabelled"), ("quality", "low_information")]
)
def test_what_is_ignored_is_found_no_more(visitor, session, kind, finding) -> None:
    found = analyzed(visitor, kind=kind)
    listed, entries = opened(visitor, found, finding=finding)
    assert listed["total"] == len(entries) == found["findings"][finding]["total"] >= 1
    (ignored, *others) = entries
    visitor.post("decide", list=listed["list"], decision="ignore", keys=[ignored["key"]])
    assert opened(visitor, found, finding=finding)[0]["total"] == len(others)
    by_command = getattr(session, f"find_{kind}")()
    assert len(by_command) == found["total"] - 1
    again = analyzed(visitor, kind=kind)
    assert again["total"] == found["total"] - 1
    assert visitor.post("undo").status == 200
    assert len(getattr(session, f"find_{kind}")()) == found["total"]


def test_an_item_with_several_findings_is_shown_once(visitor, session, tmp_path) -> None:
    folder = tmp_path / "black"
    folder.mkdir()
    Image.new("L", (64, 64), 4).save(folder / "black.png")
    session.ingest(folder, dataset="black", model=tmp_path / "model")
    found = analyzed(visitor, kind="quality", where='dataset == "black"')
    assert found["total"] > 1
    assert [row["id"] for row in found["first"]] == ["black.png"]
    listed, entries = opened(visitor, found)
    assert listed["total"] == len(entries) == found["total"]
    assert {id for entry in entries for id in ids(entry)} == {"black.png"}


def test_a_group_of_findings_and_a_list_older_than_its_items(visitor, session) -> None:
    before = stored(session)
    found = analyzed(visitor, kind="quality")
    listed, entries = opened(visitor, found, finding="low_information")
    done = visitor.post("decide", list=listed["list"], decision="group", all=True, name="empty")
    assert done.json["changed"] == len(entries)
    grouped = {row["id"] for row in stored(session) if row["groups"] == ["empty"]}
    assert grouped == {id for entry in entries for id in ids(entry)}
    first = opened(visitor, found, finding="low_information", show="decided")[1][0]
    assert first["decision"] == "grouped"
    assert visitor.post("undo").status == 200
    assert stored(session) == before
    session.delete(["colours/red/1.png"])
    (now,) = visitor.get("analyses").json["analyses"]
    assert not now["current"]
    refused = visitor.post("decide", list=listed["list"], decision="relabel", all=True)
    assert refused.status == 400 and "no decision about quality" in refused.json["error"]


def test_clusters_as_pictures_and_as_an_attribute(visitor, session) -> None:
    before = stored(session)
    found = analyzed(visitor, kind="clusters", number=3, name="kind", where='dataset == "colours"')
    clusters = visitor.get("clusters", analysis=found["analysis"]).json["clusters"]
    assert [(one["cluster"], one["items"]) for one in clusters] == [(1, 10), (2, 9), (3, 8)]
    blue = clusters[0]
    assert [tag["tag"] for tag in blue["tags"]] == ["blue", "red"]
    assert blue["purity"] == pytest.approx(0.9)
    assert len(blue["middle"]) == 10 and blue["middle"][0]["tags"] == {"blue": 1}
    shown = visitor.asked(filters=[{"field": "attributes", "value": "kind = 1"}])
    assert shown["total"] == 10
    assert visitor.post("undo").status == 200
    assert stored(session) == before


def test_a_comparison_as_compare_has_it(visitor, session) -> None:
    sides = {"a": "dataset:copies", "b": "where:blue > 0"}
    assert visitor.get("compared", **sides).json == {"compared": None}
    expected = session.compare(**sides)
    of_terminal = visitor.get("compared", **sides).json["compared"]
    analyzed(visitor, kind="comparison", **sides)
    shown = visitor.get("compared", **sides).json["compared"]
    assert {**shown, "created": ""} == {**of_terminal, "created": ""} and shown["current"]
    first = expected.table.to_pylist()[0]
    assert shown["p"] == pytest.approx(first["p"]) and shown["items"] == [6, 9]
    assert {one["name"]: one["figure"] for one in shown["tests"]} == pytest.approx(
        {name: first[name] for name in ("neighbours", "mean_discrepancy", "classifier", "tail")}
    )
    assert shown["tags"] == [{"tag": "blue", "share_a": 0.0, "share_b": 1.0}]
    assert {row["dataset"] for row in shown["typical"]["a"]} == {"copies"}


def test_models_are_names_not_folders(visitor, tmp_path) -> None:
    for model in ("0" * 1000, str(tmp_path / "model")):
        for path, given in (
            ("analyses", {}),
            ("clusters", {"analysis": "x"}),
            ("compared", {"a": "x", "b": "y"}),
        ):
            answer = visitor.get(path, model=model, **given)
            assert answer.status == 400 and "model" in answer.json["error"], (path, answer)
        assert visitor.post("analyze", kind="quality", model=model).status == 400


def test_a_page_that_only_reads_decides_nothing(dsn, session) -> None:
    session.find_quality()
    with start(dsn, Options(read_only=True)) as served:
        visitor = Visitor(served)
        (found,) = visitor.get("analyses").json["analyses"]
        listed, entries = opened(visitor, found)
        assert entries and listed["total"] == found["total"]
        asked = {"list": listed["list"], "decision": "ignore", "all": True}
        assert visitor.post("decide", **asked).status == 403
        assert visitor.post("analyze", kind="quality").status == 403
