"""The deployment that keeps the jobs: one replica, so that all ingress replicas see the same ones.

Jobs outlive the ingress replica that took them, and the client's connection. They are in memory:
with this replica they are lost.
"""

from collections.abc import AsyncGenerator
from typing import Any

from ray import serve
from ray.serve.handle import DeploymentHandle

from serve_app.config import AppArgs
from serve_app.errors import ServiceError
from serve_app.ingress.files.store import FileStore
from serve_app.ingress.gauges import keep_gauges
from serve_app.ingress.jobs.book import JobBook
from serve_app.ingress.jobs.hosts import AllowedHosts
from serve_app.ingress.jobs.job import Order
from serve_app.ingress.jobs.schema import JobList, JobReport
from serve_app.ingress.jobs.webhooks import Webhooks, read_secret
from serve_app.ingress.openai.answering import Answering
from serve_app.ingress.openai.work import Work
from serve_app.pipeline import Pipeline
from serve_app.stages import Stages


@serve.deployment
class Jobs:
    """Runs the pipeline as the ingress does. A ServiceError is returned, not raised, as Serve logs
    what is raised; a stream has it as its last item."""

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

    async def submit(self, order: Order, work: Work) -> JobReport | ServiceError:
        try:
            return self._book.submit(order, work)
        except ServiceError as error:
            return error.with_traceback(None)

    async def report(self, job_id: str, owner: str) -> JobReport | ServiceError:
        try:
            return self._book.report(job_id, owner)
        except ServiceError as error:
            return error.with_traceback(None)

    async def listed(self, owner: str) -> JobList:
        return self._book.listed(owner)

    async def cancel(self, job_id: str, owner: str) -> JobReport | ServiceError:
        try:
            return await self._book.cancel(job_id, owner)
        except ServiceError as error:
            return error.with_traceback(None)

    async def events(self, job_id: str, owner: str) -> AsyncGenerator[Any]:
        try:
            async for event in self._book.events(job_id, owner):
                yield event
        except ServiceError as error:
            yield error.with_traceback(None)
