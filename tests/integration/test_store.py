"""Every way in which a catalog cannot be opened has its error, with the remedy and no secret."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import prepared
import pytest
import toy

import hamsight
from hamsight_core.catalog.address import half_of_memory, parse_dsn
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.connect import connect
from hamsight_core.errors import (
    ConnectionFailedError,
    EmptyCatalogError,
    StatementError,
    UsageError,
)

pytestmark = pytest.mark.homes("chdb", "http")


def error(kind, work, *args, **options):
    with pytest.raises(kind) as caught:
        work(*args, **options)
    assert type(caught.value) is kind
    return str(caught.value)


# DSNs


def test_dsn_forms(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HAMSIGHT_DB", raising=False)
    assert parse_dsn().path == tmp_path / ".hamsight"
    assert parse_dsn("a b/ü").path == tmp_path / "a b" / "ü"
    assert parse_dsn(tmp_path / "c").path == tmp_path / "c"
    assert parse_dsn("~/x").path == Path("~/x").expanduser()
    monkeypatch.setenv("HAMSIGHT_DB", "/from/environment")
    assert parse_dsn().path == Path("/from/environment")
    assert parse_dsn("given").path == tmp_path / "given"
    chdb = parse_dsn("chdb:///a%20b?database=mine&config-file=/c.xml")
    assert (chdb.path, chdb.database) == (Path("/a b"), "mine")
    assert chdb.options == (("config-file", "/c.xml"),)
    server = parse_dsn("clickhouse://me:p%40ss@host/my_db")
    assert (server.host, server.port, server.secure) == ("host", 8123, False)
    assert (server.user, server.password, server.database) == ("me", "p@ss", "my_db")
    assert parse_dsn("clickhouses://[::1]").port == 8443
    assert (parse_dsn("CLICKHOUSE://h").database, parse_dsn("clickhouse://h").user) == (
        "default",
        "default",
    )


WRONG = [
    ("", "empty"),
    (os.fsdecode(b"/photos/\xff"), "not UTF-8"),
    ("http://host:8123", "clickhouse://USER:PASSWORD@HOST:8123/DATABASE"),
    ("postgres://u@h/db", "begins with postgres://"),
    ("clickhouse://host:port/db", "not well formed"),
    ("clickhouse://host:99999/db", "not well formed"),
    ("clickhouse://", "names no host"),
    ("clickhouse:///db", "names no host"),
    ("chdb://", "names no folder"),
    ("a\0b", "NUL"),
    ("clickhouse://host/db?no_such_option=1", "no_such_option"),
    ("chdb:///a?memory=much", "0.1 at least"),
    ("clickhouse://host/db?memory=0", "0.1 at least"),
]


@pytest.mark.parametrize(("dsn", "words"), WRONG, ids=[repr(dsn) for dsn, _ in WRONG])
def test_a_wrong_dsn_is_a_usage_error(dsn, words):
    assert words in error(UsageError, connect, dsn)


def test_no_message_shows_a_password():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    words = error(ConnectionFailedError, connect, f"clickhouse://me:s3cr3t@127.0.0.1:{port}/db")
    assert f"127.0.0.1:{port}" in words
    assert "s3cr3t" not in words
    for wrong in ("clickhouse://me:s3cr3t@host:port/db", "postgres://me:s3cr3t@h/db"):
        assert "s3cr3t" not in error(UsageError, connect, wrong)
    assert "s3cr3t" not in repr(parse_dsn("clickhouse://me:s3cr3t@h/db"))


@pytest.mark.parametrize("mark", ["/", "?", "#", "@", ":", "[", "]", "%", " ", "\n", "ü", "1/"])
@pytest.mark.parametrize("form", ["clickhouse://{}@h:1/db", "clickhouses:/{}@h/db", "mysql://{}@h"])
def test_a_password_never_shows_whatever_it_holds(mark, form):
    for user in ("me", "m/e", "m:e", "m@e"):
        dsn = form.format(f"{user}:{mark}s3cr3t{mark}pw")
        try:
            said = str(parse_dsn(dsn))
        except UsageError as raised:
            said = str(raised)
            if form.startswith("clickhouse:"):
                assert "%2F" in said
        assert "s3cr3t" not in said
        assert "pw" not in said
        if "/" in user + mark and form.startswith("clickhouse:"):
            assert "not well formed" in said


@pytest.mark.parametrize("dsn", ["clickhouse:/host/db", "chdb:/folder", "ClickHouses:host"])
def test_a_dsn_without_two_slashes_is_no_folder(dsn):
    assert "lacks // after the colon" in error(UsageError, parse_dsn, dsn)


# Memory


def test_a_statement_takes_no_more_memory_than_the_dsn_says(dsn):
    fits = "SELECT length(groupArray(randomString(1000))) FROM numbers(20000)"
    too_much = "SELECT length(groupArray(randomString(1000))) FROM numbers(400000)"
    bounded = f"{dsn}{'&' if '?' in dsn else '?'}memory=0.25"
    with Catalog.open(bounded, create=True) as catalog:
        assert catalog.arrow(fits).num_rows == 1
        words = error(StatementError, catalog.arrow, too_much)
        assert all(part in words for part in ("256.00 MiB", "--candidates", "?memory=GIB"))
        assert catalog.arrow(fits).num_rows == 1
    with Catalog.open(dsn) as catalog:
        assert catalog.arrow(too_much).num_rows == 1


def test_an_answer_holds_nothing_of_a_statement_that_failed_before_it(dsn):
    fails = "SELECT throwIf(number = 5) FROM numbers(10)"
    with hamsight.open(dsn) as session:
        catalog = session.catalog(create=True)
        for ask in (catalog.arrow, lambda sql: session.sql(sql, write=True)):
            with pytest.raises(StatementError):
                ask(fails)
            assert catalog.rows("count_tables", {"table": "models"}) == [(1,)]
            with pytest.raises(StatementError):
                ask(fails)
            assert catalog.arrow("SELECT 7 AS n").to_pylist() == [{"n": 7}]


def test_the_embedded_engine_takes_half_of_the_memory_by_default():
    assert parse_dsn("a").memory == parse_dsn("chdb:///a").memory == half_of_memory() >= 0.1
    assert parse_dsn("chdb:///a?memory=0.5").memory == 0.5
    assert parse_dsn("clickhouse://h").memory == 0
    assert parse_dsn("clickhouse://h?memory=7").memory == 7


# Servers


def test_a_server_that_speaks_no_http_is_named():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        import threading

        def answer():
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(100)
                    connection.sendall(b"\0\1\2 no such protocol\n")

        threading.Thread(target=answer, daemon=True).start()
        port = listening.getsockname()[1]
        words = error(ConnectionFailedError, connect, f"clickhouse://127.0.0.1:{port}/db")
    assert "HTTP port" in words


def test_a_wrong_password_and_user_are_said(front):
    from urllib.parse import urlsplit

    dsn = front.dsn("x")
    for wrong in (dsn.replace(front.password, "wrong"), dsn.replace(front.user, "nobody")):
        words = error(ConnectionFailedError, connect, wrong)
        assert "refused the user" in words
        assert urlsplit(wrong).username in words
        assert "clickhouse://USER:PASSWORD@HOST" in words


def test_a_missing_database_is_said_and_made_when_asked(dsn):
    with Catalog.open(dsn) as catalog:
        words = error(EmptyCatalogError, catalog.model)
    assert "hamsight ingest" in words
    assert parse_dsn(dsn).database in words
    connect(dsn, create=True).close()
    connect(dsn).close()


def test_an_empty_catalog_is_said(dsn):
    with Catalog.open(dsn, create=True) as catalog:
        assert "hamsight ingest FOLDER" in error(EmptyCatalogError, catalog.model)


def test_a_refused_statement_is_a_statement_error(client, dsn):
    with hamsight.open(dsn) as session:
        words = error(StatementError, session.sql, "SELECT no_such_column")
    assert "no_such_column" in words
    assert "Traceback" not in words


@pytest.mark.parametrize("statement", ["rows", "run", "insert"])
def test_a_server_that_goes_away_is_a_hamsight_error(front, monkeypatch, statement):
    from hamsight_explore import front as http_front

    def hang_up(self):
        self.close_connection = True

    with Catalog.open(front.dsn("goes_away"), create=True) as catalog:
        work = {
            "rows": lambda: catalog.rows("find_models"),
            "run": lambda: catalog.run("create_models"),
            "insert": lambda: catalog.insert_rows("ingests", [{"dataset": "x"}]),
        }
        monkeypatch.setattr(http_front._Handler, "_respond", hang_up)
        words = error(ConnectionFailedError, work[statement])
        monkeypatch.undo()
    assert "connection to ClickHouse broke" in words
    with front.handle() as handle:
        handle.query("DROP DATABASE goes_away")


# The embedded engine: one path a process, so each in a process of its own


OPEN = (
    "import sys, hamsight; s = hamsight.open(sys.argv[1]); s.catalog(create='create' in sys.argv)"
)
CATCH = f"""
import os, sys, chdb.dbapi, clickhouse_connect.driver._chdbclient, hamsight
from hamsight_core.errors import HamsightError
if len(sys.argv) > 3: os.setuid(int(sys.argv[3]))
try:
    {OPEN}
except HamsightError as error:
    print(type(error).__name__, error)
else:
    print("opened")
"""


def opened(*arguments):
    """What opening a catalog in another process says."""
    command = [sys.executable, "-c", CATCH, *map(str, arguments)]
    done = prepared.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_folders_that_are_no_catalog(tmp_path):
    photos = toy.photos(tmp_path / "photos", 2)
    (tmp_path / "file").write_text("x")
    before = sorted(photos.iterdir())
    for arguments in ((photos,), (photos, "create"), (f"chdb://{photos}", "create")):
        words = opened(*arguments)
        assert words.startswith("UsageError")
        assert "holds other things than a catalog" in words
    assert sorted(photos.iterdir()) == before
    assert opened(tmp_path / "file", "create").startswith("UsageError")
    assert "is a file" in opened(tmp_path / "file")
    assert "file" in opened(tmp_path / "file" / "below", "create")
    words = opened(tmp_path / "missing")
    assert words.startswith("EmptyCatalogError")
    assert "hamsight ingest FOLDER" in words
    assert not (tmp_path / "missing").exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that root cannot write")
def test_a_folder_that_cannot_be_written():
    for folder in ("/proc/hamsight/catalog", "/proc/hamsight"):
        words = opened(folder, "create")
        assert words.startswith("ConnectionFailedError")
        assert folder in words and len(words.splitlines()) == 1


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can be another user")
def test_a_folder_of_another_user(tmp_path):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder) / "catalog"
        assert opened(catalog, "create") == "opened\n"
        Path(folder).chmod(0o755)
        for root, _, files in os.walk(catalog):
            for file in files:
                Path(root, file).chmod(0o644)
            Path(root).chmod(0o755)
        assert opened(catalog, "read", 65534) == "opened\n"
        for mode in (0o755, 0o700):
            Path(folder).chmod(mode)
            words = opened(catalog, "create", 65534)
            kind = "ReadOnlyCatalogError" if mode == 0o755 else "ConnectionFailedError"
            assert words.startswith(kind), words
            assert str(catalog) in words
            words = opened(Path(folder) / "other", "create", 65534)
            assert words.startswith("ConnectionFailedError"), words


def test_a_catalog_in_use_names_its_holder(tmp_path, run_cli):
    catalog = tmp_path / "catalog"
    hold = f"{OPEN}; print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", hold, str(catalog), "create"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        refused = run_cli("ingest", toy.photos(tmp_path / "photos", 1), "--db", catalog)
        holder.send_signal(signal.SIGKILL)
    assert refused.returncode == 3
    assert f"held by process {holder.pid}" in refused.stderr
    assert "--db clickhouse://" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "DB::Exception" not in refused.stderr
    assert refused.stdout == ""
    time.sleep(0.1)
    assert opened(catalog) == "opened\n"


def test_two_catalogs_in_one_process(tmp_path):
    two = f"{OPEN}; hamsight.open(sys.argv[1] + '2').catalog(create=True)"
    code = CATCH.replace(OPEN, two)
    command = [sys.executable, "-c", code, str(tmp_path / "catalog"), "create"]
    done = prepared.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("CatalogBusyError"), done.stderr
    assert "close the other first" in done.stdout
