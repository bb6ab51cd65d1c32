"""What a reader of an embedded catalog may ask, beyond what `readonly=1` of the engine refuses.

With `readonly=1` the engine still lets a statement read any file by the function `file`, describe
a file or an address by `DESCRIBE`, write one by `INTO OUTFILE`, and end other statements by `KILL`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from hamsight_core.errors import StatementError

_READING = ("SELECT", "WITH", "FROM", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "USE")
_HARMLESS = frozenset(
    {
        *(
            "numbers",
            "numbers_mt",
            "zeros",
            "zeros_mt",
            "primes",
            "one",
            "null",
            "values",
            "format",
        ),
        *("generaterandom", "generate_series", "generateseries", "view", "viewifpermitted"),
        *("merge", "dictionary", "input", "loop", "mergetreeindex", "mergetreeprojection"),
    }
)
_ALWAYS = ("file", "catboostevaluate", "python")
# What is not closed goes on to the end, as it does for the engine; a heredoc that is not is none.
_TOKEN = re.compile(
    r"""(?P<text>'(?:[^'\\]|\\.|'')*(?:'|\\?\Z) | \$(\w*)\$.*?\$\2\$)
      | (?P<comment>--[^\n]* | \#[!\s][^\n]* | /\*(?:.*?\*/|.*))
      | "(?P<double>(?:[^"\\]|\\.|"")*)(?:"|\\?\Z) | `(?P<back>(?:[^`\\]|\\.|``)*)(?:`|\\?\Z)""",
    re.DOTALL | re.VERBOSE,
)
_HEREDOC = re.compile(r"\$\w*\$")
_MOST_HEREDOCS = 100
MOST_CHARACTERS = 1 << 18
"""Of the longest statement that a reader may send; the engine itself takes no longer one."""
_CALL = re.compile(r"(\w+)\s*\(")


class Screen:
    """Refuses statements. `table_functions` are the names of all that the engine has."""

    def __init__(self, table_functions: Iterable[str]) -> None:
        found = {name.lower() for name in table_functions}
        self._refused = (found - _HARMLESS) | set(_ALWAYS)

    def check(self, statement: str) -> None:
        """Raise StatementError for a statement that could do more than read the catalog."""
        if len(statement) > MOST_CHARACTERS:
            raise StatementError(f"a statement has at most {MOST_CHARACTERS} characters here")
        if sum(1 for _ in _HEREDOC.finditer(statement)) > _MOST_HEREDOCS:
            raise StatementError(f"a statement has at most {_MOST_HEREDOCS} $…$ here")
        bare = _TOKEN.sub(_bare, statement)
        first = re.match(r"[\s(]*(\w*)", bare)
        word = first[1].upper() if first else ""
        if word not in _READING:
            raise StatementError(f"{word or 'this'} is refused: statements only read here")
        if re.search(r"\bINTO\s+OUTFILE\b", bare, re.IGNORECASE):
            raise StatementError("INTO OUTFILE is refused: it writes a file")
        for called in _CALL.finditer(bare):
            if called[1].lower() in self._refused:
                raise StatementError(
                    f"{called[1]}(…) is refused: statements read the catalog alone here"
                )


def blanked(statement: str) -> str:
    """Return a statement with spaces for its comments, and ' for its texts and quoted names."""
    return _TOKEN.sub(
        lambda token: (" " if token["comment"] is not None else "'") * len(token[0]), statement
    )


def _bare(token: re.Match[str]) -> str:
    """Return a token without what can be no name: texts and comments are spaces."""
    name = token["double"] if token["double"] is not None else token["back"]
    if name is None:
        return " '' " if token["text"] is not None else " "
    return re.sub(r"\W", "_", name) if "\\" not in name else " file( "
