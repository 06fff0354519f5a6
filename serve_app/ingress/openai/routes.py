"""`/v1/images/generations`, `/v1/images/edits` and `/v1/models`."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Response

from serve_app.config import AppArgs
from serve_app.ingress import checks, conversion
from serve_app.ingress.encoding import encode_images, size_of
from serve_app.ingress.json_body import JsonRoute
from serve_app.ingress.openai.edit_form import EDIT_BODY, Edit, edit_form
from serve_app.ingress.openai.events import event_of
from serve_app.ingress.openai.schema import ImageData, ImageResponse, ModelList, ModelObject
from serve_app.ingress.openai.usage import usage_of
from serve_app.ingress.problems import error_schema
from serve_app.ingress.schema import ImageRequest
from serve_app.ingress.streaming import EventBody, start_stream
from serve_app.messages import GenerationRequest
from serve_app.pipeline import Composition, Pipeline

EditForm = Annotated[Edit, Depends(edit_form)]
# Without a type: readers of the document differ on whether it is the body's or an event's.
_STREAM = {"text/event-stream": {"schema": {"description": "server-sent events"}}}
_UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: error_schema()[400] | {"description": "There is no such model"}
}


def build_router(pipeline: Pipeline, args: AppArgs) -> APIRouter:
    """The routes over one pipeline."""
    router = APIRouter(tags=["generation"], responses=error_schema(), route_class=JsonRoute)
    model = args.models.generator
    card = ModelObject(
        id=model.name, created=int(time.time()), owned_by="local", aliases=model.aliases
    )

    async def converted(
        body: ImageRequest, edit: Edit | None
    ) -> tuple[GenerationRequest, Composition]:
        if edit is None:
            return conversion.image_generation(body, args)
        convert = partial(
            conversion.image_generation, body, args, edit.image, edit.control_image, mask=edit.mask
        )
        # A mask is decoded.
        return convert() if edit.mask is None else await asyncio.to_thread(convert)

    async def answered(
        body: ImageRequest,
        response: Response,
        kind: str,
        edit: Edit | None = None,
    ) -> ImageResponse | Response:
        """Shared by generations and edits; `kind` prefixes the names of their events."""
        if body.stream:
            return await start_stream(events(body, kind, edit))
        request, composition = await converted(body, edit)
        terms = conversion.terms(body)
        with checks.naming_field("control_image"):
            images = await pipeline.generate(request, composition, body.n or 1, terms)
        output_format = body.output_format or "png"
        payloads, timings = await encode_images(
            images, request, args, output_format, body.output_compression, composition.resize
        )
        response.headers.update(timings.header)
        return ImageResponse(
            created=int(time.time()),
            data=[
                ImageData(b64_json=payload, seed=image.seed, caption=image.caption)
                for payload, image in zip(payloads, images, strict=True)
            ],
            output_format=output_format,
            size=size_of(images[0].pixels, composition.resize),
            model=model.name,
            timings=timings.field,
            usage=usage_of(images, request, composition),
        )

    async def events(
        body: ImageRequest, kind: str, edit: Edit | None
    ) -> AsyncGenerator[EventBody | None]:
        request, composition = await converted(body, edit)
        terms = conversion.terms(body)
        with checks.naming_field("control_image"):
            stream = pipeline.generate_streaming(request, composition, body.n or 1, terms)
            async with aclosing(stream):
                async for item in stream:
                    yield await event_of(item, kind, body, request, args, composition)

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
        """OpenAI's image edits: image-to-image at `strength`, of what a mask covers if one is sent,
        ControlNet-conditioned if a control image is sent.

        A form with the file `image` and the fields of `/v1/images/generations`; streams as it does,
        with events named `image_edit.…`.
        """
        return await answered(edit.fields, response, "image_edit", edit)

    @router.get("/v1/models")
    async def models() -> ModelList:
        """The models that `model` may name."""
        return ModelList(data=[card])

    @router.get("/v1/models/{name:path}", responses=_UNKNOWN)
    async def one_model(name: str) -> ModelObject:
        """A model by its name or one of its aliases."""
        if name not in model.names:
            raise HTTPException(404, f"unknown model; here is {model.name}")
        return card

    return router
