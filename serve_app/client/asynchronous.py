"""The asyncio client: `blocking.py` with `await`. Each call is described there."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Self, Unpack

import httpx

from serve_app.client import answers, calls, events
from serve_app.client.asynchronous_jobs import AsyncJobs
from serve_app.client.calls import Call, EditOptions, Options
from serve_app.client.results import (
    Caption,
    Classification,
    Completed,
    Event,
    Generation,
    Health,
    Processed,
    Progress,
)
from serve_app.client.wire import AsyncWire


class AsyncClient:
    """As Client; cancelling the task cancels the work on the service."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        api_key: str | None = None,
        *,
        retries: int = 5,
        max_wait_s: float = 60.0,
        timeout_s: float = 600.0,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._wire = AsyncWire(url, api_key, retries, max_wait_s, timeout_s, transport, sleep)
        self.jobs = AsyncJobs(self._wire)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._wire.close()

    async def generate(
        self,
        prompt: str,
        image: bytes | None = None,
        *,
        on_progress: Callable[[Progress], None] | None = None,
        previews: int = 0,
        **options: Unpack[Options],
    ) -> Generation:
        return await self._make(calls.generation(prompt, image, options), on_progress, previews)

    async def edit(
        self,
        image: bytes,
        prompt: str,
        *,
        mask: bytes | None = None,
        mask_image: bytes | None = None,
        control_image: bytes | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        previews: int = 0,
        **options: Unpack[EditOptions],
    ) -> Generation:
        files = {"mask": mask, "mask_image": mask_image, "control_image": control_image}
        call = calls.edit(prompt, image, options, **files)
        return await self._make(call, on_progress, previews)

    def stream(
        self,
        prompt: str,
        image: bytes | None = None,
        *,
        edit: bytes | None = None,
        mask: bytes | None = None,
        previews: int = 0,
        **options: Unpack[EditOptions],
    ) -> AsyncGenerator[Event]:
        """As Client.stream; if you may leave the loop early, wrap it in `contextlib.aclosing`."""
        call = calls.made_of(prompt, image, edit, options, mask=mask)
        return self._wire.events(calls.streamed(call, previews))

    async def canny(
        self, image: bytes, *, low_threshold: int | None = None, high_threshold: int | None = None
    ) -> Processed:
        call = calls.stage(
            "canny", image, low_threshold=low_threshold, high_threshold=high_threshold
        )
        return await self._wire.ask(call, answers.processed)

    async def upscale(
        self, image: bytes, *, scale: int | None = None, output_format: str | None = None
    ) -> Processed:
        call = calls.stage("upscale", image, scale=scale, output_format=output_format)
        return await self._wire.ask(call, answers.processed)

    async def caption(self, image: bytes) -> Caption:
        return await self._wire.ask(calls.stage("captions", image), answers.caption)

    async def classify(self, image: bytes) -> Classification:
        return await self._wire.ask(calls.stage("classify", image), answers.classification)

    async def models(self) -> tuple[str, ...]:
        return await self._wire.ask(Call("GET", "/v1/models"), answers.models)

    async def health(self) -> Health:
        return await self._wire.ask(Call("GET", "/health"), answers.health, retries=0)

    async def _make(
        self, call: Call, on_progress: Callable[[Progress], None] | None, previews: int
    ) -> Generation:
        if on_progress is None:
            return await self._wire.ask(calls.once(call), answers.generation)
        completed = []
        async with aclosing(self._wire.events(calls.streamed(call, previews))) as stream:
            async for event in stream:
                if isinstance(event, Completed):
                    completed.append(event)
                else:
                    on_progress(event)
        return events.generation(completed, call.fields.get("n", 1))
