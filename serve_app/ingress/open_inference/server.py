"""The inference server behind both of the protocol's transports: models, inferences, statistics.

Answers in the protocol's own words (`description`). Raises ServiceError: NotFound for an unknown
model or version, InvalidRequest for what does not keep to a signature.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar

from serve_app.config import AppArgs
from serve_app.errors import InvalidRequest, NotFound, StageUnavailable
from serve_app.ingress.open_inference import description
from serve_app.ingress.open_inference.description import VERSION, Described
from serve_app.ingress.open_inference.models import InferenceModel, build_models
from serve_app.ingress.open_inference.request import InferenceRequest, Signature
from serve_app.ingress.open_inference.statistics import ModelStatistics
from serve_app.ingress.open_inference.tensors import Values
from serve_app.ingress.replicas import Replicas, require_running
from serve_app.pipeline import Pipeline
from serve_app.timings import Timings

Written = TypeVar("Written")


@dataclass(frozen=True)
class Answer(Generic[Written]):
    """A response to a request: its outputs, as the transport writes them."""

    request: InferenceRequest
    outputs: Written
    timings: Timings
    preview: int | None = None
    """Of a preview, its index among them."""


class InferenceServer:
    """The models over one pipeline."""

    def __init__(self, pipeline: Pipeline, args: AppArgs, replicas: Replicas) -> None:
        self._pipeline, self._replicas = pipeline, replicas
        self._max_items = args.limits.max_batch_items
        self._models = build_models(pipeline, args)
        self._statistics = {name: ModelStatistics() for name in self._models}

    @property
    def names(self) -> list[str]:
        return list(self._models)

    async def require_ready(self) -> None:
        """Raises StageUnavailable while a deployment has no running replica."""
        require_running(await self._replicas.reports())

    async def require_model_ready(self, name: str, version: str = VERSION) -> None:
        """Raises StageUnavailable while one of the model's deployments has no running replica."""
        needed = self._found(name, version).deployments
        require_running(await self._replicas.reports(), needed)

    async def metadata(self, name: str, version: str = VERSION) -> Described:
        return description.metadata(name, await self._sized(name, version))

    async def config(self, name: str, version: str = VERSION) -> Described:
        return description.config(name, await self._sized(name, version), self._max_items)

    async def index(self, only_ready: bool = False) -> list[Described]:
        """The repository's models, each with its state."""
        entries = []
        for name in self._models:
            reason = None
            try:
                await self.require_model_ready(name)
            except StageUnavailable as error:
                reason = str(error)
            if reason is None or not only_ready:
                entries.append(description.index_entry(name, reason))
        return entries

    def statistics(self, name: str | None = None, version: str = VERSION) -> Described:
        """Of one model, or of all."""
        if name is not None:
            self._found(name, version)
        chosen = self._models if name is None else [name]
        return {"model_stats": [self._statistics[each].described(each, VERSION) for each in chosen]}

    async def infer(
        self,
        name: str,
        version: str,
        read: Callable[[Signature], InferenceRequest],
        write: Callable[[dict[str, Values], InferenceRequest], Written],
    ) -> Answer[Written]:
        """The answer to one request; `read` and `write` are called in threads, as both may have
        megabytes to go through."""

        def read_without_previews(signature: Signature) -> InferenceRequest:
            request = read(signature)
            if request.terms.partial_images:
                raise InvalidRequest("partial_images: previews come by ModelStreamInfer alone")
            return request

        async with aclosing(self.stream(name, version, read_without_previews, write)) as answers:
            return await anext(answers)

    async def stream(
        self,
        name: str,
        version: str,
        read: Callable[[Signature], InferenceRequest],
        write: Callable[[dict[str, Values], InferenceRequest], Written],
    ) -> AsyncGenerator[Answer[Written]]:
        """As `infer`, with the previews that the request asks for before the answer."""
        model = await self._sized(name, version)
        statistics = self._statistics[name]
        began = time.perf_counter()
        signature = Signature(model.inputs, model.outputs, self._max_items)
        request = await asyncio.to_thread(read, signature)
        if request.terms.partial_images and "Generator" not in model.deployments:
            raise InvalidRequest(f"partial_images: {name} has no previews")
        input_s = time.perf_counter() - began
        answered = False
        try:
            async with aclosing(model.infer(request.inputs, request.terms)) as results:
                async for result in results:
                    made = time.perf_counter()
                    written = await asyncio.to_thread(write, result.values, request)
                    if result.preview is None:
                        ended = time.perf_counter()
                        encode_s = result.timings.seconds.get("encode", 0.0)
                        output_s = encode_s + ended - made
                        statistics.succeed(ended - began, input_s, output_s, result.reports)
                        answered = True
                    yield Answer(request, written, result.timings, result.preview)
        finally:
            if not answered:
                statistics.fail(time.perf_counter() - began)

    def _found(self, name: str, version: str) -> InferenceModel:
        if name not in self._models or version != VERSION:
            raise NotFound(f"there is no such model or version; here is {', '.join(self._models)}")
        return self._models[name]

    async def _sized(self, name: str, version: str) -> InferenceModel:
        model = self._found(name, version)
        if "Classifier" in model.deployments:
            return model.sized(await self._pipeline.describe_classifier())
        return model
