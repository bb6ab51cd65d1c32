"""schemathesis over the HTTP API of the page: every answer is as openapi.json says, none a fault.

Run it in full alone: python tests/fuzzed_api.py --examples 300
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import toy
from visitor import Visitor

import hamsight
from hamsight_explore import start

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,negative_data_rejection,unsupported_method"
)


def fuzz(
    visitor: Visitor, folder: Path, examples: int, seed: int, phases: str = "coverage,fuzzing"
) -> subprocess.CompletedProcess:
    """Send requests made from the document and from its violations."""
    document = folder / "openapi.json"
    document.write_bytes(visitor.get("openapi.json").body)
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", str(document)),
        *("--url", f"http://{visitor.host}", "--header", f"Cookie: {visitor.cookie}"),
        *("--checks", CHECKS, "--phases", phases, "--mode", "all"),
        *("--max-examples", str(examples), "--seed", str(seed), "--no-color"),
        *("--exclude-path", "/api/events", "--request-timeout", "60"),
        *("--suppress-health-check", "all", "--generation-database", "none"),
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=3000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=300, help="for each operation")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with hamsight.open(folder / "catalog") as opened:
            opened.ingest(toy.photos(folder / "photos", 12), model=toy.model(folder / "model"))
        with start(folder / "catalog") as running:
            done = fuzz(Visitor(running), folder, given.examples, given.seed)
    print(done.stdout, done.stderr)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
