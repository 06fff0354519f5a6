"""Server-sent events, as OpenAI's Images API streams them."""

import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Send

from serve_app.errors import ServiceError
from serve_app.ingress.problems import body_of, surprise
from serve_app.observability import log_event

Event = dict[str, Any]
"""The data of an event; its `type` is the event's name too."""


class EventStream(StreamingResponse):
    """Sends events as they come. An error after the first ends the stream as its last event."""

    def __init__(self, events: AsyncGenerator[Event]) -> None:
        self._events = events
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(_encoded(events), media_type="text/event-stream", headers=headers)

    async def stream_response(self, send: Send) -> None:
        # Closed here and now, so that work for a client that left is given up at once.
        async with aclosing(self._events):
            await super().stream_response(send)


async def begun(events: AsyncGenerator[Event | None]) -> EventStream:
    """A stream whose first item is there: what raises before it still gets a status of its own.

    An item None says that the work has begun and is not sent.
    """
    first = await anext(events)
    return EventStream(_continued(first, events))


async def _continued(
    first: Event | None, events: AsyncGenerator[Event | None]
) -> AsyncGenerator[Event]:
    async with aclosing(events):
        if first is not None:
            yield first
        async for event in events:
            if event is not None:
                yield event


async def _encoded(events: AsyncGenerator[Event]) -> AsyncIterator[str]:
    try:
        async for event in events:
            yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
    except ServiceError as error:
        yield f"data: {json.dumps(body_of(error))}\n\n"
    except Exception:
        log_event("stream failed", logging.ERROR)
        yield f"data: {json.dumps(body_of(surprise()))}\n\n"
