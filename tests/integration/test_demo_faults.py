"""The faults that the demo plants are found."""

from __future__ import annotations

import hamsight
from hamsight.demo.faults import BLURRED, COPIES, DARK, LEAKS, write_faulty


def test_the_planted_faults_of_the_demo_are_found(engine, tmp_path):
    write_faulty(tmp_path / "faulty")
    with hamsight.open(f"chdb://{engine}?database=test_faulty") as session:
        session.ingest(tmp_path / "faulty", subset_from_folder=True, model="mini")
        groups = session.find_duplicates().figures["groups"]
        assert (groups, len(session.find_leaks())) == (COPIES + LEAKS, LEAKS)
        found = session.find_quality(issues=["blurry", "dark"]).table.to_pylist()
        first = {
            issue: [row["id"] for row in found if row["issue"] == issue]
            for issue in ("blurry", "dark")
        }
        assert sorted(first["blurry"][:BLURRED]) == [f"blurred-{n + 1}.jpg" for n in range(BLURRED)]
        assert sorted(first["dark"][:DARK]) == [f"dark-{n + 1}.jpg" for n in range(DARK)]
        session.sql("DROP DATABASE test_faulty", write=True)
