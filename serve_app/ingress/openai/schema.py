"""Bodies of OpenAI's routes; the request is `ImageRequest` in `ingress/schema.py`."""

from typing import Literal

from pydantic import BaseModel, Field

from serve_app.ingress.openai.usage import Usage
from serve_app.ingress.schema import ImageRequest, OutputFormat


class ImageEdit(ImageRequest):
    """`POST /v1/images/edits`: the fields of a generation, and what a mask needs; files beside."""

    mask_blur: float | None = Field(
        None, ge=0, le=256, description="the radius of the mask's soft rim, in the image's pixels"
    )
    padding_mask_crop: int | None = Field(
        None,
        ge=0,
        le=65_536,
        description="generate only what is masked and so many pixels around it, at full size",
    )


class ImageData(BaseModel):
    b64_json: str = Field(description="the image in base64")
    seed: int = Field(description="with which the same request gives this image alone")
    caption: str | None = Field(None, description="with `caption`")


class ImageLink(BaseModel):
    url: str = Field(description="where the image is for a while, with `response_format` url")
    seed: int = Field(description="with which the same request gives this image alone")
    caption: str | None = Field(None, description="with `caption`")


class ImageResponse(BaseModel):
    created: int = Field(description="Unix time, seconds")
    data: list[ImageData | ImageLink] = Field(description="the images, in their seeds' order")
    output_format: OutputFormat = Field(description="of the images")
    size: str = Field(description="of the images in `data`, after upscaling")
    model: str = Field(description="the model's own name, whatever alias was asked for")
    timings: dict[str, float] = Field(description="seconds by stage")
    usage: Usage = Field(description="tokens")
    warnings: list[str] = Field(
        [], description="of fields that are unknown or have no effect, with the names meant"
    )


class ModelExample(BaseModel):
    """The beginning of a request that this model answers well."""

    prompt: str
    control_image: str | None = Field(None, description="a picture that fits the prompt, in base64")


class ModelObject(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    aliases: list[str] = Field(description="other names that it answers to")
    description: str | None = Field(None, description="what it draws, as its model card says")
    examples: list[ModelExample] = Field([], description="of its model card")
    vocabulary: list[str] = Field(
        [],
        description="the words that it knows, where its model card lists them; others say little",
    )


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[ModelObject]
