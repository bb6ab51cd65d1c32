"""Wrong paths, filters, empty folders and silent hosts are said as a person would say them, once."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import toy
from typer.testing import CliRunner

import hamsight
from hamsight.cli.app import app
from hamsight_core.errors import ExpressionError
from hamsight_core.names import listed, nearest

pytestmark = pytest.mark.homes("chdb")


def run(*args: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, [*map(str, args)])
    return done.exit_code, done.stderr


def test_a_wrong_path_is_named_as_it_was_typed(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    for typed, lacking in (
        (f"{tmp_path}/no/such/folder", "has no no"),
        ("photso/2024", "has no photso; did you mean photos?"),
        ("photos/a", "has no a"),
    ):
        status, said = run("ingest", typed, "--db", tmp_path / "c")
        assert status == 5
        assert said.startswith(f"error: {typed}: no such file or folder: ")
        assert said.endswith(f"{lacking}\n")


def test_an_empty_folder_is_one_line(tmp_path):
    (tmp_path / "empty" / "below").mkdir(parents=True)
    (tmp_path / "empty" / ".hidden").write_text("x")
    status, said = run("ingest", tmp_path / "empty", "--db", tmp_path / "c")
    assert (status, said.count("\n")) == (5, 1)
    assert said.startswith(f"error: no images in {tmp_path / 'empty'}")


def test_where_is_checked_before_a_model_is_loaded(dsn, tmp_path):
    package = toy.model(tmp_path / "toy")
    with hamsight.open(dsn) as session:
        session.ingest(toy.photos(tmp_path / "photos", 1), model=str(package))
        for file in package.iterdir():
            file.unlink()
        with pytest.raises(ExpressionError):
            session.query(image=str(tmp_path / "photos/000.jpg"), where="width >")
        with pytest.raises(ExpressionError):
            session.query(text="a dog", where="width == 'wide'")


def test_names_in_errors_are_cut():
    many = [f"{'n' * 300}{number}" for number in range(500)]
    assert len(listed(many)) < 20 * 90
    assert listed(many).endswith(" and 480 more")
    assert len(nearest("x", many)) < 20 * 90
    assert len(nearest(many[0][:-1], many)) < 120


def test_a_host_that_does_not_answer_is_given_up_and_said_once(dsn, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{unused.getsockname()[1]}"
        rows = "".join(f"http://{host}/{number}.jpg\n" for number in range(300))
        (tmp_path / "t.csv").write_text(f"image\n{rows}")
        package = toy.model(tmp_path / "toy")
        started = time.monotonic()
        args = ("--model", package, "--allow-private", "--db", dsn)
        status, said = run("ingest", tmp_path / "t.csv", *args)
    assert status == 6
    assert said.count("does not answer") == 1
    assert f"{host} does not answer and was given up" in said
    assert said.count("rejected http://") <= 8 + 16
    assert time.monotonic() - started < 60
    with hamsight.open(dsn) as session:
        rejects = session.sql("SELECT count() AS n FROM rejects").to_pylist()
    assert rejects == [{"n": 300}]


def complete(line: str, db: Path) -> list[str]:
    env = {
        **os.environ,
        "_HAMSIGHT_COMPLETE": "complete_zsh",
        "_TYPER_COMPLETE_ARGS": line,
        "HAMSIGHT_DB": str(db),
    }
    done = subprocess.run(
        [sys.executable, "-m", "hamsight"], env=env, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return [word.strip('"') for word in done.stdout.split()]


def test_completion_knows_the_names_of_the_catalog(tmp_path):
    db = tmp_path / "c"
    photos = toy.photos(tmp_path / "birds", 1)
    code = (
        "import sys, hamsight\n"
        "with hamsight.open(sys.argv[1]) as session:\n"
        "    session.ingest(sys.argv[2], model=sys.argv[3])\n"
        "    session.add_to_group('good', '000.jpg')\n"
        "    session.add_to_group('evil\\x1b[2J', '000.jpg')\n"
        "    session.save_query('sunsets', item='000.jpg')\n"
    )
    package = str(toy.model(tmp_path / "toy"))
    subprocess.run([sys.executable, "-c", code, str(db), str(photos), package], check=True)
    joined = " ".join(complete("hamsight query --dataset ", db))
    assert "birds" in joined
    assert "toy" in " ".join(complete("hamsight query --model ", db))
    groups = " ".join(complete("hamsight group remove ", db))
    assert "good" in groups and "\x1b" not in groups and "evil" not in groups
    assert "sunsets" in " ".join(complete("hamsight run ", db))
    assert "birds" not in " ".join(complete("hamsight query --dataset x", db))
    assert "clip-vit-b-32" in " ".join(complete("hamsight models pull ", db))
    assert "birds" not in " ".join(complete("hamsight query --dataset ", tmp_path / "none"))
    assert not (tmp_path / "none").exists()
