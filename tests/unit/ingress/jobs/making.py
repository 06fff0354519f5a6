"""Jobs over a pipeline of fakes, whose generator waits until it is told."""

import asyncio

from serve_app.config import JobSettings
from serve_app.ingress.jobs.book import JobBook
from serve_app.ingress.jobs.job import Order
from serve_app.ingress.openai.answering import Answering
from serve_app.ingress.openai.work import work_of
from serve_app.ingress.schema import ImageRequest
from serve_app.pipeline import Pipeline
from serve_app.stages import Stages
from tests import fakes

ARGS = fakes.app_args({"jobs": {}})


class Making:
    """A book of jobs; `go` lets the generator finish."""

    def __init__(self, notify=None, generated=None, pace=None, **settings):
        self.go = asyncio.Event()
        self.handles = fakes.handles(generator=generated or self._generated)
        pipeline = Pipeline(Stages(**self.handles), ARGS.limits)
        answering = Answering(pipeline, ARGS, None)
        self.book = JobBook(answering, JobSettings(**settings), lambda: pace, notify)
        self._count = 0

    async def _generated(self, request, terms, edges=None):
        await self.go.wait()
        return fakes.generated(request, terms)

    def submit(self, owner="", key=None, digest="", webhook=None, **fields):
        self._count += 1
        order = Order(f"job{self._count}", owner, key, digest, webhook)
        return self.book.submit(order, work(**fields))

    def answer(self, **fields):
        """A request whose client waits."""
        return self.book.answer(*self._ordered(**fields))

    def stream(self, **fields):
        return self.book.stream(*self._ordered(**fields))

    def _ordered(self, key=None, digest="", **fields):
        self._count += 1
        return Order(f"job{self._count}", "", key, digest, awaited=True), work(**fields)

    async def done(self, job_id, owner=""):
        async with asyncio.timeout(10):
            while self.book.report(job_id, owner).status in ("queued", "running"):
                await asyncio.sleep(0)
        return self.book.report(job_id, owner)

    async def begun(self, job_id, owner=""):
        """When it has reported its last step, the second."""
        async with asyncio.timeout(10):
            while job_id not in self.book._jobs or self.book.report(job_id, owner).step < 2:
                await asyncio.sleep(0)
        return self.book.report(job_id, owner)


def work(**fields):
    body = ImageRequest(**{"prompt": "a red circle", "seed": 7} | fields)
    return work_of("image_generation", body, ARGS, "http://x/v1/files")
