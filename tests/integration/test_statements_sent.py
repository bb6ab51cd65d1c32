"""How many statements an ingest sends, and that none changes the schema where nothing lacks."""

from __future__ import annotations

import re

import pytest
import toy
from clickhouse_connect.driver.client import Client

import hamsight

SENDS = ("query", "query_arrow", "raw_query", "command", "raw_insert", "insert_arrow")
MOST_FIRST = 20
MOST_UNCHANGED = 12
OF_THE_DRIVER = {"SELECT version(), timezone()", "SELECT 1 AS check"}
SCHEMA = re.compile(r"\s*(CREATE|ALTER|DROP|RENAME|EXCHANGE|DELETE)\b")


@pytest.fixture
def sent(monkeypatch):
    """What clients were given to send; what a method sends through another counts once."""
    found: list[str] = []

    def record(kind: type, name: str) -> None:
        send = kind.__dict__[name]

        def sending(self, *given, **options):
            if not getattr(self, "sending", False) and given[0] not in OF_THE_DRIVER:
                found.append(str(given[0]))
            outer, self.sending = getattr(self, "sending", False), True
            try:
                return send(self, *given, **options)
            finally:
                self.sending = outer

        monkeypatch.setattr(kind, name, sending)

    kinds = [Client]
    for kind in kinds:
        kinds += kind.__subclasses__()
        for name in SENDS:
            if name in kind.__dict__:
                record(kind, name)
    return found


@pytest.mark.homes("chdb")
def test_the_statements_of_an_ingest(dsn, home, tmp_path, sent):
    package = str(toy.model(tmp_path / "model"))
    folder = toy.photos(tmp_path / "photos", 3)
    with hamsight.open(dsn) as session:
        session.ingest(folder, model=package)
    assert len(sent) < MOST_FIRST
    assert sum("FROM models" in one for one in sent) == 1
    sent.clear()
    with hamsight.open(dsn) as session:
        session.ingest(folder, model=package)
    assert len(sent) < MOST_UNCHANGED
    assert sum("FROM models" in one for one in sent) == 1
    assert [one for one in sent if SCHEMA.match(one)] == []
