"""Numbers without repetition."""

from __future__ import annotations

import numpy as np
import pytest

from hamsight_core.distinct import distinct


@pytest.mark.parametrize("kind", [np.int64, np.uint64])
@pytest.mark.parametrize("count", [0, 1, 2, 1000])
def test_numbers_are_those_of_numpy(kind: type[np.integer], count: int) -> None:
    span = np.iinfo(kind)
    ends = np.array([span.min, span.max, 0, 0], kind)
    drawn = np.random.default_rng(count).integers(0, 50, max(0, count - 4)).astype(kind)
    numbers = np.concatenate([ends[:count], drawn])
    assert np.array_equal(distinct(numbers), np.unique(numbers))
    assert distinct(numbers).dtype == kind
