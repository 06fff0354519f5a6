"""`/v1/images/generations`, `…/edits` and `…/variations`, and `/v1/models`."""

import time
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Request, Response

from serve_app.config import AppArgs
from serve_app.ingress import checks
from serve_app.ingress.described import TIMED
from serve_app.ingress.files.routes import files_url
from serve_app.ingress.jobs.asking import Asking, Headers
from serve_app.ingress.jobs.schema import JOB_TAKEN
from serve_app.ingress.json_body import JsonRoute
from serve_app.ingress.masked import converted
from serve_app.ingress.model_card import read_card
from serve_app.ingress.openai.answering import Answer
from serve_app.ingress.openai.edit_form import (
    EDIT_BODY,
    KNOWN,
    VARIATION_BODY,
    Edit,
    edit_form,
    variation_form,
)
from serve_app.ingress.openai.event_schema import STREAM
from serve_app.ingress.openai.schema import ImageResponse, ModelList, ModelObject
from serve_app.ingress.openai.work import work_of
from serve_app.ingress.problems import error_schema
from serve_app.ingress.replies import Replies
from serve_app.ingress.schema import ImageRequest
from serve_app.ingress.unknown_fields import NO_EFFECT, announce, checked
from serve_app.pipeline import Pipeline

EditForm = Annotated[Edit, Depends(edit_form)]
VariationForm = Annotated[Edit, Depends(variation_form)]
Name = Annotated[str, Path(description="of the model, or one of its aliases")]
_RESPONSES: dict[int | str, dict[str, Any]] = {200: TIMED | {"content": STREAM}, **JOB_TAKEN}


def build_router(pipeline: Pipeline, args: AppArgs, replies: Replies) -> APIRouter:
    """The routes over one pipeline."""
    router = APIRouter(tags=["generation"], responses=error_schema(), route_class=JsonRoute)
    model = args.models.generator
    described = ModelObject(
        id=model.name,
        created=int(time.time()),
        owned_by="local",
        aliases=model.aliases,
        **dict(read_card(model.path)),
    )

    async def answered(
        request: Request,
        response: Response,
        asking: Asking,
        warnings: tuple[str, ...],
        kind: str,
        body: ImageRequest,
        edit: Edit | None = None,
    ) -> Answer | Response:
        """Shared by all routes; `kind` prefixes the names of their events."""
        replies.check(asking, body)
        convert = partial(work_of, kind, body, args, files_url(request, args), edit)
        work = replace(await converted(convert, edit and edit.mask), warnings=warnings)
        sent = (edit.fields, *edit.files) if edit else (body,)
        answer = await replies.reply(asking, work, response, kind, *sent)
        announce(request, answer if isinstance(answer, Response) else response, warnings)
        return answer

    @router.post("/v1/images/generations", response_model=ImageResponse, responses=_RESPONSES)
    async def generations(
        request: Request, response: Response, asking: Headers, body: ImageRequest
    ) -> Answer | Response:
        """OpenAI Images, with ControlNet, upscaling and captioning in one request.

        With `stream`, server-sent events: `image_generation.partial_image` for each preview, and
        `image_generation.completed` for each image. With the header `Prefer: respond-async`, a job.
        """
        warnings = checked(request, body.sent, ImageRequest.model_fields)
        return await answered(request, response, asking, warnings, "image_generation", body)

    @router.post(
        "/v1/images/edits",
        response_model=ImageResponse,
        responses=_RESPONSES,
        openapi_extra=EDIT_BODY,
    )
    async def edits(
        request: Request, response: Response, asking: Headers, edit: EditForm
    ) -> Answer | Response:
        """OpenAI's image edits: image-to-image at `strength`, of what a mask covers if one is sent,
        ControlNet-conditioned if a control image is sent.

        A form with the file `image` and the fields of `/v1/images/generations`; streams as it does,
        with events named `image_edit.…`.
        """
        warnings = checked(request, edit.sent, KNOWN)
        return await answered(request, response, asking, warnings, "image_edit", edit.fields, edit)

    @router.post(
        "/v1/images/variations",
        response_model=ImageResponse,
        responses=_RESPONSES,
        openapi_extra=VARIATION_BODY,
    )
    async def variations(
        request: Request, response: Response, asking: Headers, edit: VariationForm
    ) -> Answer | Response:
        """OpenAI's image variations: an edit whose prompt is the image's own caption."""
        kind = "image_variation"
        warnings = checked(request, edit.sent, KNOWN - {"prompt"}, NO_EFFECT | {"prompt"})
        # What is impossible is refused before the captioner works.
        await converted(partial(work_of, kind, edit.fields, args, "", edit), edit.mask)
        with checks.naming_field("image"):
            (caption,) = await pipeline.caption([edit.image])
        prompt = caption.text[: args.limits.max_prompt_chars]
        body = edit.fields.model_copy(update={"prompt": prompt})
        return await answered(request, response, asking, warnings, kind, body, edit)

    @router.get("/v1/models")
    async def models() -> ModelList:
        """The models that `model` may name, and what their model cards say of them."""
        return ModelList(data=[described])

    @router.get("/v1/models/{name:path}", responses=error_schema(404))
    async def one_model(name: Name) -> ModelObject:
        """A model by its name or one of its aliases."""
        if name not in model.names:
            raise HTTPException(404, f"unknown model; here is {model.name}")
        return described

    return router
