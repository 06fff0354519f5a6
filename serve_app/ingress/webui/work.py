"""The generations of this surface that are in progress at this ingress replica."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from serve_app.messages import Pixels
from serve_app.pipeline import Finished, InProgress


class Job:
    """One request's images: how far they are, and what the last preview looks like."""

    def __init__(self, name: str, images: int) -> None:
        self.name, self.images = name, images
        self.finished: list[Finished] = []
        self.preview: Pixels | None = None
        self.eta_s = 0.0
        self.step = self.steps = 0
        self.interrupted = False
        self.began = time.strftime("%Y%m%d%H%M%S")
        self._shares: dict[int, float] = {}

    async def follow(self, stream: AsyncGenerator[InProgress | Finished]) -> None:
        async with aclosing(stream):
            async for item in stream:
                self._note(item)

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        return min(1.0, sum(self._shares.values()) / self.images)

    def _note(self, item: InProgress | Finished) -> None:
        if isinstance(item, Finished):
            self.finished.append(item)
            self._shares[item.seed] = 1.0
            return
        now = item.progress
        self.step, self.steps, self.eta_s = now.step, now.num_inference_steps, now.eta_s
        self._shares[item.seed] = now.step / max(1, now.num_inference_steps)
        if now.pixels is not None:
            self.preview = now.pixels


class Work:
    """Follows jobs, and stops them. Used by one event loop."""

    def __init__(self) -> None:
        self._jobs: dict[asyncio.Task[None], Job] = {}

    async def run(
        self, name: str, images: int, stream: AsyncGenerator[InProgress | Finished]
    ) -> tuple[list[Finished], bool]:
        """The images in their seeds' order, and whether the rest was interrupted.

        Raises what the stream raises. Ends the stream if it is cancelled itself.
        """
        job = Job(name, images)
        task = asyncio.create_task(job.follow(stream))
        self._jobs[task] = job
        try:
            await asyncio.wait([task])
        finally:
            del self._jobs[task]
            task.cancel()
        if not (job.interrupted and task.cancelled()):
            task.result()
        return sorted(job.finished, key=lambda image: image.seed), task.cancelled()

    def interrupt(self) -> None:
        """Stop all that is in progress; each request is answered with what is finished of it."""
        for task, job in self._jobs.items():
            job.interrupted = True
            task.cancel()

    @property
    def current(self) -> Job | None:
        """The oldest one, as web UI runs one at a time."""
        return next(iter(self._jobs.values()), None)

    @property
    def waiting(self) -> int:
        """How many others there are."""
        return max(0, len(self._jobs) - 1)


def state_of(job: Job | None) -> dict[str, Any]:
    """Web UI's `state`."""
    return {
        "skipped": False,
        "interrupted": bool(job and job.interrupted),
        "stopping_generation": False,
        "job": job.name if job else "",
        "job_count": job.images if job else 0,
        "job_timestamp": job.began if job else "0",
        "job_no": len(job.finished) if job else 0,
        "sampling_step": job.step if job else 0,
        "sampling_steps": job.steps if job else 0,
    }
