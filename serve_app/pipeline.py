"""One request's life, straight down: admission, Canny, generation, upscaling, captioning.

Hands each stage's *response* to the next, which Ray passes on as it is configured to: through its
object store, or by value between replicas (`RAY_SERVE_USE_GRPC_BY_DEFAULT=1`).
Knows the stages' handles and no HTTP.
"""

import asyncio
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
)
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ray.serve.handle import DeploymentHandle

from serve_app.admission import Admission
from serve_app.calls import Called, call, stream, together
from serve_app.config import Limits
from serve_app.errors import QueueFull, ServiceError, TimedOut
from serve_app.messages import (
    CannyRequest,
    CaptionResult,
    ClassifierCard,
    ClassResult,
    Floats,
    GenerationRequest,
    ImageResult,
    Pixels,
    PreprocessResult,
    Progress,
    StageReport,
    Terms,
)

_RECENT = 0.2  # the weight of the last call in a stage's mean time


@dataclass(frozen=True)
class Stages:
    """A handle on each deployment."""

    canny: DeploymentHandle
    generator: DeploymentHandle
    upscaler: DeploymentHandle
    captioner: DeploymentHandle
    classifier: DeploymentHandle


@dataclass(frozen=True)
class Composition:
    """What happens to each image of a generation request besides making it."""

    control: CannyRequest | None = None
    upscale: int = 1
    caption: bool = False


@dataclass(frozen=True)
class Underway:
    """An image that is being made, told apart from its request's others by the seed."""

    seed: int
    progress: Progress


@dataclass(frozen=True)
class Finished:
    """A finished image, uint8 RGB, with what every stage on its way reported."""

    pixels: Pixels
    seed: int
    caption: str | None
    reports: list[StageReport]


class Pipeline:
    """Runs requests through the stages, bounded in number and in time.

    Every method raises ServiceError and nothing else: QueueFull and DeadlineUnmet before the work
    was done, StageUnavailable where a replica was lost twice, TimedOut after the request's time
    limit or deadline, and what a stage says of the request.
    """

    def __init__(self, stages: Stages, limits: Limits) -> None:
        self._stages = stages
        self._limits = limits
        # By kind of work, so that a queue of generations does not refuse a caption.
        self._admission = {
            kind: Admission(limits.max_pending_images)
            for kind in ("generate", "canny", "upscale", "caption", "classify")
        }
        self._seconds = {"upscale": 0.0, "caption": 0.0}  # recent means
        self.step_s: float | None = None
        """Seconds that a denoising step took lately, all that belongs to an image included."""
        self._classifier: ClassifierCard | None = None

    @property
    def work(self) -> Mapping[str, Admission]:
        """How much is in progress here, by kind of work."""
        return self._admission

    async def generate(
        self,
        request: GenerationRequest,
        composition: Composition,
        images: int = 1,
        terms: Terms | None = None,
    ) -> list[Finished]:
        """Make images of the seeds `request.seed`, `request.seed + 1`, …"""
        async with self._generating(composition, images, terms or Terms()) as (edges, remaining):

            async def one(request: GenerationRequest) -> Finished:
                made = await call(
                    "generate",
                    lambda: self._stages.generator.remote(request, remaining(), _reference(edges)),
                )
                return await self._completed(request, made.reference, made.result, composition)

            finished = await together(one(each) for each in _of_each_seed(request, images))
            return [_with_edges(image, edges) for image in finished]

    async def generate_streaming(
        self, request: GenerationRequest, composition: Composition, images: int, terms: Terms
    ) -> AsyncGenerator[Underway | Finished]:
        """As `generate`, and how it goes on: each image's progress and its finish, interleaved.

        The first item comes as soon as an image is queued; what is refused raises before it.
        """
        generator = self._stages.generator.options(method_name="stream", stream=True)
        events: asyncio.Queue[Underway | Finished | ServiceError | None] = asyncio.Queue()

        async def one(request: GenerationRequest, edges: Called | None, remaining: Any) -> None:
            made, shown = None, -1
            items = stream(
                "generate", lambda: generator.remote(request, remaining(), _reference(edges))
            )
            async with aclosing(items):
                async for item in items:
                    if isinstance(item, ImageResult):
                        made = item
                    # A run that began again repeats its first previews.
                    elif item.partial_image_index is None or item.partial_image_index > shown:
                        shown = shown if item.pixels is None else item.partial_image_index
                        events.put_nowait(Underway(request.seed, item))
            assert made is not None
            done = await self._completed(request, made, made, composition)
            events.put_nowait(_with_edges(done, edges))

        async def all_of_them() -> None:
            try:
                async with self._generating(composition, images, terms) as (edges, remaining):
                    await together(
                        one(each, edges, remaining) for each in _of_each_seed(request, images)
                    )
                events.put_nowait(None)
            except ServiceError as error:
                events.put_nowait(error)

        # In a task of its own, since whoever reads may do so from another than began to.
        task = asyncio.create_task(all_of_them())
        try:
            while (event := await events.get()) is not None:
                if isinstance(event, ServiceError):
                    raise event
                yield event
        finally:
            task.cancel()

    async def find_edges(self, request: CannyRequest) -> ImageResult:
        async with self._bounded("canny"):
            return (await call("canny", lambda: self._stages.canny.remote(request))).result

    async def upscale(self, image: bytes, scale: int) -> ImageResult:
        async with self._bounded("upscale"):
            return (await self._upscaled(image, scale)).result

    async def caption(self, images: list[bytes]) -> list[CaptionResult]:
        """One for each image, side by side, so that they share batches; as the methods below."""
        async with self._bounded("caption", len(images)):
            return _results(await together(self._captioned(image) for image in images))

    async def classify(self, images: list[bytes]) -> list[ClassResult]:
        remote = self._stages.classifier.remote
        async with self._bounded("classify", len(images)):
            return _results(await together(_each("classify", remote, images)))

    async def preprocess(self, images: list[bytes]) -> list[PreprocessResult]:
        """The classifier's inputs."""
        remote = self._stages.classifier.preprocess.remote
        async with self._bounded("classify", len(images)):
            return _results(await together(_each("preprocess", remote, images)))

    async def classify_preprocessed(self, pixel_values: Floats) -> list[ClassResult]:
        """As `classify`, from float32 [n, 3, height, width] as `preprocess` makes it."""
        remote = self._stages.classifier.classify.remote
        async with self._bounded("classify", len(pixel_values)):
            return _results(await together(_each("classify", remote, pixel_values)))

    async def describe_classifier(self) -> ClassifierCard:
        """Asked of a replica once: other weights come with another pipeline."""
        if self._classifier is None:
            async with self._bounded("classify", 0):
                remote = self._stages.classifier.describe.remote
                self._classifier = (await call("classify", remote)).result
        return self._classifier

    async def _upscaled(self, picture: Any, scale: int) -> Called:
        return await call("upscale", lambda: self._stages.upscaler.remote(picture, scale))

    async def _captioned(self, picture: Any) -> Called:
        return await call("caption", lambda: self._stages.captioner.remote(picture))

    async def _completed(
        self, request: GenerationRequest, picture: Any, made: ImageResult, composition: Composition
    ) -> Finished:
        """What is asked for after generation; `picture` is `made` or a reference to it."""
        # The caption is of the image that was generated: more pixels say nothing new.
        last = {}
        if composition.upscale > 1:
            last["upscale"] = self._upscaled(picture, composition.upscale)
        if composition.caption:
            last["caption"] = self._captioned(picture)
        results = [called.result for called in await together(last.values())]
        done = dict(zip(last, results, strict=True))
        for stage, result in done.items():
            seconds = result.report.queue_s + result.report.run_s
            self._seconds[stage] += _RECENT * (seconds - self._seconds[stage])
        step_s = made.report.run_s / request.num_inference_steps
        self.step_s = (
            step_s if self.step_s is None else self.step_s * (1 - _RECENT) + step_s * _RECENT
        )
        return Finished(
            pixels=done.get("upscale", made).pixels,
            seed=request.seed,
            caption=done["caption"].text if composition.caption else None,
            reports=[result.report for result in (made, *results)],
        )

    @asynccontextmanager
    async def _generating(
        self, composition: Composition, images: int, terms: Terms
    ) -> AsyncIterator[tuple[Called | None, Callable[[], Terms]]]:
        """A place for the images, their edges, and the terms that remain at any later moment."""
        began = time.monotonic()
        later_s = max(
            self._seconds["upscale"] if composition.upscale > 1 else 0.0,
            self._seconds["caption"] if composition.caption else 0.0,
        )

        def remaining() -> Terms:
            if terms.finish_within_s is None:
                return terms
            elapsed = time.monotonic() - began
            return replace(terms, finish_within_s=terms.finish_within_s - elapsed - later_s)

        async with self._bounded("generate", images, terms.finish_within_s):
            control = composition.control
            edges = None
            if control is not None:
                edges = await call("canny", lambda: self._stages.canny.remote(control))
            yield edges, remaining

    @asynccontextmanager
    async def _bounded(
        self, kind: str, images: int = 1, finish_within_s: float | None = None
    ) -> AsyncIterator[None]:
        limit = min(self._limits.request_timeout_s, finish_within_s or float("inf"))
        admission = self._admission[kind]
        with admission.admitted(images):
            try:
                async with asyncio.timeout(limit):
                    yield
            except TimeoutError as error:
                raise TimedOut(f"not finished within {limit:g} s") from error
            except QueueFull as error:  # a stage's own queue, behind ours
                raise error.after(admission.drained_in_s()) from error


def _of_each_seed(request: GenerationRequest, images: int) -> list[GenerationRequest]:
    return [replace(request, seed=request.seed + index) for index in range(images)]


def _each(
    stage: str, remote: Callable[[Any], Any], items: Iterable[Any]
) -> list[Coroutine[Any, Any, Called]]:
    return [call(stage, partial(remote, item)) for item in items]


def _results(calls: list[Called]) -> list[Any]:
    return [called.result for called in calls]


def _reference(edges: Called | None) -> Any:
    return edges.reference if edges else None


def _with_edges(image: Finished, edges: Called | None) -> Finished:
    return replace(image, reports=[edges.result.report, *image.reports]) if edges else image
