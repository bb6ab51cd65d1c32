"""A dataset in an object store lives as one on disk does."""

from __future__ import annotations

import object_store
import toy

import hamsight


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
