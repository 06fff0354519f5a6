"""OpenAI's stream events: previews and finished images, and this service's progress."""

import time

from serve_app.config import AppArgs
from serve_app.ingress.encoding import encode, encode_images, in_base64, size_of
from serve_app.ingress.openai.places import Places
from serve_app.ingress.openai.usage import usage_of
from serve_app.ingress.openai.work import Work
from serve_app.ingress.streaming import EventBody
from serve_app.pipeline import Finished, InProgress


async def event_of(
    item: InProgress | Finished, work: Work, args: AppArgs, places: Places
) -> EventBody | None:
    """The event for one pipeline item, or None if the client did not ask for that kind."""
    kind, request, composition = work.kind, work.request, work.composition
    output_format, compression = work.output_format, work.body.output_compression
    common = {
        "created_at": int(time.time()),
        "seed": item.seed,
        "quality": "auto",
        "background": "opaque",
        "output_format": output_format,
        "num_inference_steps": request.num_inference_steps,
    }
    if isinstance(item, Finished):
        (data,), timings = await encode_images(
            [item], request, composition, args, output_format, compression
        )
        return (
            common
            | await places.place(data, work)
            | {
                "type": f"{kind}.completed",
                "size": size_of(item.pixels, composition.resize),
                "model": args.models.generator.name,
                "step": request.num_inference_steps,
                "eta_s": 0.0,
                "queue_position": 0,
                "caption": item.caption,
                "timings": timings.field,
                "usage": usage_of([item], request, composition).model_dump(),
                "warnings": list(work.warnings),
            }
        )
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
            "b64_json": in_base64(await encode(progress.pixels, output_format, compression)),
            "size": size_of(progress.pixels),
            "partial_image_index": progress.partial_image_index,
        }
    return where | {"type": f"{kind}.progress"} if work.body.progress else None
