"""Requests that are answered later, blocking. `asynchronous_jobs.py` is the same with `await`."""

from collections.abc import Callable, Iterator
from typing import Unpack

from serve_app.client import answers, calls, events
from serve_app.client.calls import Call, EditOptions
from serve_app.client.results import Completed, Event, Generation, Job, Progress
from serve_app.client.wire import Wire


class Jobs:
    """`Client.jobs`: work that goes on without a connection, where the service keeps jobs."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def start(
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
        """Begin what `Client.generate` makes, or if `edit` is given what `Client.edit` does.

        Begins one job even where it has to be sent twice. `previews` (0 to 3) come as events.
        """
        call = calls.made_of(prompt, image, edit, options, mask=mask, mask_image=mask_image)
        return self._wire.ask(calls.later(call, previews), answers.started)

    def state(self, job_id: str) -> Job:
        """How a job stands, and what it made."""
        return self._wire.ask(Call("GET", calls.job_path(job_id)), answers.job)

    def listed(self) -> tuple[Job, ...]:
        """Those of this key, the newest first, without what they made."""
        return self._wire.ask(Call("GET", "/v1/jobs"), answers.jobs)

    def events(self, job_id: str) -> Iterator[Event]:
        """As `Client.stream`, from now on: the images made so far come first.

        Survives broken connections: goes on where it was. Leaving the loop leaves the job alone.
        """
        return self._wire.job_events(job_id)

    def wait(
        self, job_id: str, *, on_progress: Callable[[Progress], None] | None = None
    ) -> Generation:
        """What the job makes, when it is done; `on_progress` as in `Client.generate`.

        Survives broken connections. Raises Refused where it failed or was cancelled.
        """
        completed = []
        for event in self.events(job_id):
            if isinstance(event, Completed):
                completed.append(event)
            elif on_progress is not None:
                on_progress(event)
        return events.generation(completed, len(completed))

    def cancel(self, job_id: str) -> Job:
        """Stop a job within a step; one that is done stays as it is."""
        return self._wire.ask(Call("DELETE", calls.job_path(job_id)), answers.job)
