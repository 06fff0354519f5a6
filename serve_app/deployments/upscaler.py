"""The upscaling stage: an image in, the same image 2 or 4 times as large out."""

from collections.abc import Sequence
from typing import Any

from ray import serve

from serve_app.config import Limits, UpscalerModel
from serve_app.deployments.micro_batching import MicroBatcher
from serve_app.deployments.replica import (
    decoding,
    gpu_share,
    lower_priority,
    pixels_of,
    refusal_as_value,
)
from serve_app.device.memory import too_large
from serve_app.errors import InvalidRequest
from serve_app.messages import ImageResult, Picture, Pixels
from serve_app.observability import logged_step

Work = tuple[Pixels, int]


@serve.deployment
class Upscaler:
    """Batches images of one shape and factor."""

    def __init__(self, model: UpscalerModel, limits: Limits) -> None:
        lower_priority()
        with logged_step("import", stage="upscale", why="only the model stages import torch"):
            from serve_app.runtimes.upscaler import UpscalerRuntime
        with logged_step("load", stage="upscale", x2=model.x2, x4=model.x4):
            self._runtime = UpscalerRuntime(model, gpu_share())
        with logged_step(
            "warm-up",
            stage="upscale",
            why="the first call allocates, and no client should pay for that",
            device=self._runtime.device,
            dtype=self._runtime.dtype,
        ):
            self._runtime.warm_up()
        self._limits = limits
        self._batched = MicroBatcher("upscale", self._run, _shape_and_scale, _too_large)

    def reconfigure(self, user_config: dict[str, Any]) -> None:
        self._batched.configure(user_config)

    def check_health(self) -> None:
        self._batched.check()

    @refusal_as_value
    async def __call__(self, picture: Picture, scale: int) -> ImageResult:
        """The enlarged image, uint8 RGB [scale * h, scale * w, 3]; `scale` is a configured one."""
        pixels = await decoding(pixels_of, picture, self._limits)
        enlarged, report = await self._batched((pixels, scale))
        return ImageResult(enlarged, report)

    def _run(self, batch: Sequence[Work]) -> list[Pixels]:
        return self._runtime.upscale([pixels for pixels, _ in batch], batch[0][1])


def _shape_and_scale(work: Work) -> tuple[object, ...]:
    pixels, scale = work
    return (*pixels.shape, scale)


def _too_large(work: Work) -> InvalidRequest:
    pixels, scale = work
    height, width = pixels.shape[:2]
    return too_large(f"an image of {width}x{height} pixels to be enlarged {scale} times", "image")
