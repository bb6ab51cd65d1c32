"""Hostile text wherever text can be given: none is run as SQL, and all comes back the same.

    python tests/hostile.py --count 10000 --seed 1      # on chDB, then over the HTTP front

Half of the cases are expressions; the others are items (ids, datasets, subsets, tags, captions,
groups, attributes, statuses), names of files, and names of groups, queries and datasets. The
same seed gives the same cases.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import toy

import hamsight
from hamsight.cli.piped import read_identities
from hamsight_core.catalog.generations import view_of
from hamsight_core.errors import ExpressionError, UnknownItemError
from hamsight_core.hashing.sign import sign_hash
from hamsight_core.images.places import fetch
from hamsight_core.items import Box, Item
from hamsight_core.show.formats import Format, write
from hamsight_explore.front import serve
from hamsight_ingest.prepare import Prepared, metadata_digest
from hamsight_ingest.rows import item_rows
from hamsight_query.where import compile_filter

MARK = "zq7"
"""Part of every hostile text, so that text which reached a statement would show there."""
BATCH = 100
PIECES = [
    *("'", '"', "`", "\\", "''", '""', "\\'", "\n", "\r", "\t", "\0", "\x1b[31m", "\x7f", "\x85"),
    *("--", "/*", "*/", ";", "#", "$$", "$name", "${table}", "%s", "%(where_0)s", "%", "{", "}"),
    *("{group:String}", "{where_0:Array(String)}", "{table:Identifier}", "\\N", "\\x27", "NULL"),
    *("'; DROP TABLE canary; --", "') OR 1 = 1 --", "' UNION ALL SELECT * FROM models --"),
    *(
        "'); TRUNCATE TABLE items_toy; SELECT ('",
        "`; DROP DATABASE x",
        "FORMAT TSV",
        "SETTINGS x=1",
    ),
    *("é", "e\u0301", "漢字", "😀", "\u202e", "\u2028", "\ufeff", "\U0010ffff", "\ufffd", "ß", "İ"),
    *("/", "..", "::", "?", "&", "=", ",", "[", "]", "(", ")", " ", "a", "Z", "0", "true"),
]
TEMPLATES = [
    "id == {0}",
    "{0} in groups and not {1} in captions",
    "attributes[{0}] == {1} or {1} in attributes",
    "tags[{0}] > 0",
    "{0} in tags or subset in [{0}, {1}]",
    "startswith(uri, {0}) or endswith(id, {1})",
    "like(filename, {0}) or ilike(captions, {1})",
    "status != {0} and dataset < {1}",
    "length({0}) > width or lower({1}) == {0}",
]


def hostile(dice: random.Random, longest: int = 12) -> str:
    """Return text that some program somewhere takes for more than text."""
    parts = dice.choices(PIECES, k=dice.randrange(1, longest))
    if dice.random() < 0.3:
        parts.append("".join(chr(dice.choice((127, 0x7FF, 0xD7FF))) for _ in range(3)))
        parts.append(chr(dice.randrange(0xE000, 0x110000)))
    if dice.random() < 0.05:
        parts.append("long " * dice.randrange(600))
    dice.shuffle(parts)
    return f"{''.join(parts)}{MARK}"


def quoted(text: str) -> str:
    """Return the text as a literal of an expression."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}
    return '"' + "".join(escapes.get(character, character) for character in text) + '"'


class Cases:
    """Hostile cases in the catalog of a session, which has `items_toy` and a table `canary`."""

    def __init__(self, session: hamsight.Session, folder: Path, seed: int) -> None:
        self.counts: Counter[str] = Counter()
        self._session, self._folder, self._seed = session, folder, seed
        self._package = str(toy.model(folder / "toy"))
        photos = toy.photos(folder / "first", 1)
        session.ingest(photos, dataset="first", model=self._package)
        self._client = session.catalog().client
        self._client.command("CREATE TABLE canary ENGINE = MergeTree ORDER BY n AS SELECT 42 AS n")
        self._state = self._told()

    def run(self, count: int) -> None:
        """Run `count` cases; raises AssertionError at the first that goes wrong."""
        for kind, share in (("items", 0.2), ("paths", 0.2), ("names", 0.1), ("expressions", 0.5)):
            left = round(count * share)
            for number in range(-(-left // BATCH)):
                dice = random.Random(f"{self._seed}/{kind}/{number}")
                getattr(self, kind)(dice, number, min(BATCH, left - number * BATCH))
                self.counts[kind] += min(BATCH, left - number * BATCH)
                assert self._told() == self._state, (self._seed, kind, number)

    def _told(self) -> object:
        """Return what no case may change: tables, models, the canary, the first item.

        A rename gives a model another generation, which is the same table to users.
        """
        ask = self._client.query
        tables = "SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name"
        made = {view_of(row[0]) for row in ask(tables).result_rows}
        names = sorted(made - set(_MADE_LATER))
        canary = ask("SELECT n FROM canary").result_rows
        first = ask("SELECT * FROM items_toy WHERE dataset = 'first'").result_rows
        models = self._session.catalog().models()
        return (
            names,
            canary,
            first,
            [replace(m, items_table=view_of(m.items_table)) for m in models],
        )

    def expressions(self, dice: random.Random, number: int, count: int) -> None:
        """Compile and run expressions; those of the templates must find what they name."""
        texts = [hostile(dice) for _ in range(8)]
        items = [self._item(dice, f"{n}{text}", texts) for n, text in enumerate(texts)]
        self._insert("expressions", items)
        for n in range(count):
            item = dice.choice(items)
            whole = n % 2 == 0
            if whole:
                text = self._true(dice, item)
            else:
                text = dice.choice(TEMPLATES).format(*map(quoted, dice.choices(texts, k=2)))
                for _ in range(dice.randrange(1, 4)):
                    at = dice.randrange(len(text) + 1)
                    new = dice.choice(["", dice.choice(PIECES), hostile(dice)])
                    text = text[:at] + new + text[at + dice.choice((0, 1, 5)) :]
            try:
                filter = compile_filter(text, texts)
            except ExpressionError as error:
                assert not whole, (text, error)
                str(error).encode()
                self.counts["refused expressions"] += 1
                continue
            assert MARK not in filter.sql, (text, filter.sql)
            sql = f"SELECT id FROM items_toy WHERE dataset = 'expressions' AND ({filter.sql})"
            found = {row[0] for row in self._client.query(sql, filter.parameters).result_rows}
            assert not whole or item.id in found, (text, item)
        assert self._session.delete(dataset="expressions") == len(items)

    @staticmethod
    def _true(dice: random.Random, item: Item) -> str:
        """Return an expression that holds for the item."""
        name, value = dice.choice(list(item.attributes.items()))
        (label, times), group = dice.choice(list(item.tags.items())), dice.choice(item.groups)
        tag = quoted(label)
        id, uri, subset = quoted(item.id), quoted(item.uri), quoted(item.subset)
        return dice.choice(
            [
                f"id == {id} and uri == {uri} and subset in [{subset}, {tag}]",
                f"{quoted(group)} in groups and tags[{tag}] == {times}",
                f"attributes[{quoted(name)}] == {quoted(value)} and {quoted(name)} in attributes",
                f"startswith(id, {quoted(item.id[:3])}) and endswith(uri, {quoted(item.uri[-4:])})",
                f"not ({id} in captions) and length(id) == {len(item.id)} and {tag} in tags",
            ]
        )

    def items(self, dice: random.Random, number: int, count: int) -> None:
        """Insert items, read them back, find them by name, change them, delete them."""
        dataset = hostile(dice, 6).replace("/", "")
        texts = [hostile(dice) for _ in range(count)]
        items = [self._item(dice, f"{n}{text}", texts) for n, text in enumerate(texts)]
        self._insert(dataset, items)
        assert self._rows(dataset) == {(i.subset, i.id): _said(i) for i in items}
        session = self._session
        for item in items[:20]:
            name = f"{dataset}/{item.subset}/{item.id}"
            (match,) = session.query(
                item=name, dataset=dataset, where=f"id == {quoted(item.id)}", exclude_self=False
            )
            assert (match.dataset, match.subset, match.id) == (dataset, item.subset, item.id)
            said = (match.uri, dict(match.tags), tuple(match.captions))
            assert said == (item.uri, item.tags, item.captions)
        matches = session.query(item=name, dataset=dataset, k=count, exclude_self=False)
        for format in (Format.JSONL, Format.JSON, Format.CSV):
            stream = io.BytesIO()
            write(matches.to_arrow(), format, stream)
            stream.seek(0)
            identities = read_identities(stream)
            assert identities == [(m.dataset, m.subset, m.id) for m in matches]
        group, status = hostile(dice), hostile(dice)
        some = identities[: count // 2]
        assert session.add_to_group(group, some).changed == len(some)
        session.set(some, status=status, attributes={group: status, status: group})
        changed = {identity[1:] for identity in some}
        expected = {}
        for item in items:
            groups, attributes, state = [*item.groups], {**item.attributes}, item.status
            if (item.subset, item.id) in changed:
                groups, state = [*groups, group], status
                attributes |= {group: status, status: group}
            expected[item.subset, item.id] = (*_said(item)[:3], groups, state, attributes)
        assert self._rows(dataset) == expected
        held = session.query(item=name, where=f"{quoted(group)} in groups", k=count)
        assert {(m.subset, m.id) for m in held} <= changed
        if some:
            assert session.delete_group(group) == len(some)
        assert session.delete(identities) == count
        assert self._rows(dataset) == {}

    def paths(self, dice: random.Random, number: int, count: int) -> None:
        """Ingest files of hostile names, which need not be UTF-8; each is found and read again."""
        folder = os.fsencode(self._folder / f"paths{number}")
        os.mkdir(folder)
        contents = {}
        for n in range(count):
            name = hostile(dice, 8).replace("/", "").replace("\0", "").lstrip(".").encode()[:180]
            if dice.random() < 0.4:
                name += bytes(dice.choices(range(128, 256), k=dice.randrange(1, 9)))
            if dice.random() < 0.2:
                os.makedirs(os.path.join(folder, name[:20]), exist_ok=True)
                name = os.path.join(name[:20], name)
            path = os.path.join(folder, b"%s%d.jpg" % (name, n))
            contents[path] = toy.jpeg(n % 30) + b"%d" % n
            with open(path, "wb") as file:
                file.write(contents[path])
        done = self._session.ingest(os.fsdecode(folder), dataset="paths", model=self._package)
        assert (done.counts.added, done.counts.rejected) == (count, 0), done.rejected
        rows = "SELECT id, uri FROM items_toy WHERE dataset = 'paths'"
        found = {fetch(uri) for _, uri in self._client.query(rows).result_rows}
        assert found == set(contents.values())
        again = self._session.ingest(os.fsdecode(folder), dataset="paths", model=self._package)
        assert again.counts.unchanged == count
        assert self._session.verify(dataset="paths", files="digest").num_rows == 0
        assert self._session.delete_dataset("paths") == count

    def names(self, dice: random.Random, number: int, count: int) -> None:
        """Save and run queries, rename datasets and look for items under hostile names."""
        session, former = self._session, "renamed"
        self._insert(former, [self._item(dice, "0", ["a"])])
        for _ in range(count):
            name = hostile(dice)
            kind = dice.randrange(4)
            if kind == 0:
                session.save_query(name, item="first//000.jpg", where=f"not {quoted(name)} in tags")
                assert session.run(name, k=3).model == "toy"
                assert name in session.saved()["name"].to_pylist()
                session.delete_saved(name)
            elif kind == 1:
                new = name.replace("/", "")
                session.rename_dataset(former, new)
                assert new in session.datasets()["dataset"].to_pylist()
                former = new
            elif kind == 2:
                with contextlib.suppress(UnknownItemError):
                    raise AssertionError(session.query(item=name))
            else:
                bound = {"v": name, "l": [name]}
                table = session.sql("SELECT {v:String} AS v, {l:Array(String)} AS l", bound)
                assert table.to_pylist() == [bound]
        assert session.delete_dataset(former) == 1

    def _item(self, dice: random.Random, id: str, texts: list[str]) -> Item:
        some = lambda: tuple(dict.fromkeys(dice.choices(texts, k=2)))  # noqa: E731
        return Item(
            id=id,
            uri=f"/photos/{id}",
            subset=dice.choice(["", dice.choice(texts)]),
            tags={text: dice.randrange(1, 9) for text in some()},
            boxes=(Box(dice.choice(texts), 1, 2, 3, 4),),
            captions=tuple(text for text in some() if text not in id),
            groups=some(),
            attributes={text: dice.choice(texts) for text in some()},
        )

    def _insert(self, dataset: str, items: list[Item]) -> None:
        features = np.random.default_rng(1).normal(size=(len(items), toy.DIMENSION))
        features = (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)
        blank = Prepared(items[0], None, 1, 1, 1, 1, 0, "JPEG", bytes(32), bytes(16))
        prepared = [
            replace(blank, item=item, metadata_digest=metadata_digest(item)) for item in items
        ]
        now = datetime.now(timezone.utc)
        rows = item_rows(dataset, prepared, features, sign_hash(features), now)
        catalog = self._session.catalog()
        catalog.insert(catalog.model().items_table, rows)

    def _rows(self, dataset: str) -> dict[tuple[str, str], tuple]:
        sql = (
            "SELECT subset, id, uri, tags, captions, groups, status, attributes, boxes"
            " FROM items_toy WHERE dataset = {d:String}"
        )
        found = self._client.query(sql, {"d": dataset}).result_rows
        return {
            (row[0], row[1]): (row[2], row[3], [*row[4], row[8][0]["label"]], *row[5:8])
            for row in found
        }


_MADE_LATER = {"renames", "saved_queries"}


def _said(item: Item) -> tuple:
    return (
        item.uri,
        dict(item.tags),
        [*item.captions, item.boxes[0].label],
        [*item.groups],
        item.status,
        dict(item.attributes),
    )


@contextlib.contextmanager
def _homes(folder: Path) -> Iterator[dict[str, str]]:
    engine = str(folder / "engine")
    with serve(engine, "tester", "secret") as front:
        yield {"chdb": f"chdb://{engine}?database=hostile", "http": front.dsn("hostile_http")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--home", choices=("chdb", "http"), nargs="*", default=("chdb", "http"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, _homes(Path(temporary)) as homes:
        for home in given.home:
            dsn = homes[home]
            started = time.monotonic()
            folder = Path(temporary) / home
            folder.mkdir()
            with hamsight.open(dsn) as session:
                cases = Cases(session, folder, given.seed)
                try:
                    cases.run(given.count)
                finally:
                    counts = ", ".join(f"{n} {kind}" for kind, n in cases.counts.items())
                    print(f"{home}: {counts}; {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
