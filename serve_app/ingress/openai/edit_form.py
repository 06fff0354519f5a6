"""OpenAI's image edits come as a multipart form: files, and every other field as text."""

from dataclasses import dataclass, replace
from typing import Any

from fastapi import Request
from pydantic import ValidationError

from serve_app.errors import InvalidField, InvalidRequest
from serve_app.imaging.edits import SentMask
from serve_app.ingress.described import BINARY, BLUE_BMP, RED_BMP, examples
from serve_app.ingress.multipart import Part, read_form
from serve_app.ingress.openai.schema import ImageEdit
from serve_app.ingress.problems import invalid_field

_MASKS = ("mask", "mask_image")
_SCHEMA = ImageEdit.model_json_schema()
del _SCHEMA["examples"]  # a generation's, without an image
_FILES = {
    name: BINARY | {"description": description}
    for name, description in {
        "image": "the image to start from",
        "mask": "a PNG as large as the image, which is edited where this is transparent",
        "mask_image": "grey and as large as the image, which is edited where this is white",
        "control_image": "an image whose edges are followed",
    }.items()
}
KNOWN = frozenset({*ImageEdit.model_fields, *_FILES, "image[]"})
"""The names of all parts of the form that mean something."""


def _body(
    title: str, required: list[str], left_out: set[str], **shown: dict[str, Any]
) -> dict[str, Any]:
    """A form's OpenAPI schema, which FastAPI cannot derive from the route's signature."""
    fields = {name: _SCHEMA["properties"][name] for name in _SCHEMA["properties"].keys() - left_out}
    form = _SCHEMA | {"title": title, "required": required, "properties": fields | _FILES}
    content = {"multipart/form-data": {"schema": form, "examples": examples(**shown)}}
    return {"requestBody": {"required": True, "content": content}}


EDIT_BODY = _body(
    "ImageEdit",
    ["image", "prompt"],
    set(),
    an_edit={"image": RED_BMP, "prompt": "a green circle", "strength": 0.6, "seed": 7},
    along_edges={"image": RED_BMP, "control_image": BLUE_BMP, "prompt": "a blue star"},
)
VARIATION_BODY = _body(
    "ImageVariation",
    ["image"],
    {"prompt"},
    a_variation={"image": RED_BMP},
    two_small_ones={"image": BLUE_BMP, "n": 2, "size": "64x64", "strength": 0.6},
)


@dataclass(frozen=True)
class Edit:
    """An edit form: its files (images, still encoded) and its other fields."""

    image: bytes
    control_image: bytes | None
    mask: SentMask | None
    fields: ImageEdit
    sent: tuple[str, ...] = ()
    """The names of all parts that hold something."""

    @property
    def files(self) -> tuple[bytes | None, ...]:
        """What was sent besides the fields."""
        mask = (self.mask.field.encode(), self.mask.data) if self.mask else ()
        return self.image, self.control_image, *mask


async def edit_form(request: Request) -> Edit:
    """Read `POST /v1/images/edits`. Raises InvalidField, InvalidRequest."""
    return _edit(await _form(request))


async def variation_form(request: Request) -> Edit:
    """Read `POST /v1/images/variations`: as an edit, whose prompt is still to be found."""
    form = await _form(request)
    fields = [part for part in form if part.name != "prompt"]
    return replace(_edit([*fields, Part("prompt", b"", is_file=False)]), sent=_names(form))


async def _form(request: Request) -> list[Part]:
    content_type = request.headers.get("content-type", "")
    if not content_type.lower().startswith("multipart/form-data"):
        raise InvalidField("image: send multipart/form-data with a file in this field").about(
            "image"
        )
    return read_form(await request.body(), content_type)


def _edit(form: list[Part]) -> Edit:
    images = [part for part in form if part.name in ("image", "image[]")]
    if len(images) > 1:
        message = "several images are not combined here: send one, as image or as image[]"
        raise InvalidRequest(message).about("image")
    if not images or not images[0].is_file:
        raise InvalidField("image: no file was sent in this field").about("image")
    controls = [part.data for part in form if part.name == "control_image" and part.is_file]
    fields = _fields(form)
    return Edit(
        image=images[0].data,
        control_image=controls[-1] if controls else None,
        mask=_mask(form, fields),
        fields=fields,
        sent=_names(form),
    )


def _names(form: list[Part]) -> tuple[str, ...]:
    # Clients send a field that they leave out as an empty text.
    return tuple(part.name for part in form if part.data)


def _mask(form: list[Part], fields: ImageEdit) -> SentMask | None:
    # Clients send a field that they leave out as an empty text.
    masks = [part for part in form if part.name in _MASKS and (part.is_file or part.data)]
    if not masks:
        for name in ("mask_blur", "padding_mask_crop"):
            if getattr(fields, name) is not None:
                raise InvalidRequest(f"{name} is of a mask, and there is none").about(name)
        return None
    (mask, *others) = masks
    if others:
        message = "send one mask, as mask (transparent is edited) or mask_image (white is edited)"
        raise InvalidRequest(message).about(others[0].name)
    if not mask.is_file:
        raise InvalidField(f"{mask.name}: no file was sent in this field").about(mask.name)
    return SentMask(mask.data, mask.name, fields.mask_blur or 0.0, fields.padding_mask_crop)


def _fields(form: list[Part]) -> ImageEdit:
    """The text fields, parsed to numbers and booleans where the schema has them."""
    try:
        texts = {
            part.name: part.data.decode()
            for part in form
            if not part.is_file and (part.data or part.name == "prompt")
        }
    except UnicodeDecodeError as error:
        raise InvalidRequest("a field of the form is not valid UTF-8") from error
    try:
        return ImageEdit.model_validate(texts, strict=False)
    except ValidationError as error:
        raise invalid_field(error.errors()) from error
