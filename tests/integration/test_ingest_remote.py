"""A dataset in an object store lives as one on disk does."""

from __future__ import annotations

import base64

import object_store
import pytest
import toy
import web_folder
from typer.testing import CliRunner

import hamsight
from hamsight.cli.app import app
from hamsight_core.images.places import fetch


def test_a_bucket_is_ingested_again_pruned_and_retried(dsn, tmp_path, monkeypatch):
    package = toy.model(tmp_path / "model")
    with object_store.filled(monkeypatch) as store, hamsight.open(dsn) as session:
        for name in ("a.jpg", "b.jpg"):
            store.pipe(f"s3://bucket/set/{name}", toy.jpeg(ord(name[0])))
        store.pipe("s3://bucket/set/c.jpg", b"no image")
        first = session.ingest("s3://bucket/set", model=package)
        assert (first.dataset, first.counts.added, first.counts.rejected) == ("set", 2, 1)
        store.rm("s3://bucket/set/a.jpg")
        store.pipe("s3://bucket/set/c.jpg", toy.jpeg(9))
        (retried,) = session.retry_rejects()
        assert (retried.rejects, retried.mended) == (1, 1)
        again = session.ingest("s3://bucket/set", prune=True)
        assert (again.counts.unchanged, again.vanished.first) == (2, (("", "a.jpg"),))
        left = session.catalog().client.query("SELECT id FROM items_toy ORDER BY id").result_rows
        assert left == [("b.jpg",), ("c.jpg",)]


class Guarded(web_folder.Quiet):
    """Serves to those who say the password."""

    expected = "Basic " + base64.b64encode(b"me:s3cr3t/w").decode()

    def do_GET(self):
        if self.headers.get("Authorization") == self.expected:
            super().do_GET()
        else:
            self.send_error(401)


@pytest.mark.homes("chdb")
def test_a_password_in_a_url_fetches_and_is_not_shown(dsn, tmp_path, monkeypatch):
    def run(*args, status=0):
        done = CliRunner().invoke(app, [*map(str, args), "--db", dsn])
        assert done.exit_code == status, (args, done.output)
        assert "s3cr3t" not in done.output
        return done.output

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    package = toy.model(tmp_path / "model")
    photos = toy.photos(tmp_path / "site" / "set", 2)
    (photos / "bad.jpg").write_bytes(b"")
    with web_folder.served(tmp_path / "site", Guarded) as site:
        place = f"{site.replace('://', '://me:s3cr3t%2Fw@')}/set"
        said = run("ingest", place, "--model", package)
        assert "set: 2 added" in said and "1 rejected" in said
        for format in ("table", "json", "csv"):
            assert "***@127.0.0.1" in run("sql", "SELECT uri FROM items_toy", "--format", format)
            run("info", "--rejects", "--format", format)
        run("info")
        run("info", "--format", "json")
        asked = ("--image", f"{place}/000.jpg", "--item", "001.jpg")
        sheet = tmp_path / "sheet.png"
        assert "***@" in run("query", *asked, "--format", "json", "--save", sheet)
        run("query", *asked)
        run("save", "q", *asked)
        run("saved", "--format", "json")
        run("run", "q", "--format", "jsonl")
        run("verify", "--files", "digest")
        run("ingest", place)
        run("query", "--image", f"{place}/none.jpg", status=5)
        for to in ("jsonl", "csv", "parquet", "coco"):
            out = tmp_path / f"out.{to}"
            run("export", out, "--to", to, "--dataset", "set")
            files = [out] if out.is_file() else [file for file in out.rglob("*") if file.is_file()]
            assert not any(b"s3cr3t" in file.read_bytes() for file in files)
        (photos / "bad.jpg").write_bytes(toy.jpeg(7))
        assert "1 of 1 rejected items mended" in run("ingest", "--retry-rejects")
        with hamsight.open(dsn) as session:
            told = session.query(image=f"{place}/000.jpg", k=3)
            assert "s3cr3t" not in repr(told)
            assert all(fetch(match.uri) for match in told)
            with pytest.raises(hamsight.HamsightError) as caught:
                session.query(image=f"{place}/none.jpg")
            assert "s3cr3t" not in str(caught.value)


def test_a_table_reaches_private_hosts_only_where_it_came_from(dsn, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    package = toy.model(tmp_path / "model")
    toy.photos(tmp_path / "site" / "set", 2)
    with web_folder.served(tmp_path / "site") as site, hamsight.open(dsn) as session:
        rows = f"image\n{site}/set/000.jpg\n{site}/set/001.jpg\nzip://a.jpg::{site}/b.zip\n"
        for file in (tmp_path / "here.csv", tmp_path / "site" / "there.csv"):
            file.write_text(rows)
        here = session.ingest(tmp_path / "here.csv", model=package)
        assert (here.counts.added, here.counts.rejected) == (0, 3)
        assert all("--allow-private" in one.reason for one in here.rejected), here.rejected
        there = session.ingest(f"{site}/there.csv", model=package)
        assert (there.counts.added, there.counts.rejected) == (2, 1)
        (retried,) = session.retry_rejects("here", allow_private=True)
        assert retried.mended == 2
        assert session.verify(dataset="here", files="digest").num_rows == 0
