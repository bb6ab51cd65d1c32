"""A seeded monkey on the page; the same actions through Python give the rows to compare with.

Run it in full alone: PYTHONPATH=tests python -m browser.monkey --actions 1000 --seed 1
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import prepared
from playwright.sync_api import Page, expect

import hamsight

Identity = tuple[str, str, str]

WORDS = ("green hearts", "a red circle", "three blue stars", "a flower", "squares on grass", "sky")
TAGS = ("heart", "circle", "star", "flower", "square", "triangle")
CONDITIONS = ("width > 240", "heart >= 2", "not (circle > 0)", 'like(id, "%7.jpg")', "width > 9000")
GROUPS, STATUSES = ("good", "to look at", "don't"), ("reviewed", "done ✓")
VALUES = ("a", "it's", "b = c")
PATIENCE = 60.0
TILES = """() => [...document.querySelectorAll('.tile')].map(
    (tile) => [Number(tile.dataset.position), tile.dataset.id ?? ''])"""
IN_SIGHT = """() => {
    const grid = document.querySelector('[role=grid]')?.getBoundingClientRect();
    return [...document.querySelectorAll('.tile')].filter((tile) => {
        const box = tile.getBoundingClientRect();
        return box.top >= grid.top && box.bottom <= grid.bottom;
    }).map((tile) => Number(tile.dataset.position));
}"""
STATE = "SELECT dataset, subset, id, groups, status, attributes FROM items_mini ORDER BY ALL"


@dataclass
class View:
    """What the page shows, as the monkey has asked for it."""

    words: str = ""
    like: Identity | None = None
    where: str = ""
    included: set[str] = field(default_factory=set)
    excluded: set[str] = field(default_factory=set)

    def expression(self) -> str | None:
        parts = [f"({self.where})"] if self.where else []
        if self.included:
            parts.append(
                "(" + " or ".join(f'tags["{tag}"] > 0' for tag in sorted(self.included)) + ")"
            )
        parts += [f'tags["{tag}"] == 0' for tag in sorted(self.excluded)]
        return " and ".join(parts) or None


class Twin:
    """The same catalog, changed through Python."""

    def __init__(self, session: hamsight.Session) -> None:
        self.session = session
        self.undos: list[Any] = []
        self._found: dict[tuple, list[Identity]] = {}

    def items(self, view: View) -> list[Identity]:
        """Return the items of a view in their order."""
        key = (view.words, view.like, view.expression())
        if key not in self._found:
            asked: dict[str, Any] = {"k": 10_000, "where": view.expression() or "width > 0"}
            if view.words:
                asked["text"] = view.words
            elif view.like:
                asked["item"] = "/".join(part for part in view.like if part)
            found = self.session.query(**asked).to_arrow()
            columns = [found[name].to_pylist() for name in ("dataset", "subset", "id")]
            self._found[key] = list(zip(*columns, strict=True))
        return self._found[key]

    def state(self) -> dict[Identity, tuple[list[str], str, dict[str, str]]]:
        rows = self.session.sql(STATE)
        assert rows is not None
        return {
            (row["dataset"], row["subset"], row["id"]): (
                sorted(row["groups"]),
                row["status"],
                dict(row["attributes"]),
            )
            for row in rows.to_pylist()
        }

    def group(self, name: str, items: Sequence[Identity], *, add: bool) -> None:
        before = self.state()
        changing = [item for item in items if (name in before[item][0]) != add]
        if not changing:
            return
        put, back = self.session.add_to_group, self.session.remove_from_group
        (put if add else back)(name, changing)
        self.undos.append(lambda: (back if add else put)(name, changing))

    def status(self, status: str, items: Sequence[Identity]) -> None:
        before = self.state()
        changing = [item for item in items if before[item][1] != status]
        if changing:
            self.session.set(changing, status=status)
            self.undos.append(
                lambda: [self.session.set([item], status=before[item][1]) for item in changing]
            )

    def attribute(self, name: str, value: str, items: Sequence[Identity]) -> None:
        before = self.state()
        changing = [item for item in items if before[item][2].get(name) != value]
        if not changing:
            return
        self.session.set(changing, attributes={name: value})

        def back() -> None:
            for item in changing:
                former = before[item][2].get(name)
                if former is None:
                    self.session.set([item], remove_attributes=[name])
                else:
                    self.session.set([item], attributes={name: former})

        self.undos.append(back)

    def delete(self, items: Sequence[Identity]) -> None:
        self.session.delete(items)
        self.undos.clear()  # the monkey undoes nothing that lies before a deletion
        self._found.clear()


class Monkey:
    """Does one random thing after another, and looks at the page after each."""

    def __init__(self, page: Page, twin: Twin, seed: int) -> None:
        self.page, self.twin, self.random = page, twin, random.Random(seed)
        self.view = View()
        self.selected: set[Identity] = set()
        self.done: list[str] = []

    def act(self) -> None:
        """Do one thing, and check what the page shows then."""
        choices = (
            [self.search, self.filter, self.exclude, self.condition, self.pick, self.range] * 3
            + [self.all, self.none, self.similar, self.look, self.walk, self.move, self.press] * 2
            + [self.home, self.reload, self.group, self.group, self.ungroup, self.status]
            + [self.attribute, self.undo, self.undo, *([self.delete] * (len(self.done) % 50 == 49))]
        )
        chosen = self.random.choice(choices)
        self.done.append(chosen.__name__)
        chosen()
        self.check()

    def check(self) -> None:
        """Wait until the page shows the view and the selection; fail if it does not."""
        expected = [identity[2] for identity in self.twin.items(self.view)]
        until = time.monotonic() + PATIENCE
        while True:
            count = self.page.locator(".status [role=status] b").all_inner_texts()
            tray = self.page.locator(".tray b").all_inner_texts()
            shown = self.page.evaluate(TILES)
            is_right = (
                count == [f"{len(expected):,}"]
                and tray == ([f"{len(self.selected):,} selected"] if self.selected else [])
                and bool(shown) == bool(expected)
                and all(0 <= at < len(expected) and expected[at] == id for at, id in shown)
            )
            if is_right:
                return
            assert time.monotonic() < until, (
                f"after {len(self.done)} actions, the last {self.done[-6:]}: {count} {tray}"
                f" {shown[:4]} instead of {len(expected)} {len(self.selected)} {expected[:4]}"
                f" for {self.view}"
            )
            self.page.wait_for_timeout(50)

    def visible(self) -> list[int]:
        """Return the positions of tiles that are wholly in sight."""
        found: list[int] = self.page.evaluate(IN_SIGHT)
        return found

    def tile(self, position: int) -> Any:
        return self.page.locator(f'.tile[data-position="{position}"]')

    def item(self, position: int) -> Identity:
        return self.twin.items(self.view)[position]

    @property
    def panel(self) -> Any:
        return self.page.get_by_role("complementary", name="picture")

    def close(self) -> None:
        """Close the picture: a second Escape would let go of the selection."""
        if self.panel.count():
            self.page.keyboard.press("Escape")
            expect(self.panel).to_have_count(0)

    def search(self) -> None:
        self.close()
        words = self.random.choice(WORDS)
        if self.view.like:  # else words and the item would be asked for together
            self.page.locator(".chip").get_by_role("button", name="remove").first.click()
        self.page.locator("#search").fill(words)
        self.page.keyboard.press("Enter")
        self.page.locator("#search").blur()
        self.view.words, self.view.like = words, None

    def similar(self) -> None:
        self.close()
        if not (at := self.visible()):
            return
        chosen = self.random.choice(at)
        self.tile(chosen).focus()
        self.view.like, self.view.words = self.item(chosen), ""
        self.page.keyboard.press("s")

    def filter(self) -> None:
        tag = self.random.choice(TAGS)
        box = self.page.locator(f'aside li:has(label[title="{tag}"]) input[type=checkbox]')
        if box.count():
            box.first.click()
            self.view.included ^= {tag}
            self.view.excluded -= {tag}

    def exclude(self) -> None:
        tag = self.random.choice(TAGS)
        button = self.page.get_by_role("button", name=f"all but {tag}", exact=True)
        if button.count():
            button.first.click()
            self.view.excluded ^= {tag}
            self.view.included -= {tag}

    def condition(self) -> None:
        self.view.where = self.random.choice(("", *CONDITIONS))
        self.page.locator("#where").fill(self.view.where)
        self.page.locator("#where").press("Enter")
        self.page.locator("#where").blur()

    def pick(self) -> None:
        if at := self.visible():
            chosen = self.random.choice(at)
            self.tile(chosen).locator(".check").click(force=True)
            self.selected ^= {self.item(chosen)}

    def range(self) -> None:
        at = self.visible()
        if len(at) < 2:
            return
        first, last = sorted(self.random.sample(at, 2))
        self.tile(first).locator(".check").click(force=True)  # from where the range goes
        self.tile(last).click(modifiers=["Shift"])
        self.selected |= set(self.twin.items(self.view)[first : last + 1])

    def all(self) -> None:
        if at := self.visible():
            self.tile(at[0]).focus()
            self.page.keyboard.press("Control+a")
            self.selected |= set(self.twin.items(self.view))

    def none(self) -> None:
        self.close()
        self.page.keyboard.press("Escape")
        self.selected = set()

    def look(self) -> None:
        if at := self.visible():
            chosen = self.random.choice(at)
            self.tile(chosen).focus()
            self.page.keyboard.press("Enter")
            expect(self.panel).to_contain_text(Path(self.item(chosen)[2]).name)

    def walk(self) -> None:
        if self.panel.count():
            self.page.keyboard.press(self.random.choice(("n", "p")))

    def move(self) -> None:
        if at := self.visible():
            self.tile(self.random.choice(at)).focus()
            keys = (
                "ArrowLeft",
                "ArrowRight",
                "ArrowDown",
                "ArrowUp",
                "PageDown",
                "PageUp",
                "End",
                "Home",
            )
            for _ in range(self.random.randint(1, 4)):
                self.page.keyboard.press(self.random.choice(keys))

    def press(self) -> None:
        self.page.keyboard.press(self.random.choice(("b", "b", "?")))
        self.page.keyboard.press("Escape") if self.page.locator("dialog").count() else None
        expect(self.page.locator("dialog")).to_have_count(0)

    def home(self) -> None:
        self.close()
        self.page.get_by_role("link", name="Hamsight").click()
        self.view = View()

    def reload(self) -> None:
        self.close()
        self.page.reload()

    def _label(self, button: str, name: str, submit: str, value: str | None = None) -> None:
        self.close()
        self.page.locator(".tray").get_by_role("button", name=button).click()
        fields = self.page.locator("dialog input")
        fields.first.fill(name)
        if value is not None:
            fields.nth(1).fill(value)
        self.page.locator("dialog").get_by_role("button", name=submit, exact=True).click()
        expect(self.page.locator("dialog")).to_have_count(0)

    def group(self) -> None:
        if self.selected:
            name = self.random.choice(GROUPS)
            self._label("Group …", name, "Put in")
            self.twin.group(name, sorted(self.selected), add=True)

    def ungroup(self) -> None:
        if self.selected:
            name = self.random.choice(GROUPS)
            self._label("Group …", name, "Take out")
            self.twin.group(name, sorted(self.selected), add=False)

    def status(self) -> None:
        if self.selected:
            name = self.random.choice(STATUSES)
            self._label("Status …", name, "Set")
            self.twin.status(name, sorted(self.selected))

    def attribute(self) -> None:
        if self.selected:
            value = self.random.choice(VALUES)
            self._label("Attribute …", "note", "Set", value)
            self.twin.attribute("note", value, sorted(self.selected))

    def undo(self) -> None:
        self.close()
        if self.twin.undos:
            with self.page.expect_response("**/api/undo"):
                self.page.keyboard.press("u")
            self.twin.undos.pop()()

    def delete(self) -> None:
        if 0 < len(self.selected) < 4:
            self.close()
            self.page.locator(".tray").get_by_role("button", name="Delete …").click()
            self.page.locator("dialog").get_by_role("button", name="Delete", exact=True).click()
            expect(self.page.locator("dialog")).to_have_count(0)
            self.twin.delete(sorted(self.selected))
            self.selected = set()
            self.home()


@contextmanager
def served(catalog: Path) -> Iterator[hamsight.Session]:
    """Yield a session on a catalog that another process holds."""
    command = [sys.executable, "-m", "hamsight", "serve", "--write", "--db", str(catalog)]
    process = prepared.Process(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        with hamsight.open(process.stdout.readline().strip()) as session:
            yield session
    finally:
        process.terminate()
        process.wait(60)


def rampage(
    page: Page,
    shown: Path,
    session: hamsight.Session,
    actions: int,
    seed: int,
    seconds: float = float("inf"),
) -> Monkey:
    """Let a monkey loose on a page; compare what it and Python have left. `shown` is the page's."""
    twin = Twin(session)
    monkey = Monkey(page, twin, seed)
    monkey.check()
    until = time.monotonic() + seconds
    while len(monkey.done) < actions and time.monotonic() < until:
        monkey.act()
    with hamsight.open(shown) as opened:
        assert Twin(opened).state() == twin.state()
    return monkey


def main() -> None:
    from playwright.sync_api import sync_playwright

    from browser.conftest import BROWSERS, FLAGS, Explored, faults_of, make_catalog

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="end sooner")
    given = parser.parse_args()
    expect.set_options(timeout=PATIENCE * 1000)
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        catalog = make_catalog(Path(name))
        twin = shutil.copytree(catalog, Path(name) / "twin", symlinks=True)
        explored = Explored(catalog)
        found = next(filter(None, map(shutil.which, BROWSERS)))
        page = playwright.chromium.launch(executable_path=found, args=FLAGS).new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.extend(faults_of(message)))
        page.goto(explored.link)
        try:
            with served(twin) as session:
                monkey = rampage(page, catalog, session, given.actions, given.seed, given.seconds)
        finally:
            explored.process.terminate()
            explored.process.wait(30)
    for action in sorted(set(monkey.done)):
        print(f"{monkey.done.count(action):5} {action}")
    print(f"{len(monkey.done)} actions, {len(faults)} faults", *faults[:10], sep="\n")
    sys.exit(bool(faults))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", str(Path(__file__).parents[1]))
    main()
