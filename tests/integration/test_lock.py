"""The lock that whoever changes items holds: threads, processes over HTTP, dead holders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import warnings
from contextlib import ExitStack, contextmanager

import prepared
import pytest

from hamsight_core.catalog import lock
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.errors import CatalogError

HOLD = """
import sys
from hamsight_core.catalog.catalog import Catalog
with Catalog.open(sys.argv[1], create=True) as catalog, catalog.locked("a long change"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def catalog(dsn):
    with Catalog.open(dsn, create=True) as opened:
        yield opened


@contextmanager
def other_process(dsn):
    """A process that holds the lock until its stdin ends."""
    command = [sys.executable, "-c", HOLD, dsn]
    process = prepared.Process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def held_elsewhere(catalog, **said) -> None:
    """Make the table of a holder of which nothing more is heard."""
    holder = {"token": "elsewhere", "what": "a change", "host": "far", "process": 1, "machine": ""}
    comment = json.dumps({**holder, **said})
    catalog.run("create_lock", table=lock.TABLE, comment=comment)


def test_one_thread_at_a_time_has_it(dsn, catalog):
    inside, most = [], []

    def change(number: int) -> None:
        with Catalog.open(dsn) as own:
            for _ in range(5):
                with own.locked("a change"), own.locked("a part of it"):
                    inside.append(number)
                    most.append(len(inside))
                    time.sleep(0.002)
                    inside.remove(number)

    threads = [threading.Thread(target=change, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(most), max(most)) == (20, 1)
    assert not catalog.has_table(lock.TABLE)


def test_who_waits_is_told_for_whom(dsn, catalog, monkeypatch):
    monkeypatch.setattr(lock, "PATIENCE_SECONDS", 0.05)
    waiting, told = threading.Event(), []

    def wait() -> None:
        with Catalog.open(dsn) as own:
            waiting.set()
            with own.locked("another change"):
                pass

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "warn", lambda text, **_: (told.append(text), released.set()))
        released, thread = threading.Event(), threading.Thread(target=wait)
        with catalog.locked("the rehash of x"):
            thread.start()
            assert waiting.wait(30)
            assert released.wait(30)
        thread.join(30)
    assert told == ["waiting until the rehash of x in this process is done"]


@pytest.mark.homes("http")
def test_a_living_process_is_waited_for_and_named(dsn, home, catalog, monkeypatch):
    monkeypatch.setattr(lock, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(lock, "DEAD_SECONDS", 60)
    with other_process(dsn) as process:
        ended = []

        def end() -> None:
            time.sleep(0.3)
            ended.append(True)
            process.stdin.close()

        threading.Thread(target=end).start()
        said = rf"waiting until a long change of process {process.pid} on .* is done"
        with pytest.warns(UserWarning, match=said), catalog.locked("a change"):
            assert ended


@pytest.mark.homes("http")
@pytest.mark.skipif(not os.path.exists("/proc"), reason="processes are told by /proc")
def test_the_lock_of_a_process_that_was_killed_is_free_at_once(dsn, home, catalog):
    with other_process(dsn) as process:
        process.kill()
        process.wait()
        assert catalog.has_table(lock.TABLE)
        begun = time.monotonic()
        with catalog.locked("a change"):
            assert time.monotonic() - begun < lock.DEAD_SECONDS / 2
    found = catalog.rows("tables_of_prefix", {"prefix": lock.TABLE})
    assert found == []


@pytest.mark.homes("http")
def test_the_lock_of_a_holder_that_stands_still_is_taken_by_one(dsn, home, catalog, monkeypatch):
    monkeypatch.setattr(lock, "DEAD_SECONDS", 0.4)
    monkeypatch.setattr(lock, "RENEW_SECONDS", 0.05)
    held_elsewhere(catalog)
    inside, most = [], []

    # each is a process of its own to the others, without the lock among threads
    def change(number: int) -> None:
        with Catalog.open(dsn) as own:
            table = lock._Table(own, f"change {number}")
            with table.held():
                inside.append(number)
                most.append(len(inside))
                time.sleep(0.6)  # longer than a dead holder is given: renewing keeps it
                inside.remove(number)

    threads = [threading.Thread(target=change, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == [1, 1, 1]
    assert catalog.rows("tables_of_prefix", {"prefix": lock.TABLE}) == []


@pytest.mark.homes("http")
def test_who_stood_still_is_told_and_leaves_the_lock_of_another(dsn, home, catalog, monkeypatch):
    monkeypatch.setattr(lock, "RENEW_SECONDS", 60)
    with pytest.raises(CatalogError, match="stood still"), ExitStack() as stack:
        held = stack.enter_context(catalog.locked("a change"))
        catalog.drop(lock.TABLE)
        held_elsewhere(catalog)
        monkeypatch.setattr(lock, "DEAD_SECONDS", 0)
        with pytest.raises(CatalogError, match="stood still"):
            held.check()
    assert catalog.has_table(lock.TABLE)


@pytest.mark.homes("http")
def test_readers_never_wait(dsn, home, catalog):
    with other_process(dsn), Catalog.open(dsn) as reader:
        assert reader.models() == []
        assert len(reader.rows("list_ingests", {"limit": 1})) == 0
