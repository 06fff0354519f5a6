"""From an `ImageRequest` to the pipeline's request: defaults filled in, limits checked.

Raises ServiceError.
"""

import re
import secrets
import time
from dataclasses import replace
from math import log

from serve_app.config import AppArgs
from serve_app.errors import InvalidRequest, UnknownModel
from serve_app.imaging import codec
from serve_app.ingress import checks
from serve_app.ingress.schema import MAX_SEED, ImageRequest
from serve_app.messages import CannyRequest, GenerationRequest, Terms
from serve_app.pipeline import Composition

_SIZE = re.compile(r"([1-9]\d{0,5})x([1-9]\d{0,5})")


def image_generation(
    body: ImageRequest,
    args: AppArgs,
    image: bytes | None = None,
    control: bytes | None = None,
    control_field: str = "control_image",
) -> tuple[GenerationRequest, Composition]:
    """The pipeline request of `POST /v1/images/generations`, or of `…/edits`, whose images come as
    files.

    `image` is the starting image of image-to-image; `control` replaces the field `control_image`,
    and is called `control_field` in errors.
    """
    limits = args.limits
    if body.model is not None and body.model != args.models.generator.name:
        raise UnknownModel(f"unknown model; here is {args.models.generator.name}").about("model")
    if body.response_format not in (None, "b64_json"):
        raise InvalidRequest("only b64_json: images are not kept").about("response_format")
    count = body.n or 1
    if count > limits.max_images:
        raise InvalidRequest(f"at most {limits.max_images} images a request").about("n")
    if (body.seed or 0) + count - 1 > MAX_SEED:
        raise InvalidRequest("the last image's seed is over 2^63 - 1").about("seed")
    if (body.num_inference_steps or 1) > limits.max_steps:
        raise InvalidRequest(f"at most {limits.max_steps} steps").about("num_inference_steps")
    checks.check_prompt(body.prompt, limits, "prompt")
    checks.check_prompt(body.negative_prompt or "", limits, "negative_prompt")
    header = None
    if control is None and body.control_image is not None:
        control = checks.from_base64(body.control_image, "control_image")
    if control is not None:
        header = checks.checked_image(control, limits, control_field)
    if image is not None:
        header = checks.checked_image(image, limits, "image")
    size = output_size(body.size, args, header)
    if body.upscale in (2, 4):
        checks.check_upscale(*size, body.upscale, args, "upscale", body.output_format or "png")
    composition = Composition(
        _canny(body, args, control, size) if control is not None else None,
        body.upscale or 1,
        bool(body.caption),
    )
    made = _generation(body, args, size, conditioned=control is not None)
    return replace(made, image=image), composition


def terms(body: ImageRequest) -> Terms:
    """The terms of a generation: priority, deadline, previews and progress."""
    return Terms(
        priority=body.priority or 0,
        finish_by=None if body.deadline_ms is None else time.time() + body.deadline_ms / 1000,
        partial_images=body.partial_images or 0,
        every_step=bool(body.progress),
    )


def output_size(size: str | None, args: AppArgs, header: codec.Header | None) -> tuple[int, int]:
    """Width and height for a request's `size`, given its input image. Raises InvalidRequest."""
    if size in (None, "auto"):
        return _auto_size(args, header)
    match = _SIZE.fullmatch(str(size))
    if not match:
        raise InvalidRequest('a size is "auto" or "WxH", for example "512x512"').about("size")
    width, height = int(match[1]), int(match[2])
    if width % 8 or height % 8:
        raise InvalidRequest("width and height are multiples of 8").about("size")
    if max(width, height) > args.limits.max_side:
        raise InvalidRequest(f"at most {args.limits.max_side} pixels a side").about("size")
    if width * height > args.limits.max_pixels:
        raise InvalidRequest(f"at most {args.limits.max_pixels} pixels in all").about("size")
    return width, height


def _auto_size(args: AppArgs, header: codec.Header | None) -> tuple[int, int]:
    """The default size, or with an input image its shape at no more than the default's area.

    So whatever may be done with a picture of the default size may be done with this one.
    """
    area = args.defaults.width * args.defaults.height
    if header is None:
        return args.defaults.width, args.defaults.height
    shape = header.width / header.height
    longest = min(args.limits.max_side, area // 8)
    wanted_width = min(max(8.0, (area * shape) ** 0.5), longest)
    wanted_height = min(max(8.0, (area / shape) ** 0.5), longest)
    sizes = [
        (width, height)
        for width in _multiples_around(wanted_width)
        for height in _multiples_around(wanted_height)
        if width * height <= area and max(width, height) <= longest
    ]
    return min(sizes, key=lambda size: (abs(log(size[0] / size[1] / shape)), -size[0] * size[1]))


def _multiples_around(side: float) -> tuple[int, int]:
    """The multiples of 8 next below and above."""
    below = int(side // 8) * 8
    return below, below + 8


def _canny(body: ImageRequest, args: AppArgs, image: bytes, size: tuple[int, int]) -> CannyRequest:
    low, high = checks.thresholds(
        body.canny_low_threshold, body.canny_high_threshold, args, "canny_"
    )
    return CannyRequest(image, low, high, size)


def _generation(
    body: ImageRequest, args: AppArgs, size: tuple[int, int], conditioned: bool
) -> GenerationRequest:
    defaults = args.defaults
    guidance_end = defaults.guidance_end_of(conditioned)
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
        seed=secrets.randbelow(2**32) if body.seed is None else body.seed,
        width=size[0],
        height=size[1],
        guidance_rescale=body.guidance_rescale or 0.0,
        guidance_end=guidance_end if body.guidance_end is None else body.guidance_end,
        **values,
    )
