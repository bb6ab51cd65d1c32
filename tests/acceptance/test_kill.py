"""SIGKILL at random moments of an ingest: nothing reported is lost, and the end is exact."""

import hashlib
import os
import random
import sys

import killed_ingest
import numpy as np
import pytest
import toy
from killed import Child
from PIL import Image

PHOTOS, CHANGED, REJECTED = 120, 60, 2
UNKILLED, STEPS = 1, 5


def digests(folder):
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in folder.glob("*.jpg")}


def change(folder, chance, generation):
    """Replace some of the photos, another set each time."""
    for number in chance.sample(range(PHOTOS), CHANGED):
        seed = generation * PHOTOS + number
        (folder / f"{number:03}.jpg").write_bytes(toy.jpeg(seed, 20 + generation, 20))


@pytest.mark.homes("chdb", "http")
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
def test_kills_at_random_moments_lose_and_double_nothing(home, cli_dsn, tmp_path):
    package = toy.model(tmp_path / "toy")
    folder = toy.photos(tmp_path / "photos", PHOTOS)
    for number in range(REJECTED):
        (folder / f"bad{number}.jpg").write_bytes(toy.jpeg(number)[:200])
    kills = int(os.environ.get("HAMSIGHT_TEST_KILLS", "6" if home == "chdb" else "3"))
    chance = random.Random(home)
    current, reported, within = {}, 0, 0
    arguments = (cli_dsn, folder, package)
    following = Child(killed_ingest.main, *arguments)
    for generation in range(UNKILLED + kills + 1):
        child, following = following, Child(killed_ingest.main, *arguments)
        child.open()
        held = {(id, sha) for id, sha, _, _ in child.rows}
        in_time = len(held & current.items())
        assert in_time >= reported - REJECTED, f"run {generation - 1} lost what it reported"
        change(folder, chance, generation)
        current = digests(folder)
        child.start()
        if UNKILLED <= generation < UNKILLED + kills:
            child.wait(chance.randrange(STEPS), chance.uniform(0, 0.2))
            child.end(kill=True)
            within += child.done is None and child.dealt_with > 0
        else:
            child.end(kill=False)
        reported = child.dealt_with
    assert reported == PHOTOS + REJECTED
    assert within >= max(1, kills // 6), "too few kills fell between the first insert and the end"

    following.open()
    following.start()
    following.end(kill=False)
    assert following.done == [0, 0, PHOTOS, REJECTED]
    check_rows(following.rows, folder, package)


def check_rows(rows, folder, package):
    """Check (id, sha256, hash, groups) of every photo against its file."""
    names = sorted(file.name for file in folder.glob("[0-9]*.jpg"))
    assert sorted(id for id, *_ in rows) == names
    pictures = [Image.open(folder / name).convert("RGB") for name in names]
    hashes = [np.packbits(feature > 0).tobytes() for feature in toy.direct(package, pictures)]
    current = digests(folder)
    expected = {n: (current[n], hash.hex(), []) for n, hash in zip(names, hashes, strict=True)}
    assert {id: tuple(rest) for id, *rest in rows} == expected
