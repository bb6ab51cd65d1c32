"""What `find` and `sample` say of a catalog with planted faults, from Python and as a command."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import toy
from PIL import Image
from planted import COPIES, FAULTS, copied, photo

import hamsight
from hamsight_core.errors import UsageError
from hamsight_curate.change import Change

_PHOTOS = 30
LEAKS = ("mirror", "grey", "resize")


def plant(root):
    """Write photos into train (20) and val (10), copies of both kinds, and faults of quality."""
    for seed in range(_PHOTOS):
        subset = root / ("train" if seed < 20 else "val")
        subset.mkdir(parents=True, exist_ok=True)
        photo(seed).save(subset / f"{seed:02}.png")
    for place, change in enumerate(("quality", "border", "brightness")):
        (root / "train" / f"copy_{change}.jpg").write_bytes(copied(photo(place), change))
    for place, change in enumerate(LEAKS):
        (root / "val" / f"leak_{change}.jpg").write_bytes(copied(photo(10 + place), change))
    (root / "train" / "same.png").write_bytes((root / "train" / "05.png").read_bytes())
    return root


@pytest.fixture(scope="module")
def planted_set(tmp_path_factory):
    return plant(tmp_path_factory.mktemp("planted") / "set")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return str(toy.model(tmp_path_factory.mktemp("package")))


@pytest.fixture(scope="module")
def session(planted_set, package, engine):
    with hamsight.open(f"chdb://{engine}?database=test_find") as opened:
        opened.ingest(planted_set, subset_from_folder=True, model=package)
        yield opened
        opened.sql("DROP DATABASE test_find", write=True)


def rows(found) -> list[dict]:
    return found.table.to_pylist()


def test_groups_of_duplicates_and_the_best_of_each(session):
    found = session.find_duplicates()
    groups: dict[int, set[str]] = {}
    for row in rows(found):
        groups.setdefault(row["group"], set()).add(row["id"])
    assert sorted(map(sorted, groups.values())) == [
        ["00.png", "copy_quality.jpg"],
        ["01.png", "copy_border.jpg"],
        ["02.png", "copy_brightness.jpg"],
        ["05.png", "same.png"],
        ["10.png", "leak_mirror.jpg"],
        ["11.png", "leak_grey.jpg"],
        ["12.png", "leak_resize.jpg"],
    ]
    kept = {row["id"] for row in rows(found) if row["keep"]}
    assert "12.png" in kept and "copy_border.jpg" in kept  # more pixels
    assert "00.png" in kept  # more bytes
    assert {"05.png", "same.png"} == {row["id"] for row in rows(found)[:2]}
    assert [row["distance"] for row in rows(found)[:2]] == [0, 0]
    assert len(found) == 14 and found.figures["groups"] == 7 and found.figures["exact"] == 1


def test_pairs_stand_once_and_name_both_items(session):
    found = session.find_duplicates(pairs=True)
    pairs = [frozenset((row["id"], row["other_id"])) for row in rows(found)]
    assert len(pairs) == len(set(pairs)) == 7
    assert [row["exact"] for row in rows(found)] == [True] + 6 * [False]
    assert rows(session.find_duplicates(pairs=True, k=2)) == rows(found)[:2]


def test_all_has_a_row_for_every_item(session):
    count = session.sql("SELECT count() AS n FROM items_toy")["n"][0].as_py()
    duplicates = rows(session.find_duplicates(all=True))
    assert len(duplicates) == len({row["id"] for row in duplicates}) == count
    assert duplicates[-1]["group"] is None and duplicates[-1]["keep"]
    outliers = session.find_outliers(all=True).table
    assert outliers.num_rows == count
    stored = session.sql("SELECT scores['outlier'] AS s FROM items_toy ORDER BY s DESC")
    assert stored["s"].to_pylist() == outliers["score"].to_pylist()
    quality = session.find_quality(all=True)
    assert quality.table.num_rows == 7 * count
    scores = quality.table["score"].to_pylist()
    assert scores == sorted(scores, reverse=True)


def test_a_group_that_is_kept_is_no_group_any_more(engine, package, planted_set):
    with hamsight.open(f"chdb://{engine}?database=test_keep") as session:
        session.ingest(planted_set, subset="all", model=package)
        with pytest.raises(UsageError, match="no group 1: run it"):
            session.keep_all(1)
        before = session.find_duplicates()
        (first, *_) = rows(before)
        assert session.keep_all(first["group"]) == 2
        after = session.find_duplicates()
        assert len(after) == len(before) - 2
        assert not any(row["id"] == first["id"] for row in rows(after))
        (listed,) = session.analyses().to_pylist()
        assert listed["kind"] == "duplicates" and listed["current"]
        session.delete("all/train/01.png")
        assert session.analyses()["current"].to_pylist() == [False]
        session.sql("DROP DATABASE test_keep", write=True)


def test_leaks_are_between_subsets_alone(session):
    found = session.find_leaks()
    assert {row["other_id"] for row in rows(found)} == {f"leak_{one}.jpg" for one in LEAKS}
    assert all(row["subset"] != row["other_subset"] for row in rows(found))
    assert found.figures["set/train | set/val"] == 3
    assert len(session.find_leaks(across="datasets")) == 0
    with pytest.raises(UsageError, match="expected subsets or datasets"):
        session.find_leaks(across="groups")


def test_items_of_one_value_belong_on_one_side(session):
    for id in ("set/train/07.png", "set/val/25.png", "set/val/26.png"):
        session.set(id, attributes={"video": "a"})
    found = rows(session.find_leaks(together="video"))
    assert [(row["id"], row["other_id"]) for row in found[3:]] == [
        ("07.png", "25.png"),
        ("07.png", "26.png"),
    ]


@pytest.mark.homes("http")
def test_leaks_are_fixed_by_moving_groups_into_one_subset(dsn, home, package, tmp_path):
    root = tmp_path / "set"
    for subset, seeds in (("train", range(6)), ("val", range(4, 9)), ("test", (20,))):
        (root / subset).mkdir(parents=True)
        for seed in seeds:
            photo(seed).save(root / subset / f"{subset}{seed}.png")
    (root / "val" / "again.jpg").write_bytes(copied(photo(4), "quality"))
    (root / "train" / "val7.png").write_bytes(copied(photo(7), "mirror"))
    with hamsight.open(dsn) as session:
        session.ingest(root, subset_from_folder=True, model=package)
        before = session.sql("SELECT subset, id, attributes FROM items_toy ORDER BY 1, 2")
        assert len(session.find_leaks()) == 4
        with pytest.raises(UsageError, match="did you mean 'train'"):
            session.fix_leaks("trian")
        done = session.fix_leaks("train")
        assert sorted(former for former, _ in done.moved) == [
            ("set", "val", "again.jpg"),
            ("set", "val", "val4.png"),
            ("set", "val", "val5.png"),
        ]
        assert done.blocked == [("set", "val", "val7.png")]  # train has another of that id
        (left,) = rows(session.find_leaks())
        assert (left["id"], left["other_id"]) == ("val7.png", "val7.png")
        held = session.sql("SELECT subset, count() AS n FROM items_toy GROUP BY 1 ORDER BY 1")
        assert held.to_pylist() == [
            {"subset": "test", "n": 1},
            {"subset": "train", "n": 10},
            {"subset": "val", "n": 3},
        ]
        (stale,) = session.analyses().to_pylist()
        assert stale["current"]  # it was made after the move
        back = session.move_back()
        assert session.analyses()["current"].to_pylist() == [False]
        assert sorted(later for _, later in back.moved) == sorted(one for one, _ in done.moved)
        assert session.sql("SELECT subset, id, attributes FROM items_toy ORDER BY 1, 2") == before
        moved = session.move_to_subset("test", ["val8.png"]).moved
        assert moved == [(("set", "val", "val8.png"), ("set", "test", "val8.png"))]
        assert session.move_back([("set", "test", "val8.png")]).moved == [moved[0][::-1]]
        assert session.move_back().moved == []


def test_scope_narrows_what_is_looked_at(session):
    found = session.find_duplicates(subset="train")
    assert found.items == 24 and found.figures["groups"] == 4
    assert session.find_duplicates(where='subset == "val"').items == 13
    with pytest.raises(UsageError, match="none of that name"):
        session.find_duplicates(dataset="nothing")


def test_findings_are_rows_of_the_catalog(session):
    session.find_leaks()
    session.find_leaks()
    asked = """SELECT id, other_id, distance FROM findings
        WHERE kind = 'leaks' AND analysis IN (SELECT analysis FROM analyses WHERE scope = '{}')
        ORDER BY rank"""
    assert session.sql(asked)["other_id"].to_pylist() == [
        row["other_id"] for row in rows(session.find_leaks())
    ]
    one = session.sql("SELECT model, items, figures FROM analyses WHERE kind = 'leaks'").to_pylist()
    assert [(row["model"], row["items"]) for row in one if "pairs" in row["figures"]]
    assert json.loads(one[0]["figures"])["pairs"] >= 3


def test_the_sql_of_the_docs_runs(session):
    session.find_duplicates()
    session.find_mislabelled()
    session.map("pca")
    text = (Path(__file__).resolve().parents[2] / "docs" / "analyses.md").read_text("utf-8")
    statements = [
        part
        for block in re.findall(r"```sql\n(.*?)```", text, re.S)
        for part in block.split("\n\n")
    ]
    assert len(statements) >= 4
    for statement in statements:
        session.sql(statement.replace("_mini", "_toy"))
    spare = session.sql(statements[1].replace("items_mini", "items_toy"))
    assert set(spare["id"].to_pylist()) >= {"01.png", "copy_brightness.jpg"}


def test_a_report_says_what_each_find_says(session, tmp_path):
    chapters = session.report(tmp_path / "report.html", dataset="set")
    text = (tmp_path / "report.html").read_text("utf-8")
    counts = dict(re.findall(r'data-kind="(\w+)" data-count="([^"]+)"', text))
    scope = {"dataset": "set"}
    compared = session.compare("subset:train", "subset:val", **scope)
    expected = {
        "duplicates": session.find_duplicates(**scope).figures["groups"],
        "leaks": len(session.find_leaks(**scope)),
        "quality": len(session.find_quality(**scope)),
        "mislabelled": len(session.find_mislabelled(**scope)),
        "outliers": len(session.find_outliers(**scope)),
        "comparison": f"p = {compared.figures['p']:.3f}",
        "map": len(session.map("tsne", **scope)),
        "clusters": len(session.cluster(16, **scope)),
        "sample": len(session.sample(24, **scope)),
    }
    assert counts == {kind: str(count) for kind, count in expected.items()}
    assert [chapter.kind for chapter in chapters] == list(expected)
    assert (counts["duplicates"], counts["leaks"]) == ("7", "3")
    shown = re.findall(r'(?:src|href)="([^"]{0,30})', text)
    assert shown and all(one.startswith(("data:image/jpeg;base64,", "#chapter-")) for one in shown)
    assert text.count("<img ") > 60 and len(text) < 20_000_000


@pytest.mark.homes("http")
def test_findings_over_http(dsn, home, planted_set, package):
    with hamsight.open(dsn) as session:
        session.ingest(planted_set, subset_from_folder=True, model=package)
        assert len(session.find_duplicates()) == 14
        assert len(session.find_leaks()) == 3
        found = session.sql("SELECT kind, count() AS n FROM findings GROUP BY kind ORDER BY kind")
        assert found.to_pylist() == [{"kind": "duplicates", "n": 14}, {"kind": "leaks", "n": 3}]


def test_faults_of_quality_are_found(engine, package, tmp_path):
    folder = tmp_path / "quality"
    folder.mkdir()
    for seed in range(12):
        photo(seed).save(folder / f"good{seed}.jpg")
    for place, (issue, make) in enumerate(FAULTS.items()):
        make(photo(20 + place)).save(folder / f"{issue}.png")
    with hamsight.open(f"chdb://{engine}?database=test_quality") as session:
        session.ingest(folder, model=package)
        found = rows(session.find_quality())
        assert {(row["id"], row["issue"]) for row in found} >= {
            (f"{issue}.png", issue) for issue in FAULTS
        }
        assert not any(row["id"].startswith("good") for row in found)
        assert all(row["flagged"] and row["score"] > 0.5 for row in found)
        dark = rows(session.find_quality(issues="dark"))
        assert [row["id"] for row in dark] == ["dark.png"]
        with pytest.raises(UsageError, match="did you mean 'blurry'"):
            session.find_quality(issues="blury")
        assert session.sql("SELECT id FROM items_toy WHERE scores['dark'] > 0.5").num_rows == 1
        session.sql("DROP DATABASE test_quality", write=True)


def coloured(folder, count: int = 40) -> None:
    """Write flat pictures of four colours into folders of their names; `red/00` is blue."""
    folder.mkdir()
    colours = {
        "red": (200, 30, 30),
        "green": (30, 170, 30),
        "blue": (30, 30, 210),
        "grey": (9,) * 3,
    }
    draw = np.random.default_rng(0)
    for name, colour in colours.items():
        (folder / name).mkdir()
        for number in range(count // 4):
            shown = colours["blue"] if (name, number) == ("red", 0) else colour
            noise = draw.integers(0, 40, (20, 20, 3))
            pixels = np.clip(np.array(shown) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number:02}.png")


def test_a_wrong_tag_is_found_and_a_sample_is_balanced(engine, package, tmp_path):
    coloured(tmp_path / "colours")
    with hamsight.open(f"chdb://{engine}?database=test_tags") as session:
        session.ingest(tmp_path / "colours", tags_from_folder=True, model=package)
        (wrong,) = rows(session.find_mislabelled())
        assert (wrong["id"], wrong["tag"], wrong["suggested"]) == ("red/00.png", "red", "blue")
        asked = """SELECT scores['mislabelled'] AS s FROM items_toy WHERE id = 'red/00.png'"""
        assert session.sql(asked)["s"].to_pylist() == [pytest.approx(wrong["score"])]
        judged = rows(session.find_mislabelled(all=True))
        assert len(judged) == 40 and judged[0] == wrong

        listed = tmp_path / "reviewed.csv"
        listed.write_text("dataset,subset,id,tag\n")
        with pytest.raises(UsageError, match="has no column suggested"):
            session.relabel(listed)
        listed.write_text(
            "dataset,subset,id,tag,suggested\ncolours,,red/00.png,red,blue\n"
            "colours,,red/01.png,green,blue\n"
        )
        assert set(session.analyses()["current"].to_pylist()) == {True}
        assert session.relabel(listed) == Change(2, 1)
        assert set(session.analyses()["current"].to_pylist()) == {False}
        assert len(session.find_mislabelled()) == 0
        of = session.sql("SELECT mapKeys(tags) AS t FROM items_toy WHERE id = 'red/00.png'")
        assert of["t"].to_pylist() == [["blue"]]
        listed.write_text("dataset,subset,id,tag,suggested\ncolours,,red/00.png,blue,red\n")
        assert session.relabel(listed).changed == 1

        chosen = rows(session.sample(8, balance="tag"))
        assert [row["rank"] for row in chosen] == list(range(1, 9))
        assert sorted(row["id"].split("/")[0] for row in chosen) == [
            name for name in ("blue", "green", "grey", "red") for _ in range(2)
        ]
        same = session.compare('where:like(id, "%2.png")', "dataset:colours")
        assert same.figures["p"] > 0.05
        other = session.compare("where:red > 0", "where:blue > 0")
        assert other.figures["p"] < 0.05
        first, *more = rows(other)
        assert first["p"] == pytest.approx(other.figures["p"]) and first["tag"] is None
        assert {row["tag"]: (row["share_a"], row["share_b"]) for row in more if row["tag"]} == {
            "red": (1, 0),
            "blue": (0, 1),
        }
        assert {row["id"][:3] for row in more if row["side"] == "b"} == {"blu"}
        stored = session.sql("SELECT tag, id FROM findings WHERE finding = 'typical'").to_pylist()
        assert {(row["tag"], row["id"][:3]) for row in stored} >= {("a", "red"), ("b", "blu")}
        with pytest.raises(UsageError, match="'red' is no side; expected dataset:"):
            session.compare("red", "subset:x")
        with pytest.raises(UsageError, match="'group:none' has no items"):
            session.compare("group:none", "dataset:colours")

        found = session.cluster(4, name="kind")
        named = {row["cluster"]: (row["name"], row["items"]) for row in rows(found)}
        assert {name for name, _ in named.values()} >= {"blue", "green", "grey"}
        assert [count for _, count in named.values()] == [11, 10, 10, 9]
        of = session.sql(
            "SELECT DISTINCT attributes['kind'] AS k FROM items_toy WHERE tags['green'] > 0"
        )
        (kind,) = of["k"].to_pylist()
        assert named[int(kind)][0] == "green"
        each = rows(session.cluster(4, all=True))
        assert len(each) == 40 and {row["cluster"] for row in each} == {1, 2, 3, 4}
        assert rows(session.cluster(99))[-1]["cluster"] == 40
        dense = session.cluster(density=True, name="dense")
        assert {row["name"] for row in rows(dense)} <= {"red", "green", "blue", "grey", "red, blue"}
        apart = session.sql("SELECT countIf(attributes['dense'] = '0') AS n FROM items_toy")
        assert apart["n"].to_pylist() == [dense.figures["apart"]]
        assert sum(row["items"] for row in rows(dense)) == 40 - dense.figures["apart"]
        with pytest.raises(UsageError, match="leave out -k"):
            session.cluster(3, density=True)

        session.add_to_group("have", where='"red" in tags')
        rest = rows(session.sample(99, keep_group="have"))
        assert len(rest) == 30 and not any(row["id"].startswith("red") for row in rest)
        session.set(where='"green" in tags', attributes={"shot": "one"})
        some = rows(session.sample(31, together="shot"))
        assert sum(row["id"].startswith("green") for row in some) == 1
        assert len(rows(session.sample(99, together="shot"))) == 40
        among = [("colours", "", f"grey/{number:02}.png") for number in range(5)]
        assert {row["id"] for row in rows(session.sample(9, among=among))} == {
            id for _, _, id in among
        }
        session.sql("DROP DATABASE test_tags", write=True)


@pytest.mark.homes("chdb")
def test_the_command_writes_rows_alone_to_stdout(home, cli_dsn, run_cli, planted_set, package):
    on = ("--db", cli_dsn)
    run_cli("ingest", planted_set, "--subset-from-folder", "--model", package, *on, check=True)
    sheet = planted_set.parent / "pairs.png"
    done = run_cli(
        *("find", "duplicates", "--pairs", "--format", "jsonl", "--save", sheet, *on), check=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 7
    assert list(lines[0]) == [
        *("dataset", "subset", "id", "other_dataset", "other_subset", "other_id"),
        *("similarity", "distance", "exact"),
    ]
    said = done.stderr.splitlines()[0]
    assert said.startswith(
        "duplicates: 7 pairs, 1 of the same file, among 37 items, with --pairs ("
    )
    assert Image.open(sheet).width > 1000

    done = run_cli("find", "leaks", "--fix", "train", *on, check=True)
    assert "3 items moved to 'train'; `hamsight find leaks --undo` moves them back" in done.stderr
    assert run_cli("find", "leaks", *on).returncode == 1
    assert "3 items moved back" in run_cli("find", "leaks", "--undo", *on, check=True).stderr
    done = run_cli("find", "leaks", "--add-to-group", "leaky", *on, check=True)
    assert "3  set/train | set/val" in done.stderr
    done = run_cli("sql", "SELECT countIf(has(groups, 'leaky')) FROM items_toy", *on)
    assert "6" in done.stdout
    none = run_cli("find", "quality", "--issue", "odd_size", "--format", "csv", *on)
    assert (none.returncode, none.stdout) == (1, "dataset,subset,id,issue,score,flagged\n")
    wrong = run_cli("find", "outliers", "-k", "3", "--all", *on)
    assert wrong.returncode == 2 and "give -k or --all, not both" in wrong.stderr
    some = run_cli("sample", "4", "--balance", "tag", "--format", "csv", *on, check=True)
    assert len(some.stdout.splitlines()) == 5
    assert some.stderr.startswith("sample: 4 items chosen, among 37 items, with --balance tag (")
    none = run_cli("find", "quality", "--issue", "odd_size", "--issue", "light", *on)
    assert "among 37 items, with --issue odd_size --issue light (" in none.stderr


def test_copies_are_of_the_changes_that_are_planted():
    assert len(COPIES) == 13
    assert Image.open(io.BytesIO(copied(photo(1), "border"))).width > photo(1).width
