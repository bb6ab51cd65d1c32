"""`hamsight demo`: draw a dataset, ingest it, ask it, show the answers."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hamsight_core.errors import UsageError
from hamsight_core.names import as_text
from hamsight_core.show.terminal import say, tell

if TYPE_CHECKING:
    from hamsight.session import Session

_SEED = 0
_QUERY_SEED = 1_000_003
_MATCHES = 10
_FAULTY = "faulty"
_FINDS: dict[str, dict[str, Any]] = {
    "duplicates": {},
    "leaks": {},
    "quality": {"issues": ["blurry", "dark"]},
}


def demo(
    count: Annotated[int, typer.Option(min=2, help="Number of scenes to draw.")] = 1200,
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Folder for the scenes, the catalog and the answers."),
    ] = Path("hamsight-demo"),
) -> None:
    """Draw a dataset of scenes, ingest it with the bundled model, and search it.

    Then draw a small dataset with planted faults, and find them.
    """
    import hamsight
    from hamsight.demo.faults import write_faulty
    from hamsight.demo.scenes import draw_scene, write_dataset

    started = time.monotonic()
    as_text("--out", str(out))  # a catalog's folder is text
    scenes, catalog, answers = out / "scenes", out / "catalog", out / "answers"
    if out.exists() and not (out.is_dir() and (scenes.is_dir() or not any(out.iterdir()))):
        raise UsageError(f"{out} holds something else than a demo: name a new folder with --out")
    say(f"drawing {count} scenes into {scenes}")
    write_dataset(scenes, count, _SEED)
    answers.mkdir(exist_ok=True)
    picture = out / "query.jpg"
    import numpy as np

    drawn = draw_scene(np.random.default_rng(_QUERY_SEED))
    drawn.image.save(picture, quality=92, subsampling=0)
    with hamsight.open(catalog) as session:
        outcome = session.ingest(
            scenes, dataset="scenes", model="mini", progress=sys.stderr.isatty()
        )
        say(f"ingested {outcome.counts.total} scenes with the model {outcome.model} into {catalog}")
        for name, query in _queries(picture, count).items():
            _ask(session, name, query, catalog, answers / f"{name}.png")
        write_faulty(out / _FAULTY)
        session.ingest(out / _FAULTY, dataset=_FAULTY, model="mini", subset_from_folder=True)
        for find, options in _FINDS.items():
            _find(session, find, options, catalog, answers / f"{find}.png")
    say(f"done in {time.monotonic() - started:.0f} s; the answers are pictures in {answers}")
    explore = shlex.join(["hamsight", "explore", "--db", str(catalog)])
    say(f"look at the scenes in a page: {explore}")


def _find(session: Session, find: str, options: dict[str, Any], catalog: Path, sheet: Path) -> None:
    """Find faults of a kind in the small dataset, and draw them."""
    from hamsight_core.show.row_sheet import draw_rows

    found = getattr(session, f"find_{find}")(dataset=_FAULTY, **options)
    words = [f"--{name.removesuffix('s')}={one}" for name, of in options.items() for one in of]
    command = ["hamsight", "find", find, "--dataset", _FAULTY, *words, "--db", str(catalog)]
    tell("", f"# {find}", f"$ {shlex.join(command)}", f"    {found.said}")
    for row in found.table.slice(0, _MATCHES).to_pylist():
        said = (row.get(name) for name in ("group", "subset", "id", "other_id", "issue"))
        tell(f"    {'  '.join(str(one) for one in said if one is not None)}")
    draw_rows(found.sections, sheet, title=f"{find}: {found.said}")
    tell(f"    as a picture: {sheet}")


def _queries(picture: Path, count: int) -> dict[str, dict[str, Any]]:
    return {
        "image": {"image": str(picture)},
        "text": {"text": "hearts over a dotted background"},
        "item": {"item": f"scenes/val/scene-{count:05d}.jpg"},
        "list": {
            "text": ["a yellow star at sunset", "blue squares"],
            "image": str(picture),
            "combine": "balanced",
        },
        "filtered": {
            "text": "green hearts",
            "where": "heart >= 2 and width > height",
            "subset": "train",
        },
    }


def _ask(session: Session, name: str, query: dict[str, Any], catalog: Path, sheet: Path) -> None:
    matches = session.query(**query, k=_MATCHES)
    options: list[str] = []
    for option, values in query.items():
        for value in [values] if isinstance(values, str) else values:
            options.extend((f"--{option}", value))
    command = shlex.join(["hamsight", "query", *options, "-k", str(_MATCHES), "--db", str(catalog)])
    tell("", f"# {name}", f"$ {command}")
    for match in matches:
        tell(
            f"{match.rank:3d}  {match.similarity:6.3f}  {match.distance:3d} bits  {match.name}"
            f"  {match.captions[0] if match.captions else ''}"
        )
    matches.save(sheet)
    tell(f"    as a picture: {sheet}")
