"""Routes that make images: `/generation`, and OpenAI's `/v1/images/generations`, `/v1/images/edits`
and `/v1/models`.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from serve_app.config import AppArgs
from serve_app.ingress import requests
from serve_app.ingress.answers import base64_of, event_of, log_finished, size_of, timings_of
from serve_app.ingress.forms import EDIT_BODY, Edit, edit_form
from serve_app.ingress.json_body import JsonRoute
from serve_app.ingress.parameters import parameters_of
from serve_app.ingress.problems import error_schema
from serve_app.ingress.schemas import (
    ControlNetRequest,
    ControlNetResponse,
    ImageData,
    ImageRequest,
    ImageResponse,
    ModelList,
    ModelObject,
)
from serve_app.ingress.streaming import EventBody, start_stream
from serve_app.messages import GenerationRequest
from serve_app.observability import rounded, server_timing
from serve_app.pipeline import Finished, Pipeline

EditForm = Annotated[Edit, Depends(edit_form)]
_STREAM = {"text/event-stream": {"schema": {"type": "string"}}}


def build_router(pipeline: Pipeline, args: AppArgs) -> APIRouter:
    """The routes over one pipeline."""
    router = APIRouter(tags=["generation"], responses=error_schema(), route_class=JsonRoute)
    started = int(time.time())

    def parameters_for(request: GenerationRequest) -> Callable[[int], str | None]:
        if not args.embed_parameters:
            return lambda seed: None
        return lambda seed: parameters_of(request, seed, args.models.generator.name)

    async def encoded(
        images: list[Finished],
        request: GenerationRequest,
        output_format: str,
        compression: int | None,
        response: Response,
    ) -> tuple[list[str], dict[str, float]]:
        """Images in base64 and seconds per stage; sets the `Server-Timing` header too."""
        began = time.perf_counter()
        parameters = parameters_for(request)
        payloads = await asyncio.gather(
            *(
                base64_of(image.pixels, output_format, compression, parameters(image.seed))
                for image in images
            )
        )
        seconds = timings_of(images, time.perf_counter() - began)
        response.headers["Server-Timing"] = server_timing(seconds)
        log_finished(images, seconds)
        return payloads, seconds

    async def answered(
        body: ImageRequest,
        response: Response,
        kind: str,
        image: bytes | None = None,
        control: bytes | None = None,
    ) -> ImageResponse | Response:
        """Shared by both OpenAI routes; `kind` prefixes the names of their events."""
        if body.stream:
            return await start_stream(events(body, kind, image, control))
        request, composition = requests.image_generation(body, args, image, control)
        with requests.naming_field("control_image"):
            images = await pipeline.generate(
                request, composition, body.n or 1, requests.terms(body)
            )
        output_format = body.output_format or "png"
        payloads, seconds = await encoded(
            images, request, output_format, body.output_compression, response
        )
        return ImageResponse(
            created=int(time.time()),
            data=[
                ImageData(b64_json=payload, seed=image.seed, caption=image.caption)
                for payload, image in zip(payloads, images, strict=True)
            ],
            output_format=output_format,
            size=size_of(images[0].pixels),
            timings=rounded(seconds),
        )

    async def events(
        body: ImageRequest, kind: str, image: bytes | None, control: bytes | None
    ) -> AsyncGenerator[EventBody | None]:
        request, composition = requests.image_generation(body, args, image, control)
        terms = requests.terms(body)
        with requests.naming_field("control_image"):
            stream = pipeline.generate_streaming(request, composition, body.n or 1, terms)
            async with aclosing(stream):
                async for item in stream:
                    yield await event_of(item, kind, body, request, parameters_for(request))

    @router.post("/generation")
    @router.post("/generation/", include_in_schema=False)
    async def generation(body: ControlNetRequest, response: Response) -> ControlNetResponse:
        """Generate an image conditioned on the input's Canny edges."""
        request, composition = requests.controlnet_generation(body, args)
        with requests.naming_field("input_image_base64"):
            images = await pipeline.generate(request, composition)
        payloads, _ = await encoded(images, request, "png", None, response)
        return ControlNetResponse(request_id=body.request_id, output_image_base64=payloads[0])

    @router.post(
        "/v1/images/generations",
        response_model=ImageResponse,
        responses={200: {"content": _STREAM}},
    )
    async def generations(body: ImageRequest, response: Response) -> ImageResponse | Response:
        """OpenAI Images, with ControlNet, upscaling and captioning in one request.

        With `stream`, server-sent events: `image_generation.partial_image` for each preview, and
        `image_generation.completed` for each image.
        """
        return await answered(body, response, "image_generation")

    @router.post(
        "/v1/images/edits",
        response_model=ImageResponse,
        responses={200: {"content": _STREAM}},
        openapi_extra=EDIT_BODY,
    )
    async def edits(edit: EditForm, response: Response) -> ImageResponse | Response:
        """OpenAI's image edits: image-to-image at `strength`, ControlNet-conditioned if a control
        image is sent.

        A form with the file `image` and the fields of `/v1/images/generations`; streams as it does,
        with events named `image_edit.…`.
        """
        image, control = edit.image, edit.control_image
        return await answered(edit.fields, response, "image_edit", image, control)

    @router.get("/v1/models")
    async def models() -> ModelList:
        """The models that `model` may name."""
        name = args.models.generator.name
        return ModelList(data=[ModelObject(id=name, created=started, owned_by="local")])

    return router
