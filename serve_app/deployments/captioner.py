"""The captioning stage: an image in, a sentence out."""

from collections.abc import Callable, Sequence
from typing import Any

from ray import serve

from serve_app.config import CaptionerModel, Limits
from serve_app.deployments.micro_batching import MicroBatcher
from serve_app.deployments.replica import gpu_share, pixels_of, refusal_as_value, yield_to_answering
from serve_app.messages import CaptionResult, Picture, Pixels
from serve_app.observability import logged_step

# The model looks at a few hundred pixels a side; more would only wait in memory for their batch.
_MAX_SIDE = 1024


@serve.deployment
class Captioner:
    """Batches images of any sizes: the model's own processor brings them to one."""

    def __init__(self, model: CaptionerModel, limits: Limits) -> None:
        yield_to_answering()
        with logged_step("import", stage="caption", why="torch and transformers load here alone"):
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

    @refusal_as_value
    async def __call__(self, picture: Picture) -> CaptionResult:
        """The caption, plain text."""
        text, report = await self._batched(await pixels_of(picture, self._limits, _MAX_SIDE))
        return CaptionResult(text, report)

    def _run(self, batch: Sequence[Pixels], abandoned: Callable[[], bool]) -> list[str]:
        return self._runtime.caption(list(batch))
