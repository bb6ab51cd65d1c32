"""The Python API: what a notebook does."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from made_catalog import ITEMS, fill
from PIL import Image

import hamsight
from hamsight import Session

pytestmark = pytest.mark.homes("chdb", "http")

NAME = ITEMS[5].name


@pytest.fixture
def session(dsn: str, tmp_path: Path):
    """A session on thirty made-up items whose uris name real, small pictures."""
    from dataclasses import replace

    Image.new("RGB", (32, 24), "red").save(tmp_path / "red.png")
    pictured = [
        replace(made, item=replace(made.item, uri=str(tmp_path / "red.png"))) for made in ITEMS[:29]
    ]
    fill(dsn, tmp_path / "package", [*pictured, ITEMS[29]])
    with hamsight.open(dsn) as opened:
        yield opened


def test_matches_are_a_sequence(session: Session) -> None:
    matches = session.query(item=NAME, k=10)
    assert len(matches) == 10 and bool(matches)
    assert [match.rank for match in matches] == list(range(1, 11))
    assert matches[0] == next(iter(matches))
    assert matches[-1].rank == 10
    assert [match.rank for match in matches[2:4]] == [3, 4]
    assert matches[3] in matches
    with pytest.raises(IndexError):
        matches[10]
    similarities = [match.similarity for match in matches]
    assert similarities == sorted(similarities, reverse=True)
    assert repr(matches) == f"<Matches: 10 for item: {NAME}>"
    assert matches.model == "made"
    assert session.query(item=matches[0].name, k=1).targets[0].identity == (
        matches[0].dataset,
        matches[0].subset,
        matches[0].id,
    )


def test_matches_convert_to_arrow_and_pandas(session: Session) -> None:
    matches = session.query(item=NAME, k=10)
    table = matches.to_arrow()
    assert table.num_rows == 10
    assert table["id"].to_pylist() == [match.id for match in matches]
    frame = matches.to_pandas()
    assert list(frame.columns) == table.column_names
    assert list(frame["tags"]) == [dict(match.tags) for match in matches]
    assert list(frame["distance"]) == [match.distance for match in matches]


def test_no_match_is_an_empty_answer_of_the_same_columns(session: Session, tmp_path: Path) -> None:
    some = session.query(item=NAME, k=1)
    for combine in ("nearest", "balanced"):
        none = session.query(item=[NAME, ITEMS[7].name], where="width > 9999", combine=combine)
        assert not none and list(none) == []
        assert none.to_arrow().schema.names == some.to_arrow().schema.names
        assert none.to_arrow().schema.field("query").type == pa.string()
        assert none.to_pandas().empty
        assert "0 matches" in none._repr_html_()
        none.save(tmp_path / "none.png")
        assert Image.open(tmp_path / "none.png").size > (1, 1)


def test_a_notebook_shows_pictures_and_escapes_ids(session: Session) -> None:
    shown = session.query(item=NAME, k=29, exclude_self=False)._repr_html_()
    assert shown.count("data:image/jpeg;base64,") >= 22
    assert "file not found" in session.query(item=ITEMS[29].name, exclude_self=False)._repr_html_()
    assert "&lt;b&gt;&amp;.png" in shown
    assert "<b>&.png" not in shown
    assert "and 5 more" in shown


def test_a_sheet_is_saved(session: Session, tmp_path: Path) -> None:
    matches = session.query(item=[NAME, ITEMS[7].name], k=6)
    for name in ("sheet.png", "sheet.jpg"):
        matches.save(tmp_path / name)
        assert Image.open(tmp_path / name).width > 200
    with pytest.raises(hamsight.UsageError):
        matches.save(tmp_path / "sheet.xyz")


def test_one_value_or_several(session: Session) -> None:
    one = session.query(item=NAME, dataset="birds", subset="train")
    many = session.query(item=[NAME], dataset=["birds"], subset=("train",))
    assert list(one) == list(many)
    assert {(match.dataset, match.subset) for match in one} == {("birds", "train")}


def test_a_wrong_option_is_an_error(session: Session) -> None:
    with pytest.raises(hamsight.UsageError, match="nothing to search for"):
        session.query()
    with pytest.raises(hamsight.UsageError, match="-k is 0"):
        session.query(item=NAME, k=0)
    with pytest.raises(hamsight.UsageError, match=r"no option 'top'; there are: 'box"):
        session.query(item=NAME, top=3)


def test_a_closed_session_opens_again(session: Session) -> None:
    session.close()
    session.close()
    assert len(session.query(item=NAME, k=3)) == 3


def test_ingest_query_sql(dsn: str, shared: Path, tmp_path: Path) -> None:
    photos = sorted((shared / "data/coco128/train2017").glob("*.jpg"))[:6]
    folder = tmp_path / "six"
    folder.mkdir()
    for photo in photos:
        (folder / photo.name).write_bytes(photo.read_bytes())
    (folder / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    with hamsight.open(dsn) as opened:
        outcome = opened.ingest(folder, model=str(shared / "models/photo-cca"), workers=1)
        assert (outcome.dataset, outcome.counts.added, outcome.counts.rejected) == ("six", 6, 1)
        matches = opened.query(text="a man", image=photos[0], k=6, combine="balanced")
        assert len(matches) == 6
        (row,) = opened.sql(
            "SELECT count() AS n, any(dataset) AS d FROM items_photo_cca"
        ).to_pylist()
        assert row == {"n": 6, "d": "six"}


def test_every_public_name_is_there() -> None:
    assert sorted(hamsight.__all__) == sorted(set(hamsight.__all__))
    for name in hamsight.__all__:
        assert getattr(hamsight, name).__doc__, name
    public = {name for name, value in vars(hamsight).items() if isinstance(value, type)}
    assert public <= set(hamsight.__all__)
