"""`hamsight check`: analyses with limits, for CI.

`read_checks` reads them from a file, `run_checks` runs them, and `as_junit` and `as_markdown` write
what came of it.
"""

from hamsight_analyze.checks.outcomes import Outcome, outcome_table, run_checks
from hamsight_analyze.checks.read import Check, read_checks, write_example
from hamsight_analyze.checks.written import as_junit, as_markdown

__all__ = [
    "Check",
    "Outcome",
    "as_junit",
    "as_markdown",
    "outcome_table",
    "read_checks",
    "run_checks",
    "write_example",
]
