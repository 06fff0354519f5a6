"""One request's life, straight down: admission, Canny, generation, upscaling, captioning."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from serve_app.admission import Admission
from serve_app.calls import Called, together
from serve_app.config import Limits
from serve_app.errors import (
    DeadlineUnmet,
    InvalidRequest,
    NeverInTime,
    QueueFull,
    ServiceError,
    StageFailed,
    TimedOut,
    operators,
)
from serve_app.mailbox import Mailbox
from serve_app.messages import (
    CannyRequest,
    CaptionResult,
    ClassifierCard,
    ClassResult,
    Floats,
    GenerationRequest,
    ImageResult,
    MaskSource,
    Pixels,
    PreprocessResult,
    Progress,
    StageReport,
    Terms,
)
from serve_app.metrics.requests import work_counted
from serve_app.stages import CALLS, Stages

_RECENT = 0.2  # the weight of the last call in a stage's mean time
_TRIED = 1.5  # of the time limit: forecasts err, so what may be in time after all is tried


@dataclass(frozen=True)
class Composition:
    """What happens to each image of a generation request besides making it."""

    control: CannyRequest | None = None
    upscale: int = 1
    caption: bool = False
    resize: tuple[int, int] | None = None  # (width, height), when all else is done
    mask: MaskSource | None = None  # of the request's mask, for the image's parameters alone


@dataclass(frozen=True)
class InProgress:
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
    prompt_tokens: int = 0


class Pipeline:
    """Runs requests through the stages, bounded in number and in time.

    Every method raises ServiceError and nothing else: QueueFull and DeadlineUnmet before the work
    was done, StageUnavailable where a replica was lost twice, TimedOut after the request's time
    limit or deadline, and what a stage says of the request.
    """

    def __init__(
        self, stages: Stages, limits: Limits, share: Callable[[int], int] = lambda limit: limit
    ) -> None:
        """`share` says how much of a limit of the service's is for this ingress replica now."""
        self._stages = stages
        self._limits = limits
        # By kind of work, so that a queue of generations does not refuse a caption.
        capacity = partial(share, limits.max_pending_images)
        self._admission = {kind: Admission(capacity) for kind in CALLS}
        self._seconds = {"upscale": 0.0, "caption": 0.0}  # recent means
        self.step_s: float | None = None
        """Seconds that a denoising step took lately, all that belongs to an image included."""
        self._classifier: ClassifierCard | None = None
        self._one_asks = asyncio.Lock()

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
        terms = terms or Terms()
        return await self._images(request, composition, images, terms, self._stages.generated)

    async def generate_streaming(
        self, request: GenerationRequest, composition: Composition, images: int, terms: Terms
    ) -> AsyncGenerator[InProgress | Finished]:
        """As `generate`, with progress: each image's steps and its finish, interleaved.

        The first item comes as soon as an image is queued; what is refused raises before it. Who
        reads slowly misses some progress, but no preview and no image.
        """
        mailbox = Mailbox()

        async def make(each: GenerationRequest, terms: Terms, edges: Called | None) -> Called:
            shown = -1
            async with aclosing(self._stages.generating(each, terms, edges)) as items:
                async for item in items:
                    if isinstance(item, ImageResult):
                        return Called(item, item)
                    preview = item.partial_image_index
                    # A run that began again repeats its first previews.
                    if preview is None or preview > shown:
                        shown = shown if preview is None else preview
                        mailbox.put(InProgress(each.seed, item), each.seed, preview)
            raise StageFailed("the stage generate ended without an image")

        # In a task of its own: the reader may resume in another task than the one that started it.
        finished = self._images(request, composition, images, terms, make, mailbox.put)
        task = asyncio.create_task(finished)
        task.add_done_callback(mailbox.close)
        try:
            async for event in mailbox.read():
                yield event
        finally:
            task.cancel()

    async def _images(
        self,
        request: GenerationRequest,
        composition: Composition,
        images: int,
        terms: Terms,
        make: Callable[[GenerationRequest, Terms, Called | None], Awaitable[Called]],
        done: Callable[[Finished], None] = lambda image: None,
    ) -> list[Finished]:
        """Takes a slot, finds edges, then for each image: `make`, upscale and caption, `done`."""
        async with self._bounded("generate", images, terms.finish_by):
            control = composition.control
            edges = await self._stages.edges(control) if control else None
            terms = self._with_time_left(terms, composition)
            limited = self._with_time_limit(terms)

            async def one(each: GenerationRequest) -> Finished:
                try:
                    made = await make(each, limited, edges)
                except DeadlineUnmet as error:
                    if terms.finish_by is not None:
                        raise
                    raise self._over_time_limit(error) from error
                image = await self._completed(each, made, composition)
                if edges:
                    image = replace(image, reports=[edges.result.report, *image.reports])
                done(image)
                return image

            seeds = range(request.seed, request.seed + images)
            return await together(one(replace(request, seed=seed)) for seed in seeds)

    def _with_time_left(self, terms: Terms, composition: Composition) -> Terms:
        """The terms with a deadline that leaves time for what comes after generation."""
        if terms.finish_by is None:
            return terms
        later_s = max(
            self._seconds["upscale"] if composition.upscale > 1 else 0.0,
            self._seconds["caption"] if composition.caption else 0.0,
        )
        return replace(terms, finish_by=terms.finish_by - later_s)

    def _with_time_limit(self, terms: Terms) -> Terms:
        """The terms with a deadline at any rate, so that what cannot be in time is refused at
        once."""
        if terms.finish_by is not None:
            return terms
        return replace(terms, finish_by=time.time() + _TRIED * self._limits.request_timeout_s)

    def _over_time_limit(self, error: DeadlineUnmet) -> ServiceError:
        whose = operators("limits.request_timeout_s")
        limit = f"a request has {self._limits.request_timeout_s:g} s ({whose})"
        if isinstance(error, NeverInTime):
            return InvalidRequest(f"{error}, and {limit}: ask for fewer steps or fewer pixels")
        return DeadlineUnmet(f"{error}, and {limit}").after(error.retry_after_s)

    async def _completed(
        self, request: GenerationRequest, made: Called, composition: Composition
    ) -> Finished:
        """Upscaling and captioning, concurrently."""
        # The caption is of the image that was generated: more pixels say nothing new.
        last = {}
        if composition.upscale > 1:
            last["upscale"] = self._stages.upscaled(made, composition.upscale)
        if composition.caption:
            last["caption"] = self._stages.captioned(made)
        after = dict(zip(last, await _results(last.values()), strict=True))
        for stage, result in after.items():
            seconds = result.report.queue_s + result.report.run_s
            self._seconds[stage] += _RECENT * (seconds - self._seconds[stage])
        share = 1.0 if request.image is None else request.strength
        step_s = made.result.report.run_s / max(1, int(request.num_inference_steps * share))
        before = step_s if self.step_s is None else self.step_s
        self.step_s = before + _RECENT * (step_s - before)
        return Finished(
            pixels=after.get("upscale", made.result).pixels,
            seed=request.seed,
            caption=after["caption"].text if composition.caption else None,
            reports=[result.report for result in (made.result, *after.values())],
            prompt_tokens=made.result.prompt_tokens,
        )

    async def find_edges(self, request: CannyRequest) -> ImageResult:
        async with self._bounded("canny"):
            return (await self._stages.edges(request)).result

    async def upscale(
        self, image: bytes, scale: int, finish_by: float | None = None
    ) -> ImageResult:
        """`finish_by` is a deadline in Unix seconds, here and below."""
        async with self._bounded("upscale", finish_by=finish_by):
            return (await self._stages.upscaled(image, scale)).result

    async def caption(
        self, images: list[bytes], finish_by: float | None = None
    ) -> list[CaptionResult]:
        """One for each image, concurrently, so that they share batches; as the methods below."""
        async with self._bounded("caption", len(images), finish_by):
            return await _results(map(self._stages.captioned, images))

    async def classify(
        self, images: list[bytes], finish_by: float | None = None
    ) -> list[ClassResult]:
        async with self._bounded("classify", len(images), finish_by):
            return await _results(map(self._stages.classified, images))

    async def preprocess(
        self, images: list[bytes], finish_by: float | None = None
    ) -> list[PreprocessResult]:
        """The classifier's inputs."""
        async with self._bounded("classify", len(images), finish_by):
            return await _results(map(self._stages.preprocessed, images))

    async def classify_preprocessed(
        self, pixel_values: Floats, finish_by: float | None = None
    ) -> list[ClassResult]:
        """As `classify`, from float32 [n, 3, height, width] as `preprocess` makes it."""
        async with self._bounded("classify", len(pixel_values), finish_by):
            return await _results(map(self._stages.classified_preprocessed, pixel_values))

    async def describe_classifier(self) -> ClassifierCard:
        """Asked of a replica once: other weights come with another pipeline."""
        async with self._one_asks:
            if self._classifier is None:
                async with self._bounded("classify", 0):
                    self._classifier = (await self._stages.classifier_card()).result
        return self._classifier

    @asynccontextmanager
    async def _bounded(
        self, kind: str, images: int = 1, finish_by: float | None = None
    ) -> AsyncIterator[None]:
        limit = self._limits.request_timeout_s
        whose = operators("limits.request_timeout_s")
        left_s = limit if finish_by is None else max(0.0, finish_by - time.time())
        if left_s < limit:
            limit, whose = left_s, "the request's own deadline"
        admission = self._admission[kind]
        with work_counted(kind, images, finish_by), admission.admitted(images):
            try:
                async with asyncio.timeout(limit):
                    yield
            except TimeoutError as error:
                raise TimedOut(f"not finished within {limit:.3g} s ({whose})") from error
            except QueueFull as error:  # a stage's own queue, behind ours
                raise error.after(admission.drained_in_s()) from error


async def _results(calls: Iterable[Any]) -> list[Any]:
    return [called.result for called in await together(calls)]
