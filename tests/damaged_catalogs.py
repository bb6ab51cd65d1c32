"""Files of an embedded catalog are damaged at random; each damage is noticed, none in raw words.

`python tests/damaged_catalogs.py --count 200 --seed 1` truncates, flips and deletes files of every
kind, opens the catalog, reads all of it, verifies it, repairs it and opens it again. A damage may
be harmless: then all rows are as they were.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import toy

import hamsight
from hamsight_curate.repair import repair

TABLES = "SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name"


def prepared(folder: Path) -> Path:
    """Make a catalog with groups, a saved query, changed and deleted rows; return its path."""
    toy.photos(folder / "photos", 12)
    toy.model(folder / "toy")
    with hamsight.open(folder / "catalog") as session:
        session.ingest(folder / "photos", model=folder / "toy")
        session.add_to_group("good", ["photos/001.jpg", "photos/003.jpg"])
        session.delete(["photos/002.jpg"])
        session.save_query("q", item="photos/001.jpg")
        toy.photos(folder / "photos", 3, 50)
        session.ingest(folder / "photos", model=folder / "toy")
    return folder / "catalog"


def rows(catalog: Path) -> dict[str, list[str]]:
    """Return every row of every table."""
    with hamsight.open(catalog) as session:
        names = session.sql(TABLES)["name"].to_pylist()
        return {
            n: sorted(map(repr, session.sql(f"SELECT * FROM `{n}`").to_pylist())) for n in names
        }


def damage(catalog: Path, generator: random.Random) -> str:
    """Damage a file of a kind that is chosen first; return what was done to which."""
    kinds: dict[str, list[Path]] = {}
    for file in sorted(catalog.rglob("*")):
        if file.is_file() and not file.is_symlink() and file.name != "definitions.json":
            kind = file.name if "mutation" not in file.name else "mutation"
            kinds.setdefault(kind, []).append(file)
    file = generator.choice(kinds[generator.choice(sorted(kinds))])
    data = file.read_bytes()
    how = generator.choice(["truncate", "flip", "delete", "empty", "zeros"])
    if how == "truncate":
        file.write_bytes(data[: generator.randrange(len(data) + 1)])
    elif how == "flip" and data:
        changed = bytearray(data)
        for _ in range(generator.choice([1, 1, 8])):
            changed[generator.randrange(len(changed))] ^= 1 << generator.randrange(8)
        file.write_bytes(changed)
    elif how == "delete":
        file.unlink()
    elif how == "empty":
        file.write_bytes(b"")
    else:
        file.write_bytes(bytes(len(data)))
    return f"{how} {file.relative_to(catalog)}"


def noticed(catalog: Path, before: dict[str, list[str]]) -> tuple[str, str]:
    """Return how a damage shows, and what is wrong about that, "" where nothing is."""
    said, found, error = [], None, None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = rows(catalog)
        except hamsight.HamsightError as raised:
            error = raised
        said = [str(one.message) for one in caught]
    if error is not None:
        engine = len(str(error).splitlines()) != 1 or "DB::" in str(error)
        raw = "damaged" not in str(error).lower()
        raw = raw and "cannot be read" not in str(error) and "verify" not in str(error)
        how, wrong = "refused", f"raw: {error}" if raw or engine else ""
    elif any("damaged" in one for one in said):
        how, wrong = "warned", ""
    elif found == before:
        how, wrong = "same rows", ""
    else:
        return "other rows", "silent"
    if how in ("refused", "warned"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with hamsight.open(catalog) as session:
                    kinds = set(session.verify(files="none")["kind"].to_pylist())
            definition = any("definition" in one for one in said)
            if not definition and not any(kind.startswith("part-") for kind in kinds):
                wrong = wrong or f"verify says {kinds or 'nothing'}"
        except hamsight.CatalogError as raised:
            how += ", not opened" if "cannot" in str(raised) else ""
            if len(str(raised).splitlines()) != 1:
                wrong = wrong or f"raw: {raised}"
    try:
        done = repair(catalog)
        how += ", repaired" if done.restored else ", not to be repaired" if done.lost else ""
        if done.restored and not any(fault.is_part for fault in done.restored):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if rows(catalog) != before:
                    wrong = wrong or "other rows after the repair"
    except hamsight.HamsightError as raised:
        how += ", repair refused"
        if len(str(raised).splitlines()) != 1:
            wrong = wrong or f"raw: {raised}"
    return how, wrong


def main(count: int, seed: int) -> list[str]:
    """Damage a catalog `count` times; return what is wrong."""
    counts: Counter[str] = Counter()
    wrong = []
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = prepared(Path(folder))
        before = rows(whole)
        for number in range(count):
            work = Path(folder) / "work"
            work.mkdir()
            shutil.copytree(whole, work / "catalog", symlinks=True)
            done = damage(work / "catalog", random.Random(f"{seed} {number}"))
            how, fault = noticed(work / "catalog", before)
            counts[how] += 1
            if fault:
                wrong.append(f"{seed} {number}: {done}: {how}: {fault}")
            shutil.rmtree(work)
    print(dict(counts))
    return wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    os.environ.setdefault("HAMSIGHT_CACHE", tempfile.mkdtemp())
    found = main(asked.count, asked.seed)
    print("\n".join(found) or "all noticed")
    raise SystemExit(bool(found))
