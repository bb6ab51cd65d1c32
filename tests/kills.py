"""SIGKILL while a catalog is changed: it opens, nothing is lost or twice, and a rerun goes on.

`python tests/kills.py --kills 20` kills each operation 20 times at random moments and 20 times
before a random statement. After each kill the catalog is opened and compared with what it held
before the operation and what it holds after the whole; then the operation is run again, whose end
must be as if nothing had happened, with nothing left for `verify` to name.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import re
import shutil
import signal
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import toy

import hamsight
from hamsight_core.catalog.catalog import TableKind
from hamsight_core.models.describe import describe
from hamsight_ingest.upkeep import cell_building

LOADED = [
    *("clickhouse_connect", "openvino.preprocess", "pyarrow", "hamsight.session", "toy"),
    *("hamsight_ingest.pipeline", "hamsight_ingest.readers", "hamsight_curate.export.job"),
    *("hamsight_ingest.upkeep.reencode", "hamsight_ingest.upkeep.cell_building"),
]
PHOTOS = 60
SOME = [f"photos/{n:03}.jpg" for n in range(0, PHOTOS, 7)]


def reencode(session, folder):
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_ingest.upkeep.reencode import encode_again

    catalog: Catalog = session.catalog(create=True)
    encode_again(catalog, str(folder / "other"))


def index(session, folder):
    cell_building.LEAST_ITEMS = 10
    cell_building.index_items(session.catalog(create=True), "toy")


def move(session, folder):
    session.move_dataset("photos", folder / "moved", check_all=False)


OPERATIONS = {
    "ingest": lambda s, f: s.ingest(f / "more", model=f / "toy", dataset="more"),
    "objects": lambda s, f: s.ingest(f / "boxes2", model=f / "toy", dataset="boxes", objects=True),
    "change": lambda s, f: s.ingest(f / "changed", model=f / "toy", dataset="photos"),
    "archive": lambda s, f: s.ingest(f / "coco.zip", model=f / "toy"),
    "import": lambda s, f: s.import_features(f / "made.npz", "made", dataset="made", dimension=16),
    "reencode": reencode,
    "rehash": lambda s, f: s.rehash("toy"),
    "index": index,
    "group": lambda s, f: s.add_to_group("good", SOME),
    "set": lambda s, f: s.set(SOME, status="checked", attributes={"by": "ann"}),
    "delete": lambda s, f: s.delete([*SOME, "boxes/003.jpg"]),
    "rename": lambda s, f: s.rename_dataset("photos", "pictures"),
    "rename boxes": lambda s, f: s.rename_dataset("boxes", "crates"),
    "move": move,
    "export": lambda s, f: s.export(f / "out", "folder", where="width > 0"),
    "models add": lambda s, f: describe(f / "own", name=None, replace=False),
}
IN_BATCHES = {"ingest", "objects", "change", "archive", "import"}
DONE = {
    "rename": "no dataset 'photos'",
    "rename boxes": "no dataset 'boxes'",
    "move": "are at .* already|no file of 'photos' is under",
    "delete": "no item|holds no item|not in the catalog",
    "export": "nothing that exists is overwritten",
    "models add": "is there already",
}
"""What a second run says of an operation that the killed one had done."""


def child(pipe, catalog: str, folder: str, name: str, statement: int) -> None:
    """Run an operation, after a word; die before the statement of that number, if it is not 0."""
    from hamsight_core.catalog.engine_connection import EngineConnection
    from hamsight_ingest import writer

    writer.FLUSH_ROWS = 16
    warnings.simplefilter("ignore")
    query, sent, begun = EngineConnection.query, 0, False

    def counting(self, *given, **options):
        nonlocal sent
        sent += begun
        if begun and sent == statement:
            os.kill(os.getpid(), signal.SIGKILL)
        return query(self, *given, **options)

    EngineConnection.query = counting
    with hamsight.open(catalog) as session:
        session.sql("SELECT 1")
        pipe.send("ready")
        pipe.recv()
        begun = True
        OPERATIONS[name](session, Path(folder))
    pipe.send(sent)


class Bench:
    """A catalog as it was before each operation, in a folder with what the operations read."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.base, self.catalog = folder, folder / "base", folder / "catalog"
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(LOADED)
        photos = toy.photos(folder / "photos", PHOTOS)
        for copy in ("moved", "changed"):
            shutil.copytree(photos, folder / copy)
        toy.photos(folder / "more", 40, 100)
        for n in range(0, PHOTOS, 2):
            (folder / "changed" / f"{n:03}.jpg").write_bytes(toy.jpeg(500 + n))
        toy.model(folder / "toy")
        toy.model(folder / "other", seed=8)
        toy.model(folder / "own")
        (folder / "own" / "model.toml").unlink()
        images = [(n, f"{n:03}.jpg") for n in range(40)]
        toy.coco(folder / "coco", images, [(0, "cat", (1, 1, 5, 5))])
        with zipfile.ZipFile(folder / "coco.zip", "w") as file:
            for n, name in images:
                file.writestr(f"images/{name}", toy.jpeg(300 + n))
            for said in (folder / "coco").rglob("*.json"):
                file.write(said, f"annotations/{said.name}")
        features = np.random.default_rng(0).normal(size=(50, 16)).astype(np.float32)
        np.savez(folder / "made.npz", id=[str(n) for n in range(50)], feature=features)
        for name, boxes in (("boxes", 2), ("boxes2", 3)):
            images = [(n, f"{n:03}.jpg") for n in range(20)]
            some = [(n, k) for n in range(20) for k in range(boxes)]
            objects = [(n, "cat", (k, n % 4, 6 if n % 3 else 3 + boxes, 7)) for n, k in some]
            train = toy.photos(toy.coco(folder / name, images, objects) / "train", 20)
            for n in range(0, 20, boxes):
                (train / f"{n:03}.jpg").write_bytes(toy.jpeg(400 + boxes * n))
        with hamsight.open(self.base) as session:
            session.ingest(photos, model=folder / "toy")
            session.ingest(folder / "boxes", model=folder / "toy", dataset="boxes", objects=True)
            session.add_to_group("first", ["photos/001.jpg"])
            session.save_query("q", item="photos/001.jpg")
            session.save_view("q", "nearest")

    def begin(self, name: str) -> None:
        """Lay everything as it was before an operation."""
        for made in (self.catalog, self.folder / "out", self.folder / "temporary"):
            shutil.rmtree(made, ignore_errors=True)
        (self.folder / "own" / "model.toml").unlink(missing_ok=True)
        shutil.copytree(self.base, self.catalog, symlinks=True)
        (self.folder / "temporary").mkdir()

    def start(self, name: str, statement: int = 0):
        """Return a process that is about to run the operation, and its pipe."""
        ours, theirs = self._context.Pipe()
        given = (theirs, str(self.catalog), str(self.folder), name, statement)
        process = self._context.Process(target=child, args=given, daemon=True)
        process.start()
        theirs.close()
        assert ours.recv() == "ready"
        ours.send("go")
        return process, ours

    def whole(self, name: str) -> tuple[float, int]:
        """Run an operation; return the seconds it takes, and the statements."""
        self.begin(name)
        process, pipe = self.start(name)
        began = time.monotonic()
        sent = pipe.recv()
        took = time.monotonic() - began
        process.join()
        return took, sent

    def again(self, name: str) -> None:
        """Run an operation as a user does after a kill; it may have been done already."""
        try:
            with hamsight.open(self.catalog) as session:
                OPERATIONS[name](session, self.folder)
        except hamsight.HamsightError as error:
            if not re.search(DONE.get(name, "^$"), str(error)):
                raise

    def state(self) -> tuple[dict[str, list[str]], list[str]]:
        """Return the rows that users see, without moments, and what is outside the catalog.

        And what is wrong in the catalog itself.
        """
        found = {}
        with hamsight.open(self.catalog) as session:
            catalog = session.catalog()
            for model in [*catalog.models(), *catalog.models(TableKind.OBJECTS)]:
                view = re.sub(r"_[grh][0-9a-f]{8}$", "", model.items_table)
                rows = session.sql(f"SELECT * EXCEPT(ingested_at) FROM {view}").to_pylist()
                found[view] = sorted(map(repr, rows))
            found["saved"] = session.saved()["name"].to_pylist()
            found["nearest"] = session.sql("SELECT id FROM nearest")["id"].to_pylist()
            names = ["pictures", "photos"]
            sets = [one for one in names if one in session.datasets()["dataset"].to_pylist()]
            near = session.query(item="001.jpg", dataset=sets[:1], model="toy", k=3)
            found["query"] = [match.id for match in near]
            kinds = session.verify(files="none").to_pylist()
        out = self.folder / "out"
        found["out"] = sorted(str(file.relative_to(out)) for file in out.rglob("*"))
        own = self.folder / "own" / "model.toml"
        found["own"] = own.read_text().splitlines() if own.exists() else []
        return found, [f"{row['kind']}: {row['found']}" for row in kinds]


def keys(rows) -> set[str]:
    """Return the dataset, subset and id of each row."""
    return {row.partition("'uri'")[0] for row in rows}


def wrong_of(name: str, found, before, after) -> str:
    """Return what is wrong with a state after a kill."""
    for key in found.keys() | before.keys():
        mine, first, last = found.get(key, []), before.get(key, []), after.get(key, [])
        if mine in (first, last):
            continue
        if key == "out" or name not in IN_BATCHES:
            return f"{key} is neither as before nor as after"
        lost = {row for row in first if row in last} - set(mine)
        lost |= keys(first) & keys(last) - keys(mine)
        foreign = set(mine) - set(first) - set(last)
        if key.startswith(("items", "objects")) and (lost or foreign):
            return f"{key} lost {len(lost)} rows, and has {len(foreign)} of no run"
    return ""


def main(kills: int, seed: int, only: list[str], seconds: float) -> list[str]:
    """Kill the operations, all by default; print how it went, and return what is wrong."""
    wrong = []
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.environ["TMPDIR"] = str(Path(folder) / "temporary")
        (Path(folder) / "temporary").mkdir()
        bench = Bench(Path(folder))
        for name in only or OPERATIONS:
            counts: Counter[str] = Counter()
            end = time.monotonic() + seconds
            bench.begin(name)
            before, _ = bench.state()
            took, sent = bench.whole(name)
            after, _ = bench.state()
            generator = random.Random(f"{seed} {name}")
            moments = [(generator.uniform(0, took), 0) for _ in range(kills)]
            at = [(0.0, generator.randrange(1, sent + 1)) for _ in range(kills if sent else 0)]
            generator.shuffle(kinds := moments + at)
            for moment, statement in kinds:
                if time.monotonic() > end:
                    break
                bench.begin(name)
                process, pipe = bench.start(name, statement)
                process.join(None if statement else moment)
                process.kill()
                process.join()
                pipe.close()
                how = f"{name}, {'statement' if statement else 'second'} {statement or moment:.3f}"
                try:
                    found, left = bench.state()
                    fault = wrong_of(name, found, before, after)
                    known = {"before": before, "after": after}
                    counts[next((one for one in known if known[one] == found), "part")] += 1
                    counts["left"] += bool(left)
                    time.sleep(1 - time.time() % 1)  # moments in a catalog are whole seconds
                    bench.again(name)
                    ended, left = bench.state()
                    if not fault and ended != after:
                        differing = [k for k in after if ended.get(k) != after[k]]
                        fault = f"the rerun ends otherwise: {differing}"
                    fault = fault or "; ".join(left)
                except Exception as error:  # each is a finding
                    fault = f"{type(error).__name__}: {error}"
                if fault:
                    wrong.append(f"{how}: {fault}")
            print(name, f"{took:.2f} s, {sent} statements", dict(counts), flush=True)
    return wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=OPERATIONS, default=[])
    parser.add_argument("--seconds", type=float, default=1e9, help="for an operation")
    asked = parser.parse_args()
    os.environ.setdefault("HAMSIGHT_CACHE", tempfile.mkdtemp())
    found = main(asked.kills, asked.seed, asked.only, asked.seconds)
    print("\n".join(found) or "nothing lost, twice or half")
    raise SystemExit(bool(found))
