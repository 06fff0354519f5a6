"""The stages as the pipeline calls them: a handle on each deployment, a method for each call.

Hands one stage's *response* to the next, which Ray passes on as it is configured to: through its
object store, or by value between replicas (`RAY_SERVE_USE_GRPC_BY_DEFAULT=1`).
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import partial
from typing import Any

from ray.serve.handle import DeploymentHandle

from serve_app.calls import Called, call, stream
from serve_app.messages import CannyRequest, Floats, GenerationRequest, ImageResult, Progress, Terms

CALLS = {
    "generate": ("Canny", "Generator", "Upscaler", "Captioner"),
    "canny": ("Canny",),
    "upscale": ("Upscaler",),
    "caption": ("Captioner",),
    "classify": ("Classifier",),
}
"""Kinds of work, and the deployments that one image of that kind visits, each once."""


@dataclass(frozen=True)
class Stages:
    """Every method raises ServiceError only; `picture` is bytes, or what a call answered."""

    canny: DeploymentHandle
    generator: DeploymentHandle
    upscaler: DeploymentHandle
    captioner: DeploymentHandle
    classifier: DeploymentHandle

    async def edges(self, request: CannyRequest) -> Called:
        return await call("canny", partial(self.canny.remote, request))

    async def generated(
        self, request: GenerationRequest, terms: Terms, edges: Called | None
    ) -> Called:
        remote = self.generator.remote
        return await call("generate", partial(remote, request, terms, _given(edges)))

    def generating(
        self, request: GenerationRequest, terms: Terms, edges: Called | None
    ) -> AsyncGenerator[Progress | ImageResult]:
        """Progress, then the image."""
        remote = self.generator.options(method_name="stream", stream=True).remote
        return stream("generate", partial(remote, request, terms, _given(edges)))

    async def upscaled(self, picture: bytes | Called, scale: int) -> Called:
        return await call("upscale", partial(self.upscaler.remote, _given(picture), scale))

    async def captioned(self, picture: bytes | Called) -> Called:
        return await call("caption", partial(self.captioner.remote, _given(picture)))

    async def classified(self, image: bytes) -> Called:
        return await call("classify", partial(self.classifier.remote, image))

    async def preprocessed(self, image: bytes) -> Called:
        return await call("preprocess", partial(self.classifier.preprocess.remote, image))

    async def classified_preprocessed(self, pixel_values: Floats) -> Called:
        return await call("classify", partial(self.classifier.classify.remote, pixel_values))

    async def classifier_card(self) -> Called:
        return await call("classify", self.classifier.describe.remote)


def _given(picture: bytes | Called | None) -> Any:
    return picture.reference if isinstance(picture, Called) else picture
