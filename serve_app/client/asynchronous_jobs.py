"""Requests that are answered later: `jobs.py` with `await`. Each call is described there."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Unpack

from serve_app.client import answers, calls, events
from serve_app.client.calls import Call, EditOptions
from serve_app.client.results import Completed, Event, Generation, Job, Progress
from serve_app.client.wire import AsyncWire


class AsyncJobs:
    """`AsyncClient.jobs`, as Jobs."""

    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def start(
        self,
        prompt: str,
        image: bytes | None = None,
        *,
        edit: bytes | None = None,
        mask: bytes | None = None,
        mask_image: bytes | None = None,
        previews: int = 0,
        **options: Unpack[EditOptions],
    ) -> Job:
        call = calls.made_of(prompt, image, edit, options, mask=mask, mask_image=mask_image)
        return await self._wire.ask(calls.later(call, previews), answers.started)

    async def state(self, job_id: str) -> Job:
        return await self._wire.ask(Call("GET", calls.job_path(job_id)), answers.job)

    async def listed(self) -> tuple[Job, ...]:
        return await self._wire.ask(Call("GET", "/v1/jobs"), answers.jobs)

    def events(self, job_id: str) -> AsyncGenerator[Event]:
        return self._wire.job_events(job_id)

    async def wait(
        self, job_id: str, *, on_progress: Callable[[Progress], None] | None = None
    ) -> Generation:
        completed = []
        async with aclosing(self.events(job_id)) as stream:
            async for event in stream:
                if isinstance(event, Completed):
                    completed.append(event)
                elif on_progress is not None:
                    on_progress(event)
        return events.generation(completed, len(completed))

    async def cancel(self, job_id: str) -> Job:
        return await self._wire.ask(Call("DELETE", calls.job_path(job_id)), answers.job)
