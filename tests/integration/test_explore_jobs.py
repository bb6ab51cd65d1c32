"""The jobs of the page's server: told as events, and ended without a trace."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import toy
from visitor import Visitor

import hamsight
from hamsight_explore import Running, start
from hamsight_explore.jobs import Job

pytestmark = pytest.mark.homes("chdb")


@pytest.fixture
def running(dsn: str, tmp_path: Path) -> Iterator[Running]:
    with hamsight.open(dsn) as opened:
        photos = toy.photos(tmp_path / "photos", 6)
        opened.ingest(photos, dataset="toys", model=toy.model(tmp_path / "model"))
    with start(dsn) as served:
        yield served


def told(body: bytes) -> list[dict]:
    lines = body.decode().split("\n\n")
    return [json.loads(line.removeprefix("data: ")) for line in lines if line]


def test_events_tell_of_a_job_until_it_ends(running) -> None:
    visitor = Visitor(running)
    begun, cancelled = threading.Event(), threading.Event()

    def work(job: Job) -> str:
        job.step(3, 10)
        begun.set()
        assert cancelled.wait(30)
        job.step(4, 10)
        return "never said"

    job = running._explorer.jobs.start("count to ten", work)
    assert begun.wait(30)
    bodies = []
    listening = threading.Thread(target=lambda: bodies.append(visitor.get("events")))
    listening.start()
    assert visitor.post("cancel", job=job.number).status == 200
    cancelled.set()
    listening.join(30)
    (answer,) = bodies
    assert answer.headers["content-type"].startswith("text/event-stream")
    last = told(answer.body)[-1]["jobs"][0]
    assert (last["label"], last["state"]) == ("count to ten", "cancelled")
    assert (last["done"], last["total"]) == (4, 10)
    assert last["message"] == ""
    # where no job runs the answer ends at once
    assert len(told(visitor.get("events").body)) == 1


@pytest.mark.parametrize("to", ["coco", "csv"])
def test_an_export_that_is_cancelled_leaves_nothing(running, tmp_path, to) -> None:
    class EnoughError(Exception):
        pass

    steps = []

    def step(done: int) -> None:
        steps.append(done)
        if to == "csv" or done == 3:
            raise EnoughError

    out = tmp_path / "exported"
    out.mkdir()
    with running._explorer.pool.own() as session, pytest.raises(EnoughError):
        session.export(out / "made", to, dataset="toys", on_progress=step)
    assert steps == ([1, 2, 3] if to == "coco" else [6])
    assert list(out.iterdir()) == []


def test_an_export_says_how_far_it_is(running, tmp_path) -> None:
    visitor = Visitor(running)
    found = visitor.asked()
    visitor.post("selection", page="p", operation="add", result=found["result"])
    target = str(tmp_path / "made")
    asked = visitor.post("actions", page="p", action="export", to="coco", target=target)
    assert asked.status == 202
    ended = told(visitor.get("events").body)[-1]["jobs"][0]
    assert (ended["done"], ended["total"], ended["state"]) == (6, 6, "done")
