"""Wrong paths, filters, empty folders and silent hosts are said as a person would, once."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import toy
from typer.testing import CliRunner

import hamsight
from hamsight.cli import completion
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


def test_completion_knows_the_names_of_the_catalog(dsn, tmp_path):
    here = SimpleNamespace(params={"db": dsn})
    with hamsight.open(dsn) as session:
        photos = toy.photos(tmp_path / "birds", 1)
        session.ingest(photos, model=str(toy.model(tmp_path / "toy")))
        session.add_to_group("good", "000.jpg")
        session.add_to_group("evil\x1b[2J", "000.jpg")
        session.save_query("sunsets", item="000.jpg")
    assert completion.datasets(here, "") == ["birds"]
    assert completion.datasets(here, "x") == []
    assert completion.groups(here, "") == ["good"]
    assert completion.saved_queries(here, "sun") == ["sunsets"]
    assert completion.models(here, "") == ["toy"]
    assert {"toy", "mini", "clip-vit-b-32"} <= set(completion.all_models(here, ""))
    nowhere = SimpleNamespace(params={"db": str(tmp_path / "none")})
    assert completion.groups(nowhere, "") == []
    assert not (tmp_path / "none").exists()


def test_a_shell_is_told_the_names():
    code = "import sys; sys.argv = ['hamsight']; from hamsight.cli import main; main()"
    line = "hamsight models pull clip-vit-b"
    env = {**os.environ, "_HAMSIGHT_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": line}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (done.stderr, "clip-vit-b-32" in done.stdout) == ("", True)


@pytest.mark.homes("chdb")
def test_numbers_of_any_size_are_answered(dsn, tmp_path):
    with hamsight.open(dsn) as session:
        session.ingest(toy.photos(tmp_path / "birds", 3), model=str(toy.model(tmp_path / "toy")))
    query = ("query", "--item", "000.jpg", "--db", dsn)
    assert len(toy.command(*query, "-k", 10**9, "--format", "jsonl").stdout.splitlines()) == 2
    for option, value in (("-k", 10**20), ("--offset", 10**18), ("--candidates", 10**12)):
        said = toy.command(*query, option, value)
        assert (said.exit_code, said.stdout) == (2, "")
        assert f"{option} is {value}; expected" in said.stderr
