"""The captioning stage: an image in, a sentence out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from ray import serve

from serve_app.config import CaptionerModel, Limits
from serve_app.deployments.micro_batching import MicroBatcher
from serve_app.deployments.replica import (
    decoding,
    gpu_share,
    lower_priority,
    model_input,
    refusal_as_value,
)
from serve_app.messages import CaptionResult, Floats, Picture
from serve_app.observability import logged_step


@serve.deployment
class Captioner:
    """Batches images of any size: the model's own processor resizes them to one size."""

    def __init__(self, model: CaptionerModel, limits: Limits) -> None:
        lower_priority()
        with logged_step("import", stage="caption", why="only the model stages import torch"):
            from serve_app.runtimes.captioner import CaptionerRuntime
        with logged_step("load", stage="caption", model=model.path):
            self._runtime = CaptionerRuntime(model, gpu_share())
        with logged_step(
            "warm-up",
            stage="caption",
            why="the first call allocates, and no client should pay for that",
            device=self._runtime.device,
            dtype=self._runtime.dtype,
        ):
            self._runtime.warm_up()
        self._limits = limits
        self._batched = MicroBatcher("caption", self._run)

    def reconfigure(self, user_config: dict[str, Any]) -> None:
        self._batched.configure(user_config)

    def check_health(self) -> None:
        self._batched.check()

    @refusal_as_value
    async def __call__(self, picture: Picture) -> CaptionResult:
        """The caption, plain text."""
        # Preprocessed in the decoding threads, while the previous batch runs.
        runtime = self._runtime
        inputs = await decoding(
            model_input, picture, self._limits, runtime.side, runtime.preprocess
        )
        text, report = await self._batched(inputs)
        return CaptionResult(text, report)

    def _run(self, batch: Sequence[Floats]) -> list[str]:
        return self._runtime.caption(np.stack(batch))
