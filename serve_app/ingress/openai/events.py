"""OpenAI's stream events: previews and finished images, and this service's progress."""

import time

from serve_app.config import AppArgs
from serve_app.ingress.encoding import base64_of, encode_images, size_of
from serve_app.ingress.openai.usage import usage_of
from serve_app.ingress.schema import ImageRequest
from serve_app.ingress.streaming import EventBody
from serve_app.messages import GenerationRequest
from serve_app.pipeline import Composition, Finished, InProgress


async def event_of(
    item: InProgress | Finished,
    kind: str,
    body: ImageRequest,
    request: GenerationRequest,
    args: AppArgs,
    composition: Composition,
) -> EventBody | None:
    """The event for one pipeline item, or None if the client did not ask for that kind.

    `kind`, `image_generation` or `image_edit`, is the prefix of the event's type.
    """
    output_format = body.output_format or "png"
    compression = body.output_compression
    common = {
        "created_at": int(time.time()),
        "seed": item.seed,
        "quality": "auto",
        "background": "opaque",
        "output_format": output_format,
        "num_inference_steps": request.num_inference_steps,
    }
    if isinstance(item, Finished):
        (payload,), timings = await encode_images(
            [item], request, args, output_format, compression, composition.resize
        )
        return common | {
            "type": f"{kind}.completed",
            "b64_json": payload,
            "size": size_of(item.pixels, composition.resize),
            "model": args.models.generator.name,
            "step": request.num_inference_steps,
            "eta_s": 0.0,
            "queue_position": 0,
            "caption": item.caption,
            "timings": timings.field,
            "usage": usage_of([item], request, composition).model_dump(),
        }
    progress = item.progress
    where = common | {
        "num_inference_steps": progress.num_inference_steps,
        "step": progress.step,
        "eta_s": round(progress.eta_s, 3),
        "queue_position": progress.queue_position,
        "caption": None,
    }
    if progress.pixels is not None:
        return where | {
            "type": f"{kind}.partial_image",
            "b64_json": await base64_of(progress.pixels, output_format, compression),
            "size": size_of(progress.pixels),
            "partial_image_index": progress.partial_image_index,
        }
    return where | {"type": f"{kind}.progress"} if body.progress else None
