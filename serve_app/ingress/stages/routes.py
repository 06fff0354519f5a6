"""`/v1/canny`, `/v1/upscale`, `/v1/captions`, `/caption` and `/v1/classify`."""

from enum import IntEnum
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse

from serve_app.config import AppArgs
from serve_app.ingress import checks, unknown_fields
from serve_app.ingress.described import TIMED, images
from serve_app.ingress.encoding import encode_timed
from serve_app.ingress.problems import error_schema
from serve_app.ingress.schema import OutputFormat
from serve_app.ingress.stages.schema import CaptionResponse, ClassResponse
from serve_app.ingress.stages.sent_image import IMAGE_BODY, RAW_BODY, Sent, SentImage
from serve_app.ingress.unknown_fields import announce
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
        request: Request,
        sent: SentImage,
        low_threshold: Threshold = None,
        high_threshold: Threshold = None,
    ) -> Response:
        """The Canny edge map at the image's own size: PNG, one channel."""
        warnings = _checked(request, sent)
        checks.checked_image(sent.data, limits, "image")
        low, high = checks.thresholds(low_threshold, high_threshold, args)
        with checks.naming_field("image"):
            result = await pipeline.find_edges(CannyRequest(sent.data, low, high))
        answer = await _image_response(result, "png")
        announce(request, answer, warnings)
        return answer

    @router.post(
        "/v1/upscale",
        response_class=Response,
        openapi_extra=IMAGE_BODY,
        responses={200: TIMED | {"content": images("png", "jpeg", "webp")}},
    )
    async def upscale(
        request: Request,
        sent: SentImage,
        scale: Factor = Scale.X4,
        output_format: Format = "png",
    ) -> Response:
        """The image, enlarged."""
        warnings = _checked(request, sent)
        header = checks.checked_image(sent.data, limits, "image")
        checks.check_upscale(header.width, header.height, scale, args, "scale", output_format)
        with checks.naming_field("image"):
            result = await pipeline.upscale(sent.data, int(scale))
        answer = await _image_response(result, output_format)
        announce(request, answer, warnings)
        return answer

    async def described(image: bytes) -> tuple[CaptionResult, Timings]:
        checks.checked_image(image, limits, "image")
        with checks.naming_field("image"):
            (result,) = await pipeline.caption([image])
        return result, Timings.of([result.report])

    @router.post(
        "/v1/captions",
        openapi_extra=IMAGE_BODY,
        responses={200: TIMED},
        response_model_exclude_none=True,
    )
    async def captions(request: Request, sent: SentImage, response: Response) -> CaptionResponse:
        """A caption of the image."""
        warnings = _checked(request, sent)
        result, timings = await described(sent.data)
        response.headers.update(timings.header)
        announce(request, response, warnings)
        return CaptionResponse(
            caption=result.text, timings=timings.field, warnings=list(warnings) or None
        )

    @router.post(
        "/caption",
        response_class=PlainTextResponse,
        openapi_extra=RAW_BODY,
        responses={200: TIMED},
    )
    async def caption(request: Request) -> PlainTextResponse:
        """The caption alone, as plain text, of a raw body whatever its Content-Type."""
        sent = Sent(await request.body())
        warnings = _checked(request, sent)
        result, timings = await described(sent.data)
        answer = PlainTextResponse(result.text, headers=timings.header)
        announce(request, answer, warnings)
        return answer

    @router.post(
        "/v1/classify",
        openapi_extra=IMAGE_BODY,
        responses={200: TIMED},
        response_model_exclude_none=True,
    )
    async def classify(request: Request, sent: SentImage, response: Response) -> ClassResponse:
        """Which of the model's classes the image shows."""
        warnings = _checked(request, sent)
        checks.checked_image(sent.data, limits, "image")
        with checks.naming_field("image"):
            (result,) = await pipeline.classify([sent.data])
        timings = Timings.of([result.report])
        response.headers.update(timings.header)
        announce(request, response, warnings)
        probabilities = dict(zip(result.labels, result.probabilities.tolist(), strict=True))
        return ClassResponse(
            label=max(probabilities, key=probabilities.__getitem__),
            probabilities=probabilities,
            timings=timings.field,
            warnings=list(warnings) or None,
        )

    return router


def _checked(request: Request, sent: Sent) -> tuple[str, ...]:
    """Of what stands in the query and in the body. Raises UnknownFields."""
    parameters = {each.alias for each in request.scope["route"].dependant.query_params}
    query = [name for name in request.query_params if name not in parameters]
    body = [name for name in sent.fields if name != "image"]
    return (
        *unknown_fields.checked(request, query, parameters, ()),
        *unknown_fields.checked(request, body, (), (), in_query=parameters),
    )


async def _image_response(result: ImageResult, output_format: OutputFormat) -> Response:
    data, timings = await encode_timed(result.pixels, [result.report], output_format)
    return Response(data, media_type=f"image/{output_format}", headers=timings.header)
