"""A session is used, then forked: `python forked.py DSN PHOTOS MODEL` prints what children said."""

import json
import multiprocessing
import os
import sys

import hamsight

COUNT = "SELECT count() AS n FROM items_toy"


def child(work):
    """Fork; return the status of the child and what it printed."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        os.dup2(writing, 1)
        work()
        sys.exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        printed = stream.read()
    return [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), printed.strip()]


def said(work):
    """Return what a call in a child answered, or its error."""

    def tell():
        try:
            print(work())
        except hamsight.HamsightError as error:
            print(error)

    return child(tell)[1]


def leave():
    print("printed", end="")
    sys.exit(3)


def count(session):
    return session.sql(COUNT)["n"][0].as_py()


def square(number):
    return number * number


class Loaded:
    """What a data loader's workers read from, with a session that their parent opened."""

    def __init__(self, session):
        self.session = session

    def __call__(self, index):
        try:
            return count(self.session)
        except hamsight.HamsightError as error:
            return str(error)


def main(dsn, photos, model):
    def opened():
        with hamsight.open(dsn) as own:
            return count(own)

    def encoded():
        with hamsight.open(dsn) as own:
            return len(own.query(image=f"{photos}/000.jpg"))

    session = hamsight.open(dsn)
    session.ingest(photos, model=model)
    session.query(image=f"{photos}/000.jpg")
    loaded.append(Loaded(session))
    found = {
        "left": child(leave),
        "closed": child(session.close),
        "use": said(lambda: count(session)),
        "open": said(opened),
        "encode": said(encoded),
    }
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found["in a pool"] = pool.map(square, range(4))
        found["use in a pool"] = pool.map(load, [0])[0]
    found["parent"] = count(session)
    session.close()
    print(json.dumps(found))


loaded = []


def load(index):
    return loaded[0](index)


if __name__ == "__main__":
    main(*sys.argv[1:])
