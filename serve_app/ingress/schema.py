"""A generation request's fields, and what other bodies share.

Types are strict: "1" is not accepted for 1.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    model_validator,
)

from serve_app.config import SamplerName
from serve_app.ingress.described import TINY_PNG

MAX_SEED = 2**63 - 1
_MAX_DEADLINE_MS = 24 * 60 * 60 * 1000

OutputFormat = Literal["png", "jpeg", "webp"]
Base64 = Annotated[str, Field(description="an encoded image in base64, bare or as a data: URL")]
Seed = Annotated[
    int, Field(ge=-1, le=MAX_SEED, description="the same seed gives the same image; -1 is random")
]


def _offered_scale(scale: int) -> int:
    """`Literal[1, 2, 4]` would also accept True and 4.0."""
    if scale not in (1, 2, 4):
        raise ValueError("1, 2 or 4")
    return scale


class Body(BaseModel):
    """Unknown fields are ignored, because clients add new ones; their names are kept."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)
    _sent: tuple[str, ...] = PrivateAttr(())

    @model_validator(mode="wrap")
    @classmethod
    def _keep_names(cls, sent: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        body = handler(sent)
        if isinstance(sent, dict):
            body._sent = tuple(name for name, value in sent.items() if value is not None)
        return body

    @property
    def sent(self) -> tuple[str, ...]:
        """The names of what was sent and is not null, whether they are known or not."""
        return self._sent


class ImageRequest(Body):
    """`POST /v1/images/generations`: OpenAI's fields, then ours as diffusers spells them.

    What is left out, or null, comes from the configuration's `defaults`.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"prompt": "a red circle on a white background", "seed": 7},
                {"prompt": "a blue star", "control_image": TINY_PNG, "caption": True},
            ]
        }
    )

    prompt: str = Field(description="what the image is to show")
    model: str | None = Field(None, description="the model's name, or one of its aliases")
    n: int | None = Field(None, ge=1, description="how many images, of the seeds from `seed` on")
    size: str | None = Field(
        None,
        description='"WxH", multiples of 8; "auto" keeps the shape of the control image. OpenAI\'s '
        "own sizes are made at the model's size and enlarged",
        examples=["128x128", "auto"],
    )
    native: bool | None = Field(None, description="make one of OpenAI's sizes at that very size")
    response_format: Literal["b64_json", "url"] | None = Field(
        None, description="where the image is: in the answer, or, where files are kept, at a URL"
    )
    background: str | None = Field(None, description="anything but transparent")
    output_format: OutputFormat | None = Field(None, description="of the image; png if left out")
    output_compression: int | None = Field(
        None, ge=0, le=100, description="quality of a jpeg or webp; for a png it has no effect"
    )
    stream: bool | None = Field(None, description="answer with server-sent events")
    partial_images: int | None = Field(None, ge=0, le=3, description="previews of a stream")
    user: str | None = Field(None, description="of OpenAI's API; it has no effect")
    webhook: str | None = Field(
        None, description="the URL to which a job is posted when it is done (Prefer: respond-async)"
    )

    negative_prompt: str | None = Field(None, description="what the image is not to show")
    num_inference_steps: int | None = Field(None, ge=1, description="denoising steps")
    sampler: SamplerName | None = Field(None, description="diffusers' scheduler of the steps")
    guidance_scale: float | None = Field(
        None, ge=0, le=50, description="how strictly the prompt is followed; up to 1, no guidance"
    )
    guidance_rescale: float | None = Field(
        None, ge=0, le=1, description="how far guided noise is scaled back to unguided contrast"
    )
    guidance_end: float | None = Field(
        None, ge=0, le=1, description="the share of the steps, from the first, that are guided"
    )
    latent_clamp: bool | None = Field(
        None, description="keep guided latents in the range that they have without guidance"
    )
    seed: Seed | None = Field(
        None, description="the same seed gives the same image; -1, or left out, is random"
    )
    strength: float | None = Field(
        None, gt=0, le=1, description="how much of an image to edit is redrawn; 1 is all"
    )
    control_image: Base64 | None = Field(
        None, description="an image in base64, bare or as a data: URL, whose edges are followed"
    )
    controlnet_conditioning_scale: float | None = Field(
        None, ge=0, le=2, description="how strictly the edges are followed"
    )
    control_guidance_start: float | None = Field(
        None, ge=0, le=1, description="the share of the steps after which the edges steer, 0"
    )
    control_guidance_end: float | None = Field(
        None, ge=0, le=1, description="the share of the steps until which they do, 1"
    )
    canny_low_threshold: int | None = Field(
        None, ge=0, le=255, description="of the edges: weaker ones are dropped"
    )
    canny_high_threshold: int | None = Field(
        None, ge=0, le=255, description="of the edges: stronger ones are kept, and what joins them"
    )
    upscale: Annotated[int, AfterValidator(_offered_scale)] | None = Field(
        None,
        description="how many times larger the upscaler makes the image",
        json_schema_extra={"enum": [1, 2, 4, None]},
    )
    caption: bool | None = Field(None, description="also describe each image in words")
    progress: bool | None = Field(
        None, description="in a stream, also send an event for each step and each move in the queue"
    )
    deadline_ms: int | None = Field(
        None,
        ge=1,
        le=_MAX_DEADLINE_MS,
        description="refused at once if it cannot be met; the work is abandoned when it passes",
    )
    priority: int | None = Field(
        None, ge=-10, le=10, description="each point counts as 10 s of waiting"
    )
