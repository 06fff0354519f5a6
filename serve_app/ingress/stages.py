"""Routes to a single stage: Canny, upscaling, captioning, classification."""

import asyncio
import time
from enum import IntEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from serve_app.config import AppArgs
from serve_app.errors import InvalidField, InvalidRequest
from serve_app.imaging import codec
from serve_app.ingress import requests
from serve_app.ingress.problems import error_schema, invalid_field
from serve_app.ingress.schemas import (
    Base64,
    Body,
    CaptionResponse,
    ClassResponse,
    OutputFormat,
)
from serve_app.messages import CannyRequest, CaptionResult, ImageResult, StageReport
from serve_app.observability import rounded, server_timing, stage_seconds
from serve_app.pipeline import Pipeline

Threshold = Annotated[int | None, Query(ge=0, le=255)]


class Scale(IntEnum):
    """An enumeration, because a query's `Literal[2, 4]` would be compared with strings."""

    X2 = 2
    X4 = 4


class ImageBody(Body):
    image: Base64


_BINARY = {"schema": {"type": "string", "format": "binary"}}
_IMAGE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": _BINARY,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {"image": _BINARY["schema"]},
                }
            },
            "application/json": {"schema": ImageBody.model_json_schema()},
        },
    }
}


async def sent_image(request: Request) -> bytes:
    """The image of a raw body, a multipart field `image`, or JSON `{"image": base64}`.

    The Content-Type only decides where the first bytes agree with it: clients send raw images
    under all sorts of types. Raises InvalidField where there is no image.
    """
    body = await request.body()
    content_type = request.headers.get("content-type", "").lower()
    if content_type.startswith("multipart/form-data") and body.startswith(b"--"):
        try:
            async with request.form() as form:
                field = form.get("image")
                if field is None or isinstance(field, str):
                    raise InvalidField("image: no file was sent in this field").about("image")
                return await field.read()
        except HTTPException as error:
            raise InvalidRequest("the multipart body is malformed") from error
    if "json" in content_type and body.lstrip()[:1] in (b"{", b"["):
        try:
            parsed = ImageBody.model_validate_json(body)
        except ValidationError as error:
            raise invalid_field(error.errors()) from error
        return requests.from_base64(parsed.image, "image")
    return body


SentImage = Annotated[bytes, Depends(sent_image)]


def build_router(pipeline: Pipeline, args: AppArgs) -> APIRouter:
    """The routes over one pipeline."""
    router = APIRouter(tags=["stages"], responses=error_schema())
    limits = args.limits

    @router.post("/v1/canny", response_class=Response, openapi_extra=_IMAGE_BODY)
    async def canny(
        image: SentImage, low_threshold: Threshold = None, high_threshold: Threshold = None
    ) -> Response:
        """The Canny edge map at the image's own size: PNG, one channel."""
        requests.checked_image(image, limits, "image")
        low, high = requests.thresholds(low_threshold, high_threshold, args)
        with requests.blaming("image"):
            result = await pipeline.find_edges(CannyRequest(image, low, high))
        return await _image_response(result, "png")

    @router.post("/v1/upscale", response_class=Response, openapi_extra=_IMAGE_BODY)
    async def upscale(
        image: SentImage, scale: Scale = Scale.X4, output_format: OutputFormat = "png"
    ) -> Response:
        """The image, enlarged."""
        header = requests.checked_image(image, limits, "image")
        requests.check_upscale(header.width, header.height, scale, args, "scale", output_format)
        with requests.blaming("image"):
            result = await pipeline.upscale(image, int(scale))
        return await _image_response(result, output_format)

    def timed(response: Response, report: StageReport) -> dict[str, float]:
        """Seconds by stage for the body, and told in the headers too."""
        seconds = _seconds(report)
        response.headers["Server-Timing"] = server_timing(seconds)
        return rounded(seconds)

    async def described(image: bytes) -> CaptionResult:
        requests.checked_image(image, limits, "image")
        with requests.blaming("image"):
            return (await pipeline.caption([image]))[0]

    @router.post("/v1/captions", openapi_extra=_IMAGE_BODY)
    async def captions(image: SentImage, response: Response) -> CaptionResponse:
        """What is in the image."""
        result = await described(image)
        return CaptionResponse(caption=result.text, timings=timed(response, result.report))

    @router.post(
        "/caption",
        response_class=PlainTextResponse,
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/octet-stream": _BINARY}}
        },
    )
    async def caption(request: Request) -> PlainTextResponse:
        """The caption alone, as plain text, of a raw body whatever its Content-Type."""
        image = await request.body()
        result = await described(image)
        timing = server_timing(_seconds(result.report))
        return PlainTextResponse(result.text, headers={"Server-Timing": timing})

    @router.post("/v1/classify", openapi_extra=_IMAGE_BODY)
    async def classify(image: SentImage, response: Response) -> ClassResponse:
        """Which of the model's classes the image shows."""
        requests.checked_image(image, limits, "image")
        with requests.blaming("image"):
            (result,) = await pipeline.classify([image])
        probabilities = dict(zip(result.labels, result.probabilities.tolist(), strict=True))
        return ClassResponse(
            label=max(probabilities, key=probabilities.__getitem__),
            probabilities=probabilities,
            timings=timed(response, result.report),
        )

    return router


async def _image_response(result: ImageResult, output_format: OutputFormat) -> Response:
    began = time.perf_counter()
    data = await asyncio.to_thread(codec.encode, result.pixels, output_format)
    seconds = _seconds(result.report) | {"encode": time.perf_counter() - began}
    headers = {"Server-Timing": server_timing(seconds)}
    return Response(data, media_type=f"image/{output_format}", headers=headers)


def _seconds(report: StageReport) -> dict[str, float]:
    return stage_seconds([report])
