"""The files in which the embedded engine keeps what it must read to open: kept, checked, restored.

The engine opens no catalog in which a definition or a mutation is empty or cut, and says neither
which nor why. So a copy of all definitions stands beside them, in `definitions.json`; while a
statement changes definitions, a file says that the copy may be older than they are.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

KEPT = "definitions.json"
CHANGING = "definitions.changing"
_DEFINITIONS = ("metadata/*.sql", "store/*/*/*.sql")
_LINK = "LINK "
_SET_ASIDE = ("broken", "unexpected", "noquorum")
_UUID = re.compile(r"\bUUID '([0-9a-f-]{36})'")
_MUTATIONS = "store/*/*/mutation_*.txt"
_VERSION, _IN_VERSION = "format_version.txt", "1"
_OUTER = re.compile(r"^.*\bCode: \d+\. DB::Exception: ")
_INNER = re.compile(
    r": Cannot attach table .* metadata file (\S+).*|\. Reference: .*"
    r"|\.? \([A-Z_]{4,}\).*| \(version \d.*"
)
_DAMAGED_BYTES = 8
"""How many bytes of a definition a damage changes at most; another program changes more of them."""
_changing: Counter[Path] = Counter()
_of_process = threading.Lock()


@dataclass(frozen=True, slots=True)
class Fault:
    """A file, relative to the catalog, that the engine cannot read, and why.

    `kept` is its definition as it was, None where there is none; `table` whose part it is.
    """

    file: str
    why: str
    kept: str | None = None
    table: str = ""

    @property
    def what(self) -> str:
        """What the file holds, in words."""
        if self.file.endswith(_VERSION):
            return f"the format version of {self.table}"
        if self.table:
            return f"a part of {self.table}"
        table = unquote(Path(self.file).stem)
        return "a change that was begun" if self.is_mutation else f"the definition of {table}"

    @property
    def is_mutation(self) -> bool:
        """Tell whether this is a change that was begun, not the definition of a table."""
        return Path(self.file).match("mutation_*.txt")

    @property
    def is_part(self) -> bool:
        """Tell whether this is a part of a table."""
        return bool(self.table) and not self.file.endswith(_VERSION)


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Keep a copy of the definitions after a statement that changes them.

    Until then the copy is marked as older, for the case that this process is killed meanwhile.
    """
    with _of_process:
        _changing[path] += 1
        with suppress(OSError):  # the statement then says that the disk is full
            (path / CHANGING).touch()
    try:
        yield
    finally:
        with _of_process, suppress(OSError):  # the statement is done; the next one keeps them
            _changing[path] -= 1
            if not _changing[path]:
                keep_definitions(path)


def keep_definitions(path: Path) -> None:
    """Write a copy of the definitions of the embedded catalog at `path`, where they are whole."""
    found, definitions = {}, ["metadata/*.sql"]
    for link in path.glob("metadata/*"):
        if link.is_symlink():
            database = link.readlink()
            found[link.relative_to(path).as_posix()] = _LINK + database.as_posix()
            # Not all of `store`: a folder of each table that was there lately is in it.
            definitions.append("/".join((*database.parts[-3:], "*.sql")))
    for file in _files(path, *definitions):
        text, fault = _read(file)
        if fault:
            return
        found[file.relative_to(path).as_posix()] = text
    kept, made = path / KEPT, json.dumps(found, indent=0, sort_keys=True)
    if not kept.is_file() or kept.read_text("utf-8", "replace") != made:
        written = kept.with_suffix(".tmp")
        written.write_text(made, "utf-8")
        written.replace(kept)
    (path / CHANGING).unlink(missing_ok=True)


def faults(path: Path) -> list[Fault]:
    """Return the files that the engine cannot read, of the embedded catalog at `path`."""
    found, kept = [], _kept(path)
    there = set()
    for file in _files(path, *_DEFINITIONS):
        name = file.relative_to(path).as_posix()
        there.add(name)
        text, why = _read(file)
        if why:
            found.append(Fault(name, why, kept.get(name)))
        elif fault := _version_fault(path, unquote(file.stem), text):
            found.append(fault)
    for name, text in kept.items():
        if name not in there and _is_lost(path, name, text):
            found.append(Fault(name, "is missing", text))
    for file in _files(path, _MUTATIONS):
        text = file.read_text("utf-8", "replace")
        if not re.search(r"^commands: .*\n\Z", text, re.MULTILINE | re.DOTALL):
            found.append(Fault(file.relative_to(path).as_posix(), _state(text)))
    return found


def _version_fault(path: Path, table: str, definition: str) -> Fault | None:
    """Return what is wrong with the file of one character that each table with parts has."""
    uuid = _UUID.search(definition)
    if uuid is None or "MergeTree" not in definition:
        return None
    file = path / "store" / uuid[1][:3] / uuid[1] / _VERSION
    name = file.relative_to(path).as_posix()
    if not file.parent.is_dir():
        return None
    if not file.is_file():
        return Fault(name, "is missing", _IN_VERSION, table)
    text = file.read_text("utf-8", "replace")
    if text.strip() == _IN_VERSION:
        return None
    return Fault(name, "is not as it was" if text.strip("\0") else _state(text), _IN_VERSION, table)


def innermost(words: str) -> str:
    """Return the reason within what the engine says, without codes and the statement around it."""
    return _INNER.sub(_of_file, _OUTER.sub("", words.strip().partition("\n")[0]))


def _of_file(found: re.Match[str]) -> str:
    return f" (of {found[1]})" if found[1] else ""


def set_aside(path: Path) -> list[tuple[str, Path]]:
    """Return the parts that the engine could not read when it opened: (table, folder of part)."""
    folders = [
        folder for folder in path.glob("store/*/*/detached/*") if folder.name.startswith(_SET_ASIDE)
    ]
    if not folders:
        return []
    names = {}
    for file in _files(path, *_DEFINITIONS):
        if found := _UUID.search(_read(file)[0]):
            names[found[1]] = unquote(file.stem)
    return [(names.get(one.parent.parent.name, "a table"), one) for one in folders]


def changed(path: Path) -> list[Fault]:
    """Return the definitions that the engine can read, but that are damaged: not as their copy.

    A view's that is missing is among them: nothing else tells that there was a view. None are
    where the copy may be older, or where so much differs that another program has changed it.
    """
    if (path / CHANGING).exists():
        return []
    found = []
    for name, text in _kept(path).items():
        file = path / name
        if text.startswith("ATTACH VIEW ") and not file.exists():
            found.append(Fault(name, "is missing", text))
        elif not text.startswith(_LINK) and file.is_file() and _is_damaged(_read(file)[0], text):
            found.append(Fault(name, "is not as it was", text))
    return found


def _is_damaged(text: str, kept: str) -> bool:
    differing = sum(one != other for one, other in zip(text, kept, strict=False))
    return len(text) == len(kept) and 0 < differing <= _DAMAGED_BYTES


def restore(path: Path, fault: Fault, copies: Path) -> bool:
    """Put a file right where nothing is lost by it, after a copy into the folder `copies`.

    A definition is written as it was; a mutation that is empty or cut, which has changed nothing
    yet, is deleted. Return False where that cannot be.
    """
    if not fault.is_mutation and fault.kept is None:
        return False
    file, copy = path / fault.file, copies / fault.file
    if file.is_file():
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    if fault.kept is None:
        file.unlink()
    elif fault.kept.startswith(_LINK):
        file.symlink_to(fault.kept.removeprefix(_LINK))
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(fault.kept, "utf-8")
    return True


def _is_lost(path: Path, name: str, text: str) -> bool:
    """Tell whether a definition that is not there belongs to data that are."""
    if text.startswith(_LINK):
        target = (path / name).parent / text.removeprefix(_LINK)
        return not (path / name).is_symlink() and target.is_dir()
    found = _UUID.search(text)
    if found is None:
        return False
    dropped = any(found[1] in file.name for file in path.glob("metadata_dropped/*"))
    return not dropped and (path / "store" / found[1][:3] / found[1]).is_dir()


def _files(path: Path, *patterns: str) -> Iterator[Path]:
    for pattern in patterns:
        for file in sorted(path.glob(pattern)):
            if file.is_file():
                yield file


def _read(file: Path) -> tuple[str, str]:
    """Return the text of a definition, and what is wrong with it, "" where nothing is."""
    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError:
        return "", "holds foreign bytes"
    if not text.startswith("ATTACH ") or not text.endswith("\n") or "\0" in text:
        return text, _state(text)
    return text, ""


def _state(text: str) -> str:
    return "is cut" if text.strip("\0") else "is empty" if not text else "holds nothing but zeros"


def _kept(path: Path) -> dict[str, str]:
    try:
        found = json.loads((path / KEPT).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(text) for name, text in found.items()}
