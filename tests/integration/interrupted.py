"""Long statements that Ctrl-C ends: `python interrupted.py DB PHOTOS MODEL`."""

import json
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager

import chdb

import hamsight
from hamsight.cli import main as command

LONG = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1"
ANSWERING = "SELECT number FROM numbers(1000000000000)"
RUNNING = "SELECT count() FROM system.processes WHERE query LIKE '%numbers(1000%' AND elapsed > 0.2"


@contextmanager
def interrupting(path):
    """Send this process Ctrl-C as soon as a long statement is under way."""

    def watch():
        engine = chdb.connect(path)
        while not over.is_set():
            if engine.query(RUNNING).bytes().strip() != b"0":
                os.kill(os.getpid(), signal.SIGINT)
                over.wait(20)
            time.sleep(0.02)
        engine.close()

    over = threading.Event()
    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def main(path, photos, model):
    found = {}
    with hamsight.open(path) as session:
        session.ingest(photos, model=model)
        session.sql("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n", write=True)
        for name, statement, write in (
            ("long", LONG, False),
            ("answering", ANSWERING, False),
            ("writing", f"INSERT INTO t {ANSWERING}", True),
        ):
            try:
                with interrupting(path):
                    session.sql(statement, write=write)
            except KeyboardInterrupt:
                found[name] = "interrupted"
            found[f"after {name}"] = session.sql("SELECT 17 AS n")["n"][0].as_py()
            found[f"left of {name}"] = session.sql(RUNNING)[0][0].as_py()
    try:
        with interrupting(path):
            sys.argv[1:] = ["sql", LONG, "--db", path]
            command()
    except SystemExit as error:
        found["status"] = error.code
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
