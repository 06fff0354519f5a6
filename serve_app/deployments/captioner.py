"""The captioning stage: an image in, a sentence out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ray import serve

from serve_app.config import Limits
from serve_app.deployments.decoding import decoding, model_input
from serve_app.deployments.gauges import keep_gauges, model_info
from serve_app.deployments.micro_batching import MicroBatcher
from serve_app.deployments.starting import load_runtime, warming_up
from serve_app.messages import CaptionResult, Floats, Picture
from serve_app.model_config import CaptionerModel
from serve_app.refusals import refusal_as_value

if TYPE_CHECKING:
    from serve_app.runtimes.captioner import CaptionerRuntime


def _runtime() -> "type[CaptionerRuntime]":
    from serve_app.runtimes.captioner import CaptionerRuntime

    return CaptionerRuntime


@serve.deployment
class Captioner:
    """Batches images of any size: the model's own processor resizes them to one size."""

    def __init__(self, model: CaptionerModel, limits: Limits) -> None:
        self._runtime = load_runtime("caption", _runtime, model, model=model.path)
        with warming_up("caption", self._runtime):
            self._runtime.warm_up()
        self._limits = limits
        self._batched = MicroBatcher("caption", self._run)
        info = model_info("caption", self._runtime, model.sources, model.backend)
        keep_gauges("caption", info, self._batched.publish_depth)

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
