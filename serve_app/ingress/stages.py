"""Routes to a single stage: Canny, upscaling, captioning, classification."""

import asyncio
import time
from enum import IntEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import ValidationError

from serve_app.config import AppArgs
from serve_app.errors import InvalidField
from serve_app.imaging import codec
from serve_app.ingress import requests
from serve_app.ingress.json_body import check_values
from serve_app.ingress.multipart import read_form
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
    """An enumeration: query values are strings, which would never equal `Literal[2, 4]`."""

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

    The Content-Type is believed only if the first bytes agree with it, since clients send raw
    images under all sorts of types. Raises InvalidField where there is no image.
    """
    body = await request.body()
    content_type = request.headers.get("content-type", "").lower()
    if content_type.startswith("multipart/form-data") and body.startswith(b"--"):
        form = read_form(body, request.headers["content-type"])
        files = [part.data for part in form if part.name == "image" and part.is_file]
        if not files:
            raise InvalidField("image: no file was sent in this field").about("image")
        return files[-1]
    if "json" in content_type and body[:100].lstrip()[:1] in (b"{", b"["):
        check_values(body)
        try:
            parsed = ImageBody.model_validate_json(body)
        except ValidationError as error:
            raise invalid_field(error.errors(include_input=False)) from error
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
        with requests.naming_field("image"):
            result = await pipeline.find_edges(CannyRequest(image, low, high))
        return await _image_response(result, "png")

    @router.post("/v1/upscale", response_class=Response, openapi_extra=_IMAGE_BODY)
    async def upscale(
        image: SentImage, scale: Scale = Scale.X4, output_format: OutputFormat = "png"
    ) -> Response:
        """The image, enlarged."""
        header = requests.checked_image(image, limits, "image")
        requests.check_upscale(header.width, header.height, scale, args, "scale", output_format)
        with requests.naming_field("image"):
            result = await pipeline.upscale(image, int(scale))
        return await _image_response(result, output_format)

    def timed(response: Response, report: StageReport) -> dict[str, float]:
        """Seconds per stage for the body; sets the `Server-Timing` header too."""
        seconds = _seconds(report)
        response.headers["Server-Timing"] = server_timing(seconds)
        return rounded(seconds)

    async def described(image: bytes) -> CaptionResult:
        requests.checked_image(image, limits, "image")
        with requests.naming_field("image"):
            return (await pipeline.caption([image]))[0]

    @router.post("/v1/captions", openapi_extra=_IMAGE_BODY)
    async def captions(image: SentImage, response: Response) -> CaptionResponse:
        """A caption of the image."""
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
        with requests.naming_field("image"):
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
