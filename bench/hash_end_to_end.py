"""What searches of a catalog keep before and after its hash is fitted, on real photos and captions.

    .venv/bin/python bench/hash_end_to_end.py            # the table of bench/README.md

Ingests ../shared/data/flickr8k-2000 with photo-cca into a temporary catalog, asks one caption of
each of 500 photos, and the photos themselves, and compares with exact cosine. Ranks are worked out
of the catalog's hashes and features here, and some are checked against the search itself.
  R@10      captions whose own photo is among the first ten
  overlap   share of exact cosine's top ten that the first ten hold
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

import hamsight
from hamsight_core.catalog.fits import hash_of
from hamsight_core.hashing.recall import features_of, hashes_of
from hamsight_core.models.encoder import unit_length
from hamsight_query.request import Kind, Query, Request
from hamsight_query.target import Target, hashed, resolve

SHARED = Path(__file__).resolve().parents[2] / "shared"
CANDIDATES = (20, 50, 100, 2000)
K = 10


def captions(count: int) -> list[tuple[str, str]]:
    """Return (id of a photo, one of its captions) for so many photos."""
    by_photo: dict[str, list[str]] = {}
    file = SHARED / "data/flickr8k-2000/captions.tsv"
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            by_photo.setdefault(row["file"], []).append(row["caption"])
    chosen = random.Random(2)
    return [(id, chosen.choice(by_photo[id])) for id in chosen.sample(sorted(by_photo), count)]


def asked(session: hamsight.Session, count: int) -> tuple[list[str], list[Target], list[Target]]:
    """Return ids of photos, and the targets of their captions and of the photos themselves."""
    ids, words = zip(*captions(count), strict=True)
    catalog = session.catalog()
    model = catalog.model()
    texts = Request(tuple(Query(Kind.TEXT, text) for text in words))
    items = Request(tuple(Query(Kind.ITEM, id) for id in ids))
    found = {one.query.given: one for one in resolve(catalog, model, texts)}
    return list(ids), [found[text] for text in words], resolve(catalog, model, items)


def ranked(session: hamsight.Session, targets: list[Target]) -> tuple[np.ndarray, np.ndarray]:
    """Return for each target the items' ids in the order of the hash, and their similarities."""
    catalog = session.catalog()
    model = catalog.model()
    columns = "id, hash, CAST(feature, 'Array(Float32)') AS feature"
    rows = session.sql(f"SELECT {columns} FROM {model.items_table} ORDER BY id")
    assert rows is not None
    ids = np.array(rows["id"].to_pylist())
    packed, features = hashes_of(rows["hash"]), unit_length(features_of(rows["feature"]))
    hash = hash_of(catalog, model)
    orders, similarities = [], []
    for target in targets:
        fresh = hashed(replace(target, hash=""), hash)
        planes = np.stack(
            [np.frombuffer(bytes.fromhex(p), "u1") for p in (*fresh.planes, fresh.hash)]
        )
        differ = np.unpackbits(packed[:, None] ^ planes, axis=2).sum(axis=2, dtype=int)
        cosine = features @ np.asarray(fresh.feature, "f4")
        if target.identity:
            cosine[ids == target.identity[2]] = -2
            differ[ids == target.identity[2]] = 1 << 20
        order = np.argsort(differ @ 2 ** np.arange(len(planes)), kind="stable")
        orders.append(ids[order])
        similarities.append(cosine[order])
    return np.stack(orders), np.stack(similarities)


def first_ten(ids: np.ndarray, similarities: np.ndarray, candidates: int) -> list[list[str]]:
    """Return what a search finds; with 0 candidates the hash alone."""
    if not candidates:
        return ids[:, :K].tolist()
    best = np.argsort(-similarities[:, :candidates], axis=1, kind="stable")[:, :K]
    return np.take_along_axis(ids, best, axis=1).tolist()


def check(session: hamsight.Session, target: Target, found: list[str], candidates: int) -> None:
    """Stop where the search itself finds something else."""
    matches = session.query(
        **{target.query.kind.value: target.query.given}, k=K, candidates=candidates
    )
    assert {match.id for match in matches} == {*found}, (target.query, candidates)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--bits", type=int, nargs="*", default=[256, 512])
    arguments = parser.parse_args()
    if not SHARED.is_dir():
        print(f"{SHARED} is not there: nothing is measured", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder, hamsight.open(f"{folder}/catalog") as session:
        photos = SHARED / "data/flickr8k-2000/images"
        session.ingest(photos, dataset="flickr", model=str(SHARED / "models/photo-cca"))
        ids, texts, items = asked(session, arguments.queries)
        print(f"{'hash':14}{'candidates':>12}{'R@10':>8}{'captions':>10}{'photos':>8}")
        for name, bits in [("sign", None), *(("ternary", bits) for bits in arguments.bits)]:
            if bits is not None:
                session.rehash(bits=bits)
            orders = [ranked(session, kind) for kind in (texts, items)]
            exact = [first_ten(*one, len(one[0][0])) for one in orders]
            for candidates in (0, *CANDIDATES):
                found = [first_ten(*one, candidates) for one in orders]
                for kind, answers in zip((texts, items), found, strict=True):
                    if candidates:
                        for place in range(3):
                            check(session, kind[place], answers[place], candidates)
                recall = np.mean([id in ten for id, ten in zip(ids, found[0], strict=True)])
                overlaps = [
                    np.mean([len({*a} & {*b}) / K for a, b in zip(mine, theirs, strict=True)])
                    for mine, theirs in zip(found, exact, strict=True)
                ]
                label, shown = f"{name} {session.catalog().model().bits}", candidates or "none"
                print(f"{label:14}{shown:>12}{recall:8.3f}", end="")
                print(f"{overlaps[0]:10.3f}{overlaps[1]:8.3f}", flush=True)


if __name__ == "__main__":
    main()
