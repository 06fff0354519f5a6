"""Decodes images in a small pool of threads.

Kilobytes can decode to hundreds of megabytes; the memory is bounded by bounding the threads.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import ParamSpec, TypeVar

from serve_app.config import Limits
from serve_app.imaging import codec
from serve_app.messages import Floats, ImageResult, Picture, Pixels

P = ParamSpec("P")
R = TypeVar("R")


@cache
def _decoders() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2, thread_name_prefix="decode")


async def decoding(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run work that decodes an image in one of the decoding threads."""
    run = partial(work, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_decoders(), run)


def model_input(
    picture: Picture, limits: Limits, side: int, preprocess: Callable[[list[Pixels]], Floats]
) -> Floats:
    """Decode a picture, shrunk towards `side` pixels, and preprocess it for a model of that input
    size.

    To be called through `decoding`.
    """
    return preprocess([pixels_of(picture, limits, side)])[0]


def pixels_of(picture: Picture, limits: Limits, least_side: int | None = None) -> Pixels:
    """The uint8 RGB pixels of a picture. Encoded images are decoded, and shrunk by whole factors to
    no less than `least_side`.

    To be called through `decoding`.
    """
    if isinstance(picture, ImageResult):
        return picture.pixels
    return codec.decode(picture, limits.max_image_pixels, least_side=least_side)
