"""Shared by all deployments: passing errors as values, process priority, GPU share, decoding
images."""

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import cache, partial, wraps
from typing import ParamSpec, TypeVar

import ray

from serve_app.config import Limits
from serve_app.errors import ServiceError
from serve_app.imaging import codec
from serve_app.messages import Floats, ImageResult, Picture, Pixels

P = ParamSpec("P")
R = TypeVar("R")


@cache
def _decoders() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2, thread_name_prefix="decode")


def refusal_as_value(call: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R | ServiceError]]:
    """Make `call` return a ServiceError instead of raising it; the pipeline raises it again.

    Serve logs a traceback for whatever is raised in a replica, and a client's broken image should
    not fill the log of a service that works.
    """

    @wraps(call)
    async def answered(*args: P.args, **kwargs: P.kwargs) -> R | ServiceError:
        try:
            return await call(*args, **kwargs)
        except ServiceError as error:
            return error.with_traceback(None)

    return answered


def refusal_as_last_item(
    stream: Callable[P, AsyncGenerator[R]],
) -> Callable[P, AsyncGenerator[R | ServiceError]]:
    """As `refusal_as_value`, for a stream: a ServiceError ends it as its last item."""

    @wraps(stream)
    async def answered(*args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[R | ServiceError]:
        try:
            async with aclosing(stream(*args, **kwargs)) as items:
                async for item in items:
                    yield item
        except ServiceError as error:
            yield error.with_traceback(None)

    return answered


def lower_priority() -> None:
    """Lower the priority of a stage's threads below those of the proxy and the ingress.

    On a machine whose cores are all busy with models, requests are still read, and refused, at
    once. Ray runs every worker at niceness 15, which leaves little room below; with
    `RAY_worker_niceness=0` (`serve_app/ray_settings.py`) there is enough.
    """
    os.nice(15)


def gpu_share() -> float:
    """The fraction of a GPU that Ray gave this replica (`num_gpus` in the YAML), 0 without one."""
    return float(ray.get_runtime_context().get_assigned_resources().get("GPU", 0.0))


async def decoding(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run work that decodes an image in the small pool of decoding threads.

    Kilobytes can decode to hundreds of megabytes; the memory is bounded by bounding the threads.
    """
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
