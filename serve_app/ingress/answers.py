"""Turns pipeline results into responses: encoded images, timings, stream events."""

import asyncio
import base64
import time
from collections.abc import Callable

from serve_app.imaging import codec
from serve_app.ingress.schemas import ImageRequest
from serve_app.ingress.streaming import EventBody
from serve_app.messages import GenerationRequest, Pixels
from serve_app.observability import log_event, rounded, server_timing, stage_seconds
from serve_app.pipeline import Finished, InProgress

# OpenAI reports token counts here; this service counts none.
_USAGE = {
    "total_tokens": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "input_tokens_details": {"text_tokens": 0, "image_tokens": 0},
}


async def base64_of(
    pixels: Pixels, output_format: str, compression: int | None, parameters: str | None = None
) -> str:
    """An encoded image in base64."""
    data = await asyncio.to_thread(codec.encode, pixels, output_format, compression, parameters)
    return base64.b64encode(data).decode("ascii")


def timings_of(images: list[Finished], encode_s: float) -> dict[str, float]:
    """Seconds per stage of images made concurrently: a stage counts as its slowest image."""
    seconds = stage_seconds([report for image in images for report in image.reports])
    return seconds | {"encode": encode_s}


def log_finished(images: list[Finished], seconds: dict[str, float]) -> None:
    log_event(
        "generated",
        seeds=",".join(str(image.seed) for image in images),
        batch_sizes=",".join(f"{r.stage}:{r.batch_size}" for i in images for r in i.reports),
        seconds=server_timing(seconds),
    )


async def event_of(
    item: InProgress | Finished,
    kind: str,
    body: ImageRequest,
    request: GenerationRequest,
    parameters: Callable[[int], str | None],
) -> EventBody | None:
    """The OpenAI event for one pipeline item, or None if the client did not ask for that kind.

    `kind`, `image_generation` or `image_edit`, is the prefix of the event's type;
    `parameters(seed)` is the text chunk of that seed's PNG.
    """
    output_format = body.output_format or "png"
    common = {
        "created_at": int(time.time()),
        "seed": item.seed,
        "quality": "auto",
        "background": "opaque",
        "output_format": output_format,
    }
    if isinstance(item, Finished):
        began = time.perf_counter()
        payload = await base64_of(
            item.pixels, output_format, body.output_compression, parameters(item.seed)
        )
        seconds = timings_of([item], time.perf_counter() - began)
        log_finished([item], seconds)
        return common | {
            "type": f"{kind}.completed",
            "b64_json": payload,
            "size": size_of(item.pixels),
            "step": request.num_inference_steps,
            "num_inference_steps": request.num_inference_steps,
            "eta_s": 0.0,
            "queue_position": 0,
            "caption": item.caption,
            "timings": rounded(seconds),
            "usage": _USAGE,
        }
    progress = item.progress
    where = common | {
        "step": progress.step,
        "num_inference_steps": progress.num_inference_steps,
        "eta_s": round(progress.eta_s, 3),
        "queue_position": progress.queue_position,
        "caption": None,
    }
    if progress.pixels is not None:
        return where | {
            "type": f"{kind}.partial_image",
            "b64_json": await base64_of(progress.pixels, output_format, body.output_compression),
            "size": size_of(progress.pixels),
            "partial_image_index": progress.partial_image_index,
        }
    if not body.progress:
        return None
    return where | {"type": f"{kind}.progress"}


def size_of(pixels: Pixels) -> str:
    """ "WxH", in pixels."""
    height, width = pixels.shape[:2]
    return f"{width}x{height}"
