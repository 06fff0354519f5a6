"""The generation stage: a request and optionally an edge map in; an image out, or a stream of its
progress."""

import logging
import math
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from ray import serve

from serve_app.autoscaling import stats_of
from serve_app.config import Defaults, EngineSettings, Limits
from serve_app.deployments.decoding import decoding
from serve_app.deployments.denoising_spans import denoising_recorded
from serve_app.deployments.gauges import engine_load, keep_gauges, model_info
from serve_app.deployments.pictures import Pictures
from serve_app.deployments.starting import load_runtime, warming_up
from serve_app.device.memory import DeviceMemory
from serve_app.errors import DeadlineUnmet
from serve_app.imaging.canvas import Canvas, canvas_of
from serve_app.messages import (
    GenerationRequest,
    ImageResult,
    Pixels,
    Progress,
    StageReport,
    Terms,
)
from serve_app.metrics import stages as metrics
from serve_app.model_config import GeneratorModel
from serve_app.observability import log_event
from serve_app.refusals import refusal_as_last_item, refusal_as_value

if TYPE_CHECKING:  # torch and diffusers load in this stage's replicas alone
    from serve_app.denoise.batcher import Row
    from serve_app.denoise.model_runner import StepOutcome
    from serve_app.denoise.trajectory import Work
    from serve_app.runtimes.generator import GeneratorRuntime

_COMPILING = ("compile", "tensorrt")


def _runtime() -> "type[GeneratorRuntime]":
    from serve_app.runtimes.generator import GeneratorRuntime

    return GeneratorRuntime


@serve.deployment
class Generator:
    """Runs the continuous-batching engine; finished latents are decoded in batches in another
    thread."""

    def __init__(self, model: GeneratorModel, limits: Limits, defaults: Defaults) -> None:
        self._runtime = load_runtime(
            "generate", _runtime, model, model=model.path, controlnet=model.controlnet
        )
        from serve_app.denoise.driver import Driver
        from serve_app.denoise.engine import Engine
        from serve_app.denoise.trajectory import Work
        from serve_app.denoise.warm_up import BUDGET_S, warm_up

        why = "the first steps allocate, and teach the engine how long steps take"
        with warming_up("generate", self._runtime, why):
            # What is compiled when first called would keep its first client waiting for minutes.
            budget_s = math.inf if model.backend in _COMPILING else BUDGET_S
            warm = warm_up(self._runtime, self._runtime.decode, defaults, budget_s)
            if warm.left_out:
                left_out = ", ".join(warm.left_out)
                log_event("warm-up cut", stage="generate", budget=budget_s, left_out=left_out)
        memory = DeviceMemory()
        engine = Engine(
            self._runtime,
            EngineSettings().max_batch_size,
            memory=memory,
            forecast=warm.forecast,
            on_error=_on_error,
        )
        self._limits = limits
        self._new_work = Work
        self._driver = Driver(engine, self._on_step, _on_error)
        self._pictures = Pictures(self._runtime, memory, warm.decode_s)
        info = model_info("generate", self._runtime, model.sources, model.backend)
        load = engine_load(engine, lambda: self._pictures.seconds)
        keep_gauges("generate", info, load, self._pictures.publish_depth)

    def reconfigure(self, user_config: dict[str, Any]) -> None:
        size = EngineSettings.model_validate(user_config).max_batch_size
        self._driver.engine.resize(size)
        self._pictures.resize(size)

    def record_autoscaling_stats(self) -> dict[str, float]:
        """What the autoscaler's policy decides by (`serve_app/autoscaling.py`)."""
        return stats_of(self._driver.engine)

    def check_health(self) -> None:
        self._driver.check()
        self._pictures.check()

    @refusal_as_value
    async def __call__(
        self, request: GenerationRequest, terms: Terms, edges: ImageResult | None = None
    ) -> ImageResult:
        """The image, uint8 RGB [height, width, 3].

        Raises InvalidImage, InvalidRequest, and DeadlineUnmet before anything is computed.
        """
        async with aclosing(self._making(request, terms, edges)) as making:
            async for event in making:
                if isinstance(event, ImageResult):
                    return event
        raise AssertionError("it ends with an image or an error")

    @refusal_as_last_item
    async def stream(
        self, request: GenerationRequest, terms: Terms, edges: ImageResult | None = None
    ) -> AsyncGenerator[Progress | ImageResult]:
        """Progress as `terms` ask for it, the first as soon as the request is queued; then the
        image."""
        async with aclosing(self._making(request, terms, edges)) as making:
            async for event in making:
                yield event

    async def _making(
        self, request: GenerationRequest, terms: Terms, edges: ImageResult | None
    ) -> AsyncGenerator[Progress | ImageResult]:
        canvas = Canvas()
        if request.image is not None:
            canvas = await decoding(canvas_of, request, self._limits.max_image_pixels)
        edge_map = edges.pixels if edges else None
        work = self._new_work(request, edge_map, canvas.image, canvas.mask)
        row = self._admitted(work, terms)
        shown = 0
        try:
            queued = self._progress(row)
            yield queued
            async with denoising_recorded(row), aclosing(self._driver.follow(row)) as following:
                async for event in following:
                    latents = event.finished
                    if event.expected is not None:
                        pixels = await self._pictures.preview(request, event.expected, canvas)
                        yield self._progress(row, event.step, pixels, shown)
                        shown += 1
                        metrics.PREVIEWS_SENT.add()
                    elif latents is None:
                        yield self._progress(row, event.step)
            assert latents is not None
            pixels = await self._pictures.finished(request, latents, canvas)
            report = _report(row)
            metrics.STAGE_SECONDS.observe(report.run_s, stage=report.stage)
            metrics.publish_eta_error(queued.eta_s, report.queue_s + report.run_s)
            texts = (request.prompt, request.negative_prompt)
            yield ImageResult(pixels, report, sum(map(self._runtime.count_tokens, texts)))
        finally:
            saved = self._driver.leave(row)
            if saved:
                metrics.ROWS_CANCELLED.add()
                metrics.STEPS_SAVED.add(saved)
                log_event("left", stage="generate", steps_saved=saved)

    def _admitted(self, work: "Work", terms: Terms) -> "Row":
        within = None if terms.finish_by is None else terms.finish_by - time.time()
        try:
            row = self._driver.add(
                work,
                every_step=terms.every_step,
                priority=terms.priority,
                finish_within_s=None if within is None else within - self._pictures.seconds,
                previews=terms.partial_images,
            )
        except DeadlineUnmet:
            metrics.ROWS_REJECTED.add()
            raise
        metrics.ROWS_ADMITTED.add()
        return row

    def _progress(
        self, row: "Row", step: int = 0, pixels: Pixels | None = None, index: int | None = None
    ) -> Progress:
        engine = self._driver.engine
        return Progress(
            step=step,
            num_inference_steps=row.work.steps,
            eta_s=engine.eta_s(row) + self._pictures.seconds,
            queue_position=engine.position(row),
            pixels=pixels,
            partial_image_index=index,
        )

    def _on_step(self, outcome: "StepOutcome") -> None:
        late = sum(isinstance(error, DeadlineUnmet) for _, error in outcome.failed)
        metrics.ROWS_REJECTED.add(late)
        for row in outcome.started:
            metrics.publish_wait("generate", _waited(row), row.priority)
        if outcome.stepped:
            metrics.publish_step(outcome.lanes, outcome.seconds)
        if overflow := outcome.overflow:
            metrics.log_overflow("generate", overflow.rows, overflow.limit, overflow.size)


def _on_error(error: Exception) -> None:
    log_event("step failed", logging.ERROR, stage="generate")


def _waited(row: "Row") -> float:
    """Seconds until its first step."""
    return 0.0 if row.started is None else row.started - row.arrived


def _report(row: "Row") -> StageReport:
    queue_s = _waited(row)
    run_s = time.monotonic() - row.arrived - queue_s
    batch_size = round(row.batch_size_sum / row.work.steps)
    log_event("denoised", steps=row.work.steps, batch_size=batch_size, queue=queue_s, run=run_s)
    return StageReport("generate", queue_s, run_s, batch_size)
