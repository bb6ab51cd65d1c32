"""A process that changes a catalog as it is told, for test_random_changes."""

import time

import hamsight
import hamsight_ingest.writer


def main(pipe, dsn, folder, package):
    hamsight_ingest.writer.FLUSH_ROWS = 8
    with hamsight.open(dsn) as session:
        acts = {
            "ingest": lambda: session.ingest(folder, model=package, batch=8, workers=1),
            "rehash": lambda scheme: session.rehash(scheme=scheme),
            "group": session.add_to_group,
            "set": lambda names, status: session.set(
                names, status=status, attributes={"by": status}
            ),
            "delete": session.delete,
        }
        while True:
            told = pipe.recv()
            if told is None:
                return
            kind, given, delay = told
            time.sleep(delay)
            try:
                acts[kind](*given)
            except Exception as error:
                pipe.send(f"{kind}: {type(error).__name__}: {error}")
            else:
                pipe.send("")
