"""What the jobs do, as server-sent events (https://html.spec.whatwg.org/#server-sent-events)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from hamsight_explore.explorer import Explorer

if TYPE_CHECKING:
    from starlette.responses import Response

_BETWEEN = 0.25
"""Seconds from one event to the next."""


def told(explorer: Explorer) -> Response:
    """Return an answer that goes on while a job runs.

    A browser has six connections to a server, which several tabs share: none is held for nothing.
    """
    from starlette.responses import StreamingResponse

    headers = {"cache-control": "no-store"}
    return StreamingResponse(_events(explorer), headers=headers, media_type="text/event-stream")


async def _events(explorer: Explorer) -> AsyncIterator[str]:
    import asyncio

    is_working = True
    while is_working:
        working = explorer.working()
        is_working = any(job["state"] == "running" for job in working["jobs"])
        yield f"data: {json.dumps(working, ensure_ascii=False)}\n\n"
        if is_working:
            await asyncio.sleep(_BETWEEN)
