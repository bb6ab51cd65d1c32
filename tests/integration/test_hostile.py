"""A small share of the hostile cases of `hostile.py`, other ones than those of its full run."""

from __future__ import annotations

import pytest
from hostile import Cases

import hamsight

pytestmark = pytest.mark.homes("chdb", "http")


def test_no_text_is_run_and_all_comes_back_the_same(dsn, tmp_path):
    with hamsight.open(dsn) as session:
        cases = Cases(session, tmp_path, seed=10_000)
        cases.run(12)
        assert cases.counts["refused expressions"] > 0
