"""The upscaling stage: an image in, the same image 2 or 4 times as large out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ray import serve

from serve_app.config import Limits
from serve_app.deployments.decoding import decoding, pixels_of
from serve_app.deployments.gauges import keep_gauges, model_info
from serve_app.deployments.micro_batching import MicroBatcher
from serve_app.deployments.starting import load_runtime, warming_up
from serve_app.device.memory import too_large
from serve_app.errors import InvalidRequest
from serve_app.messages import ImageResult, Picture, Pixels
from serve_app.model_config import UpscalerModel
from serve_app.refusals import refusal_as_value

if TYPE_CHECKING:
    from serve_app.runtimes.upscaler import UpscalerRuntime

Work = tuple[Pixels, int]


def _runtime() -> "type[UpscalerRuntime]":
    from serve_app.runtimes.upscaler import UpscalerRuntime

    return UpscalerRuntime


@serve.deployment
class Upscaler:
    """Batches images of one shape and factor."""

    def __init__(self, model: UpscalerModel, limits: Limits) -> None:
        self._runtime = load_runtime("upscale", _runtime, model, x2=model.x2, x4=model.x4)
        with warming_up("upscale", self._runtime):
            self._runtime.warm_up()
        self._limits = limits
        self._batched = MicroBatcher("upscale", self._run, _shape_and_scale, _too_large)
        info = model_info("upscale", self._runtime, model.sources, model.backend)
        keep_gauges("upscale", info, self._batched.publish_depth)

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
