"""One request's life, straight down: admission, Canny, generation, upscaling, captioning.

Hands each stage's *reference* to the next, so that pixels are not serialised again on their way.
Knows the stages' handles and no HTTP.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle

from serve_app.admission import Admission
from serve_app.config import Limits
from serve_app.errors import QueueFull, ServiceError, StageFailed, StageUnavailable, TimedOut
from serve_app.messages import (
    CannyRequest,
    CaptionResult,
    GenerationRequest,
    ImageResult,
    Pixels,
    StageReport,
)
from serve_app.observability import log_event, publish_stage


@dataclass(frozen=True)
class Stages:
    """A handle on each deployment."""

    canny: DeploymentHandle
    generator: DeploymentHandle
    upscaler: DeploymentHandle
    captioner: DeploymentHandle


@dataclass(frozen=True)
class Composition:
    """What happens to each image of a generation request besides making it."""

    control: CannyRequest | None = None
    upscale: int = 1
    caption: bool = False


@dataclass(frozen=True)
class Finished:
    """A finished image, uint8 RGB, with what every stage on its way reported."""

    pixels: Pixels
    seed: int
    caption: str | None
    reports: list[StageReport]


class Pipeline:
    """Runs requests through the stages, bounded in number and in time.

    Every method raises ServiceError and nothing else: QueueFull before any work was done,
    StageUnavailable where a replica was lost, TimedOut after the request's time limit, and
    what a stage says of the request.
    """

    def __init__(self, stages: Stages, limits: Limits) -> None:
        self._stages = stages
        self._limits = limits
        # By kind of work, so that a queue of generations does not refuse a caption.
        self._admission = {
            kind: Admission(limits.max_pending_images)
            for kind in ("generate", "canny", "upscale", "caption")
        }

    async def generate(
        self, request: GenerationRequest, composition: Composition, images: int = 1
    ) -> list[Finished]:
        """Make images of the seeds `request.seed`, `request.seed + 1`, …"""
        async with self._bounded("generate", images):
            edges = self._stages.canny.remote(composition.control) if composition.control else None
            canny = [(await _result(edges, "canny")).report] if edges else []
            finished = await _together(
                self._one_image(replace(request, seed=request.seed + index), edges, composition)
                for index in range(images)
            )
            return [replace(image, reports=canny + image.reports) for image in finished]

    async def find_edges(self, request: CannyRequest) -> ImageResult:
        async with self._bounded("canny"):
            return await _result(self._stages.canny.remote(request), "canny")

    async def upscale(self, image: bytes, scale: int) -> ImageResult:
        async with self._bounded("upscale"):
            return await _result(self._stages.upscaler.remote(image, scale), "upscale")

    async def caption(self, image: bytes) -> CaptionResult:
        async with self._bounded("caption"):
            return await _result(self._stages.captioner.remote(image), "caption")

    async def _one_image(
        self, request: GenerationRequest, edges: Any, composition: Composition
    ) -> Finished:
        image = self._stages.generator.remote(request, edges)
        made: ImageResult = await _result(image, "generate")
        # The caption is of the image that was generated: more pixels say nothing new.
        last = {}
        if composition.upscale > 1:
            last["upscale"] = self._stages.upscaler.remote(image, composition.upscale)
        if composition.caption:
            last["caption"] = self._stages.captioner.remote(image)
        results = await _together(_result(response, stage) for stage, response in last.items())
        done = dict(zip(last, results, strict=True))
        return Finished(
            pixels=done.get("upscale", made).pixels,
            seed=request.seed,
            caption=done["caption"].text if composition.caption else None,
            reports=[result.report for result in (made, *results)],
        )

    @asynccontextmanager
    async def _bounded(self, kind: str, images: int = 1) -> AsyncIterator[None]:
        limit = self._limits.request_timeout_s
        admission = self._admission[kind]
        with admission.admitted(images):
            try:
                async with asyncio.timeout(limit):
                    yield
            except TimeoutError as error:
                raise TimedOut(f"not finished within {limit:g} s") from error
            except QueueFull as error:  # a stage's own queue, behind ours
                raise error.after(admission.drained_in_s()) from error


async def _together(calls: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """The results in order; where one fails, the others are cancelled."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


async def _result(response: Any, stage: str) -> Any:
    """Await a stage, publish its report, and say in our own words what went wrong."""
    try:
        result = await response
    except asyncio.CancelledError:
        response.cancel()  # Ray itself lets a call go on that nobody awaits any more
        raise
    except BackPressureError as error:
        raise QueueFull(f"the queue of the stage {stage} is full") from error
    except RayTaskError as error:
        log_event("stage failed", stage=stage, error=str(error))
        raise StageFailed(f"the stage {stage} failed") from error
    except (RayError, RayServeException) as error:  # a lost replica, node or object
        log_event("stage unavailable", stage=stage, error=type(error).__name__)
        raise StageUnavailable(f"the stage {stage} is restarting") from error
    if isinstance(result, ServiceError):
        raise result
    publish_stage(result.report)
    return result
