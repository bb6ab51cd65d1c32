"""Every error that Hamsight raises, and the exit status that each gives the command.

HamsightError
├── UsageError                 2  the request itself is wrong
│   └── ExpressionError        2  a --where expression is wrong
├── CatalogError               3  the ClickHouse side
│   ├── ConnectionFailedError  3  no catalog answers at the DSN
│   ├── CatalogBusyError       3  another process holds the embedded catalog
│   ├── EmptyCatalogError      3  nothing has been ingested
│   ├── ReadOnlyCatalogError   3  this user may only read the embedded catalog
│   ├── UnknownItemError       3  no item of that identity
│   ├── ModelMismatchError     3  hashes of another model, or of other weights
│   ├── StatementError         3  ClickHouse refused a statement
│   │   └── NoTableError       3  … for it names a table that the catalog lacks
│   ├── DamagedCatalogError    3  files of an embedded catalog are cut, empty or foreign
│   └── DiskFullError          7  a disk has no room
├── ModelError                 4  a model package, a device, OpenVINO
└── SourceError                5  a dataset, an annotation file, a folder
    └── ImageError             5  one image that cannot be read

Exit status 0 is success, 1 is "no match", 6 is "--strict and something was rejected",
7 is "a disk, a pipe or the memory failed, say a full disk", 70 is "not foreseen", 130 is
"interrupted", and 128 + N is "ended by signal N". Every message says what was wrong, where, and the
remedy.
"""

from __future__ import annotations

from hamsight_core.controls import printable

EXIT_NO_MATCH = 1
EXIT_REJECTED = 6
EXIT_SYSTEM = 7
EXIT_UNFORESEEN = 70
EXIT_INTERRUPTED = 130
_EXCERPT = 40


class HamsightError(Exception):
    """The base of all errors that Hamsight raises on purpose.

    Its arguments are the lines of the message. As text each of them is printable, so that no name
    in it sends a terminal controls or begins a line of its own.
    """

    exit_status = 3

    def __str__(self) -> str:
        return "\n".join(printable(str(line)) for line in self.args)


class UsageError(HamsightError):
    """A request that cannot be carried out as it was put."""

    exit_status = 2


class ExpressionError(UsageError):
    """A metadata expression that does not parse or does not fit the columns.

    `expression` is the whole text and `column` the 1-based place of the fault in it.
    """

    def __init__(self, message: str, expression: str, column: int) -> None:
        self.expression = expression
        self.column = column
        start = max(0, column - 1 - _EXCERPT)
        excerpt = expression[start : column - 1 + _EXCERPT]
        shown = "".join(char if char.isprintable() else " " for char in excerpt)
        caret = " " * (column - 1 - start) + "^"
        super().__init__(f"{message} (column {column})", f"  {shown}", f"  {caret}")


class CatalogError(HamsightError):
    """The catalog cannot do what was asked."""

    exit_status = 3


class ConnectionFailedError(CatalogError):
    """No ClickHouse answers at the DSN."""


class CatalogBusyError(CatalogError):
    """Another process holds the embedded catalog."""


class EmptyCatalogError(CatalogError):
    """The catalog holds nothing to search."""


class ReadOnlyCatalogError(CatalogError):
    """A catalog that this user may only read was to be changed."""


class UnknownItemError(CatalogError):
    """No item, or more than one, has the identity that was asked for."""


class ModelMismatchError(CatalogError):
    """Features of this model must not be compared with those in the catalog."""


class StatementError(CatalogError):
    """ClickHouse refused a statement."""


class NoTableError(StatementError):
    """ClickHouse refused a statement, for it names a table that the catalog lacks."""


class DamagedCatalogError(CatalogError):
    """The embedded engine cannot read its own files."""


class DiskFullError(CatalogError):
    """The disk has no room for what would be written."""

    exit_status = EXIT_SYSTEM


class ModelError(HamsightError):
    """A model package that is missing, broken or cannot run on the device."""

    exit_status = 4


class SourceError(HamsightError):
    """A dataset that cannot be read."""

    exit_status = 5


class ImageError(SourceError):
    """One image that cannot be read; the message is the reason alone."""


def not_text(error: UnicodeEncodeError) -> UsageError:
    """Return the error of an argument that holds bytes which are not UTF-8."""
    near = error.object[max(0, error.start - _EXCERPT // 2) : error.end + _EXCERPT // 2]
    said = near.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return UsageError(f"'{' '.join(said.split())}' is not UTF-8: give text as UTF-8")
