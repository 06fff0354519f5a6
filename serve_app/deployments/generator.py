"""The generation stage: a request, and perhaps an edge map, in; an image out."""

from typing import Any

from ray import serve

from serve_app.config import Defaults, GeneratorModel, Limits
from serve_app.deployments.micro_batching import MicroBatcher
from serve_app.deployments.replica import gpu_share, refusal_as_value, yield_to_answering
from serve_app.messages import GenerationRequest, ImageResult
from serve_app.observability import logged_step


@serve.deployment
class Generator:
    """Batches requests that agree in size, steps and guidance through one pipeline call."""

    def __init__(self, model: GeneratorModel, limits: Limits, defaults: Defaults) -> None:
        yield_to_answering()
        with logged_step("import", stage="generate", why="torch and diffusers load here alone"):
            from serve_app.runtimes.generator import GeneratorRuntime
        with logged_step("load", stage="generate", model=model.path, controlnet=model.controlnet):
            self._runtime = GeneratorRuntime(model, limits, gpu_share())
        with logged_step(
            "warm-up",
            stage="generate",
            why="the first call allocates, and no client should pay for that",
            device=self._runtime.device,
            dtype=self._runtime.dtype,
        ):
            self._runtime.warm_up(defaults.width, defaults.height)
        self._batched = MicroBatcher("generate", self._runtime.generate, GeneratorRuntime.batch_key)

    def reconfigure(self, user_config: dict[str, Any]) -> None:
        self._batched.configure(user_config)

    @refusal_as_value
    async def __call__(
        self, request: GenerationRequest, edges: ImageResult | None = None
    ) -> ImageResult:
        """The image, uint8 RGB [height, width, 3]. Raises what the runtime raises."""
        pixels, report = await self._batched((request, edges.pixels if edges else None))
        return ImageResult(pixels, report)
