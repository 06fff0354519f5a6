"""The jobs of the service: bounded in number, in bytes and in age, each seen by its owner alone.

Knows nothing of HTTP and of replicas. Used by one event loop.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial

from serve_app.config import JobSettings
from serve_app.errors import (
    BodyTooLarge,
    InvalidField,
    JobCancelled,
    NotFound,
    QueueFull,
    ServiceError,
    StageUnavailable,
    mebibytes,
    over,
)
from serve_app.ingress.jobs.job import Job, Order
from serve_app.ingress.jobs.schema import JobList, JobReport
from serve_app.ingress.jobs.turns import Turns
from serve_app.ingress.openai.answering import Answering
from serve_app.ingress.openai.work import Work
from serve_app.ingress.streaming import EventBody
from serve_app.mailbox import Mailbox
from serve_app.observability import log_event

Notify = Callable[[str, JobReport], Awaitable[None]]
"""Posts a report to a URL."""


class JobBook:
    """`pace` answers the seconds that an image takes, None before they are known."""

    def __init__(
        self,
        answering: Answering,
        settings: JobSettings,
        pace: Callable[[], float | None] = lambda: None,
        notify: Notify | None = None,
    ) -> None:
        self._answering = answering
        self._settings = settings
        self._pace = pace
        self._notify = notify
        self._turns = Turns(settings.max_running)
        self._jobs: dict[str, Job] = {}  # the oldest first
        self._keys: dict[tuple[str, str], str] = {}
        self._posting: set[asyncio.Future[None]] = set()

    def submit(self, order: Order, work: Work) -> JobReport:
        """Begin a job, or find the one that this order began before.

        Raises QueueFull, and InvalidField where its key was used for another request.
        """
        before = self._jobs.get(order.id) or self._of_key(order)
        if before is not None:
            return self._report(before)
        self._check_room(work)
        job = self._jobs[order.id] = Job(order, work)
        if order.key is not None:
            self._keys[order.owner, order.key] = order.id
        job.task = asyncio.create_task(job.run(work, self._turns, self._answering))
        job.task.add_done_callback(partial(self._ended, job))
        log_event("job queued", job=order.id, images=work.images)
        return self._report(job)

    def report(self, job_id: str, owner: str) -> JobReport:
        """Raises NotFound, as all that follows."""
        return self._report(self._find(job_id, owner))

    def listed(self, owner: str) -> JobList:
        """Never raises."""
        own = [job for job in reversed(self._jobs.values()) if job.order.owner == owner]
        return JobList(data=[self._report(job).model_copy(update={"result": None}) for job in own])

    async def cancel(self, job_id: str, owner: str) -> JobReport:
        """Stop the work, within a step; a job that is done stays as it is."""
        job = self._find(job_id, owner)
        job.task.cancel()
        await asyncio.wait([job.task])
        return self._report(job)

    async def events(self, job_id: str, owner: str) -> AsyncGenerator[EventBody | None]:
        """None at once, then what a stream of the request would send from now on.

        Raises what the job ended with, and JobCancelled.
        """
        job = self._find(job_id, owner)
        mailbox = Mailbox()
        for event in job.completed:
            mailbox.put(event)
        if job.task.done():
            mailbox.close(job.task)
        job.watchers.add(mailbox)
        try:
            yield None
            async for event in mailbox.read():
                yield event
        except StageUnavailable:
            if not job.task.cancelled():
                raise
            raise JobCancelled("the job was cancelled") from None
        finally:
            job.watchers.discard(mailbox)

    def _check_room(self, work: Work) -> None:
        waiting = [job.work for job in self._jobs.values() if job.work is not None]
        held = sum(each.bytes for each in waiting)
        if len(waiting) >= self._settings.max_jobs:
            sent = f"{len(waiting)} jobs are queued or running"
            full = QueueFull(over(sent, self._settings.max_jobs, "jobs.max_jobs"))
        elif held + work.bytes > self._settings.max_bytes:
            sent = f"queued jobs hold {mebibytes(held)}, and this one {mebibytes(work.bytes)}"
            most = mebibytes(self._settings.max_bytes)
            full = QueueFull(over(sent, most, "jobs.max_bytes"))
        else:
            return
        raise full.after(max(1, math.ceil(self._turns.images * (self._pace() or 1.0))))

    def _of_key(self, order: Order) -> Job | None:
        if order.key is None:
            return None
        job = self._jobs.get(self._keys.get((order.owner, order.key), ""))
        if job is not None and job.order.digest != order.digest:
            message = "Idempotency-Key: it was used for another request"
            raise InvalidField(message).about("Idempotency-Key")
        return job

    def _find(self, job_id: str, owner: str) -> Job:
        job = self._jobs.get(job_id)
        if job is None or job.order.owner != owner:
            raise NotFound(
                "no such job: it was another key's, or finished too long ago, or the replica that "
                "kept it was lost"
            )
        return job

    def _report(self, job: Job) -> JobReport:
        return job.report(self._turns, self._pace())

    def _ended(self, job: Job, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is None and job.bytes > self._settings.max_bytes:
            sent = f"the images have {mebibytes(job.bytes)}"
            most = mebibytes(self._settings.max_bytes)
            error = BodyTooLarge(over(sent, most, "jobs.max_bytes"))
        if task.cancelled():
            job.status = "cancelled"
        elif isinstance(error, ServiceError):
            job.status, job.error = "failed", error.with_traceback(None)
        else:
            job.status = "succeeded"
        if job.status != "succeeded":
            job.result = None
            job.completed.clear()
        job.work = None
        for mailbox in job.watchers:
            mailbox.close(task)
        log_event("job done", job=job.order.id, status=job.status)
        asyncio.get_running_loop().call_later(self._settings.keep_s, self._forget, job)
        self._make_room(job)
        self._post(job)

    def _make_room(self, newest: Job) -> None:
        """Forget those that finished first, until the rest is within its bounds."""
        done = [job for job in self._jobs.values() if job.done and job is not newest]
        held = sum(job.bytes for job in (*done, newest))
        while done and (len(done) >= self._settings.max_jobs or held > self._settings.max_bytes):
            oldest = done.pop(0)
            held -= oldest.bytes
            self._forget(oldest)

    def _forget(self, job: Job) -> None:
        if self._jobs.pop(job.order.id, None) is not None and job.order.key is not None:
            self._keys.pop((job.order.owner, job.order.key), None)

    def _post(self, job: Job) -> None:
        if self._notify is None or job.order.webhook is None:
            return
        report = self._report(job).model_copy(update={"result": None})
        posting = asyncio.ensure_future(self._notify(job.order.webhook, report))
        self._posting.add(posting)
        posting.add_done_callback(self._posting.discard)
