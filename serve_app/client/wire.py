"""Sends calls and reads what comes back: `Wire` blocks, `AsyncWire` is the same with `await`."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, closing

import httpx

from serve_app.client import answers, connection
from serve_app.client.attempts import Attempts, Reconnections, unreachable
from serve_app.client.calls import Call, job_events
from serve_app.client.errors import Unreachable
from serve_app.client.events import EventReader
from serve_app.client.results import Completed, Event


class Wire:
    """As `Client` describes its arguments. Raises Refused or Unreachable."""

    def __init__(
        self,
        url: str,
        api_key: str | None,
        retries: int,
        max_wait_s: float,
        timeout_s: float,
        transport: httpx.BaseTransport | None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        settings = connection.settings(url, api_key, timeout_s)
        self._http = httpx.Client(transport=transport, **settings)
        self._retries = retries
        self._max_wait_s = max_wait_s
        self._sleep = sleep

    def close(self) -> None:
        self._http.close()

    def ask(
        self,
        call: Call,
        read: Callable[[httpx.Response], answers.Result],
        retries: int | None = None,
    ) -> answers.Result:
        """What `read` makes of the answer."""
        response = self._open(call, self._retries if retries is None else retries)
        return answers.parsed(read, response)

    def events(self, call: Call) -> Iterator[Event]:
        """The events of an answer that is a stream."""
        try:
            for _, event in self._read(call):
                yield event
        except httpx.RequestError as error:
            raise unreachable(error) from error

    def job_events(self, job_id: str) -> Iterator[Event]:
        """The events of a job; where the connection is lost, a new one goes on after the last."""
        last_id, made = "", False
        reconnections = Reconnections(self._retries, self._max_wait_s)
        while True:
            try:
                for told_id, event in self._read(job_events(job_id, last_id)):
                    last_id = told_id
                    reconnections.heard()
                    made |= isinstance(event, Completed)
                    yield event
                if made:
                    return
                raise Unreachable("the job's events ended before an image")
            except (httpx.RequestError, Unreachable) as error:
                self._sleep(reconnections.after(error))

    def _read(self, call: Call) -> Iterator[tuple[str, Event]]:
        """Each event with the id to go on after."""
        with closing(self._open(call, self._retries)) as response:
            reader = EventReader(response, call.last_event_id)
            for line in response.iter_lines():
                event = reader.read(line)
                if event is not None:
                    yield reader.last_id, event

    def _open(self, call: Call, retries: int) -> httpx.Response:
        """A successful response, its body read unless it comes as events."""
        attempts = Attempts(call, retries, self._max_wait_s)
        while True:
            request = self._http.build_request(**attempts.call.arguments())
            try:
                response = self._http.send(request, stream=call.streamed)
                if response.is_success:
                    return response
                response.read()
            except httpx.RequestError as error:
                wait_s = attempts.after_failure(error)
            else:
                wait_s = attempts.after_refusal(response)
            self._sleep(wait_s)


class AsyncWire:
    """As Wire."""

    def __init__(
        self,
        url: str,
        api_key: str | None,
        retries: int,
        max_wait_s: float,
        timeout_s: float,
        transport: httpx.AsyncBaseTransport | None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        settings = connection.settings(url, api_key, timeout_s)
        self._http = httpx.AsyncClient(transport=transport, **settings)
        self._retries = retries
        self._max_wait_s = max_wait_s
        self._sleep = sleep

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(
        self,
        call: Call,
        read: Callable[[httpx.Response], answers.Result],
        retries: int | None = None,
    ) -> answers.Result:
        response = await self._open(call, self._retries if retries is None else retries)
        return answers.parsed(read, response)

    async def events(self, call: Call) -> AsyncGenerator[Event]:
        try:
            async with aclosing(self._read(call)) as read:
                async for _, event in read:
                    yield event
        except httpx.RequestError as error:
            raise unreachable(error) from error

    async def job_events(self, job_id: str) -> AsyncGenerator[Event]:
        last_id, made = "", False
        reconnections = Reconnections(self._retries, self._max_wait_s)
        while True:
            try:
                async with aclosing(self._read(job_events(job_id, last_id))) as read:
                    async for told_id, event in read:
                        last_id = told_id
                        reconnections.heard()
                        made |= isinstance(event, Completed)
                        yield event
                if made:
                    return
                raise Unreachable("the job's events ended before an image")
            except (httpx.RequestError, Unreachable) as error:
                await self._sleep(reconnections.after(error))

    async def _read(self, call: Call) -> AsyncGenerator[tuple[str, Event]]:
        response = await self._open(call, self._retries)
        try:
            reader = EventReader(response, call.last_event_id)
            async for line in response.aiter_lines():
                event = reader.read(line)
                if event is not None:
                    yield reader.last_id, event
        finally:
            await response.aclose()

    async def _open(self, call: Call, retries: int) -> httpx.Response:
        attempts = Attempts(call, retries, self._max_wait_s)
        while True:
            request = self._http.build_request(**attempts.call.arguments())
            try:
                response = await self._http.send(request, stream=call.streamed)
                if response.is_success:
                    return response
                await response.aread()
            except httpx.RequestError as error:
                wait_s = attempts.after_failure(error)
            else:
                wait_s = attempts.after_refusal(response)
            await self._sleep(wait_s)
