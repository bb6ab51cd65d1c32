"""What a search sends: few statements, and none that reads a table where nothing needs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_catalog import ITEMS, fill

import hamsight
from hamsight.demo.scenes import write_dataset
from hamsight_core.errors import UsageError


def sent(session, monkeypatch, work) -> list[str]:
    """Return each statement that `work` sends, on one line."""
    client = session.catalog().client
    found: list[str] = []

    def noting(send):
        def note(statement, *args, **options):
            found.append(" ".join(str(statement).split()))
            return send(statement, *args, **options)

        return note

    for name in ("query", "raw_query", "command"):
        monkeypatch.setattr(client, name, noting(getattr(client, name)))
    work()
    monkeypatch.undo()
    return found


def test_a_query_by_text_sends_few_statements(dsn: str, tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "scenes"
    write_dataset(folder, 12, 1)
    with hamsight.open(dsn) as session:
        session.ingest(folder, dataset="scenes", model="mini")
        plain = sent(session, monkeypatch, lambda: session.query(text="stars", k=2))
        # models, the search, the columns of its answer
        assert len(plain) == 3, plain
        options = {"k": 5, "dataset": "scenes", "where": "width > 10 and star >= 0"}
        filtered = sent(session, monkeypatch, lambda: session.query(text="stars", **options))
        assert len(filtered) <= 4, filtered
        assert sum("FROM models" in one for one in filtered) == 1
        assert not any("arrayJoin(mapKeys(tags))" in one for one in filtered)


def test_names_that_an_answer_does_not_show_are_checked(dsn: str, tmp_path: Path) -> None:
    fill(dsn, tmp_path / "package", ITEMS)
    with hamsight.open(dsn) as session:
        for options, words in (
            ({"where": "dgo > 0"}, "found the name dgo, expected a column or a tag"),
            ({"where": "not dgo"}, "found the name dgo, expected a column or a tag"),
            ({"where": "widht > 1 and not dgo"}, "the nearest is width"),
            ({"where": 'widht == "a"'}, "the nearest is width"),
            ({"where": "width > 0 and", "dataset": "x"}, "found the end"),
            ({"dataset": "x"}, "--dataset 'x'"),
            ({"dataset": [ITEMS[0].identity[0], "x"]}, "--dataset 'x'"),
            ({"subset": "x", "where": "width > 0"}, "--subset 'x'"),
        ):
            with pytest.raises(UsageError) as caught:
                session.query(item=ITEMS[0].name, **options)
            assert words in str(caught.value), options
        assert not session.query(item=ITEMS[0].name, where="width < 0")
