"""What goes wrong around and within the command: one line, a documented status, no traceback."""

from __future__ import annotations

import subprocess
import sys

import prepared
import pytest
from typer.testing import CliRunner

import hamsight_query.info
from hamsight.cli.app import app

pytestmark = pytest.mark.homes("chdb")


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (RuntimeError("odd\x1b[2J\nthing"), 70, "this was not foreseen"),
        (KeyError("a" * 10_000), 70, "this was not foreseen"),
        (MemoryError("Unable to allocate 9 TiB"), 7, "not enough memory: Unable to allocate"),
        (ImportError("a.so: failed to map segment from shared object"), 7, "not enough memory"),
    ],
)
def test_the_unforeseen_is_one_line(error, status, words, monkeypatch, client, dsn):
    def fail(*_: object) -> str:
        raise error

    monkeypatch.setattr(hamsight_query.info, "describe", fail)
    done = CliRunner().invoke(app, ["info", "--db", dsn])
    assert (done.exit_code, done.stderr.count("\n"), done.stdout) == (status, 1, "")
    assert words in done.stderr and "Traceback" not in done.stderr and "\x1b" not in done.stderr
    assert len(done.stderr) < 600
    if status == 70:
        assert "hamsight --debug" in done.stderr
        told = CliRunner().invoke(app, ["--debug", "info", "--db", dsn])
        assert told.exit_code == 70 and "Traceback" in told.stderr and "\x1b" not in told.stderr


def test_closed_streams_and_a_vanished_folder_are_one_line(tmp_path):
    hamsight = f'"{sys.executable}" -m hamsight'
    for script, status, words in (
        (f"exec {hamsight} formats >&-", 7, "standard output is closed"),
        (f"exec {hamsight} formats > /dev/full", 7, "No space left"),
        (f"exec {hamsight} formats 2>&- | cat >&2; exit 0", 0, "coco"),
        (f"mkdir gone; cd gone; rmdir ../gone; exec {hamsight} info", 7, "is gone: go to another"),
    ):
        done = subprocess.run(
            ["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (status, ""), (script, done.stderr)
        assert words in done.stderr and "Traceback" not in done.stderr
        assert status == 0 or done.stderr.count("\n") == 1, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere address space is not limited")
def test_a_limit_on_the_address_space_is_said(tmp_path):
    made = "import sys, hamsight; hamsight.open(sys.argv[1]).catalog(create=True)"
    prepared.run([sys.executable, "-c", made, tmp_path / "catalog"], check=True)
    limited = f'ulimit -v 1500000; exec "{sys.executable}" -m hamsight info --db catalog'
    done = subprocess.run(
        ["sh", "-c", limited], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 7
    assert "address space" in done.stderr and len(done.stderr.splitlines()) == 1
