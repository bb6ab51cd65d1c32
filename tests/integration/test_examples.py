"""Every statement of sql/examples answers rightly through `hamsight sql --file`, on every home."""

from __future__ import annotations

import ast
import itertools
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import toy
from made_catalog import ITEMS, STRANGE, Made, Oracle, fill
from PIL import Image
from planted import FAULTS, photo
from typer.testing import CliRunner

import hamsight
from hamsight.cli.app import app
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.statements import folder

EXAMPLES = folder() / "examples"
DOCS = Path(__file__).resolve().parents[2] / "docs" / "sql.md"
# Twelve copies of files: the same bytes under other names, in other subsets and datasets.
COPIES = [
    replace(
        ITEMS[n],
        dataset=("birds", "cats", "more")[n % 3],
        item=replace(ITEMS[n].item, subset=("val", "train")[n % 2], id=f"copy{n}.png", tags={}),
    )
    for n in range(12)
]
BARE = [replace(made, item=replace(made.item, tags={}, captions=())) for made in ITEMS[50:70]]
MADE = [*ITEMS[:50], *BARE, *COPIES]
ORACLE = Oracle(MADE)
ASKED = 5  # the item asked for, with a quote or an ampersand in its id


@pytest.fixture
def example(dsn: str, tmp_path: Path) -> Callable[..., list[dict]]:
    """Runs an example on `MADE` and returns its rows."""
    fill(dsn, tmp_path / "package", MADE)
    return runner(dsn, "items_made")


def runner(dsn: str, table: str | None) -> Callable[..., list[dict]]:
    """Return what runs an example on an items table and returns its rows."""

    def run(name: str, **parameters: object) -> list[dict]:
        given = {"items": table, **parameters} if table else parameters
        params = [f"--param={key}={value}" for key, value in given.items()]
        file = str(EXAMPLES / f"{name}.sql")
        command = ["sql", "--file", file, *params, "--format", "json", "--db", dsn]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    return run


def named(row: dict) -> tuple[str, str, str]:
    return (row["dataset"], row["subset"], row["id"])


def by_distance(asked: int, kept: Callable[[Made], bool] = lambda made: True) -> list[int]:
    places = [n for n, made in enumerate(MADE) if n != asked and kept(made)]
    return sorted(places, key=lambda n: (ORACLE.distances[asked, n], MADE[n].sorted_by))


def of(dataset: str, subset: str | None = None) -> list[int]:
    return [
        n
        for n, made in enumerate(MADE)
        if made.dataset == dataset and subset in (None, made.item.subset)
    ]


def rest(n: int) -> tuple[str, str]:
    return MADE[n].identity[1:]


def test_nearest(example) -> None:
    rows = example("nearest", item=MADE[ASKED].name, k=20)
    right = by_distance(ASKED)[:20]
    assert [named(row) for row in rows] == [MADE[n].identity for n in right]
    for row, n in zip(rows, right, strict=True):
        assert row["distance"] == ORACLE.distances[ASKED, n]
        assert row["similarity"] == pytest.approx(ORACLE.similarities[ASKED, n], abs=1e-5)

    rows = example(
        "nearest_filtered", item=MADE[ASKED].name, dataset="birds", tag="dog", width=120, k=9
    )
    right = by_distance(
        ASKED,
        lambda made: made.dataset == "birds" and "dog" in made.item.tags and made.width >= 120,
    )
    assert [named(row) for row in rows] == [MADE[n].identity for n in right[:9]]


def test_nearest_to_several(example) -> None:
    asked = [30, 17, 4]
    names = [MADE[n].name for n in asked]
    rows = example("nearest_to_several", wanted=str(names), k=25)
    places = [n for n in range(len(MADE)) if n not in asked]
    right = sorted(places, key=lambda n: (ORACLE.distances[asked, n].min(), MADE[n].sorted_by))[:25]
    assert [named(row) for row in rows] == [MADE[n].identity for n in right]
    for row, n in zip(rows, right, strict=True):
        assert row["distances"] == ORACLE.distances[asked, n].tolist()
        assert row["answers"] == ORACLE.distances[asked, n].argmin() + 1


def test_distance_histogram(example) -> None:
    rows = example("distance_histogram", item=MADE[ASKED].name, step=4)
    right = Counter(
        int(distance) // 4 * 4 for n, distance in enumerate(ORACLE.distances[ASKED]) if n != ASKED
    )
    assert [(row["distance_from"], row["items"]) for row in rows] == sorted(right.items())


def test_pairs_and_outliers(example) -> None:
    birds = of("birds")
    rows = example("pairs_within", dataset="birds", distance=20, k=1000)
    right = {
        (*sorted([rest(a), rest(b)]), int(ORACLE.distances[a, b]))
        for a, b in itertools.combinations(birds, 2)
        if ORACLE.distances[a, b] <= 20
    }
    found = [
        ((row["subset"], row["id"]), (row["other_subset"], row["other_id"]), row["distance"])
        for row in rows
    ]
    assert len(found) == len(right) > 5
    assert {(*sorted(pair), distance) for *pair, distance in found} == right
    assert [distance for *_, distance in found] == sorted(distance for *_, distance in right)

    rows = example("outliers", dataset="birds", k=7)
    nearest = {rest(n): min(int(ORACLE.distances[n, m]) for m in birds if m != n) for n in birds}
    right = sorted(nearest, key=lambda one: (-nearest[one], *(p.encode() for p in one)))[:7]
    assert [(row["subset"], row["id"]) for row in rows] == right
    assert [row["distance"] for row in rows] == [nearest[one] for one in right]


def test_near_pairs(example, dsn: str) -> None:
    random = np.random.default_rng(11)
    bits = random.integers(0, 2, (300, 512), dtype=np.uint8)
    for n in range(100, 300):  # copies of the first hundred, and of copies, with up to 10 flips
        bits[n] = bits[n - 100]
        bits[n, random.choice(512, n % 11, replace=False)] ^= 1
    hashes = [row.tobytes().hex() for row in np.packbits(bits, axis=1)]
    with Catalog.open(dsn) as catalog:
        catalog.client.command(
            "CREATE TABLE near (dataset String, subset String, id String, hash FixedString(64))"
            " ENGINE = MergeTree ORDER BY id"
        )
        catalog.client.command(
            "INSERT INTO near SELECT 'd', '', toString(place - 1), unhex(hash) FROM"
            " (SELECT {hashes:Array(String)} AS hashes)"
            " ARRAY JOIN hashes AS hash, arrayEnumerate(hashes) AS place",
            parameters={"hashes": hashes},
        )
    distances = (bits[:, None] != bits[None]).sum(axis=2)
    for limit in (0, 8, 20):
        rows = example("near_pairs", items="near", distance=limit, k=10_000)
        found = {(*sorted([int(row["id"]), int(row["other_id"])]), row["distance"]) for row in rows}
        right = {
            (one, other, int(distances[one, other]))
            for one, other in itertools.combinations(range(300), 2)
            if distances[one, other] <= limit
        }
        assert len(rows) == len(right) > 10
        assert found == right
        assert [row["distance"] for row in rows] == sorted(row["distance"] for row in rows)


def test_near_copies_and_leakage(example) -> None:
    rows = example("near_copies", dataset="birds", other="more", distance=12)
    right = nearest_within(of("birds"), of("more"), 12)
    assert len(rows) == len(right) >= 4
    for row in rows:
        n, distance = right[row["subset"], row["id"]]
        assert (row["other_subset"], row["other_id"], row["distance"]) == (*rest(n), distance)

    rows = example("leakage", dataset="birds", train="train", val="val", distance=12)
    right = nearest_within(of("birds", "val"), of("birds", "train"), 12)
    assert len(rows) == len(right) >= 2
    for row in rows:
        n, distance = right["val", row["id"]]
        assert (row["train_id"], row["distance"]) == (rest(n)[1], distance)


def nearest_within(
    ones: list[int], others: list[int], limit: int
) -> dict[tuple[str, str], tuple[int, int]]:
    """Return, by subset and id, each one's nearest other and its distance, where it is within."""
    found = {}
    for one in ones:
        best = min(others, key=lambda n: (ORACLE.distances[one, n], MADE[n].sorted_by[1:]))
        if ORACLE.distances[one, best] <= limit:
            found[rest(one)] = (best, int(ORACLE.distances[one, best]))
    return found


def test_duplicates(example) -> None:
    for name, key in (
        ("duplicates", lambda made: made.sha256.hex()),
        ("same_hash", lambda made: ORACLE.hash_of(made).hex()),
    ):
        groups: dict[str, list[str]] = {}
        for made in MADE:
            groups.setdefault(key(made), []).append(made.name)
        right = [
            (digest, sorted(names, key=str.encode))
            for digest, names in groups.items()
            if len(names) > 1
        ]
        right.sort(key=lambda group: (-len(group[1]), group[0]))
        rows = example(name)
        shown = "sha256_hex" if name == "duplicates" else "hash_hex"
        assert [(row[shown], row["names"]) for row in rows] == right
        assert all(row["copies"] == len(row["names"]) for row in rows)


def test_tags(example) -> None:
    counted = Counter(tag for made in MADE for tag in made.item.tags)
    rows = example("tag_counts")
    assert {row["tag"]: row["images"] for row in rows} == counted
    for row in rows:
        counts = [made.item.tags.get(row["tag"], 0) for made in MADE]
        assert (row["instances"], row["most"]) == (sum(counts), max(counts))

    (row,) = example("tag_pairs", k=10)
    both = sum(len(made.item.tags) == 2 for made in MADE)
    assert (row["tag"], row["other"], row["images"]) == ("dog", "traffic light", both)
    lift = both * len(MADE) / (counted["dog"] * counted["traffic light"])
    assert row["lift"] == pytest.approx(lift)

    rows = example("mislabelled", tag="dog", k=5)
    dogs = [n for n, made in enumerate(MADE) if "dog" in made.item.tags]
    mean = np.mean([MADE[n].feature for n in dogs], axis=0)
    likeness = {
        MADE[n].identity: float(
            MADE[n].feature @ mean / np.linalg.norm(MADE[n].feature) / np.linalg.norm(mean)
        )
        for n in dogs
    }
    assert [named(row) for row in rows] == sorted(likeness, key=likeness.__getitem__)[:5]
    assert rows[0]["similarity"] == pytest.approx(min(likeness.values()), abs=1e-5)


def test_unannotated_and_largest(example) -> None:
    rows = example("unannotated")
    assert sum(row["images"] for row in rows) == len(MADE)
    for row in rows:
        of_subset = [MADE[n].item for n in of(row["dataset"], row["subset"])]
        bare = sum(item.status == "unannotated" for item in of_subset)
        assert (row["images"], row["unannotated"]) == (len(of_subset), bare)
        assert row["share"] == pytest.approx(bare / len(of_subset))

    rows = example("largest", k=3)
    for dataset in ("birds", "cats", "more"):
        widths = sorted((MADE[n].width for n in of(dataset)), reverse=True)[:3]
        assert [row["width"] for row in rows if row["dataset"] == dataset] == widths


def test_examples_on_a_fitted_hash(dsn: str, tmp_path: Path, monkeypatch) -> None:
    """Those that compare hashes, on the table that `hamsight rehash` makes."""
    fill(dsn, tmp_path / "package", MADE)
    with hamsight.open(dsn) as session:
        fitted = session.rehash().model
        assert fitted.hash_scheme == "ternary"
        found = session.sql(f"SELECT dataset, subset, id, hash FROM {fitted.items_table}")
    hashes = {named(row): np.frombuffer(row["hash"], np.uint8) for row in found.to_pylist()}
    bits = np.stack([np.unpackbits(hashes[made.identity]) for made in MADE])
    monkeypatch.setitem(globals(), "ORACLE", Oracle(MADE, bits))
    run = runner(dsn, fitted.items_table)
    for check in (
        test_nearest,
        test_nearest_to_several,
        test_distance_histogram,
        test_pairs_and_outliers,
        test_near_copies_and_leakage,
        test_duplicates,
    ):
        check(run)


def test_findings(engine, tmp_path) -> None:
    dsn, root = f"chdb://{engine}?database=test_found", tmp_path / "set"
    for subset, tag, seeds in (
        ("train", "red", range(6)),
        ("train", "blue", range(6, 12)),
        ("val", "red", range(12, 15)),
        ("val", "blue", range(15, 18)),
    ):
        (root / subset / tag).mkdir(parents=True)
        for seed in seeds:
            made = photo(seed)
            tint = Image.new("RGB", made.size, "blue" if seed == 0 else tag)
            Image.blend(made, tint, 0.4).save(root / subset / tag / f"{seed:02}.png")
    same = (root / "train" / "red" / "01.png").read_bytes()
    (root / "train" / "red" / "copy.png").write_bytes(same)
    (root / "val" / "red" / "leak.png").write_bytes(same)
    FAULTS["blurry"](photo(40)).save(root / "val" / "red" / "blurry.png")
    Image.effect_noise((240, 180), 255).save(root / "val" / "red" / "noise.png")
    example, bare = runner(dsn, "items_toy"), runner(dsn, None)
    with hamsight.open(dsn) as session:
        package = str(toy.model(tmp_path / "package"))
        session.ingest(root, subset_from_folder=True, tags_from_folder=True, model=package)
        session.find_duplicates(), session.find_leaks(), session.find_mislabelled()
        session.find_quality(issues="blurry"), session.sample(3)
        unlike = session.find_outliers().table.to_pylist()
        clusters = session.cluster(2).table.to_pylist()
        p = session.compare("subset:train", "subset:val").figures["p"]
        session.map("pca")

        (group,) = example("found_duplicates")
        assert (group["spare"], group["spare_bytes"]) == (2, 2 * len(same))
        assert group["id"] == "red/01.png"
        assert bare("found_leaks") == [
            {"one": "set/train", "other": "set/val", "pairs": 2, "same_file": 2}
        ]
        (issue,) = bare("found_quality")
        assert (issue["issue"], issue["items"], issue["worst"]) == ("blurry", 1, "red/blurry.png")
        tags = {(row["tag"], row["suggested"]): row for row in example("found_mislabelled")}
        assert tags["red", "blue"]["share"] == tags["red", "blue"]["items"] / 13
        assert [row["id"] for row in example("found_outliers", k=2)] == [
            row["id"] for row in unlike[:2]
        ]
        found = example("found_clusters")
        assert [row["items"] for row in found] == [row["items"] for row in clusters]
        assert all(0.5 <= row["share"] <= 1 for row in found)
        assert [row["rank"] for row in example("found_sample")] == [1, 2, 3]
        typical = bare("found_comparison")
        assert {row["side"]: row["subset"] for row in typical} == {"a": "train", "b": "val"}
        assert typical[0]["p"] == pytest.approx(p)
        near = bare("found_map", dataset="set", subset="train", id="red/01.png", k=3)
        assert {row["id"] for row in near} == {"red/01.png", "red/copy.png", "red/leak.png"}
        scores = {(row["score"], row["subset"]): row for row in example("found_scores")}
        assert scores["blurry", "val"]["greatest_id"] == "red/blurry.png"
        assert scores["outlier", "train"]["items"] == 13
        pairs = example("found_neighbours", neighbours="neighbours_toy", k=3)
        named_so = "/".join(pairs[0][name] for name in ("dataset", "subset", "id"))
        nearest = next(one for one in session.query(item=named_so, k=2) if one.name != named_so)
        assert (nearest.id, pairs[0]["tags"]) == (pairs[0]["other_id"], dict(nearest.tags))
        assert pairs[0]["similarity"] == pytest.approx(nearest.similarity, abs=0.01)
        session.sql("DROP DATABASE test_found", write=True)


def test_every_example_is_tested_and_documented() -> None:
    names = {file.stem for file in EXAMPLES.glob("*.sql")}
    assert len(names) >= 10
    strings = {
        node.value
        for node in ast.walk(ast.parse(Path(__file__).read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
    }
    assert not names - strings, "examples that no test runs"
    text = DOCS.read_text(encoding="utf-8")
    for name in names:
        assert f"`{name}.sql`" in text, f"docs/sql.md does not tell of {name}.sql"
    assert set(STRANGE) & {MADE[ASKED].item.id}
