"""SIGKILL at random moments of a re-encoding: readers see the former rows, or all of the new."""

import os
import random
import sys
import time

import killed_reencode
import pytest
import toy
from killed import Child
from PIL import Image

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.hashing.sign import sign_hash
from hamsight_core.models.package import load_package

PHOTOS = 48
KILLS = int(os.environ.get("HAMSIGHT_TEST_KILLS", "0"))
"""For a longer run than that of the suite."""


@pytest.mark.homes("chdb", "http")
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
def test_kills_leave_the_former_rows_or_the_new(home, cli_dsn, tmp_path):
    packages = [toy.model(tmp_path / f"toy{seed}", seed=seed) for seed in (7, 8)]
    folder = toy.photos(tmp_path / "photos", PHOTOS)
    digests = [load_package(str(package)).digest for package in packages]
    expected = dict(zip(digests, (rows_of(folder, one) for one in packages), strict=True))

    def start(target):
        return Child(killed_reencode.main, cli_dsn, folder, packages[0], packages[target])

    chance, within, target, seconds = random.Random(home), 0, 1, 0.0
    kills = KILLS or 1
    following = start(target)
    for generation in range(1 + kills + 1):
        child = following
        child.open()
        check(child.rows, expected, tables=3 + within)
        begun = time.monotonic()
        child.start()
        if 0 < generation <= kills:
            child.wait(0, chance.uniform(0, 0.9 * seconds))
            if home != "chdb":
                check_reader(cli_dsn, expected)
            child.end(kill=True)
            within += child.done is None
        else:
            child.end(kill=False)
            seconds = time.monotonic() - begun
        if child.done is not None:
            # on a server, what a killed run was filling stays for a day
            left = within if home != "chdb" else 0
            check(child.done, {digests[target]: expected[digests[target]]}, tables=1 + left)
            target = 1 - target
        if generation <= kills:
            following = start(target)
    assert child.done is not None
    assert within >= kills // 3, "too few kills fell into the run"


def rows_of(folder, package):
    names = sorted(file.name for file in folder.glob("*.jpg"))
    features = toy.direct(package, [Image.open(folder / name) for name in names])
    hashes = [one.tobytes().hex() for one in sign_hash(features)]
    groups = {"001.jpg": ["mine"], "040.jpg": ["mine"]}
    status = {"002.jpg": "reviewed"}
    return [
        [name, one, groups.get(name, []), status.get(name, "unannotated")]
        for name, one in zip(names, hashes, strict=True)
    ]


def check(seen, expected, *, tables):
    """Check what a reader sees: all rows of one of the packages, and no more tables than that."""
    digest, table, found, rows = seen
    assert rows == expected[digest]
    assert table in found
    assert len(found) <= tables, found


def check_reader(dsn, expected):
    """Check the same while a run is under way, in a search through the model's row."""
    with Catalog.open(dsn) as catalog:
        (model,) = catalog.models()
        sql = f"SELECT id, lower(hex(hash)), groups, status FROM {model.items_table}"
        rows = catalog.client.query(sql).result_rows
        assert sorted(map(list, rows)) == expected[model.digest]
