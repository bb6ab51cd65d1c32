"""The language of --where: what its expressions compile to, and what a wrong one is told."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hamsight_core.errors import ExpressionError, UsageError
from hamsight_query.where import Filter, compile_filter

TAGS = ["squirrel", "wheels", "dog", "Cat", "width"]


def compiled(text: str) -> Filter:
    return compile_filter(text, TAGS)


def shown(text: str) -> str:
    """The SQL with each parameter replaced by its value."""
    found = compiled(text)
    return re.sub(r"\{(where_\d+):[^}]+\}", lambda m: repr(found.parameters[m[1]]), found.sql)


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        (
            '(squirrel > 2 or height > 200) and "dataset2" in groups',
            "(tags['squirrel'] > 2 OR height > 200) AND has(groups, 'dataset2')",
        ),
        ("wheels % 2 == 1", "positiveModulo(tags['wheels'], 2) = 1"),
        ('tags["traffic light"] > 0', "tags['traffic light'] > 0"),
        ('like(filename, "IMG%")', "like(filename, 'IMG%')"),
        ("200 < width <= 400", "200 < width AND width <= 400"),
        ("squirrel and height > 200", "tags['squirrel'] != 0 AND height > 200"),
        ("width / height > 1.5", "width / height > 1.5"),
        ("width * height > 1_000_000", "width * height > 1000000"),
        ("(width + height) * 2 - (3 - 1) > 1e3", "(width + height) * 2 - (3 - 1) > 1000.0"),
        ("((width)) + (height * 2) > 1", "width + height * 2 > 1"),
        ('subset in ("train", "val")', "subset IN ['train', 'val']"),
        ('subset not in ["train"]', "subset NOT IN ['train']"),
        ('"dog" in tags and not "cat" in tags', "tags['dog'] > 0 AND NOT (tags['cat'] > 0)"),
        ('"iso" in attributes', "mapContains(attributes, 'iso')"),
        ('attributes["camera"] == "Canon"', "attributes['camera'] = 'Canon'"),
        ('attributes["iso"] > 100', "ifNull(toFloat64OrNull(attributes['iso']) > 100, false)"),
        ("width > 1 or height > 1", "(width > 1 OR height > 1)"),
        ("groups and not captions", "notEmpty(groups) AND NOT notEmpty(captions)"),
        ('tags["width"] > 2 and width > 2', "tags['width'] > 2 AND width > 2"),
    ],
)
def test_an_expression_becomes_plain_sql(text: str, sql: str) -> None:
    assert shown(text) == sql


def test_no_text_of_the_user_reaches_the_statement() -> None:
    hostile = "x'); DROP TABLE items; --"
    found = compiled(
        f'"{hostile}" in groups and tags["{hostile}"] > 7'
        f' and attributes["{hostile}"] in ("{hostile}",)'
    )
    assert "DROP" not in found.sql
    assert "7" not in found.sql
    assert hostile in found.parameters.values()
    assert re.fullmatch(r"where_\d+", next(iter(found.parameters)))


def test_equal_literals_share_a_parameter() -> None:
    found = compiled("dog > 1 and (width > 1 or dog < 1.0)")
    assert found.sql.count("{where_1:Int64}") == 2
    assert found.parameters == {"where_0": "dog", "where_1": 1, "where_2": 1.0}


def test_integers_that_may_leave_64_bits_become_floats() -> None:
    assert shown("width * height * dog > 5") == "toFloat64(width * height) * tags['dog'] > 5"
    assert shown("file_size + 1 > 5") == "toFloat64(file_size) + 1 > 5"
    assert shown("file_size - 1 > 5") == "file_size - 1 > 5"


@pytest.mark.parametrize("pair", ["'", '"'])
def test_texts_take_either_quote_and_escapes(pair: str) -> None:
    found = compiled(rf"id == {pair}a\\b\"c\'d\n\te é{pair}")
    assert found.parameters["where_0"] == "a\\b\"c'd\n\te é"


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "found an empty expression, expected a condition"),
        (" \n ", 1, "found an empty expression"),
        ("width = 3", 7, "found =, expected an operator or the end; write =="),
        ("width <> 3", 7, "found <>, expected an operator or the end; write !="),
        ("dog && width", 5, "write and"),
        ("dog || width", 5, "write or"),
        ("dog AND width", 5, "write and"),
        ("NOT dog", 1, "found NOT, expected not in lower case"),
        ("! dog", 1, "write not"),
        ("widht > 3", 1, 'the nearest is width; write tags["widht"] for a tag that no item has'),
        ("squirel > 3", 1, "the nearest is squirrel"),
        ("cat > 3", 1, "the nearest is Cat"),
        ("nan > 3", 1, "found the name nan, expected a column or a tag of the catalog"),
        ("width > ", 9, "found the end, expected a name, a number, a text in quotes or ("),
        ("(width > 1", 11, "found the end, expected an operator or )"),
        ("width > 1)", 10, "found ), expected an operator or the end"),
        ("width > 1 2", 11, "found 2, expected an operator or the end"),
        ("width is None", 7, 'write == or !=, or for what may be missing "NAME" in attributes'),
        ('filename like "%a"', 10, 'write like(filename, "%text%")'),
        ("traffic light > 0", 9, 'written tags["traffic light"]'),
        ("width > 1; x", 10, "found ;, expected a name, a number, a text in quotes"),
        ("width > \x00", 9, "found '\\x00'"),
        ("“dog” in tags", 1, "expected a straight quote"),
        ('id == "abc', 7, 'found a text without its closing "'),
        ("id == 'abc\\", 7, "found a text without its closing '"),
        (r'id == "a\d"', 9, r"found \d in a text"),
        ("5abc > 2", 1, "found 5abc, expected a number such as 200"),
        ("1__0 > 2", 1, "found 1__0, expected a number"),
        ("0x10 > 2", 1, "found 0x10, expected a number"),
        ("9223372036854775808 > width", 1, "an integer of more than 64 bits, 9223372036854775808"),
        ("-9223372036854775809 < width", 2, "an integer of more than 64 bits"),
        (f"width < {'9' * 6000}", 9, "an integer of more than 64 bits, 999"),
        ("1e999 > width", 1, "found 1e999, a number too large"),
        ('width > "3"', 9, 'found a text, "3", expected a number to compare with a number, width'),
        ("filename > 3", 12, "expected a text to compare with a text, filename"),
        ('filename + "x" == "y"', 1, "found a text, filename, expected a number"),
        ('1 + "x" == 2', 5, 'found a text, "x", expected a number'),
        ("-filename == 2", 2, "found a text, filename, expected a number"),
        (
            '"dog"',
            1,
            'found a text, "dog", expected a condition; for items with that tag write "dog" in',
        ),
        ("filename and width", 1, "found a text, filename, expected a condition; compare it"),
        ('attributes["x"]', 1, 'for items that have it write "x" in attributes'),
        ('groups == "x"', 1, 'write "..." in groups, or length(groups)'),
        ("tags > 3", 1, 'write tags["name"]'),
        ("(width > 1) == (height > 1)", 8, "join conditions with and, or, not"),
        ("(width > 1) + 1 > 1", 8, "found a condition, expected a number"),
        ("width + not dog", 9, "write (not ...)"),
        ("width < 3 in (1, 2)", 11, "found in after a comparison"),
        ("dog in tags", 1, 'found a number, dog, expected a text; write "dog"'),
        ('"a" in 5', 8, "found a number, 5, expected a list, a map or a text after in"),
        ('"a" in width', 8, "found a number, width, expected a list"),
        ('"a" in like', 8, "found the name like"),
        ("width in ()", 10, "found an empty list"),
        ("width in (1, 'a')", 14, 'found "a", expected a list of numbers alone'),
        ("width in ('a', 'b')", 1, "found a number, width, expected a text"),
        (
            "subset in (train, val)",
            12,
            'found the name train, expected a text or number; write "train"',
        ),
        ("width in (1, 2 + 3)", 16, "expected only numbers and texts in a list"),
        ("width in (1 2)", 13, "found 2, expected a comma or )"),
        ("groups in ('a', 'b')", 1, 'write "..." in groups for each text'),
        ("groups[0]", 8, "found 0, expected a name in quotes, as in groups"),
        ('tag["dog"] > 1', 1, "the nearest is tags"),
        ("tags['dog' > 1", 12, "found >, expected ]"),
        ('lik(filename, "a")', 1, "found lik(...), expected a function; the nearest is like"),
        ("xyzzy(width)", 1, "there are like, ilike, startswith, endswith, lower, length"),
        ("like(filename)", 1, "found like(...) with 1 argument, expected 2 arguments"),
        ("length(id, id) > 1", 1, "found length(...) with 2 arguments, expected 1 argument"),
        ("length(width) > 1", 8, "found a number, width, expected a text, a list or a map"),
        ("lower(groups) == 'a'", 7, "found a list of texts, groups, expected a text"),
        ("like(width, 'a')", 6, "found a number, width, expected a text or a list of texts"),
        ("startswith(id, 3)", 16, "found a number, 3, expected a text"),
        ("like(id, subset)", 10, "expected a pattern in quotes"),
        (r"like(id, 'a\\')", 10, "ends in a single backslash"),
        ("id == '\udcff'", 8, "found bytes that are not UTF-8"),
    ],
)
def test_a_wrong_expression_is_told_where_and_what(text: str, column: int, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compiled(text)
    assert message in str(caught.value)
    assert caught.value.column == column
    assert isinstance(caught.value, UsageError)
    str(caught.value).encode()


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000 + "1" + ")" * 5000,
        "-" * 5000 + "width > 1",
        "not " * 5000 + "width",
        "width" + " + width" * 5000 + " > 1",
        "length(" * 5000,
        "1 in [" * 5000,
        "width in (" + "(" * 5000,
        "not " * 90 + "width" + " + 1" * 90 + " > 1",
        "-(1 + " * 60 + "width" + ")" * 60 + " > 1",
    ],
)
def test_deep_nesting_is_an_error_and_no_recursion(text: str) -> None:
    with pytest.raises(ExpressionError, match="found more than 100 levels"):
        compiled(text)


def test_a_hundred_levels_compile_far_from_the_recursion_limit() -> None:
    def at_depth(frames: int) -> Filter:
        return compiled("(" * 98 + "width" + ")" * 98) if not frames else at_depth(frames - 1)

    assert sys.getrecursionlimit() >= 1000
    assert at_depth(300).sql.startswith("width")
    assert compiled("not " * 98 + "width").sql.startswith("NOT ")


@pytest.mark.parametrize(
    "text",
    [
        "id == '" + "x" * 70_000 + "'",
        "id == '" + "é" * 33_000 + "'",
    ],
)
def test_a_text_beyond_64_kib_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match="bytes; at most 65536 are allowed"):
        compiled(text)


@pytest.mark.parametrize(
    "text",
    [
        " or ".join(["'a' in captions"] * 3000),
        "width" + " % (width - height)" * 60 + " > 1",
        "1 % (" * 40 + "width - height" + ")" * 40,
    ],
)
def test_sql_that_grows_out_of_bounds_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match="SQL has over 100000 characters"):
        compiled(text)


WORDS = [
    *("width", "dog", "id", "groups", "captions", "tags", "attributes", "like", "length", "lower"),
    *("and", "or", "not", "in", "<", "<=", "==", "!=", "=", "+", "-", "*", "/", "%", "(", ")"),
    *("[", "]", ",", "'a'", '"b"', "1", "2.5", "tags['x']", "attributes['y']", "'", "\\", "é"),
]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join) | st.text(max_size=30))
def test_any_text_compiles_or_is_told_what_is_wrong(text: str) -> None:
    try:
        found = compiled(text)
    except ExpressionError as error:
        assert 1 <= error.column <= len(text) + 1
    else:
        assert set(re.findall(r"\{(\w+):", found.sql)) == set(found.parameters)
