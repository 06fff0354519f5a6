"""Two ways to serve the same generation requests, each a deployment: by step, and by request."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import ray
from ray import serve

from benchmarks.reference import ReferencePipelines
from benchmarks.same_work import BATCH, EAGER_MODEL, EDGES, MODEL, SIDE, request_of
from serve_app.config import Defaults, Limits
from serve_app.denoise.trajectory import Work
from serve_app.deployments.generator import Generator
from serve_app.deployments.micro_batching import MicroBatcher
from serve_app.errors import ServiceError
from serve_app.messages import GenerationRequest, ImageResult, Progress, StageReport, Terms

CONDITIONING = ImageResult(EDGES, StageReport("canny", 0.0, 0.0, 1))
# One core, and with it one torch thread, each.
_OPTIONS = {"max_ongoing_requests": 1000, "ray_actor_options": {"num_cpus": 1}}


@dataclass(frozen=True)
class Answer:
    """The latency of a request, and the engine's ETA for it (None on the pipeline's side)."""

    seconds: float
    predicted_s: float | None = None


Side = Callable[..., Awaitable[Answer]]


@serve.deployment
class PipelineByRequest:
    """Micro-batching around a pipeline call, which only requests with equal settings can share."""

    def __init__(self) -> None:
        reference = ReferencePipelines(MODEL)
        reference.generate([Work(request_of(0, steps=2), EDGES)])
        self._batched = MicroBatcher("pipeline", reference.generate, ReferencePipelines.batch_key)

    async def __call__(self, request: GenerationRequest, edges: ImageResult) -> ImageResult:
        return ImageResult(*await self._batched(Work(request, edges.pixels)))


@asynccontextmanager
async def own_ray(num_cpus: int) -> AsyncIterator[None]:
    """A local Ray with `num_cpus` cores and no HTTP proxy, for deployments that are called by
    handles."""
    ray.init(address="local", num_cpus=num_cpus, include_dashboard=False, log_to_driver=False)
    serve.start(proxy_location="Disabled")
    try:
        yield
    finally:
        await asyncio.to_thread(serve.shutdown)
        ray.shutdown()


@asynccontextmanager
async def both_sides() -> AsyncIterator[tuple[Side, Side]]:
    """By step and by request, in a Ray of their own."""
    async with own_ray(num_cpus=2):
        defaults = Defaults(width=SIDE, height=SIDE)
        engine = Generator.options(user_config={"max_batch_size": BATCH}, **_OPTIONS)
        stepping = serve.run(
            engine.bind(EAGER_MODEL, Limits(), defaults), name="step", route_prefix=None
        )
        pipeline = PipelineByRequest.options(**_OPTIONS)
        calling = serve.run(pipeline.bind(), name="request", route_prefix=None)
        yield partial(_by_step, stepping), partial(_by_request, calling)


async def _by_step(
    stepping: Any, request: GenerationRequest, finish_within_s: float | None = None
) -> Answer:
    began = time.perf_counter()
    terms = Terms(finish_by=None if finish_within_s is None else time.time() + finish_within_s)
    stream = stepping.options(method_name="stream", stream=True)
    predicted = None
    async for item in stream.remote(request, terms, CONDITIONING):
        if isinstance(item, ServiceError):
            raise item
        if isinstance(item, Progress) and predicted is None:
            predicted = item.eta_s
    return Answer(time.perf_counter() - began, predicted)


async def _by_request(calling: Any, request: GenerationRequest) -> Answer:
    began = time.perf_counter()
    await calling.remote(request, CONDITIONING)
    return Answer(time.perf_counter() - began)


async def arriving(
    side: Side, requests: Sequence[GenerationRequest], gaps: Sequence[float], **terms: Any
) -> list[Any]:
    """An open loop: send each request after its gap in seconds.

    An Answer or an exception for each.
    """
    sent = []
    for request, gap in zip(requests, gaps, strict=True):
        await asyncio.sleep(gap)
        sent.append(asyncio.ensure_future(side(request, **terms)))
    return await asyncio.gather(*sent, return_exceptions=True)


async def closed_loop(
    side: Side, requests: Sequence[GenerationRequest], clients: int
) -> list[Answer]:
    """Each of `clients` sends its next request when its last is answered.

    Leaves out the first answer of each client, so that what remains is at steady concurrency.
    """
    left, answers = list(requests), []

    async def client() -> None:
        await side(left.pop())
        while left:
            answers.append(await side(left.pop()))

    await asyncio.gather(*(client() for _ in range(clients)))
    return answers
