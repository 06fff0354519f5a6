"""The image of a request to a single stage, however it was sent."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import ValidationError

from serve_app.errors import InvalidField
from serve_app.ingress.checks import from_base64
from serve_app.ingress.described import BINARY, BLUE_BMP, RED_BMP, TINY_PNG, examples
from serve_app.ingress.json_body import check_values
from serve_app.ingress.multipart import read_form
from serve_app.ingress.problems import invalid_field
from serve_app.ingress.stages.schema import ImageBody

_FILE = BINARY | {"description": "an encoded image"}
_RAW: dict[str, Any] = {
    "application/octet-stream": {
        "schema": _FILE,
        "examples": examples(a_red_square=RED_BMP, a_blue_square=BLUE_BMP),
    }
}
_ANY: dict[str, Any] = _RAW | {
    "multipart/form-data": {
        "schema": {"type": "object", "required": ["image"], "properties": {"image": _FILE}},
        "examples": examples(a_file={"image": RED_BMP}),
    },
    "application/json": {
        "schema": ImageBody.model_json_schema(),
        "examples": examples(
            bare_base64={"image": TINY_PNG},
            a_data_URL={"image": f"data:image/png;base64,{TINY_PNG}"},
        ),
    },
}
RAW_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": _RAW}}
IMAGE_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": _ANY}}


@dataclass(frozen=True)
class Sent:
    """An encoded image, and the names of all fields of the body, its own too."""

    data: bytes
    fields: tuple[str, ...] = ()


async def sent_image(request: Request) -> Sent:
    """The image of a raw body, a multipart field `image`, or JSON `{"image": base64}`.

    The Content-Type is believed only if the first bytes agree with it, since clients send raw
    images under all sorts of types. Raises InvalidField if there is no image.
    """
    body = await request.body()
    content_type = request.headers.get("content-type", "").lower()
    if content_type.startswith("multipart/form-data") and body.startswith(b"--"):
        form = read_form(body, request.headers["content-type"])
        files = [part.data for part in form if part.name == "image" and part.is_file]
        if not files:
            raise InvalidField("image: no file was sent in this field").about("image")
        return Sent(files[-1], tuple(part.name for part in form if part.data))
    if "json" in content_type and body[:100].lstrip()[:1] in (b"{", b"["):
        check_values(body)
        try:
            parsed = ImageBody.model_validate_json(body)
        except ValidationError as error:
            raise invalid_field(error.errors()) from error
        return Sent(from_base64(parsed.image, "image"), parsed.sent)
    return Sent(body)


SentImage = Annotated[Sent, Depends(sent_image)]
