"""Encodes finished images for a response, in threads, since it takes a core for a while."""

import asyncio
import base64
import time
from collections.abc import Sequence

from serve_app.config import AppArgs
from serve_app.imaging import codec
from serve_app.imaging.png_parameters import parameters_of
from serve_app.messages import GenerationRequest, Pixels, StageReport
from serve_app.observability import log_event
from serve_app.pipeline import Composition, Finished
from serve_app.timings import Timings
from serve_app.tracing import record


async def encode_images(
    images: Sequence[Finished],
    request: GenerationRequest,
    composition: Composition,
    args: AppArgs,
    output_format: str = "png",
    compression: int | None = None,
) -> tuple[list[bytes], Timings]:
    """One request's images, resized as it asks, and where its time went, which is logged too."""
    began = time.monotonic()
    texts: Sequence[str | None] = [None] * len(images)
    if args.embed_parameters and output_format == "png":
        seeds = [image.seed for image in images]
        texts = await asyncio.to_thread(parameters, request, composition, seeds, args)
    payloads = await asyncio.gather(
        *(
            encode(image.pixels, output_format, compression, text, composition.resize)
            for image, text in zip(images, texts, strict=True)
        )
    )
    reports = [report for image in images for report in image.reports]
    timings = Timings.of(reports, encode=_since(began))
    log_event(
        "generated",
        seeds=",".join(str(image.seed) for image in images),
        batch_sizes=",".join(f"{each.stage}:{each.batch_size}" for each in reports),
        seconds=timings,
    )
    return payloads, timings


def parameters(
    request: GenerationRequest, composition: Composition, seeds: Sequence[int], args: AppArgs
) -> list[str]:
    """The text of each seed's PNG; input images are hashed, which may take a while."""
    return parameters_of(
        request,
        seeds,
        args,
        composition.control,
        composition.upscale,
        composition.resize,
        composition.mask,
    )


async def encode(
    pixels: Pixels,
    output_format: str,
    compression: int | None = None,
    parameters: str | None = None,
    size: tuple[int, int] | None = None,
) -> bytes:
    """An encoded image; what it takes is what `codec.encode` takes."""
    return await asyncio.to_thread(
        codec.encode, pixels, output_format, compression, parameters, size
    )


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


async def encode_timed(
    pixels: Pixels, reports: Sequence[StageReport], output_format: str = "png"
) -> tuple[bytes, Timings]:
    """An encoded image, and where the time went that it took."""
    began = time.monotonic()
    data = await encode(pixels, output_format)
    return data, Timings.of(reports, encode=_since(began))


def _since(began: float) -> float:
    """The seconds that encoding took; in a traced request, a span too."""
    ended = time.monotonic()
    record("encode", began, ended)
    return ended - began


def size_of(pixels: Pixels, resized: tuple[int, int] | None = None) -> str:
    """ "WxH", in pixels, of an image that is encoded as it is, or resized."""
    width, height = resized or pixels.shape[1::-1]
    return f"{width}x{height}"
