"""`/v1/canny`, `/v1/upscale`, `/v1/captions`, `/caption` and `/v1/classify`."""

from enum import IntEnum
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse

from serve_app.config import AppArgs
from serve_app.ingress import checks
from serve_app.ingress.described import TIMED, images
from serve_app.ingress.encoding import encode_timed
from serve_app.ingress.problems import error_schema
from serve_app.ingress.schema import OutputFormat
from serve_app.ingress.stages.schema import CaptionResponse, ClassResponse
from serve_app.ingress.stages.sent_image import IMAGE_BODY, RAW_BODY, SentImage
from serve_app.messages import CannyRequest, CaptionResult, ImageResult
from serve_app.pipeline import Pipeline
from serve_app.timings import Timings

Threshold = Annotated[
    int | None, Query(ge=0, le=255, description="of Canny; left out, the configuration's")
]


class Scale(IntEnum):
    """An enumeration: query values are strings, which would never equal `Literal[2, 4]`."""

    X2 = 2
    X4 = 4


Factor = Annotated[Scale, Query(description="how many times as wide and as high")]
Format = Annotated[OutputFormat, Query(description="of the answer")]


def build_router(pipeline: Pipeline, args: AppArgs) -> APIRouter:
    """The routes over one pipeline."""
    router = APIRouter(tags=["stages"], responses=error_schema())
    limits = args.limits

    @router.post(
        "/v1/canny",
        response_class=Response,
        openapi_extra=IMAGE_BODY,
        responses={200: TIMED | {"content": images("png")}},
    )
    async def canny(
        image: SentImage, low_threshold: Threshold = None, high_threshold: Threshold = None
    ) -> Response:
        """The Canny edge map at the image's own size: PNG, one channel."""
        checks.checked_image(image, limits, "image")
        low, high = checks.thresholds(low_threshold, high_threshold, args)
        with checks.naming_field("image"):
            result = await pipeline.find_edges(CannyRequest(image, low, high))
        return await _image_response(result, "png")

    @router.post(
        "/v1/upscale",
        response_class=Response,
        openapi_extra=IMAGE_BODY,
        responses={200: TIMED | {"content": images("png", "jpeg", "webp")}},
    )
    async def upscale(
        image: SentImage, scale: Factor = Scale.X4, output_format: Format = "png"
    ) -> Response:
        """The image, enlarged."""
        header = checks.checked_image(image, limits, "image")
        checks.check_upscale(header.width, header.height, scale, args, "scale", output_format)
        with checks.naming_field("image"):
            result = await pipeline.upscale(image, int(scale))
        return await _image_response(result, output_format)

    async def described(image: bytes) -> tuple[CaptionResult, Timings]:
        checks.checked_image(image, limits, "image")
        with checks.naming_field("image"):
            (result,) = await pipeline.caption([image])
        return result, Timings.of([result.report])

    @router.post("/v1/captions", openapi_extra=IMAGE_BODY, responses={200: TIMED})
    async def captions(image: SentImage, response: Response) -> CaptionResponse:
        """A caption of the image."""
        result, timings = await described(image)
        response.headers.update(timings.header)
        return CaptionResponse(caption=result.text, timings=timings.field)

    @router.post(
        "/caption",
        response_class=PlainTextResponse,
        openapi_extra=RAW_BODY,
        responses={200: TIMED},
    )
    async def caption(request: Request) -> PlainTextResponse:
        """The caption alone, as plain text, of a raw body whatever its Content-Type."""
        result, timings = await described(await request.body())
        return PlainTextResponse(result.text, headers=timings.header)

    @router.post("/v1/classify", openapi_extra=IMAGE_BODY, responses={200: TIMED})
    async def classify(image: SentImage, response: Response) -> ClassResponse:
        """Which of the model's classes the image shows."""
        checks.checked_image(image, limits, "image")
        with checks.naming_field("image"):
            (result,) = await pipeline.classify([image])
        timings = Timings.of([result.report])
        response.headers.update(timings.header)
        probabilities = dict(zip(result.labels, result.probabilities.tolist(), strict=True))
        return ClassResponse(
            label=max(probabilities, key=probabilities.__getitem__),
            probabilities=probabilities,
            timings=timings.field,
        )

    return router


async def _image_response(result: ImageResult, output_format: OutputFormat) -> Response:
    data, timings = await encode_timed(result.pixels, [result.report], output_format)
    return Response(data, media_type=f"image/{output_format}", headers=timings.header)
