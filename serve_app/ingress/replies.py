"""How a request for images is answered: at once, as a stream, or later; and only once under a key.

A request that asks to be answered later is a job, and so is one with an `Idempotency-Key`, whose
client waits for the job's end: sent again, it finds the same job.
"""

import secrets
from typing import Any

from fastapi import Response
from fastapi.responses import JSONResponse

from serve_app.config import AppArgs
from serve_app.deadlines import Deadlines
from serve_app.errors import InvalidRequest
from serve_app.ingress.jobs.asking import Asking, digest_of
from serve_app.ingress.jobs.calls import JobCalls
from serve_app.ingress.jobs.hosts import AllowedHosts
from serve_app.ingress.jobs.job import Order
from serve_app.ingress.openai.answering import Answer, Answering
from serve_app.ingress.openai.work import Work
from serve_app.ingress.schema import ImageRequest
from serve_app.ingress.streaming import start_stream


class Replies:
    """By one pipeline, and by jobs where the configuration has them. Every method raises
    ServiceError."""

    def __init__(self, answering: Answering, args: AppArgs, jobs: JobCalls | None) -> None:
        self._answering = answering
        self._jobs = jobs
        self._hosts = AllowedHosts(args.jobs.webhook_hosts if args.jobs else [])
        self._deadlines = Deadlines(args.limits.request_timeout_s)

    def check(self, asking: Asking, body: ImageRequest) -> None:
        """Raise InvalidRequest where a webhook cannot be posted to."""
        if body.webhook is None:
            return
        if self._jobs is None or not asking.later:
            message = "only with Prefer: respond-async, where the service keeps jobs"
            raise InvalidRequest(message).about("webhook")
        self._hosts.check(body.webhook)

    async def reply(
        self, asking: Asking, work: Work, response: Response, kind: str, *sent: Any
    ) -> Answer | Response:
        """The answer's body, whose headers go into `response`, or a response of its own.

        `kind` and `sent`, bodies and files as the client sent them, tell requests apart.
        """
        if self._jobs is not None and (asking.later or asking.key is not None):
            order = Order(
                id=secrets.token_urlsafe(16),
                owner=asking.owner,
                key=asking.key,
                digest=digest_of(kind, *sent) if asking.key is not None else "",
                webhook=work.body.webhook,
                awaited=not asking.later,
            )
            if asking.later:
                return await self._accepted(self._jobs, order, work)
            return await self._awaited(self._jobs, order, work, response)
        if work.body.stream:
            return await start_stream(self._answering.events(work))
        answer, timings = await self._answering.answer(work)
        response.headers.update(timings.header)
        return answer

    async def _accepted(self, jobs: JobCalls, order: Order, work: Work) -> Response:
        """The 202, and where the job is."""
        job = await jobs.submit(order, work)
        headers = {"Location": f"/v1/jobs/{job.id}", "Preference-Applied": "respond-async"}
        return JSONResponse(job.model_dump(mode="json"), 202, headers)

    async def _awaited(
        self, jobs: JobCalls, order: Order, work: Work, response: Response
    ) -> Answer | Response:
        async with self._deadlines.kept(work.terms.finish_by):
            if work.body.stream:
                events = jobs.stream(order, work)
                await anext(events)  # says that it was taken; an error may still come before any
                return await start_stream(events)
            answer, timings = await jobs.answer(order, work)
        response.headers.update(timings.header)
        return answer
