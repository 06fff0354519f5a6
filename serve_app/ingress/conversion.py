"""From an `ImageRequest` to the pipeline's request: defaults filled in, limits checked.

Raises ServiceError.
"""

import secrets
import time
from dataclasses import replace

from serve_app.config import AppArgs
from serve_app.errors import InvalidRequest, UnknownModel, over
from serve_app.imaging.edits import SentMask
from serve_app.ingress import checks
from serve_app.ingress.masked import with_mask
from serve_app.ingress.schema import MAX_SEED, ImageRequest
from serve_app.ingress.sizes import pasted_sizing, sizing
from serve_app.messages import CannyRequest, GenerationRequest, Terms
from serve_app.pipeline import Composition


def image_generation(
    body: ImageRequest,
    args: AppArgs,
    image: bytes | None = None,
    control: bytes | None = None,
    control_field: str = "control_image",
    mask: SentMask | None = None,
) -> tuple[GenerationRequest, Composition]:
    """The pipeline request of `POST /v1/images/generations`, or of `…/edits`, whose images come as
    files.

    `image` is the starting image of image-to-image, and `mask` says what of it is made anew;
    `control` replaces the field `control_image`, and is called `control_field` in errors. With a
    mask this takes a while.
    """
    limits = args.limits
    generator = args.models.generator
    if body.model is not None and body.model not in generator.names:
        raise UnknownModel(f"unknown model; here is {generator.name}").about("model")
    if body.background == "transparent":
        raise InvalidRequest("images are opaque here").about("background")
    _check_response_format(body.response_format, args)
    count = body.n or 1
    if count > limits.max_images:
        message = over(f"{count} images are asked for", limits.max_images, "limits.max_images")
        raise InvalidRequest(message).about("n")
    last_seed = max(0, body.seed or 0) + count - 1
    if last_seed > MAX_SEED:
        message = f"the last image's seed would be {last_seed}; at most 2^63 - 1"
        raise InvalidRequest(message).about("seed")
    steps = body.num_inference_steps or 1
    if steps > limits.max_steps:
        message = over(f"{steps} steps are asked for", limits.max_steps, "limits.max_steps")
        raise InvalidRequest(message).about("num_inference_steps")
    if (body.control_guidance_start or 0.0) >= _or(body.control_guidance_end, 1.0):
        message = "not before control_guidance_end: the edges would steer no step"
        raise InvalidRequest(message).about("control_guidance_start")
    checks.check_prompt(body.prompt, limits, "prompt")
    checks.check_prompt(body.negative_prompt or "", limits, "negative_prompt")
    header = None
    if control is None and body.control_image is not None:
        control = checks.from_base64(body.control_image, "control_image")
    if control is not None:
        header = checks.checked_image(control, limits, control_field)
    if image is not None:
        header = checks.checked_image(image, limits, "image")
    factor = body.upscale or 1
    if mask is not None and header is not None:
        sizes = pasted_sizing(body.size, args, header, factor, bool(body.native))
        finished = header.width, header.height
    else:
        sizes = sizing(body.size, args, header, factor, bool(body.native))
        finished = sizes.generated
    size = sizes.generated
    if body.upscale in (2, 4):
        checks.check_upscale(*finished, body.upscale, args, "upscale", body.output_format or "png")
    composition = Composition(
        _canny(body, args, control, size) if control is not None else None,
        sizes.upscale,
        bool(body.caption),
        sizes.resized,
    )
    made = _generation(body, args, size, conditioned=control is not None)
    made = replace(made, image=image)
    if mask is None or header is None:
        return made, composition
    if body.strength is None:  # as in diffusers: what is masked is made anew
        made = replace(made, strength=1.0)
    return with_mask(made, composition, mask, header, limits)


def _check_response_format(asked: str | None, args: AppArgs) -> None:
    if asked == "url" and args.files is None:
        message = "only b64_json: this service is not configured to keep files (args.files)"
        raise InvalidRequest(message).about("response_format")


def terms(body: ImageRequest) -> Terms:
    """The terms of a generation: priority, deadline, previews and progress."""
    return Terms(
        priority=body.priority or 0,
        finish_by=None if body.deadline_ms is None else time.time() + body.deadline_ms / 1000,
        partial_images=body.partial_images or 0,
        every_step=bool(body.progress),
    )


def _canny(body: ImageRequest, args: AppArgs, image: bytes, size: tuple[int, int]) -> CannyRequest:
    low, high = checks.thresholds(
        body.canny_low_threshold, body.canny_high_threshold, args, "canny_"
    )
    return CannyRequest(image, low, high, size)


def _generation(
    body: ImageRequest, args: AppArgs, size: tuple[int, int], conditioned: bool
) -> GenerationRequest:
    defaults = args.defaults
    values = {
        name: getattr(defaults, name) if getattr(body, name) is None else getattr(body, name)
        for name in (
            "num_inference_steps",
            "sampler",
            "guidance_scale",
            "latent_clamp",
            "controlnet_conditioning_scale",
            "strength",
        )
    }
    return GenerationRequest(
        prompt=body.prompt,
        negative_prompt=body.negative_prompt or "",
        seed=secrets.randbelow(2**32) if body.seed in (None, -1) else body.seed,
        width=size[0],
        height=size[1],
        guidance_rescale=body.guidance_rescale or 0.0,
        guidance_end=_or(body.guidance_end, defaults.guidance_end_of(conditioned)),
        control_guidance_start=body.control_guidance_start or 0.0,
        control_guidance_end=_or(body.control_guidance_end, 1.0),
        **values,
    )


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
