"""OpenAI's `usage`: what a request read and made, in tokens."""

from collections.abc import Sequence
from math import ceil

from pydantic import BaseModel, Field

from serve_app.messages import GenerationRequest
from serve_app.pipeline import Composition, Finished

_PIXELS_A_TOKEN = 1024


class InputTokens(BaseModel):
    text_tokens: int = Field(description="of the prompts, as the text encoder reads them")
    image_tokens: int = Field(description="of input images, at the size that is generated")


class Usage(BaseModel):
    """Images count a token for 1024 pixels."""

    input_tokens: int
    input_tokens_details: InputTokens
    output_tokens: int
    total_tokens: int


def usage_of(
    images: Sequence[Finished], request: GenerationRequest, composition: Composition
) -> Usage:
    """What these images of one request took."""
    pictures = (request.image is not None) + (composition.control is not None)
    read = ceil(request.width * request.height / _PIXELS_A_TOKEN) * pictures * len(images)
    text = sum(image.prompt_tokens for image in images)
    made = sum(_tokens(image, composition.resize) for image in images)
    return Usage(
        input_tokens=text + read,
        input_tokens_details=InputTokens(text_tokens=text, image_tokens=read),
        output_tokens=made,
        total_tokens=text + read + made,
    )


def _tokens(image: Finished, resized: tuple[int, int] | None) -> int:
    pixels = resized[0] * resized[1] if resized else image.pixels.size // 3
    return ceil(pixels / _PIXELS_A_TOKEN)
