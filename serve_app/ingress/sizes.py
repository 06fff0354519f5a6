"""How a picture of the asked size is made: the size it is generated at, and what enlarges it."""

import re
from dataclasses import dataclass
from math import gcd, isqrt, log

from serve_app.config import AppArgs
from serve_app.errors import InvalidRequest, over
from serve_app.imaging import codec

Size = tuple[int, int]
"""Width and height, pixels."""

_SIZE = re.compile(r"([1-9]\d{0,5})x([1-9]\d{0,5})")
OPENAI_SIZES: frozenset[Size] = frozenset(
    [(256, 256), (512, 512), (1024, 1024), (1536, 1024), (1024, 1536), (1792, 1024), (1024, 1792)]
)
"""What clients of OpenAI's models ask for, whatever a model here was trained on."""


@dataclass(frozen=True)
class Sizing:
    """Generated at one size, then upscaled by a factor, then resized to another if that is set."""

    generated: Size
    upscale: int = 1
    resized: Size | None = None


def sizing(
    size: str | None,
    args: AppArgs,
    header: codec.Header | None = None,
    upscale: int = 1,
    native: bool = False,
) -> Sizing:
    """How to make a picture of a request's `size`, given its input image.

    One of OpenAI's sizes is made at the model's own area and enlarged or reduced, unless the
    request says `native` or asks for upscaling itself. Raises InvalidRequest.
    """
    if size in (None, "auto"):
        return Sizing(_auto_size(args, header), upscale)
    match = _SIZE.fullmatch(str(size))
    if not match:
        message = f'a size is "auto" or "WxH", for example "512x512", and not {size!r:.60}'
        raise InvalidRequest(message).about("size")
    asked = int(match[1]), int(match[2])
    if asked in OPENAI_SIZES and upscale == 1 and not native:
        return _enlarged(asked, args)
    return Sizing(_native(asked, args), upscale)


def pasted_sizing(
    size: str | None,
    args: AppArgs,
    header: codec.Header,
    upscale: int = 1,
    native: bool = False,
) -> Sizing:
    """As `sizing`, where what is generated is pasted into the input image at the image's own size.

    All of it is then upscaled, by what the request says alone, and resized if it has a size that is
    another.
    """
    made = sizing(size, args, header, upscale, native)
    finished = header.width * upscale, header.height * upscale
    asked = made.resized or (made.generated[0] * made.upscale, made.generated[1] * made.upscale)
    if size in (None, "auto"):
        asked = finished
    return Sizing(made.generated, upscale, None if asked == finished else asked)


def _native(asked: Size, args: AppArgs) -> Size:
    width, height = asked
    if width % 8 or height % 8:
        message = f"width and height are multiples of 8, and {width}x{height} is asked for"
        raise InvalidRequest(message).about("size")
    limits, sent = args.limits, f"{width}x{height} pixels are asked for"
    if max(width, height) > limits.max_side:
        message = over(sent, f"{limits.max_side} a side", "limits.max_side")
        raise InvalidRequest(message).about("size")
    if width * height > limits.max_pixels:
        message = over(sent, f"{limits.max_pixels} in all", "limits.max_pixels")
        raise InvalidRequest(message).about("size")
    return asked


def _enlarged(asked: Size, args: AppArgs) -> Sizing:
    """Of exactly the asked shape, at no more than the default's area."""
    area = args.defaults.width * args.defaults.height
    divisor = gcd(*asked)
    wide, high = (8 * side // divisor for side in asked)
    times = isqrt(area // (wide * high))
    if times == 0:
        return Sizing(_native(asked, args))
    generated = wide * times, high * times
    factor = asked[0] / generated[0]
    offered = args.models.upscaler.by_scale if factor > 1 else {}
    if generated[0] * generated[1] > args.limits.max_upscale_pixels:
        offered = {}
    enough = [scale for scale in offered if scale >= factor]
    scale = min(enough) if enough else max(offered, default=1)
    return Sizing(generated, scale, None if scale == factor else asked)


def _auto_size(args: AppArgs, header: codec.Header | None) -> Size:
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


def _multiples_around(side: float) -> Size:
    """The multiples of 8 next below and above."""
    below = int(side // 8) * 8
    return below, below + 8
