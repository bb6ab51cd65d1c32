"""The SQL stands in sql/, each statement named, described, well formed and used."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from string import Template

import pytest

from hamsight_core.catalog import statements

REPO = Path(__file__).resolve().parents[2]
PROGRAM = statements.folder()
FILES = sorted(PROGRAM.rglob("*.sql"))
MODULES = sorted(
    p
    for top in (
        "hamsight",
        "core",
        "ingest",
        "query",
        "curate",
        "analyze",
        "explore/hamsight_explore",
    )
    for p in (REPO / top).rglob("*.py")
)
SQL_IN_PYTHON = re.compile(r"\bSELECT\s|\bINSERT INTO\b|\bALTER TABLE\b|DELETE FROM|CREATE TABLE")
NOT_CODE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.|'')*'", re.DOTALL)
PARAMETER = re.compile(r"\{([^{}]*)\}")
WELL_FORMED = re.compile(
    r"(?:[a-z][a-z0-9_]*|\$[a-z_]+):(?:[A-Z]\w*(?:\([\w\s,()$]*\))?|\$[a-z_]+)"
)


def parsed(path: Path) -> list[tuple[str, str, str]]:
    return list(statements.parse(path.read_text(encoding="utf-8")))


def code(sql: str) -> str:
    """Return the SQL without its comments and string literals."""
    return NOT_CODE.sub(" ", sql)


def fragments(sql: str) -> set[str]:
    return {m["named"] or m["braced"] for m in Template.pattern.finditer(sql)} - {None}


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in MODULES:
        yield path.relative_to(REPO), ast.parse(path.read_text(encoding="utf-8"))


def texts(tree: ast.Module) -> Iterator[ast.Constant]:
    """Yield the string literals of a module, without its docstrings."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in docstrings:
            yield node


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_statement_is_named_and_described(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = parsed(path)
    assert found, f"{path} holds no statement under a line `-- name: NAME`"
    assert len(found) == len(re.findall(r"^--\s*name\b", text, re.MULTILINE)), "a malformed name"
    assert not code(text.split("-- name:")[0]).strip(), "SQL stands before the first name"
    for name, description, sql in found:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name), name
        assert description, f"{name} has no description"
        assert code(sql).strip(), f"{name} is empty"
        assert ";" not in code(sql), f"{name} holds more than one statement"


def test_no_name_and_no_statement_twice() -> None:
    every = [found for path in FILES for found in parsed(path)]
    names = Counter(name for name, _, _ in every)
    bodies = Counter(" ".join(sql.split()) for _, _, sql in every)
    assert [name for name, count in names.items() if count > 1] == []
    assert [body for body, count in bodies.items() if count > 1] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_parameters_and_fragments_are_well_formed(path: Path) -> None:
    for name, _, sql in parsed(path):
        for match in Template.pattern.finditer(sql):
            assert match["invalid"] is None, f"{name}: a bare $ at {sql[match.start() :][:20]!r}"
        # ${braced} fragments are no parameters
        bare = code(re.sub(r"\$\{\w+\}", "$x", sql))
        for inside in PARAMETER.findall(bare):
            assert WELL_FORMED.fullmatch(inside), f"{name}: {{{inside}}} is no {{name:Type}}"
        assert not re.search(r"[{}]", PARAMETER.sub("", bare)), f"{name}: a brace without its pair"


def test_every_statement_is_used() -> None:
    mentioned = {text.value for _, tree in trees() for text in texts(tree)}
    assert sorted(statements.statements().keys() - mentioned) == []


def test_fill_is_called_with_what_the_statement_needs() -> None:
    known = statements.statements()
    for path, tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            name = getattr(node.args[0], "value", None)
            if called != "fill" or not isinstance(name, str):
                continue
            where = f"{path}:{node.lineno}"
            assert name in known, f"{where} fills {name!r}, which sql/ does not hold"
            given = {keyword.arg for keyword in node.keywords}
            if None not in given:
                assert given == fragments(known[name]), f"{where} fills {name!r}"


def test_python_holds_no_sql() -> None:
    found = [
        f"{path}:{text.lineno}: {text.value[:60]!r}"
        for path, tree in trees()
        for text in texts(tree)
        if SQL_IN_PYTHON.search(text.value)
    ]
    assert found == []
