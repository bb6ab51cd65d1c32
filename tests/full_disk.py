"""Operations on an embedded catalog whose disk is full, or is filled while they are under way.

`sudo python tests/full_disk.py --moments 20` mounts a small file system of its own (Linux, as
root), and prints what each operation ended with. After each the catalog must open and hold what it
held before or what it holds after the whole operation; of an ingest or an import, whole batches.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import subprocess
import tempfile
import threading
import time
import warnings
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import toy

import hamsight
from hamsight_core.whole_files import whole_file
from hamsight_curate.repair import repair
from hamsight_ingest.upkeep import cell_building

MIB = 120


@contextmanager
def small_disk(folder: Path):
    """Mount a file system of MIB mebibytes at a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={MIB}m", "tmpfs", str(folder)],
        check=True,
        capture_output=True,
    )
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(disk: Path, seed: int = 0) -> None:
    """Leave no byte free."""
    with (disk / "filling").open("ab", buffering=0) as stream:
        for size in (1 << 20, 4096, 1):
            block = random.Random(seed).randbytes(size)
            try:
                while True:
                    stream.write(block)
            except OSError:
                continue


def index(session, folder):
    cell_building.LEAST_ITEMS = 10
    session.index("toy")


OPERATIONS = {
    "ingest": lambda s, f: s.ingest(f / "more", model=f / "toy"),
    "objects": lambda s, f: s.ingest(f / "boxes", model=f / "toy", objects=True),
    "import": lambda s, f: s.import_features(f / "made.npz", "made", dataset="made", dimension=16),
    "group": lambda s, f: s.add_to_group("good", ["photos/001.jpg", "photos/003.jpg"]),
    "set": lambda s, f: s.set(["photos/001.jpg"], status="checked"),
    "delete": lambda s, f: s.delete(["photos/002.jpg"]),
    "rename": lambda s, f: s.rename_dataset("photos", "pictures"),
    "rehash": lambda s, f: s.rehash("toy", scheme="sign"),
    "save": lambda s, f: s.save_query("q", item="photos/001.jpg"),
    "view": lambda s, f: s.sql("CREATE VIEW v AS SELECT 1", write=True),
    "index": index,
    "duplicates": lambda s, f: s.find_duplicates(),
    "map": lambda s, f: s.map(),
}
READING = {
    "export": lambda s, f: s.export(f / "out", "folder", where="width > 0"),
    "verify": lambda s, f: s.verify(),
    "query": lambda s, f: s.query(item="photos/001.jpg"),
}
WRITING = {
    "table": lambda s, f: s.export(f / "out", "csv", where="width > 0"),
    "folder": lambda s, f: s.export(f / "out", "coco", where="width > 0"),
    "sheet": lambda s, f: s.query(item="photos/001.jpg").save(f / "out.png"),
    "text": lambda s, f: written(f / "out", "a" * 100_000),
}
"""What writes files beside the catalog, on the same disk."""


def written(path: Path, text: str) -> None:
    with whole_file(path) as partial:
        partial.write_text(text)


def state(catalog: Path) -> dict[str, list]:
    """Return the rows of all tables, without moments and names of runs."""
    with hamsight.open(catalog) as session:
        found = {}
        tables = session.sql(
            "SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name"
        ).to_pylist()
        for one in tables:
            held = "* EXCEPT(run, ingested_at)" if one["name"].startswith("items") else "*"
            if one["name"] in ("ingests", "saved_queries", "rejects"):
                held = {"saved_queries": "name"}.get(one["name"], "dataset")
            table = session.sql(f"SELECT {held} FROM `{one['name']}` LIMIT 10000")
            found[one["name"]] = sorted(map(repr, table.to_pylist()))
        if found.get("items_toy"):
            (renamed,) = {"photos", "pictures"} & set(session.datasets()["dataset"].to_pylist())
            assert len(session.query(item="001.jpg", dataset=renamed, model="toy", k=3)) == 3
        return found


def main_part(found: dict[str, list]) -> dict[str, list]:
    """Return what users see: items and saved queries."""
    return {
        name: rows
        for name, rows in found.items()
        if rows
        and not re.search(r"_g[0-9a-f]{8}$", name)  # a generation, which the view stands for
        and (name.startswith(("items", "objects")) or name in ("saved_queries", "v"))
    }


def ids(found: dict[str, list]) -> list[str]:
    """Return what the items of the tables are called, whatever their hashes are."""
    return sorted(row.partition("'uri'")[0] for rows in found.values() for row in rows)


def run(base: Path, disk: Path, work, during) -> str:
    """Return how an operation ended on a copy of the catalog; `during` runs beside it."""
    shutil.rmtree(disk / "catalog", ignore_errors=True)
    for left in (disk / "filling", disk / "out", disk / "out.png"):
        shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    shutil.copytree(base / "catalog", disk / "catalog", symlinks=True)
    with during(disk):
        try:
            with hamsight.open(disk / "catalog") as session:
                work(session, disk if work in WRITING.values() else base)
            return "done"
        except hamsight.HamsightError as error:
            return f"status {error.exit_status} {error}"
        except OSError as error:
            return f"status 7 {error.strerror}"


@contextmanager
def full(disk):
    fill(disk)
    yield
    (disk / "filling").unlink()


@contextmanager
def never(disk):
    yield


def filling_after(seconds):
    @contextmanager
    def during(disk):
        thread = threading.Thread(target=lambda: (time.sleep(seconds), fill(disk)))
        thread.start()
        yield
        thread.join()
        (disk / "filling").unlink()

    return during


def parts_of_files(name: str, disk: Path, how: str) -> list[str]:
    """Return what is left of files that were not written whole."""
    left = {one.name for one in disk.iterdir()} - {"catalog", "out", "out.png"}
    if how != "done":
        left |= {one.name for one in disk.glob("out*")}
    return [f"{name} left {left} on a full disk: {how}"] if left else []


def opens(disk) -> tuple[dict[str, list], bool]:
    """Return the catalog's state, and whether it needed a repair."""
    try:
        return main_part(state(disk / "catalog")), False
    except hamsight.HamsightError:
        repair(disk / "catalog")
        return main_part(state(disk / "catalog")), True


def prepared(base: Path) -> Path:
    """Make a catalog, more photos and features in a folder that has room."""
    toy.photos(base / "photos", 12)
    toy.photos(base / "more", 40, 100)
    toy.model(base / "toy")
    images = [(n, f"{n:03}.jpg") for n in range(10)]
    toy.coco(base / "boxes", images, [(n, "cat", (1, 1, 9, 9)) for n in range(10)])
    toy.photos(base / "boxes" / "train", 10)
    features = np.random.default_rng(0).normal(size=(50, 16)).astype(np.float32)
    np.savez(base / "made.npz", id=[str(n) for n in range(50)], feature=features)
    with hamsight.open(base / "catalog") as session:
        session.ingest(base / "photos", model=base / "toy")
    return base


def whole_or_not(name, found, before, after) -> bool:
    """Tell whether a state is allowed after an operation."""
    if found in (before, after):
        return True
    if name == "rehash":
        return ids(found) == ids(before)
    if name not in ("ingest", "objects", "import"):
        return False
    tables = before.keys() | after.keys()
    return all(
        set(before.get(t, [])) <= set(found.get(t, [])) <= set(after.get(t, [])) for t in tables
    )


def main(moments: int, seed: int, only: list[str]) -> list[str]:
    """Try the operations, all by default, on a full disk and at `moments` random moments.

    Return what is wrong.
    """
    wrong, warned = [], warnings.catch_warnings()
    with warned, tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        base = prepared(Path(folder) / "base")
        with small_disk(Path(folder) / "disk") as disk:
            run(base, disk, READING["query"], never)
            before = main_part(state(disk / "catalog"))
            for name, work in {**OPERATIONS, **READING, **WRITING}.items():
                if only and name not in only:
                    continue
                ended: Counter[str] = Counter()
                began = time.monotonic()
                if (how := run(base, disk, work, never)) != "done":
                    wrong.append(f"{name} fails where there is room: {how}")
                took = time.monotonic() - began
                after = main_part(state(disk / "catalog"))
                shutil.rmtree(base / "out", ignore_errors=True)
                how = run(base, disk, work, full)
                ended[f"full: {how[:8]}"] += 1
                wanted = "done" if name in READING else "status 7"
                if not how.startswith(wanted):
                    wrong.append(f"{name} on a full disk: {how}")
                if opens(disk) != (before, False):
                    wrong.append(f"{name} on a full disk changed something")
                wrong += parts_of_files(name, disk, how)
                generator = random.Random(f"{seed} {name}")
                for _ in range(moments):
                    shutil.rmtree(base / "out", ignore_errors=True)
                    moment = generator.uniform(0, 1.2 * took)
                    how = run(base, disk, work, filling_after(moment))
                    wrong += parts_of_files(name, disk, how)
                    found, repaired = opens(disk)
                    ended[how[:8] + (", repaired" if repaired else "")] += 1
                    if not whole_or_not(name, found, before, after):
                        wrong.append(
                            f"{name}, filled after {moment:.3f} s: {how}, half done:"
                            f" {[(n, len(r)) for n, r in found.items()]}"
                        )
                print(f"{name}: {dict(ended)}", flush=True)
    return wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=[], metavar="OPERATION")
    asked = parser.parse_args()
    os.environ.setdefault("HAMSIGHT_CACHE", tempfile.mkdtemp())
    found = main(asked.moments, asked.seed, asked.only)
    print("\n".join(found) or "nothing lost")
    raise SystemExit(bool(found))
