"""A few actions of the monkey; `python -m browser.monkey` does a thousand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from browser.conftest import PATIENCE_MS, Explored, faults_of
from browser.monkey import rampage, served


@pytest.mark.parametrize("seed", [1])
def test_a_monkey_leaves_the_rows_that_python_leaves(
    browser: Browser, catalog: Path, tmp_path: Path, seed: int
) -> None:
    shown, twin = (shutil.copytree(catalog, tmp_path / n, symlinks=True) for n in ("shown", "twin"))
    explored, faults = Explored(shown), []
    try:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.extend(faults_of(message)))
        page.goto(explored.link)
        with served(twin) as session:
            monkey = rampage(page, shown, session, 20, seed)
        page.close()
    finally:
        explored.process.terminate()
        explored.process.wait(30)
    assert {"search", "pick"} & set(monkey.done) and faults == []
