"""Every analysis of no item, of one, of two, and of items without tags, pictures and embeddings."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest
import toy

import hamsight
from hamsight_analyze.kinds import ANALYSES

COMMANDS = {
    "duplicates": "find duplicates",
    "duplicate_pairs": "find duplicates --pairs --strict",
    "leaks": "find leaks --together video",
    "quality": "find quality --update",
    "mislabelled": "find mislabelled",
    "outliers": "find outliers",
    "sample": "sample 3 --balance tag --together video --keep-group none",
    "comparison": "compare --a dataset:few --b dataset:few",
    "clusters": "cluster -k 3 --name kind",
    "density": "cluster --density --name place",
    "map": "map --color tag",
    "component": "map --component 2",
}

TYPICAL = ["side", "dataset", "subset", "id", "score"]
"""What a picture has that is typical of a side."""


@dataclass(frozen=True)
class Few:
    """A catalog: how many of its items have embeddings, and where it is."""

    count: int
    dsn: str


@pytest.fixture(scope="module")
def catalogs(engine, tmp_path_factory):
    root = tmp_path_factory.mktemp("few")
    package = str(toy.model(root / "package"))
    made = {}
    for count in range(3):
        made[count] = Few(count, f"chdb://{engine}?database=test_few_{count}")
        with hamsight.open(made[count].dsn) as session:
            photos = toy.photos(root / f"{count}" / "few", max(count, 1))
            session.ingest(photos, model=package)
            if count == 0:
                session.delete(where="width > 0")
    hashes = root / "hashes.npz"
    ids = [f"{n}.jpg" for n in range(5)]
    np.savez(hashes, id=ids, hash=np.random.default_rng(0).integers(256, size=(5, 8), dtype="u1"))
    made["hashes"] = Few(0, f"chdb://{engine}?database=test_few_hashes")
    with hamsight.open(made["hashes"].dsn) as session:
        session.import_features(hashes, "made", dataset="few", dimension=64, bits=64)
    yield list(made.values())
    with hamsight.open(made[0].dsn) as session:
        for name in made:
            session.sql(f"DROP DATABASE test_few_{name}", write=True)


def test_each_kind_of_analysis_is_asked():
    assert COMMANDS.keys() >= ANALYSES.keys()


@pytest.mark.parametrize("command", COMMANDS.values(), ids=list(COMMANDS))
def test_hardly_any_items_end_well(catalogs, command, tmp_path):
    for few in catalogs:
        sheet = tmp_path / f"{few.count}.png"
        done = toy.command(*command.split(), "--db", few.dsn, "--format", "jsonl", "--save", sheet)
        if command.startswith("compare") and few.count == 0:
            assert done.exit_code == 2
            assert "nothing to compare" in done.stderr or "none of that name" in done.stderr
            continue
        if few.dsn.endswith("hashes") and not command.startswith(("find quality", "cluster --d")):
            assert "5 items have no embedding and are left out" in done.stderr
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert done.exit_code == (0 if rows else 1), done.stderr
        assert sheet.stat().st_size > 0
        if command.startswith(("sample", "map", "cluster -k")):
            assert len(rows) == few.count
        elif command.startswith("compare"):
            first, *typical = rows
            assert "p" in first and None not in first.values()
            assert all(list(row) == TYPICAL for row in typical)
        else:
            assert rows == []


def test_a_report_of_hardly_any_items(catalogs, tmp_path):
    for few in catalogs:
        with hamsight.open(few.dsn) as session:
            chapters = session.report(tmp_path / "few.html")
        assert chapters[-1].kind == "sample" and chapters[-1].count == few.count
