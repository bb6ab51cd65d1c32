"""Names for exported files never lead out of their folder."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hamsight_curate.export.names import other_path, safe_name, safe_path

PARTS = st.sampled_from(
    [
        "",
        ".",
        "..",
        "a",
        "b.jpg",
        "...",
        " ",
        ".. ",
        "C:",
        "C:x",
        "\0",
        "\\",
        "..\\",
        "~",
        "x" * 300,
    ]
)
IDS = st.one_of(st.text(), st.lists(PARTS, min_size=1, max_size=12).map("/".join))


@given(IDS)
def test_a_path_is_relative_and_below(id: str) -> None:
    for path in (safe_path(id), other_path(id), safe_name(id)):
        parts = path.split("/")
        assert not os.path.isabs(path)
        assert all(part.strip(". ") and len(part.encode()) <= 255 for part in parts)
        assert not set(path) & {"\0", "\\", "\n"} and len(path.encode()) <= 1000
    assert "/" not in other_path(id) + safe_name(id)


@given(st.lists(IDS, unique=True, min_size=2, max_size=5))
def test_ids_that_differ_have_paths_that_differ(ids: list[str]) -> None:
    paths = {os.path.normpath(safe_path(id)) for id in ids}
    assert len(paths) == len(ids)


@pytest.mark.parametrize(
    "id", ["a.jpg", "deep/er/a b.jpg", "漢/😀.png", ".hidden", "a..b", "100%.png"]
)
def test_an_id_that_can_be_a_path_is_kept(id: str) -> None:
    assert safe_path(id) == id
    assert other_path(id) not in (id, safe_path(id))


def test_a_name_that_is_too_long_keeps_its_extension() -> None:
    assert safe_path("n" * 300 + ".jpg").endswith(".jpg")
    assert other_path("deep/" * 250 + "z.jpg").endswith(".jpg")
