"""Nothing that a name, a caption or a server says is obeyed by the terminal or forges a line."""

from __future__ import annotations

import json
import logging
import os
import pty
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import prepared
import pytest
import toy
from typer.testing import CliRunner, Result

import hamsight
from hamsight.cli.app import app
from hamsight_core.errors import UsageError
from hamsight_core.show.terminal import say

pytestmark = pytest.mark.homes("chdb")

EVIL = "\x1b[2J\x07\x85\x9b31m\u202e\u2066\x7f\nerror: forged"
SHOWN = "\\x1b[2J\\x07\\x85\\x9b31m\\u202e\\u2066\\x7f\\nerror: forged"


def safe(text: str) -> str:
    """Return the text; fail where a terminal would obey a character of it."""
    from hamsight_core.controls import printable

    for line in text.split("\n"):
        assert line == printable(line), ascii(line)
        assert not line.startswith("error: forged")
    return text


@pytest.fixture
def run(dsn: str) -> Callable[..., Result]:
    """Run a command in this process and look at all that it prints."""

    def run(*args: str | Path, status: int = 0) -> Result:
        done = CliRunner().invoke(app, [*map(str, args), "--db", dsn])
        assert done.exit_code == status, (args, done.output, done.exception)
        safe(done.stdout)
        safe(done.stderr)
        return done

    return run


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of three pictures, two of hostile names, and a file that is none."""
    folder = toy.photos(tmp_path / f"photos{EVIL}".replace("/", "_"), 1)
    (folder / f"a{EVIL}.jpg").write_bytes(toy.jpeg(5))
    (folder / f"b{EVIL}.jpg").write_bytes(toy.jpeg(6))
    (folder / f"bad{EVIL}.jpg").write_bytes(b"")
    return folder


def test_all_commands_print_hostile_names_as_escapes(run, photos, tmp_path):
    model = toy.model(tmp_path / "toy")
    said = run("ingest", photos, "--model", model)
    assert f"bad{SHOWN}.jpg: empty file" in said.stderr
    assert f"photos{SHOWN}: 3 added" in said.stdout
    item = f"{photos.name}//a{EVIL}.jpg"
    run("group", "add", f"g{EVIL}", item)
    run("set", item, "--status", f"s{EVIL}", "--attribute", f"n{EVIL}=v{EVIL}")
    run("save", f"q{EVIL}", "--item", item)
    run("run", f"q{EVIL}", "--show-sql")
    for format in ("table", "json", "jsonl"):
        run("query", "--item", item, "-k", "3", "--format", format)
        run("saved", "--format", format)
        run("datasets", "--format", format)
        run("info", "--rejects", "--format", format)
        run("verify", "--format", format)
        run("sql", "SELECT * FROM items_toy", "--format", format)
    run("info")
    rows = json.loads(run("info", "--format", "json").stdout)
    assert {row["dataset"] for row in rows["datasets"]} == {photos.name}
    found = json.loads(run("query", "--item", item, "--format", "json").stdout)
    assert {row["id"] for row in found} == {"000.jpg", f"b{EVIL}.jpg"}
    run("query", "--item", item, "--add-to-group", f"h{EVIL}", "--save", photos / f"s{EVIL}.png")
    run("group", "list")
    run("group", "delete", f"h{EVIL}")
    run("export", tmp_path / f"out{EVIL}", "--to", "jsonl", "--dataset", photos.name)
    (photos / f"b{EVIL}.jpg").unlink()
    assert f"  b{SHOWN}.jpg" in run("ingest", photos).stderr
    run("export", tmp_path / "copied", "--to", "folder", "--dataset", photos.name, status=5)
    run("verify", status=1)
    run("datasets", "rename", photos.name, f"new{EVIL}")
    run("delete", f"new{EVIL}//a{EVIL}.jpg", "--yes")
    run("datasets", "delete", f"new{EVIL}", "--yes")


def test_errors_name_what_is_near_as_escapes(run, photos, tmp_path):
    run("ingest", photos, "--model", toy.model(tmp_path / "toy"), "--dataset", "d")
    run("save", f"query{EVIL}", "--item", "000.jpg")
    assert SHOWN in run("query", "--item", f"a{EVIL}.jp", status=3).stderr
    assert SHOWN in run("run", f"query{EVIL[:-1]}", status=2).stderr
    for wrong in (
        ("query", "--item", "000.jpg", "--where", f'x == "{EVIL}" {EVIL}'),
        ("query", "--item", "000.jpg", "--dataset", EVIL),
        ("query", "--image", tmp_path / EVIL),
        ("query", "--item", "000.jpg", "--model", EVIL),
        ("query", "--item", "000.jpg", "-k", EVIL),
        ("query", f"--{EVIL}"),
        ("query", EVIL),
        (EVIL,),
        ("sql", f"SELECT `{EVIL}`"),
        ("sql", f"SELECT '{EVIL}' + {EVIL}"),
        ("ingest", tmp_path / EVIL),
        ("ingest", photos, "--format", EVIL),
        ("ingest", photos, "--column", EVIL),
        ("export", photos, "--to", EVIL),
        ("models", "pull", EVIL),
        ("info", "--db", f"clickhouse:{EVIL}://a"),
    ):
        done = CliRunner().invoke(app, [*map(str, wrong)])
        assert done.exit_code in (2, 3, 4, 5), (wrong, done.output, done.exception)
        safe(done.stderr)
    with pytest.raises(UsageError) as caught, hamsight.open(tmp_path / "none") as session:
        session.query(item="a", dataset=EVIL, k=0)
    safe(str(caught.value))


def test_a_servers_reason_phrase_is_escaped(run, tmp_path):
    class Rude(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(f"HTTP/1.0 404 gone{EVIL.splitlines()[0]}\r\n\r\n".encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Rude)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/a.jpg"
    (tmp_path / "t.csv").write_text(f"image\n{url}\n")
    model = toy.model(tmp_path / "toy")
    args = ("--model", model, "--allow-private")
    said = run("ingest", tmp_path / "t.csv", *args, status=6).stderr
    assert "HTTP 404 gone\\x1b[2J\\x07" in said
    run("info", "--rejects")
    server.shutdown()


def test_what_packages_log_and_warn_of_is_escaped(run, capsys):
    run("formats", status=2)  # has no --db; the handlers stand
    record = logging.LogRecord("p", logging.WARNING, "p.py", 1, "from a file: %s", (EVIL,), None)
    assert logging.lastResort is not None
    logging.lastResort.handle(record)
    assert SHOWN in safe(capsys.readouterr().err)
    say(EVIL)
    assert capsys.readouterr().err == f"{SHOWN}\n"


def on_terminal(asked: list[str], env: dict[str, str]) -> tuple[int, str]:
    """Return the status of a command on a terminal, and what it shows there."""
    ours, theirs = pty.openpty()
    process = prepared.Process(asked, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    read = b""
    try:
        while chunk := os.read(ours, 65536):
            read += chunk
    except OSError:  # how a terminal tells that its last writer has gone
        pass
    os.close(ours)
    return process.wait(), read.decode()


def test_a_terminal_shows_the_first_matches_and_no_format_of_programs(tmp_path):
    command = [sys.executable, "-m", "hamsight", "query", "--where", "width > 0"]
    env = {**prepared.environment(), "HAMSIGHT_DB": str(tmp_path / "catalog"), "NO_COLOR": "1"}
    photos, model = toy.photos(tmp_path / "photos", 25), toy.model(tmp_path / "toy")
    ingest = [*command[:3], "ingest", str(photos), "--model", str(model)]
    prepared.run(ingest, env=env, check=True, capture_output=True)
    status, shown = on_terminal(command, env)
    assert status == 0 and shown.count(".jpg") == 20
    assert "the first 20 of 25 matches: --all shows all of them" in shown
    for more in (["--all"], ["-k", "25"]):
        status, shown = on_terminal([*command, *more], env)
        assert status == 0 and shown.count(".jpg") == 25 and "matches" not in shown
    assert prepared.run(command, env=env, capture_output=True).stdout.count(b".jpg") == 25
    for format, words in (("feather", "redirect it to a file"), ("paths0", "| xargs -0")):
        status, shown = on_terminal([*command, "--format", format], env)
        assert status == 2 and words in shown and shown.count("\n") == 1


def test_data_for_a_terminal_is_escaped_and_binary_data_refused(tmp_path):
    command = [sys.executable, "-m", "hamsight", "sql", f"SELECT '{EVIL}' AS `{EVIL}`"]
    answers = {}
    env = {**prepared.environment(), "HAMSIGHT_DB": str(tmp_path / "catalog"), "NO_COLOR": "1"}
    toy_model = str(toy.model(tmp_path / "toy"))
    photos = str(toy.photos(tmp_path / "photos", 1))
    ingest = [*command[:3], "ingest", photos, "--model", toy_model, "--dataset", f"d{EVIL}"]
    for name, asked in (
        ("bar", ingest),
        *((format, [*command, "--format", format]) for format in ("csv", "jsonl", "parquet")),
    ):
        answers[name] = on_terminal(asked, env)
    assert answers["bar"][0] == 0
    for obeyed in ("\x07", "\x85", "\x9b", "\u202e", "\x1b[2J"):
        assert obeyed not in answers["bar"][1]
    assert answers["csv"] == (0, f"{SHOWN}\r\n{SHOWN}\r\n")
    assert answers["jsonl"][0] == 0
    assert json.loads(safe(answers["jsonl"][1].strip())) == {EVIL: EVIL}
    assert answers["parquet"][0] == 2
    assert "redirect it to a file" in safe(answers["parquet"][1].replace("\r\n", "\n"))


def test_arguments_that_are_not_utf_8_are_refused_but_for_paths(run, tmp_path):
    bad = os.fsdecode(b"\xff\x1b.jpg")
    folder = toy.photos(tmp_path / os.fsdecode(b"photos\xff"), 1)
    (folder / bad).write_bytes(toy.jpeg(5))
    run("ingest", folder, "--model", toy.model(tmp_path / "toy"), "--dataset", "d")
    assert run("query", "--image", folder / bad, "-k", "1").stdout
    for wrong in (
        ("query", "--item", bad),
        ("query", "--text", bad),
        ("query", "--item", "000.jpg", "--where", bad),
        ("query", "--item", "000.jpg", "--model", bad),
        ("query", "--item", "000.jpg", "--dataset", bad),
        ("query", "--item", "000.jpg", "--add-to-group", bad),
        ("query", "--item", "000.jpg", "-k", bad),
        ("query", "--item", "000.jpg", "--rank", bad),
        ("sql", f"SELECT '{bad}'"),
        ("sql", "SELECT {a:String}", "--param", f"a={bad}"),
        ("ingest", folder, "--dataset", bad),
        ("ingest", folder, "--column", f"image={bad}"),
        ("group", "add", bad, "000.jpg"),
        ("group", "add", "g", bad),
        ("set", "000.jpg", "--status", bad),
        ("set", "000.jpg", "--attribute", f"a={bad}"),
        ("delete", bad, "--yes"),
        ("datasets", "rename", "d", bad),
        ("datasets", "move", "d", tmp_path / bad),
        ("save", bad, "--item", "000.jpg"),
        ("run", bad),
        ("saved", "view", "a", bad),
        ("export", tmp_path / "out", "--to", "csv", "--group", bad),
        ("verify", "--dataset", bad),
        ("models", "pull", bad),
        ("query", bad),
        (bad,),
    ):
        run(*wrong, status=2)
    done = CliRunner().invoke(app, ["info"], env={"HAMSIGHT_DB": bad})
    assert (done.exit_code, "not UTF-8" in done.stderr) == (2, True)
    done = CliRunner().invoke(app, ["sql", "-"], input=b"SELECT '\xff'")
    assert (done.exit_code, "standard input cannot be read" in done.stderr) == (2, True)


def test_python_calls_refuse_what_is_not_utf_8(dsn, tmp_path):
    bad = os.fsdecode(b"\xff")
    photos = toy.photos(tmp_path / "photos", 1)
    with hamsight.open(dsn) as session:
        session.ingest(photos, dataset="d", model=str(toy.model(tmp_path / "toy")))
        for call in (
            lambda: session.query(text=bad),
            lambda: session.query(item=bad),
            lambda: session.query(item="000.jpg", where=bad),
            lambda: session.query(item="000.jpg", dataset=bad),
            lambda: session.query(item="000.jpg", subset=bad),
            lambda: session.query(item="000.jpg", model=bad),
            lambda: session.sql(f"SELECT '{bad}'"),
            lambda: session.sql("SELECT {a:String}", {"a": bad}),
            lambda: session.ingest(photos, dataset=bad),
            lambda: session.add_to_group(bad, "000.jpg"),
            lambda: session.add_to_group("g", bad),
            lambda: session.add_to_group("g", dataset=bad),
            lambda: session.set("000.jpg", status=bad),
            lambda: session.set("000.jpg", attributes={bad: "a"}),
            lambda: session.set("000.jpg", remove_attributes=[bad]),
            lambda: session.delete(where=bad),
            lambda: session.delete(dataset=bad),
            lambda: session.rename_dataset("d", bad),
            lambda: session.delete_dataset(bad),
            lambda: session.save_query(bad, item="000.jpg"),
            lambda: session.run(bad),
            lambda: session.verify(dataset=bad),
        ):
            with pytest.raises(hamsight.HamsightError):
                call()
