"""Random damages of real images and annotation files: each ends in rows, rejects or an error.

    python tests/damage.py --count 20000 --seed 1
    python tests/damage.py --bytes --count 10000 --seed 1

With `--bytes` a case changes one byte of a Parquet, Arrow or SQLite file, each place in turn where
there are as many cases as bytes. The pictures in it are decoded, and one case in `RARELY` goes into
a catalog: some hundred cases a second.

A case is (seed, kind, number), and the same three give the same damage. Half of the cases damage
image files, which are then ingested; half damage the annotation files, archives, tables and
features of `damaged_sets`, of which one in `INGESTED` that can be read goes into a catalog too.
Each kind runs in a process of its own: one that crashes, or hangs for `HANG` seconds, is named with
its case, and its kind goes on with the next.
"""

from __future__ import annotations

import argparse
import faulthandler
import hashlib
import random
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import damaged_sets
import toy

import hamsight
from hamsight_core.catalog.catalog import CatalogModel
from hamsight_core.catalog.fits import hash_of
from hamsight_core.errors import ImageError, SourceError
from hamsight_core.images.decode import MAX_PIXELS, decode
from hamsight_core.images.places import fetch
from hamsight_core.items import Item
from hamsight_core.models.package import load_package
from hamsight_ingest.features.check import Checker
from hamsight_ingest.features.files import read_features
from hamsight_ingest.job import ingest
from hamsight_ingest.prepare import ImageFile, Rejected, prepare
from hamsight_ingest.readers import open_source
from hamsight_ingest.source import Refused

IMAGE_KINDS = ("jpeg", "png", *damaged_sets.ENCODED)
KINDS = (*IMAGE_KINDS, *damaged_sets.DATASETS, *damaged_sets.FEATURES)
OF_BYTES = ("parquet", "feather", "features.parquet", "features.feather", "features.sqlite")
LIMIT, HANG = 5.0, 30.0
BATCH, INGESTED, RARELY = 100, 10, 250
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass
class Outcomes:
    """How the cases ended, and the longest of them in seconds, with its number."""

    ends: Counter[str] = field(default_factory=Counter)
    longest: tuple[float, int] = (0.0, -1)

    def add(self, end: str, number: int, started: float) -> None:
        self.ends[end] += 1
        self.longest = max(self.longest, (time.monotonic() - started, number))


def dice_of(seed: int, kind: str, number: int) -> random.Random:
    """Return the dice of a case."""
    digest = hashlib.sha256(f"{seed}/{kind}/{number}".encode()).digest()
    return random.Random(digest)


def damaged(data: bytes, dice: random.Random) -> bytes:
    """Return the bytes cut off, with bits flipped, with a piece moved, or several of these."""
    made = bytearray(data)
    if dice.random() < 0.3:
        del made[dice.randrange(len(made)) :]
    if made and dice.random() < 0.1:
        start = dice.randrange(len(made))
        piece = made[start : start + dice.choice((1, 4, 100))]
        place = dice.randrange(len(made))
        made[place : place + dice.choice((0, len(piece)))] = piece
    for _ in range(min(len(made), dice.choice((0, 1, 1, 4, 30)))):
        # The first bytes say what a file is; half of the damages fall there.
        end = len(made) if dice.random() < 0.5 else min(len(made), 256)
        made[dice.randrange(end)] ^= 1 << dice.randrange(8)
    return bytes(made)


def one_byte(data: bytes, dice: random.Random, place: float) -> bytes:
    """Return the bytes with another one at a place, a share of their number."""
    made = bytearray(data)
    made[int(place * len(made))] ^= dice.randrange(1, 256)
    return bytes(made)


class Bench:
    """A session, a model package and a folder in which cases are run.

    `bytes_of` is how many cases change one byte each; 0 for the other damages.
    """

    def __init__(
        self, session: hamsight.Session, folder: Path, data: Path = DATA, bytes_of: int = 0
    ) -> None:
        self.session, self.folder, self.data = session, folder, data
        self._bytes_of = bytes_of
        self._made: CatalogModel | None = None
        self._pictures: set[bytes] = set()
        self._ingested = RARELY if bytes_of else INGESTED
        self.package = str(toy.model(folder / "toy"))
        self._preprocess = load_package(self.package).image.preprocess
        (folder / "whole.jpg").write_bytes(toy.jpeg(1))
        self._ingest(folder / "whole.jpg", "whole", 1)  # what is loaded once is no case's time

    def run(self, kind: str, seed: int, numbers: Iterable[int]) -> Iterator[tuple[int, Outcomes]]:
        """Run cases of a kind; yield after each, or each batch, its last number and outcomes."""
        run = self._images if kind in IMAGE_KINDS else self._files
        return run(kind, seed, list(numbers))

    def _images(self, kind: str, seed: int, numbers: list[int]) -> Iterator[tuple[int, Outcomes]]:
        whole = damaged_sets.photos(self.data).get(kind, [])
        for start in range(0, len(numbers) if whole else 0, BATCH):
            batch, outcomes, ends = numbers[start : start + BATCH], Outcomes(), Counter[str]()
            name = f"{kind}-{batch[0]}"
            folder = self.folder / name
            folder.mkdir()
            for number in batch:
                dice = dice_of(seed, kind, number)
                file = folder / f"{number}.{kind}"
                file.write_bytes(damaged(dice.choice(whole), dice))
                started = time.monotonic()
                item = Item(file.name, str(file))
                end = prepare(
                    item,
                    None,
                    self._preprocess,
                    ImageFile(item.uri, MAX_PIXELS, self._preprocess.least),
                )
                if isinstance(end, Rejected):
                    assert end.reason and "\n" not in end.reason, end.reason
                ends[type(end).__name__] += 1
                outcomes.add("rejects" if isinstance(end, Rejected) else "rows", number, started)
            self._ingest(folder, name, len(batch), outcomes.ends["rejects"])
            yield batch[-1], outcomes

    def _ingest(self, path: Path, name: str, items: int, rejected: int | None = None) -> None:
        """Ingest a dataset; every item must stand in a row or in the rejects."""
        catalog = self.session.catalog(create=True)
        counts = ingest(catalog, open_source(path), dataset=name, model=self.package).counts
        assert counts.added + counts.rejected == counts.total == items, (counts, items)
        assert rejected in (None, counts.rejected), (counts, rejected)
        for table, count in (("items_toy", counts.added), ("rejects", counts.rejected)):
            if count:
                sql = f"SELECT count() FROM {table} WHERE dataset = {{d:String}}"
                assert self.session.sql(sql, {"d": name})[0][0].as_py() == count

    def _files(self, kind: str, seed: int, numbers: list[int]) -> Iterator[tuple[int, Outcomes]]:
        path, files = damaged_sets.make(kind, self.data, self.folder / kind)
        if kind in damaged_sets.FEATURES:
            self._import(files[0], "whole", True)
        elif self._bytes_of:
            self._pictures = {fetch(item.uri) for item in open_source(path)}
        for number in numbers:
            dice, outcomes = dice_of(seed, kind, number), Outcomes()
            file = dice.choice(files)
            whole = file.read_bytes()
            if self._bytes_of:
                file.write_bytes(one_byte(whole, dice, number / self._bytes_of))
            else:
                file.write_bytes(damaged(whole, dice))
            started = time.monotonic()
            whole_way = number % self._ingested == 0
            try:
                if kind in damaged_sets.FEATURES:
                    self._import(file, f"{kind}-{number}", whole_way)
                else:
                    self._read(path, f"{kind}-{number}", whole_way)
                end = "rows"
            except SourceError as error:
                str(error).encode()
                end = "errors"
            outcomes.add(end, number, started)
            file.write_bytes(whole)
            yield number, outcomes

    def _read(self, path: Path, name: str, ingested: bool) -> None:
        items = list(open_source(path))
        for item in items:
            "".join([item.id, item.uri, item.subset, *item.tags, *item.captions]).encode()
            "".join(f"{key}{value}" for key, value in item.attributes.items()).encode()
        local = not any(item.uri.startswith("http") for item in items)
        if ingested and local:
            self._ingest(path, name, len(items))
        elif self._bytes_of:
            for item in items:
                if not isinstance(item, Refused):
                    self._decode(item.uri)

    def _decode(self, uri: str) -> None:
        """Fetch a picture, and decode it where its bytes are others than before."""
        try:
            data = fetch(uri)
            if data not in self._pictures:
                decode(data)
        except ImageError as error:
            assert str(error)

    def _import(self, file: Path, name: str, whole_way: bool) -> None:
        """Import features, or only read and check them."""
        if whole_way:
            self.session.import_features(file, "made", dataset=name, dimension=512)
            return
        catalog = self.session.catalog()
        model = self._made = self._made or catalog.model("made")
        checker = Checker(str(file), model, hash_of(catalog, model), name, "", True, False)
        rows = 0
        for piece in read_features(file, {}, None):
            rows += checker.rows(piece, rows).num_rows


def work(kind: str, seed: int, first: int, end: int, bytes_of: int) -> None:
    """Run the cases first … end - 1 of a kind in this process; say on stdout what came of them."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        session = hamsight.open(f"chdb://{folder}/catalog")
        bench = Bench(session, Path(folder), bytes_of=bytes_of)
        faulthandler.dump_traceback_later(HANG, exit=True)
        for last, outcomes in bench.run(kind, seed, range(first, end)):
            faulthandler.dump_traceback_later(HANG, exit=True)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            seconds, number = outcomes.longest
            ends = " ".join(f"{name}={count}" for name, count in sorted(outcomes.ends.items()))
            print(f"done {last} {seconds:.3f} {number} {peak} {ends}", flush=True)
        session.close()


def watch(kind: str, seed: int, count: int, of_bytes: bool) -> list[str]:
    """Run `count` cases of a kind, print their figures and return what was found wrong."""
    bytes_of = str(count if of_bytes else 0)
    found: list[str] = []
    total, longest, peak, first = Counter[str](), (0.0, -1), 0, 0
    while first < count:
        numbers = [str(seed), str(first), str(count), bytes_of]
        command = [sys.executable, __file__, "--work", kind, *numbers]
        with tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("done "):
                    _, last, seconds, number, rss, *ends = line.split()
                    first, peak = int(last) + 1, max(peak, int(rss))
                    longest = max(longest, (float(seconds), int(number)))
                    total.update({key: int(n) for key, n in (end.split("=") for end in ends)})
            if process.wait():
                errors.seek(0)
                said = errors.read()[-4000:]
                found.append(f"{kind}, seed {seed}, case {first} or its batch: {said}")
                first += BATCH if kind in IMAGE_KINDS else 1
            elif first < count:
                break  # this Pillow writes no such images
    if longest[0] > LIMIT:
        found.append(f"{kind}, seed {seed}, case {longest[1]}: {longest[0]:.1f} s")
    ends = ", ".join(f"{n} {name}" for name, n in sorted(total.items()))
    print(
        f"{kind:16} {ends}; longest {longest[0]:.2f} s (case {longest[1]}); {peak} MiB", flush=True
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=KINDS, nargs="*")
    parser.add_argument("--bytes", action="store_true")
    parser.add_argument("--work", nargs=5, metavar=("KIND", "SEED", "FIRST", "END", "BYTES_OF"))
    given = parser.parse_args()
    if given.work:
        kind, *numbers = given.work
        work(kind, *map(int, numbers))
        return
    kinds = given.kind or (OF_BYTES if given.bytes else KINDS)
    of_images = [kind for kind in kinds if kind in IMAGE_KINDS]
    others = [kind for kind in kinds if kind not in IMAGE_KINDS]
    halves = [half for half in (of_images, others) if half]
    found: list[str] = []
    for half in halves:
        for kind in half:
            count = -(-given.count // len(halves) // len(half))
            found += watch(kind, given.seed, count, given.bytes)
    print(f"{len(found)} findings")
    sys.exit("\n".join(found) if found else 0)


if __name__ == "__main__":
    main()
