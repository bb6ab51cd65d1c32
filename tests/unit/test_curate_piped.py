"""Identities read from what a query wrote."""

from __future__ import annotations

import io
import re

import pytest

from hamsight.cli.piped import read_identities
from hamsight_core.errors import UsageError


def test_wrong_lines_are_named() -> None:
    good = '{"dataset": "birds", "subset": "train", "id": "0"}\n'
    for text, said in (
        (good + "{oops\n", "line 2 of the items piped in is not JSON"),
        (good + '{"dataset": "birds", "id": "0"}\n', "line 2 of the items piped in: subset is mis"),
        ('[{"dataset": 3, "subset": "", "id": "a"}]', "item 1 of the JSON array piped in: dataset"),
        ("[\n{}\n,", "line 3 of the items piped in is not JSON"),
        ("rank  item\n────  ────\n", "line 1 of the items piped in has no dataset and no subset"),
        ("dataset,subset,id\nbirds,train\n", "line 2 of the items piped in: id is missing"),
        ("PAR1\udcff\udcff", "line 1 of the items piped in is not CSV"),
    ):
        with pytest.raises(UsageError, match=re.escape(said)):
            read_identities(io.BytesIO(text.encode("utf-8", "surrogateescape")))


def test_text_stays_as_it_was_piped_in() -> None:
    for text in (
        '{"rank": 1, "dataset": "a\\"b", "subset": "", "id": "x\u2028y/\\n"}\r\n\n',
        'id,subset,dataset\n"x\u2028y/\n",,"a""b"\n',
        '[{"id": "x\u2028y/\\n", "dataset": "a\\"b", "subset": ""}]',
    ):
        found = read_identities(io.BytesIO(text.encode()))
        assert found == [('a"b', "", "x\u2028y/\n")]
    assert read_identities(io.BytesIO(b"")) == []
    assert read_identities(io.BytesIO(b"[]\n")) == []
