"""Requests that schemathesis makes from the OpenAPI document and from its violations."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
import toy
from fuzzed_api import fuzz
from visitor import Visitor

import hamsight
from hamsight_explore import start


def test_answers_are_as_the_document_says(engine: str, tmp_path: Path) -> None:
    pytest.importorskip("schemathesis")
    database = f"test_{uuid.uuid4().hex[:12]}"
    dsn = f"chdb://{engine}?database={database}"
    with hamsight.open(dsn) as opened:
        opened.ingest(toy.photos(tmp_path / "photos", 3), model=toy.model(tmp_path / "model"))
        with start(dsn) as running:
            done = fuzz(Visitor(running), tmp_path, 2, 7, "fuzzing")
        opened.sql(f"DROP DATABASE {database}", write=True)
    assert done.returncode == 0, done.stdout + done.stderr
