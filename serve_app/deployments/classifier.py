"""The classification stage: an image in, the probability of each class out."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from ray import serve

from serve_app.config import ClassifierModel, Limits
from serve_app.deployments.micro_batching import MicroBatcher
from serve_app.deployments.replica import (
    decoding,
    gpu_share,
    lower_priority,
    model_input,
    refusal_as_value,
)
from serve_app.errors import InvalidRequest
from serve_app.messages import (
    ClassifierCard,
    ClassResult,
    Floats,
    Picture,
    PreprocessResult,
    StageReport,
)
from serve_app.observability import logged_step


@serve.deployment
class Classifier:
    """Batches preprocessed images. Preprocessing and classifying can also be called separately,
    with the same result."""

    def __init__(self, model: ClassifierModel, limits: Limits) -> None:
        lower_priority()
        with logged_step("import", stage="classify", why="only the model stages import torch"):
            from serve_app.runtimes.classifier import ClassifierRuntime
        with logged_step("load", stage="classify", model=model.path):
            self._runtime = ClassifierRuntime(model, gpu_share())
        with logged_step(
            "warm-up",
            stage="classify",
            why="the first call allocates, and no client should pay for that",
            device=self._runtime.device,
            dtype=self._runtime.dtype,
        ):
            self._runtime.warm_up()
        self._limits = limits
        self._batched = MicroBatcher("classify", self._run)

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
        return await self._classified(await self._preprocessed(picture))

    @refusal_as_value
    async def preprocess(self, picture: Picture) -> PreprocessResult:
        """The model's input for an image, float32 [3, height, width]."""
        began = time.perf_counter()
        pixel_values = await self._preprocessed(picture)
        report = StageReport("preprocess", 0.0, time.perf_counter() - began, 1)
        return PreprocessResult(pixel_values, report)

    @refusal_as_value
    async def classify(self, pixel_values: Floats) -> ClassResult:
        """The probabilities for an input that the client preprocessed, float32 of the described
        shape."""
        return await self._classified(pixel_values)

    async def _preprocessed(self, picture: Picture) -> Floats:
        side = max(self._runtime.input_shape)
        return await decoding(model_input, picture, self._limits, side, self._runtime.preprocess)

    async def _classified(self, pixel_values: Floats) -> ClassResult:
        probabilities, report = await self._batched(pixel_values)
        if not np.isfinite(probabilities).all():
            raise InvalidRequest("pixel_values are so large that the model overflows")
        return ClassResult(self._runtime.labels, probabilities, report)

    def _run(self, batch: Sequence[Floats]) -> list[Floats]:
        return list(self._runtime.classify(np.stack(batch)))
