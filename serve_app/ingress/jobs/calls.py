"""The jobs as an ingress replica calls them: a handle on their deployment."""

from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

from ray.serve.handle import DeploymentHandle

from serve_app.calls import call, stream
from serve_app.ingress.jobs.job import Order
from serve_app.ingress.jobs.schema import JobList, JobReport
from serve_app.ingress.openai.answering import Answer
from serve_app.ingress.openai.work import Work
from serve_app.ingress.streaming import EventBody
from serve_app.timings import Timings


class JobCalls:
    """Every method raises ServiceError only. A call runs again where the replica was lost: an order
    has its id from the ingress, so that it is one job then too."""

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle

    async def submit(self, order: Order, work: Work) -> JobReport:
        answer: JobReport = await self._call("submit", order, work)
        return answer

    async def answer(self, order: Order, work: Work) -> tuple[Answer, Timings]:
        answer: tuple[Answer, Timings] = await self._call("answer", order, work)
        return answer

    def stream(self, order: Order, work: Work) -> AsyncGenerator[EventBody | None]:
        return self._stream("stream", order, work)

    async def report(self, job_id: str, owner: str) -> JobReport:
        answer: JobReport = await self._call("report", job_id, owner)
        return answer

    async def listed(self, owner: str) -> JobList:
        answer: JobList = await self._call("listed", owner)
        return answer

    async def cancel(self, job_id: str, owner: str) -> JobReport:
        answer: JobReport = await self._call("cancel", job_id, owner)
        return answer

    def events(self, job_id: str, owner: str, after: int = 0) -> AsyncGenerator[EventBody | None]:
        return self._stream("events", job_id, owner, after)

    def _stream(self, method: str, *args: Any) -> AsyncGenerator[EventBody | None]:
        remote = self._handle.options(method_name=method, stream=True).remote
        return stream("jobs", partial(remote, *args))

    async def _call(self, method: str, *args: Any) -> Any:
        return (await call("jobs", partial(getattr(self._handle, method).remote, *args))).result
