"""A small share of the damages of `damage.py`, other ones than those of its full run."""

from __future__ import annotations

import pytest
from damage import DATA, IMAGE_KINDS, INGESTED, KINDS, LIMIT, OF_BYTES, Bench

import hamsight

SEED, IMAGES, OTHERS, BYTES = 20_000, 2, 1, 4


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not here")
@pytest.mark.filterwarnings("ignore")
def test_damages_end_in_rows_rejects_or_errors(engine, tmp_path):
    ends = set()
    with hamsight.open(f"chdb://{engine}?database=damage") as session:
        bench = Bench(session, tmp_path)
        for place, kind in enumerate(KINDS):
            count = IMAGES if kind in IMAGE_KINDS else OTHERS
            first = place % INGESTED if kind not in IMAGE_KINDS else 0  # 0 is ingested too
            for _, outcomes in bench.run(kind, SEED, range(first, first + count)):
                ends |= outcomes.ends.keys()
                assert outcomes.longest[0] < LIMIT, (kind, outcomes)
    (tmp_path / "bytes").mkdir()
    with hamsight.open(f"chdb://{engine}?database=damage_of_bytes") as session:
        single = Bench(session, tmp_path / "bytes", bytes_of=BYTES)
        for kind in OF_BYTES:
            for _, outcomes in single.run(kind, SEED, range(BYTES)):
                ends |= outcomes.ends.keys()
                assert outcomes.longest[0] < LIMIT, (kind, outcomes)
    assert ends == {"rows", "rejects", "errors"}
