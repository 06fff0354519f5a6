"""`POST /generation`, whose response is an image along the input's edges."""

from fastapi import APIRouter, Request, Response

from serve_app.config import AppArgs
from serve_app.ingress import checks, conversion
from serve_app.ingress.controlnet.schema import ControlNetRequest, ControlNetResponse
from serve_app.ingress.described import TIMED
from serve_app.ingress.encoding import encode_images, in_base64
from serve_app.ingress.json_body import JsonRoute
from serve_app.ingress.problems import error_schema
from serve_app.ingress.schema import MAX_SEED, ImageRequest
from serve_app.ingress.unknown_fields import announce, checked
from serve_app.pipeline import Pipeline

_IMAGE = "input_image_base64"


def build_router(pipeline: Pipeline, args: AppArgs) -> APIRouter:
    """A router with this one route."""
    router = APIRouter(tags=["generation"], responses=error_schema(), route_class=JsonRoute)

    @router.post("/generation", response_model_exclude_none=True, responses={200: TIMED})
    async def generation(
        request: Request, body: ControlNetRequest, response: Response
    ) -> ControlNetResponse:
        """Generate an image conditioned on the input's Canny edges."""
        warnings = checked(request, body.sent, ControlNetRequest.model_fields, ())
        control = checks.from_base64(body.input_image_base64, _IMAGE)
        checks.check_prompt(body.text, args.limits, "text")
        fields = ImageRequest(prompt=body.text, seed=body.random_seed % (MAX_SEED + 1))
        work, composition = conversion.image_generation(
            fields, args, control=control, control_field=_IMAGE
        )
        with checks.naming_field(_IMAGE):
            images = await pipeline.generate(work, composition)
        (image,), timings = await encode_images(images, work, composition, args)
        response.headers.update(timings.header)
        announce(request, response, warnings)
        return ControlNetResponse(
            request_id=body.request_id,
            output_image_base64=in_base64(image),
            warnings=list(warnings) or None,
        )

    return router
