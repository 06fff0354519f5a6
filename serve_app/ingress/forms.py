"""OpenAI's image edits come as a multipart form: files, and every other field as text."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from serve_app.errors import InvalidField, InvalidRequest
from serve_app.ingress.problems import invalid_field
from serve_app.ingress.schemas import ImageRequest

_BINARY = {"type": "string", "format": "binary"}
_SCHEMA = ImageRequest.model_json_schema()
EDIT_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": _SCHEMA
                | {
                    "title": "ImageEdit",
                    "required": ["image", "prompt"],
                    "properties": _SCHEMA["properties"]
                    | {"image": _BINARY, "control_image": _BINARY},
                }
            }
        },
    }
}
"""The form in the OpenAPI document, which cannot be read off a function's signature."""


@dataclass(frozen=True)
class Edit:
    """A form's files, encoded images, and its other fields."""

    image: bytes
    control_image: bytes | None
    fields: ImageRequest


async def edit_form(request: Request) -> Edit:
    """Read `POST /v1/images/edits`. Raises InvalidField, InvalidRequest."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise InvalidField("image: send multipart/form-data with a file in this field").about(
            "image"
        )
    try:
        async with request.form() as form:
            return await _edit(form)
    except HTTPException as error:
        raise InvalidRequest("the multipart body is malformed") from error


async def _edit(form: FormData) -> Edit:
    if "mask" in form:
        raise InvalidRequest("masks are not supported: the whole image is edited").about("mask")
    images = [file for name in ("image", "image[]") for file in form.getlist(name)]
    if len(images) > 1:
        raise InvalidRequest("one image is edited at a time").about("image")
    if not images or not isinstance(images[0], UploadFile):
        raise InvalidField("image: no file was sent in this field").about("image")
    control = form.get("control_image")
    return Edit(
        image=await images[0].read(),
        control_image=await control.read() if isinstance(control, UploadFile) else None,
        fields=_fields(form),
    )


def _fields(form: FormData) -> ImageRequest:
    """The text fields, read as numbers and truth values where they are such."""
    texts = {
        name: value
        for name, value in form.items()
        if isinstance(value, str) and (value or name == "prompt")
    }
    try:
        return ImageRequest.model_validate(texts, strict=False)
    except ValidationError as error:
        raise invalid_field(error.errors()) from error
