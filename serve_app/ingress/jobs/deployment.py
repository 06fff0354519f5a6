"""The deployment that keeps the jobs: one replica, so that all ingress replicas see the same ones.

Jobs outlive the ingress replica that took them, and the client's connection. They are in memory:
with this replica they are lost.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from ray import serve
from ray.serve.handle import DeploymentHandle

from serve_app.config import AppArgs
from serve_app.ingress.files.store import FileStore
from serve_app.ingress.gauges import keep_gauges
from serve_app.ingress.jobs.book import JobBook
from serve_app.ingress.jobs.hosts import AllowedHosts
from serve_app.ingress.jobs.job import Order
from serve_app.ingress.jobs.schema import JobList, JobReport
from serve_app.ingress.jobs.webhooks import Webhooks, read_secret
from serve_app.ingress.openai.answering import Answer, Answering
from serve_app.ingress.openai.work import Work
from serve_app.pipeline import Pipeline
from serve_app.refusals import refusal_as_last_item, refusal_as_value
from serve_app.stages import Stages
from serve_app.timings import Timings


@serve.deployment
class Jobs:
    """Runs the pipeline as the ingress does."""

    def __init__(self, args: AppArgs, **stages: DeploymentHandle) -> None:
        settings = args.jobs
        assert settings is not None
        pipeline = Pipeline(Stages(**stages), args.limits, lambda limit: settings.max_running)
        files = FileStore(args.files) if args.files is not None else None
        notify = None
        if settings.webhook_secret_variable is not None:
            secret = read_secret(settings.webhook_secret_variable)
            notify = Webhooks(AllowedHosts(settings.webhook_hosts), secret).post
        self._book = JobBook(
            Answering(pipeline, args, files),
            settings,
            lambda: pipeline.work["generate"].seconds_per_image,
            notify,
        )
        keep_gauges(pipeline, "jobs")

    @refusal_as_value
    async def submit(self, order: Order, work: Work) -> JobReport:
        return self._book.submit(order, work)

    @refusal_as_value
    async def answer(self, order: Order, work: Work) -> tuple[Answer, Timings]:
        return await self._book.answer(order, work)

    @refusal_as_last_item
    async def stream(self, order: Order, work: Work) -> AsyncGenerator[Any]:
        async with aclosing(self._book.stream(order, work)) as events:
            async for event in events:
                yield event

    @refusal_as_value
    async def report(self, job_id: str, owner: str) -> JobReport:
        return self._book.report(job_id, owner)

    async def listed(self, owner: str) -> JobList:
        return self._book.listed(owner)

    @refusal_as_value
    async def cancel(self, job_id: str, owner: str) -> JobReport:
        return await self._book.cancel(job_id, owner)

    @refusal_as_last_item
    async def events(self, job_id: str, owner: str, after: int = 0) -> AsyncGenerator[Any]:
        async with aclosing(self._book.events(job_id, owner, after)) as events:
            async for event in events:
                yield event
