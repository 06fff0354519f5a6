"""Server-sent events, as OpenAI's Images API streams them."""

import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from serve_app.errors import ServiceError
from serve_app.ingress.problems import body_of, note_error, surprise
from serve_app.observability import log_event

EventBody = dict[str, Any]
"""The data of an event; its `type` is the event's name too."""


class EventStream(StreamingResponse):
    """Sends events as they come; an error after the first event is sent as the last one."""

    def __init__(self, events: AsyncGenerator[EventBody]) -> None:
        self._events = events
        self._error: ServiceError | None = None
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(self._encoded(), media_type="text/event-stream", headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self._error is not None:
                note_error(scope, self._error)

    async def stream_response(self, send: Send) -> None:
        # Close the generator here, so that work for a client that left is cancelled at once.
        async with aclosing(self._events):
            await super().stream_response(send)

    async def _encoded(self) -> AsyncIterator[str]:
        try:
            async for event in self._events:
                yield f"event: {event['type']}\n{_id(event)}data: {json.dumps(event)}\n\n"
            return
        except ServiceError as error:
            self._error = error
        except Exception:
            log_event("stream failed", logging.ERROR)
            self._error = surprise()
        yield f"data: {json.dumps(body_of(self._error))}\n\n"


def _id(event: EventBody) -> str:
    """Of a job's event: by its id a client goes on where it lost the connection."""
    return f"id: {event['event_id']}\n" if "event_id" in event else ""


async def start_stream(events: AsyncGenerator[EventBody | None]) -> EventStream:
    """Await the first item before answering, so that an error before it still gets its own HTTP
    status.

    An item of None means that work has started; it is not sent.
    """
    first = await anext(events)
    return EventStream(_continued(first, events))


async def _continued(
    first: EventBody | None, events: AsyncGenerator[EventBody | None]
) -> AsyncGenerator[EventBody]:
    async with aclosing(events):
        if first is not None:
            yield first
        async for event in events:
            if event is not None:
                yield event
