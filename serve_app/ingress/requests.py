"""Converts request bodies to pipeline requests: fills in defaults, checks limits.

Only cheap checks, images by their header. Raises ServiceError.
"""

import base64
import re
import secrets
import string
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from math import log

from serve_app.config import AppArgs, Limits
from serve_app.errors import (
    ImageTooLarge,
    InvalidField,
    InvalidImage,
    InvalidRequest,
    UnknownModel,
    UnsupportedImage,
)
from serve_app.imaging import codec
from serve_app.ingress.schemas import MAX_SEED, ControlNetRequest, ImageRequest
from serve_app.messages import CannyRequest, GenerationRequest, Terms
from serve_app.pipeline import Composition

_DATA_URL = re.compile(r"data:[^,]{0,100},")
_BLANKS = string.whitespace.encode()
_SIZE = re.compile(r"([1-9]\d{0,5})x([1-9]\d{0,5})")


def from_base64(text: str, param: str) -> bytes:
    """Decode base64, bare or as a data URL, line breaks allowed. Raises InvalidField."""
    prefix = _DATA_URL.match(text)
    bare = text[prefix.end() :] if prefix else text
    with suppress(ValueError):
        return base64.b64decode(bare, validate=True)
    try:
        # Not split at blanks, of which there may be as many as characters.
        return base64.b64decode(bare.encode("ascii").translate(None, _BLANKS), validate=True)
    except ValueError as error:
        raise InvalidField(f"{param}: not valid base64").about(param) from error


@contextmanager
def naming_field(param: str) -> Iterator[None]:
    """Attach the field's name to image errors raised inside the block."""
    try:
        yield
    except (InvalidImage, ImageTooLarge, UnsupportedImage) as error:
        raise error.about(error.param or param) from error.__cause__


def checked_image(data: bytes, limits: Limits, param: str) -> codec.Header:
    """The header of an image within the limits; `param` names it in the error."""
    if not data:
        raise InvalidField(f"{param}: no image was sent").about(param)
    with naming_field(param):
        header = codec.inspect(data, limits.max_image_pixels)
    long, short = max(header.width, header.height), min(header.width, header.height)
    if long > limits.max_aspect_ratio * short:
        # Captioners scale the short side to hundreds of pixels, so an extreme ratio makes the long
        # side huge.
        message = f"one side is more than {limits.max_aspect_ratio:g} times as long as the other"
        raise InvalidRequest(message).about(param)
    return header


def controlnet_generation(
    body: ControlNetRequest, args: AppArgs
) -> tuple[GenerationRequest, Composition]:
    """The pipeline request of `POST /generation`; all but its four fields come from the
    configuration."""
    image = from_base64(body.input_image_base64, "input_image_base64")
    header = checked_image(image, args.limits, "input_image_base64")
    _check_prompt(body.text, args.limits, "text")
    request = ImageRequest(prompt=body.text, seed=body.random_seed % (MAX_SEED + 1))
    size = _auto_size(args, header)
    composition = Composition(_canny(request, args, image, size))
    return _generation(request, args, size, conditioned=True), composition


def image_generation(
    body: ImageRequest, args: AppArgs, image: bytes | None = None, control: bytes | None = None
) -> tuple[GenerationRequest, Composition]:
    """The pipeline request of `POST /v1/images/generations`, or of `…/edits`, whose images come as
    files.

    `image` is the starting image of image-to-image; `control` replaces the field `control_image`.
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
    _check_prompt(body.prompt, limits, "prompt")
    _check_prompt(body.negative_prompt or "", limits, "negative_prompt")
    header = None
    if control is None and body.control_image is not None:
        control = from_base64(body.control_image, "control_image")
    if control is not None:
        header = checked_image(control, limits, "control_image")
    if image is not None:
        header = checked_image(image, limits, "image")
    size = _size(body.size, args, header)
    if body.upscale in (2, 4):
        check_upscale(*size, body.upscale, args, "upscale", body.output_format or "png")
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


def check_upscale(
    width: int, height: int, scale: int, args: AppArgs, param: str, output_format: str
) -> None:
    """Raise InvalidRequest if no upscaler of this factor is configured, or the image is too
    large."""
    offered = {2: args.models.upscaler.x2, 4: args.models.upscaler.x4}
    if not offered.get(scale):
        raise InvalidRequest(f"upscaling by {scale} is not served here").about(param)
    if width * height > args.limits.max_upscale_pixels:
        message = f"at most {args.limits.max_upscale_pixels} pixels are upscaled"
        raise InvalidRequest(message).about(param)
    longest = codec.MAX_ENCODED_SIDE[output_format]
    if max(width, height) * scale > longest:
        message = f"{output_format} holds at most {longest} pixels a side"
        raise InvalidRequest(message).about("output_format")


def thresholds(
    low: int | None, high: int | None, args: AppArgs, prefix: str = ""
) -> tuple[int, int]:
    """Canny's two thresholds, from the configuration where they are left out."""
    low = args.defaults.canny_low_threshold if low is None else low
    high = args.defaults.canny_high_threshold if high is None else high
    if low > high:
        message = f"the low threshold {low} is over the high one {high}"
        raise InvalidRequest(message).about(f"{prefix}low_threshold")
    return low, high


def _check_prompt(prompt: str, limits: Limits, param: str) -> None:
    if len(prompt) > limits.max_prompt_chars:
        raise InvalidRequest(f"at most {limits.max_prompt_chars} characters").about(param)
    if any("\ud800" <= char <= "\udfff" for char in prompt):
        raise InvalidRequest("not valid Unicode: a surrogate stands alone").about(param)


def _size(size: str | None, args: AppArgs, header: codec.Header | None) -> tuple[int, int]:
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
    low, high = thresholds(body.canny_low_threshold, body.canny_high_threshold, args, "canny_")
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
