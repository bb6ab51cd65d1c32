"""A session that asks and ingests many times: `python leaks.py FOLDER MODEL QUERIES INGESTS`.

FOLDER holds `photos` and gets `catalog`. Prints threads and MiB of memory as JSON: at the start
(after one of each), after the queries and after the ingests.
"""

import json
import sys
from pathlib import Path

from PIL import Image

import hamsight


def used():
    lines = Path("/proc/self/status").read_text().splitlines()
    said = dict(line.split(":", 1) for line in lines)
    return int(said["Threads"]), int(said["VmRSS"].split()[0]) // 1024


def main(folder, model, queries, ingests):
    photos = folder / "photos"

    def add(number):
        Image.new("RGB", (64, 64), (number * 12, 0, 0)).save(photos / f"{number}.png")
        session.ingest(photos, model=model)

    with hamsight.open(folder / "catalog") as session:
        add(0)
        session.query(image=photos / "0.png")
        seen = [used()]
        for _ in range(queries):
            session.query(image=photos / "0.png")
        seen.append(used())
        for number in range(ingests):
            add(number + 1)
        seen.append(used())
    print(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
