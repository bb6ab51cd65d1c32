"""Which files of a dataset were used, which are known and left out, which are not understood."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from hamsight_ingest.listing import Listing, is_image, printable, suffix_of

_DOCUMENT = re.compile(
    r"(readme|licen[cs]e|copying|notice|authors|citation|changelog|changes|credits|makefile"
    r"|dockerfile|requirements|manifest|checksums?|md5sums?|sha(1|256)sums?|data_?sheet)\b"
    r"(?!.*\.(json|jsonl|ndjson|csv|tsv|xml|parquet|arrow|feather)$).*"
    r"|.*\.(md|rst|pdf|html?|css|js|py|pyc|ipynb|sh|bat|r|docx?|pptx?|odt|tex|bib|cff|log|md5|sha1"
    r"|sha256|sig|asc|cache|lock|tmp|bak|swp|url|lnk)",
    re.IGNORECASE,
)


_SHOWN = 12
_CLASSES = re.compile(r"(predefined_)?classes\.txt|label_names\.txt", re.IGNORECASE)


class Accounts:
    """The account of every file that a listing has.

    Documents, programs and caches (README, LICENSE, `*.md`, `*.py`, …) are known and say nothing
    of images.
    """

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._used: set[str] = set()
        self._ignored: dict[str, dict[str, None]] = {}

    def ignore_classes(self, *names: str) -> None:
        """Note that lists of the names of classes say nothing, as the annotations have the names;
        `names` are further files that are such lists."""
        lists = (file for file in self._listing.of(".txt") if _names_classes(file, names))
        self.ignore(lists, "names of classes, which the annotations have themselves")

    def use(self, files: str | Iterable[str]) -> None:
        """Note that files were read, or are images of items; by their paths below the dataset."""
        self._used.update([files] if isinstance(files, str) else files)

    def use_images(self) -> None:
        """Note that every image file is an item."""
        self._used.update(self._listing.images)

    def ignore(self, files: str | Iterable[str], why: str) -> None:
        """Note that files are known and left out."""
        self._ignored.setdefault(why, {}).update(
            dict.fromkeys([files] if isinstance(files, str) else files)
        )

    @property
    def unread(self) -> list[str]:
        """The paths of the files that are neither used nor known."""
        known = self._used.union(*self._ignored.values())
        left = (file for file in self._listing.files if file not in known)
        return [*(file for file in left if not is_document(file)), *self._listing.odd]

    @property
    def ignored(self) -> list[str]:
        """What is known and left out, and why, one reason a line."""
        lines = []
        for why, files in self._ignored.items():
            left = [file for file in files if file not in self._used]
            if left:
                more = "" if len(left) == 1 else f" and {len(left) - 1:,} more"
                lines.append(f"{printable(left[0])}{more}: {why}")
        for left_out, what in (
            (self._listing.system, "folders of the system or a network drive"),
            (self._listing.hidden, "hidden files and folders"),
        ):
            if left_out:
                shown = sorted(map(printable, left_out), key=str.lower)
                more = f", … ({len(shown):,})" if len(shown) > _SHOWN else ""
                lines.append(f"{what} are left out: {', '.join(shown[:_SHOWN])}{more}")
        return lines


def is_document(file: str) -> bool:
    """Return whether a file is a document, a program or a cache by its name."""
    return _DOCUMENT.fullmatch(file.rpartition("/")[2]) is not None and not is_image(file)


def _names_classes(file: str, names: Sequence[str]) -> bool:
    name = file.rpartition("/")[2]
    return name in names or _CLASSES.fullmatch(name) is not None


def unread_words(files: Sequence[str]) -> str:
    """Return how many files were not read of each extension, and the first; nothing for none.

    Such as "12 .xml, 300 .txt; e.g. labels/a.xml".
    """
    if not files:
        return ""
    counts = Counter(suffix_of(file) or "without an extension" for file in files)
    most = counts.most_common()
    words = ", ".join(f"{times:,} {suffix}" for suffix, times in most[:8])
    more = f", {sum(times for _, times in most[8:]):,} others" if len(most) > 8 else ""
    return f"{words}{more}; e.g. {', '.join(map(printable, files[:1]))}"
