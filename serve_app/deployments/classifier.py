"""The classification stage: an image in, the probability of each class out."""

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ray import serve

from serve_app.config import Limits
from serve_app.deployments.decoding import decoding, model_input
from serve_app.deployments.gauges import keep_gauges, model_info
from serve_app.deployments.micro_batching import MicroBatcher
from serve_app.deployments.starting import load_runtime, warming_up
from serve_app.errors import InvalidRequest, StageFailed
from serve_app.messages import (
    ClassifierCard,
    ClassResult,
    Floats,
    Picture,
    PreprocessResult,
    StageReport,
)
from serve_app.metrics.stages import publish_item
from serve_app.model_config import ClassifierModel
from serve_app.observability import log_event
from serve_app.refusals import refusal_as_value

if TYPE_CHECKING:
    from serve_app.runtimes.classifier import ClassifierRuntime


def _runtime() -> "type[ClassifierRuntime]":
    from serve_app.runtimes.classifier import ClassifierRuntime

    return ClassifierRuntime


@serve.deployment
class Classifier:
    """Batches preprocessed images. Preprocessing and classifying can also be called separately,
    with the same result."""

    def __init__(self, model: ClassifierModel, limits: Limits) -> None:
        self._runtime = load_runtime("classify", _runtime, model, model=model.path)
        with warming_up("classify", self._runtime):
            self._runtime.warm_up()
        self._limits = limits
        self._batched = MicroBatcher("classify", self._run)
        info = model_info("classify", self._runtime, model.sources)
        keep_gauges("classify", info, self._batched.publish_depth)

    def reconfigure(self, user_config: dict[str, Any]) -> None:
        self._batched.configure(user_config)

    def check_health(self) -> None:
        self._batched.check()

    async def describe(self) -> ClassifierCard:
        """The input shape and the labels."""
        return ClassifierCard(self._runtime.input_shape, self._runtime.labels)

    @refusal_as_value
    async def __call__(self, picture: Picture) -> ClassResult:
        """The probabilities of an image's classes: both steps."""
        result = await self._classified(await self._preprocessed(picture))
        if not _finite(result):
            log_event("not a number", logging.WARNING, stage="classify")
            raise StageFailed("the probabilities are not numbers")
        return result

    @refusal_as_value
    async def preprocess(self, picture: Picture) -> PreprocessResult:
        """The model's input for an image, float32 [3, height, width]."""
        began = time.perf_counter()
        pixel_values = await self._preprocessed(picture)
        report = StageReport("preprocess", 0.0, time.perf_counter() - began, 1)
        publish_item(report)
        return PreprocessResult(pixel_values, report)

    @refusal_as_value
    async def classify(self, pixel_values: Floats) -> ClassResult:
        """The probabilities for an input that the client preprocessed, float32 of the described
        shape."""
        result = await self._classified(pixel_values)
        if not _finite(result):
            raise InvalidRequest("pixel_values are so large that the model overflows")
        return result

    async def _preprocessed(self, picture: Picture) -> Floats:
        side = max(self._runtime.input_shape)
        return await decoding(model_input, picture, self._limits, side, self._runtime.preprocess)

    async def _classified(self, pixel_values: Floats) -> ClassResult:
        probabilities, report = await self._batched(pixel_values)
        return ClassResult(self._runtime.labels, probabilities, report)

    def _run(self, batch: Sequence[Floats]) -> list[Floats]:
        return list(self._runtime.classify(np.stack(batch)))


def _finite(result: ClassResult) -> bool:
    return bool(np.isfinite(result.probabilities).all())
