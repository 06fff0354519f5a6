"""One request's life, straight down: admission, Canny, generation, upscaling, captioning."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from serve_app.admission import Admission
from serve_app.calls import Called, together
from serve_app.config import Limits
from serve_app.deadlines import Deadlines
from serve_app.errors import (
    DeadlineUnmet,
    QueueFull,
    StageFailed,
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

_RECENT = 0.2  # the weight of the last image in the mean time of a step


@dataclass(frozen=True)
class Composition:
    """What happens to each image of a generation request besides making it."""

    control: CannyRequest | None = None
    upscale: int = 1
    caption: bool = False
    resize: tuple[int, int] | None = None  # (width, height), when all else is done
    mask: MaskSource | None = None  # of the request's mask, for the image's parameters alone

    @property
    def after(self) -> list[str]:
        """The stages of an image that is generated, concurrently."""
        asked = {"upscale": self.upscale > 1, "caption": self.caption}
        return [stage for stage, is_asked in asked.items() if is_asked]


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
        # By kind of work, so that a queue of generations does not refuse a caption.
        capacity = partial(share, limits.max_pending_images)
        self._admission = {kind: Admission(capacity) for kind in CALLS}
        self._deadlines = Deadlines(limits.request_timeout_s)
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
                    item = self._with_what_follows(item, composition)
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
            in_time = self._deadlines.of_generation(terms, composition.after)

            async def one(each: GenerationRequest) -> Finished:
                try:
                    made = await make(each, in_time, edges)
                except DeadlineUnmet as error:
                    refusal = self._deadlines.refusal(error, terms)
                    raise refusal from None if refusal is error else error
                image = await self._completed(each, made, composition)
                if edges:
                    image = replace(image, reports=[edges.result.report, *image.reports])
                done(image)
                return image

            seeds = range(request.seed, request.seed + images)
            return await together(one(replace(request, seed=seed)) for seed in seeds)

    def _with_what_follows(self, progress: Progress, composition: Composition) -> Progress:
        """The generator's forecast, and of the stages after it."""
        later_s = self._deadlines.seconds_of(composition.after)
        return replace(progress, eta_s=progress.eta_s + later_s)

    async def _completed(
        self, request: GenerationRequest, made: Called, composition: Composition
    ) -> Finished:
        """Upscaling and captioning, concurrently."""
        # The caption is of the image that was generated: more pixels say nothing new.
        calls = {
            "upscale": lambda: self._stages.upscaled(made, composition.upscale),
            "caption": lambda: self._stages.captioned(made),
        }
        results = await _results(calls[stage]() for stage in composition.after)
        after = dict(zip(composition.after, results, strict=True))
        for stage, result in after.items():
            self._deadlines.took(stage, result.report.queue_s + result.report.run_s)
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
        admission = self._admission[kind]
        with work_counted(kind, images, finish_by), admission.admitted(images):
            try:
                async with self._deadlines.kept(finish_by):
                    yield
            except QueueFull as error:  # a stage's own queue, behind ours
                raise error.after(admission.drained_in_s()) from error


async def _results(calls: Iterable[Any]) -> list[Any]:
    return [called.result for called in await together(calls)]
