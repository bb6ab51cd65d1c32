"""Elements of an XML file, one at a time, with their lines; DTDs, and so entities, are refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from hamsight_ingest.readers.annotated import fail, finite, shown

_CHUNK = 64 * 1024
_DEEPEST = 64


@dataclass(slots=True)
class Element:
    """An element with its 1-based line in the file."""

    file: Path
    tag: str
    line: int
    attributes: dict[str, str]
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, tag: str) -> list[Element]:
        """Return the children of that tag."""
        return [child for child in self.children if child.tag == tag]

    def child(self, tag: str) -> Element:
        """Return the first child of that tag. Raises SourceError where there is none."""
        for child in self.children:
            if child.tag == tag:
                return child
        return self.wrong(f"expected <{tag}> in it")

    def attribute(self, name: str) -> str:
        """Return an attribute. Raises SourceError where the element has none of that name."""
        value = self.attributes.get(name)
        return self.wrong(f"expected an attribute {name}") if value is None else value

    def number(self) -> float:
        """Return the text as a number. Raises SourceError where it is none."""
        value = finite(self.text)
        return self.wrong(f"{shown(self.text)}; expected a number") if value is None else value

    def attribute_number(self, name: str) -> float:
        """Return an attribute as a number. Raises SourceError where it is none."""
        value = finite(self.attribute(name))
        if value is None:
            self.wrong(f"{name}={shown(self.attributes[name])}; expected a number")
        return value

    def wrong(self, words: str) -> NoReturn:
        """Raise a SourceError that names the file, the line and the element."""
        fail(self.file, self.line, f"<{self.tag}>: {words}")


def read_elements(file: Path, root: str, tags: frozenset[str]) -> Iterator[Element]:
    """Yield each element of one of `tags` that is in no other, complete; the root may be one.

    Raises SourceError where the file cannot be read, is no XML, has a DTD or another root.
    """
    builder = _Builder(file, root, tags)
    try:
        with file.open("rb") as opened:
            while chunk := opened.read(_CHUNK):
                builder.parser.Parse(chunk, False)
                yield from builder.taken()
        builder.parser.Parse(b"", True)
    except expat.ExpatError as error:
        words = f"column {error.offset + 1}: not XML: {expat.ErrorString(error.code)}"
        fail(file, error.lineno, words)
    except (LookupError, ValueError) as error:  # an encoding that there is not
        fail(file, builder.parser.CurrentLineNumber, f"not XML that can be read: {error}")
    except OSError as error:
        fail(file, "", f"cannot be read: {error.strerror or error}")
    yield from builder.taken()


class _RootFoundError(Exception):
    """Ends the parsing; its argument is the tag."""


def root_tag(file: Path) -> str | None:
    """Return the tag of a file's root element, or None where it does not begin as XML does."""

    def found(tag: str, *more: object) -> None:
        raise _RootFoundError(tag)

    parser = expat.ParserCreate()
    parser.StartElementHandler = found
    parser.StartDoctypeDeclHandler = found
    try:
        with file.open("rb") as opened:
            parser.Parse(opened.read(_CHUNK), False)
    except _RootFoundError as root:
        return str(root)
    except (expat.ExpatError, LookupError, ValueError, OSError):
        return None
    return None


class _Builder:
    def __init__(self, file: Path, root: str, tags: frozenset[str]) -> None:
        self._file, self._root, self._tags = file, root, tags
        self._open: list[Element] = []
        self._texts: list[list[str]] = []
        self._taken: list[Element] = []
        self._depth = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse

    def taken(self) -> list[Element]:
        """Return the elements that were completed since the last call."""
        taken, self._taken = self._taken, []
        return taken

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        if self._depth == 0 and tag != self._root:
            fail(self._file, line, f"the root element is <{tag}>; expected <{self._root}>")
        self._depth += 1
        if self._depth > _DEEPEST:
            fail(self._file, line, f"<{tag}> is in more than {_DEEPEST} elements")
        if self._open or tag in self._tags:
            element = Element(self._file, tag, line, attributes)
            if self._open:
                self._open[-1].children.append(element)
            self._open.append(element)
            self._texts.append([])

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if self._open:
            element = self._open.pop()
            element.text = "".join(self._texts.pop()).strip()
            if not self._open:
                self._taken.append(element)

    def _text(self, text: str) -> None:
        if self._texts:
            self._texts[-1].append(text)

    def _refuse(self, *declaration: object) -> None:
        line = self.parser.CurrentLineNumber
        fail(self._file, line, "a DOCTYPE, which could hide entities; delete it from the file")
