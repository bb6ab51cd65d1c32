"""While a page holds a catalog, commands and ClickHouse clients work on it as if alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, build_opener, urlopen

import clickhouse_connect
import prepared
import pytest
import toy
from clickhouse_connect.driver.exceptions import ClickHouseError
from visitor import Answer, Visitor

import hamsight
from hamsight_core.errors import StatementError
from hamsight_explore.front import HttpFront, serve
from hamsight_explore.screen import Screen


@contextmanager
def started(*words: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """Run a command that serves; yield its process and the first line that it prints."""
    served = prepared.Process(
        [sys.executable, "-m", "hamsight", *words], stdout=subprocess.PIPE, text=True
    )
    try:
        assert served.stdout is not None
        yield served, served.stdout.readline().strip()
    finally:
        served.terminate()
        served.wait(60)


def test_commands_work_while_a_page_is_open(run_cli: Callable, tmp_path: Path) -> None:
    db, model = str(tmp_path / "catalog"), str(toy.model(tmp_path / "model"))
    photos = toy.photos(tmp_path / "photos", 6)
    run_cli("ingest", photos, "--model", model, "--db", db, check=True)

    def asked(*words: str) -> list[dict]:
        done = run_cli("query", *words, "--format", "jsonl", "--db", db, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    alone = asked("--item", "003.jpg", "-k", "4")
    with started("explore", "--no-browser", "--db", db) as (served, address):
        assert address.startswith("http://127.0.0.1:")
        file = tmp_path / "catalog" / "served.json"
        assert file.stat().st_mode & 0o777 == 0o600
        assert asked("--item", "003.jpg", "-k", "4") == alone
        toy.photos(tmp_path / "photos", 3, first=40)
        run_cli("ingest", photos, "--model", model, "--db", db, check=True)
        grouped = run_cli("group", "add", "some", "040.jpg", "001.jpg", "--db", db, check=True)
        assert "2 items" in grouped.stdout + grouped.stderr
        table = tmp_path / "out.csv"
        run_cli("export", table, "--to", "csv", "--group", "some", "--db", db, check=True)
        assert len(table.read_text().splitlines()) == 3
        counted = run_cli("sql", "SELECT count() AS n FROM items_toy", "--db", db, check=True)
        assert counted.stdout.split()[-1] == "9"
        another = run_cli("explore", "--link", "--db", db, check=True).stdout.strip()
        assert another.partition("?")[0] == address.partition("?")[0] and another != address
        with build_opener(HTTPCookieProcessor()).open(another) as page:
            assert page.status == 200 and "token" not in page.url
        refused = run_cli("serve", "--db", db)
        assert refused.returncode == 2 and "already" in refused.stderr
        served.send_signal(signal.SIGKILL)
        served.wait(60)
    # nobody withdrew the file, and nobody is misled by it
    assert file.exists()
    assert len(asked("--item", "003.jpg", "-k", "20", "--where", '"some" in groups')) == 2
    missing = run_cli("explore", "--link", "--db", db)
    assert missing.returncode == 2 and "hamsight explore" in missing.stderr


def test_two_pages_and_a_terminal_at_once_lose_no_change(run_cli: Callable, tmp_path: Path) -> None:
    db, model = str(tmp_path / "catalog"), str(toy.model(tmp_path / "model"))
    photos = toy.photos(tmp_path / "photos", 6)
    run_cli("ingest", photos, "--model", model, "--db", db, check=True)
    with started("explore", "--no-browser", "--db", db) as (_, address):
        served = SimpleNamespace(port=urlsplit(address).port, link=lambda: address)
        one, other = Visitor(served), Visitor(served, let_in=False)
        other.cookie = one.cookie
        items = [row["number"] for row in one.asked()["rows"]]
        answers: list[Answer] = []

        def work(page: Visitor, name: str) -> None:
            for turn in range(6):
                asked = {"page": name, "items": items, "name": f"{name} {turn}"}
                answers.append(page.post("actions", action="group", **asked))
                answers.append(page.post("actions", action="attribute", value="yes", **asked))
            answers.append(
                page.post("actions", action="status", page=name, items=items, name="seen")
            )

        pages = [
            threading.Thread(target=work, args=(page, name))
            for page, name in ((one, "one"), (other, "other"))
        ]
        for page in pages:
            page.start()
        ids = [f"{number:03}.jpg" for number in range(6)]
        terminal = [
            run_cli("group", "add", "terminal", *ids, "--db", db),
            run_cli("ingest", toy.photos(photos, 1, first=70), "--model", model, "--db", db),
            run_cli("set", *ids, "--attribute", "by=hand", "--db", db),
        ]
        for page in pages:
            page.join(60)
        assert [done.returncode for done in terminal] == [0, 0, 0], terminal
        assert [answer.status for answer in answers] == [200] * 26, answers
        statement = "SELECT id, groups, attributes, status FROM items_toy ORDER BY id"
        asked = run_cli("sql", statement, "--format", "jsonl", "--db", db, check=True)
    names = [f"{page} {turn}" for page in ("one", "other") for turn in range(6)]
    *rows, new = map(json.loads, asked.stdout.splitlines())
    assert (len(rows), new["id"], new["groups"]) == (6, "070.jpg", [])
    for row in rows:
        assert sorted(row["groups"]) == sorted([*names, "terminal"])
        assert row["attributes"] == {**dict.fromkeys(names, "yes"), "by": "hand"}
        assert row["status"] == "seen"


def test_a_client_reads_a_served_catalog_and_writes_if_it_may(tmp_path: Path) -> None:
    db = str(tmp_path / "catalog")
    made = "import sys, hamsight; hamsight.open(sys.argv[1]).catalog(create=True)"
    prepared.run([sys.executable, "-c", made, db], check=True)
    for write in (False, True):
        with started("serve", "--db", db, *(["--write"] if write else [])) as (_, dsn):
            client = clickhouse_connect.get_client(dsn=dsn)
            assert client.query("SELECT count() FROM models").first_row == (0,)
            create = "CREATE TABLE mine (a UInt8) ENGINE = MergeTree ORDER BY a"
            if write:
                client.command(create)
                assert client.command("EXISTS mine") == 1
            else:
                with pytest.raises(ClickHouseError, match="READONLY"):
                    client.command(create)
    assert not (tmp_path / "catalog" / "served.json").exists()


@pytest.fixture(scope="module")
def reader(engine: str) -> Iterator[HttpFront]:
    with serve(engine, "reader", "secret", read_only=True) as front:
        yield front


REFUSED = [
    "SELECT file('/etc/hostname')",
    "SELECT `file`('/etc/hostname')",
    "SELECT \"file\" /* x */ ('/etc/hostname')",
    "SELECT FILE -- x\n ('/etc/hostname')",
    "SELECT * FROM file('/etc/hostname', 'LineAsString')",
    "DESCRIBE TABLE file('/etc/hostname')",
    "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
    "SELECT * FROM remote('127.0.0.1', 'system', 'one')",
    "SELECT * FROM s3('http://127.0.0.1:1/x')",
    "SELECT * FROM python('x')",
    "SELECT 1 INTO OUTFILE '/tmp/never'",
    "INSERT INTO FUNCTION file('/tmp/never') SELECT 1",
    "CREATE TABLE t (a UInt8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE t (a UInt8)",
    "DROP DATABASE default",
    "KILL QUERY WHERE 1",
    "SYSTEM FLUSH LOGS",
    "SET readonly = 0",
    "SELECT 1 SETTINGS readonly = 0",
    "EXPLAIN SELECT file('/etc/hostname')",
    "WITH file('/etc/hostname') AS x SELECT x",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_a_reader_reaches_nothing_but_the_catalog(reader: HttpFront, statement: str) -> None:
    client = clickhouse_connect.get_client(dsn=reader.dsn("default"))
    with pytest.raises(ClickHouseError) as caught:
        client.raw_query(statement)
    assert caught.value.code in (164, 62), caught.value
    assert not Path("/tmp/never").exists()


def test_a_reader_asks_what_clients_ask(reader: HttpFront) -> None:
    client = clickhouse_connect.get_client(dsn=reader.dsn("default"))
    assert client.query("SELECT 'file(' AS a, number FROM numbers(2)").result_rows == [
        ("file(", 0),
        ("file(", 1),
    ]
    settings = {"max_threads": 1, "readonly": 0, "allow_ddl": 1, "send_progress_in_http_headers": 1}
    text = "SELECT getSetting('readonly'), getSetting('max_threads')"
    asked = urlencode({"query": text, "user": "reader", "password": "secret", **settings})
    with urlopen(f"http://127.0.0.1:{reader.server_port}/?{asked}") as answer:
        assert answer.read() == b"1\t1\n"
    assert client.command("EXISTS system.one") == 1
    assert client.query("-- a word\nSELECT {n:Int64}", parameters={"n": 5}).first_row == (5,)
    for statement in ("", "  ", "x" * 100, "(" * 50_000):
        with pytest.raises(StatementError):
            Screen(["file"]).check(statement)


def test_a_statement_whose_client_has_gone_is_ended(engine: str, front: HttpFront) -> None:
    slow = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)"
    client = clickhouse_connect.get_client(
        dsn=front.dsn("default"), send_receive_timeout=1, query_retries=0
    )
    with pytest.raises(ClickHouseError):
        client.query(slow)
    running = "SELECT count() FROM system.processes WHERE query LIKE '%numbers(1000000000000)%'"
    until = time.monotonic() + 60
    with hamsight.open(f"chdb://{engine}") as opened:
        while True:
            answer = opened.sql(running)
            assert answer is not None
            if answer.column(0)[0].as_py() == 1:  # this statement itself
                break
            assert time.monotonic() < until
            time.sleep(0.2)


def test_a_file_that_others_could_have_written_counts_for_nothing(tmp_path: Path) -> None:
    from hamsight_core.catalog import served

    made = served.Served(os.getpid(), 1, "secret")
    served.announce(tmp_path, made)
    assert served.find(tmp_path) == made
    file = tmp_path / "served.json"
    file.chmod(0o620)
    assert served.find(tmp_path) is None
    for text in ("", "[]", "{}", '{"process": "x", "port": 1, "password": "", "page": 0}'):
        file.chmod(0o600)
        file.write_text(text)
        assert served.find(tmp_path) is None
    served.withdraw(tmp_path)
    served.withdraw(tmp_path)
