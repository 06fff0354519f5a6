"""Checks that every surface shares: images by their header, prompts, factors, thresholds.

Only cheap ones. Each names the field at fault.
"""

import base64
import re
import string
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from serve_app.config import AppArgs, Limits
from serve_app.errors import (
    ImageTooLarge,
    InvalidField,
    InvalidImage,
    InvalidRequest,
    UnsupportedImage,
    over,
)
from serve_app.imaging import codec

_DATA_URL = re.compile(r"data:[^,]{0,100},")
_BLANKS = string.whitespace.encode()


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
        sides = f"the image has {header.width}x{header.height} pixels"
        message = over(
            f"{sides}: one side is {long / short:.3g} times as long as the other",
            f"{limits.max_aspect_ratio:g} times",
            "limits.max_aspect_ratio",
        )
        raise InvalidRequest(message).about(param)
    return header


def check_prompt(prompt: str, limits: Limits, param: str) -> None:
    if len(prompt) > limits.max_prompt_chars:
        sent = f"{param} has {len(prompt)} characters"
        message = over(sent, limits.max_prompt_chars, "limits.max_prompt_chars")
        raise InvalidRequest(message).about(param)
    if any("\ud800" <= char <= "\udfff" for char in prompt):
        raise InvalidRequest("not valid Unicode: a surrogate stands alone").about(param)


def check_upscale(
    width: int, height: int, scale: int, args: AppArgs, param: str, output_format: str
) -> None:
    """Raise InvalidRequest if no upscaler of this factor is configured, or the image is too
    large."""
    offered = {2: args.models.upscaler.x2, 4: args.models.upscaler.x4}
    if not offered.get(scale):
        known = ", ".join(str(each) for each, path in offered.items() if path) or "no factor"
        message = f"upscaling by {scale} is not served here; {known} is (models.upscaler)"
        raise InvalidRequest(message).about(param)
    if width * height > args.limits.max_upscale_pixels:
        message = over(
            f"the image to enlarge has {width}x{height} pixels",
            f"{args.limits.max_upscale_pixels} in all",
            "limits.max_upscale_pixels",
        )
        raise InvalidRequest(message).about(param)
    longest = codec.MAX_ENCODED_SIDE[output_format]
    if max(width, height) * scale > longest:
        message = f"{output_format} holds at most {longest} pixels a side, and the result would "
        message += f"have {width * scale}x{height * scale}: send another output_format"
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
