"""Four processes that change one catalog over HTTP at the same time end with the right rows.

`HAMSIGHT_TEST_CHANGES=200 pytest tests/acceptance/test_random_changes.py` runs two hundred rounds.
"""

import hashlib
import multiprocessing
import os
import random
from collections import Counter

import changing
import numpy as np
import pytest
import toy
from killed import LOADED

import hamsight
from hamsight_core.catalog.fits import hash_of

ROUNDS = int(os.environ.get("HAMSIGHT_TEST_CHANGES", "8"))
COUNT = 70
NAMES = [f"{n:03}.jpg" for n in range(COUNT)]
KINDS = ["ingest", "ingest", "rehash", "group", "set", "delete"]


@pytest.mark.homes("http")
def test_changes_of_four_processes_are_all_there(home, dsn, tmp_path):
    chance = random.Random(os.environ.get("HAMSIGHT_TEST_SEED", "changes"))
    package = str(toy.model(tmp_path / "toy"))
    folder = toy.photos(tmp_path / "photos", COUNT)
    expected = {name: ([], "unannotated") for name in NAMES}
    made, kinds = COUNT, Counter()
    with hamsight.open(dsn) as session, Processes(dsn, folder, package) as pipes:
        session.ingest(folder, model=package)
        for round in range(ROUNDS):
            for name in chance.sample(NAMES, 6):  # an ingest finds them changed
                made += 1
                (folder / name).write_bytes(toy.jpeg(made))
            left = chance.sample(NAMES, COUNT)
            for pipe in pipes:
                kind = chance.choice(KINDS)
                kinds[kind] += 1
                some = [left.pop() for _ in range(4)]
                given = {
                    "ingest": (),
                    "rehash": (chance.choice(["sign", "ternary"]),),
                    "group": (f"group {round}", some),
                    "set": (some, f"status {round}"),
                    "delete": (some,),
                }[kind]
                for name in some:
                    groups, status = expected[name]
                    if kind == "group":
                        expected[name] = ([*groups, f"group {round}"], status)
                    if kind == "set":
                        expected[name] = (groups, f"status {round}")
                    if kind == "delete":  # an ingest may bring it again, as new
                        expected[name] = ([], "unannotated")
                pipe.send((kind, given, chance.uniform(0, 0.2)))
            assert [pipe.recv() for pipe in pipes] == [""] * len(pipes)
            session.ingest(folder, model=package)
            check(session, folder, expected, round)
    assert ROUNDS < 8 or all(kinds[kind] for kind in KINDS), kinds


class Processes:
    """The pipes of four processes that wait to be told what to change."""

    def __init__(self, *given):
        forks = "forkserver" in multiprocessing.get_all_start_methods()
        context = multiprocessing.get_context("forkserver" if forks else "spawn")
        if forks:
            context.set_forkserver_preload(LOADED)
        self._pipes, self._processes = [], []
        for _ in range(4):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=changing.main, args=(theirs, *map(str, given)), daemon=True
            )
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)

    def __enter__(self):
        return self._pipes

    def __exit__(self, *error):
        for pipe in self._pipes:
            pipe.send(None)
        for process in self._processes:
            process.join(30)
            process.kill()


def check(session, folder, expected, round):
    """Each item stands once, with its own picture, what was set last, and the hash of the row."""
    catalog = session.catalog()
    model = catalog.model()
    rows = {id: row for (_, id), row in toy.stored(session, model.items_table).items()}
    assert sorted(rows) == NAMES, round
    hash = hash_of(catalog, model)
    for name, row in rows.items():
        assert (sorted(row["groups"]), row["status"]) == (
            sorted(expected[name][0]),
            expected[name][1],
        ), (round, name)
        assert row["sha256"] == hashlib.sha256((folder / name).read_bytes()).digest(), (round, name)
        assert row["hash"] == hash.encode_images(np.array([row["feature"]])).tobytes(), round
    assert len(toy.stored(session)) == COUNT
    assert toy.in_use(session) == {model.items_table}, round
