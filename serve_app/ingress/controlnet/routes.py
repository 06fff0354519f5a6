"""`POST /generation`, whose response is an image along the input's edges."""

from fastapi import APIRouter, Request, Response

from serve_app.config import AppArgs
from serve_app.ingress import checks, conversion
from serve_app.ingress.controlnet.schema import (
    IMAGE_FIELD,
    ControlNetRequest,
    ControlNetResponse,
)
from serve_app.ingress.described import TIMED
from serve_app.ingress.jobs.asking import Headers
from serve_app.ingress.jobs.schema import JOB_TAKEN
from serve_app.ingress.json_body import JsonRoute
from serve_app.ingress.openai.answering import Answer
from serve_app.ingress.openai.work import Work
from serve_app.ingress.problems import error_schema
from serve_app.ingress.replies import Replies
from serve_app.ingress.schema import MAX_SEED, ImageRequest
from serve_app.ingress.unknown_fields import announce, checked


def build_router(args: AppArgs, replies: Replies) -> APIRouter:
    """A router with this one route."""
    router = APIRouter(tags=["generation"], responses=error_schema(), route_class=JsonRoute)

    @router.post(
        "/generation", response_model=ControlNetResponse, responses={200: TIMED, **JOB_TAKEN}
    )
    async def generation(
        request: Request, body: ControlNetRequest, asking: Headers, response: Response
    ) -> Answer | Response:
        """Generate an image conditioned on the input's Canny edges."""
        warnings = checked(request, body.sent, ControlNetRequest.model_fields, ())
        control = checks.from_base64(body.input_image_base64, IMAGE_FIELD)
        checks.check_prompt(body.text, args.limits, "text")
        fields = ImageRequest(prompt=body.text, seed=body.random_seed % (MAX_SEED + 1))
        generation, composition = conversion.image_generation(
            fields, args, control=control, control_field=IMAGE_FIELD
        )
        work = Work(
            "image_generation",
            fields,
            generation,
            composition,
            conversion.terms(fields),
            warnings=warnings,
            request_id=body.request_id,
        )
        answer = await replies.reply(asking, work, response, "generation", body)
        announce(request, answer if isinstance(answer, Response) else response, warnings)
        return answer

    return router
