"""The column `filename`: the last part of a uri, of an archive's member its own name."""

from __future__ import annotations

import zipfile

import toy

import hamsight
from hamsight_core.images.places import member_uri

FORMER = [
    "basename(uri)",
    "if(match(uri, '^(zip|tar)://'),"
    " toValidUTF8(decodeURLComponent(basename(extract(uri, '://(.*?)::')))), basename(uri))",
]
URLS = {
    "https://me:pw@host/a/b.jpg?sig=x/y#z": "b.jpg#z",
    "parquet://::HTTP://host/t.parquet?sig=x#row=3&column=i": "t.parquet#row=3&column=i",
    "zip://c/d.jpg::https://host/z.zip?sig=x": "d.jpg",
    "s3://bucket/why?.jpg": "why?.jpg",
}
NAMES = ["deep/a b.jpg", "plain.jpg", "odd %41:é#?\n.jpg"]


def expressions(session) -> list[str]:
    of_tables = (
        "SELECT default_expression FROM system.columns"
        " WHERE database = currentDatabase() AND table LIKE 'items%' AND name = 'filename'"
        " AND default_kind = 'ALIAS'"
    )
    return [row[0] for row in session.catalog().client.query(of_tables).result_rows]


def test_a_member_of_an_archive_has_its_own_name(dsn, tmp_path):
    file = tmp_path / "the photos.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for seed, name in enumerate(NAMES):
            archive.writestr(name, toy.jpeg(seed))
    folder = toy.photos(tmp_path / "a::b", 1)
    package = str(toy.model(tmp_path / "model"))
    with hamsight.open(dsn) as session:
        session.ingest(file, model=package)
        session.ingest(folder, model=package)
        client = session.catalog().client
        named = client.query("SELECT filename FROM items_toy").result_rows
        wanted = {*(name.rpartition("/")[2] for name in NAMES), "000.jpg"}
        assert {row[0] for row in named} == wanted
        (found,) = session.query(item="plain.jpg", where='filename == "a b.jpg"')
        assert found.id == "deep/a b.jpg"
        made = expressions(session)
        table = toy.generation(session)
        for former in FORMER:
            client.command(f"ALTER TABLE {table} MODIFY COLUMN filename String ALIAS {former}")
            assert expressions(session) == [former]
            session.ingest(folder)
            assert expressions(session) == made
        strange = member_uri("tar", "x/\udcff.jpg", "/a.tar")
        of_text = f"SELECT {made[0]} FROM (SELECT {{uri:String}} AS uri)"
        answer = client.query(of_text, parameters={"uri": strange}).result_rows
        assert answer == [("\N{REPLACEMENT CHARACTER}.jpg",)]
        for uri, name in URLS.items():
            assert client.query(of_text, parameters={"uri": uri}).result_rows == [(name,)]
