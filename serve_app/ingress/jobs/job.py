"""One job: its work, how far it has come, what it made, and who watches."""

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from serve_app.errors import Retryable, ServiceError
from serve_app.ingress.jobs.schema import JobError, JobReport, Status
from serve_app.ingress.jobs.turns import Ticket, Turns
from serve_app.ingress.openai.answering import Answer, Answering
from serve_app.ingress.openai.work import Work
from serve_app.ingress.problems import body_of, surprise
from serve_app.ingress.streaming import EventBody
from serve_app.mailbox import Mailbox
from serve_app.messages import Progress
from serve_app.observability import log_event
from serve_app.pipeline import Finished
from serve_app.timings import Timings

_TRIES = 5  # of what the stages have no room for now
_LONGEST_PAUSE_S = 60


@dataclass(frozen=True)
class Order:
    """Whose a job is to be, and how its request may come again: `digest` tells it from others with
    the same `key` of the client's own. Crosses replicas."""

    id: str
    owner: str
    key: str | None = None
    digest: str = ""
    webhook: str | None = None
    awaited: bool = False
    """Whether a client waits for its answer, which stops the work by leaving for good."""


class Job:
    """To be made where an event loop runs, which `task` then runs in."""

    def __init__(self, order: Order, work: Work) -> None:
        self.order = order
        self.work: Work | None = work
        """None when it is done: it holds the client's images."""
        self.created = int(time.time())
        self.status: Status = "queued"
        self.ticket = Ticket(order.owner, work.images, work.terms.priority)
        self.completed: list[EventBody] = []
        self.result: Answer | None = None
        self.timings = Timings({})
        self.error: ServiceError | None = None
        self.watchers: set[Mailbox] = set()
        self.awaiting = 0
        """How many clients wait for it on a connection, its watchers included."""
        self.may_be_left = order.awaited
        """Whether nobody would miss it once they have all left for good."""
        self.leaving: asyncio.TimerHandle | None = None
        self.task: asyncio.Task[None]
        self._progress: dict[int, Progress] = {}
        self._event_ids = count(1)
        self._steps = work.request.num_inference_steps
        first = work.request.seed
        self._seeds = range(first, first + work.images)

    @property
    def done(self) -> bool:
        return self.status not in ("queued", "running")

    async def run(self, work: Work, turns: Turns, answering: Answering) -> None:
        """Waits for its turn, and works. Raises ServiceError."""
        try:
            async with turns.taken(self.ticket):
                self.status = "running"
                await self._work_patiently(work, answering)
        except ServiceError:
            raise
        except Exception as error:
            log_event("job failed", logging.ERROR, job=self.order.id)
            raise surprise() from error

    async def _work_patiently(self, work: Work, answering: Answering) -> None:
        for _ in range(_TRIES - 1):
            try:
                return await self._work(work, answering)
            except Retryable as error:
                if work.terms.finish_by is not None:  # who has set it wants to hear at once
                    raise
                log_event("job put off", job=self.order.id, code=error.code)
                await asyncio.sleep(min(error.retry_after_s, _LONGEST_PAUSE_S))
        await self._work(work, answering)

    async def _work(self, work: Work, answering: Answering) -> None:
        work = replace(work, terms=replace(work.terms, every_step=True))
        finished = []
        self.completed.clear()
        async for item in answering.items(work):
            if isinstance(item, Finished):
                event = await answering.event(item, work)
                assert event is not None
                finished.append((item, event))
                self._progress[item.seed] = Progress(self._steps, self._steps, 0.0, 0)
                self.completed.append(self._tell(event))
            else:
                self._progress[item.seed] = item.progress
                self._steps = item.progress.num_inference_steps
                if self.watchers:
                    event = await answering.event(item, work)
                    self._tell(event, item.seed, item.progress.partial_image_index)
        self.result, self.timings = answering.answer_of(work, finished)

    def _tell(self, event: EventBody | None, *replacing: Any) -> EventBody:
        """To those who watch, with an id; None, which is not sent, tells that it moves on."""
        told = None if event is None else event | {"event_id": next(self._event_ids)}
        for mailbox in self.watchers:
            mailbox.put(told, *replacing)
        return told or {}

    @property
    def bytes(self) -> int:
        """Of the images that it made, and keeps; events and result share them."""
        return 4096 + sum(len(event.get("b64_json", "")) for event in self.completed)

    def report(self, turns: Turns, seconds_per_image: float | None) -> JobReport:
        """As its owner sees it now."""
        position: int | None = None
        eta_s: float | None = None
        behind = [self._progress.get(seed) for seed in self._seeds]
        if self.status == "queued":
            jobs, images = turns.ahead(self.ticket)
            position = jobs + 1
            if seconds_per_image is not None:
                eta_s = round((images + self.ticket.images) * seconds_per_image, 3)
        elif self.status == "running":
            position = 0
            known = [progress.eta_s for progress in behind if progress]
            eta_s = round(max(known), 3) if len(known) == len(behind) else None
        elif self.status == "succeeded":
            eta_s = 0.0
        return JobReport(
            id=self.order.id,
            status=self.status,
            step=min(progress.step if progress else 0 for progress in behind),
            num_inference_steps=self._steps,
            eta_s=eta_s,
            queue_position=position,
            created=self.created,
            result=self.result,
            error=None if self.error is None else JobError(**body_of(self.error)["error"]),
        )
