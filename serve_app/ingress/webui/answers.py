"""What web UI answers to a generation beside its images: `info` and `parameters`."""

import json
import time
from collections.abc import Sequence
from typing import Any

from serve_app import __version__
from serve_app.config import AppArgs
from serve_app.ingress.encoding import parameters
from serve_app.ingress.webui.conversion import Asked
from serve_app.ingress.webui.schema import Generation
from serve_app.pipeline import Finished
from serve_app.timings import Timings

_PICTURES = {"init_images", "mask", "alwayson_scripts"}


def info_of(
    body: Generation,
    asked: Asked,
    images: Sequence[Finished],
    args: AppArgs,
    interrupted: bool,
    timings: Timings | None,
) -> str:
    """Web UI's `info`, which is JSON in a string.

    With `ignored`, the names of the request's fields that have no effect here; `interrupted`; and
    `timings`, in seconds by stage.
    """
    request = asked.request
    count = len(images)
    seeds = [image.seed for image in images]
    width, height = _size(asked, images)
    return json.dumps(
        {
            "prompt": request.prompt,
            "all_prompts": [request.prompt] * count,
            "negative_prompt": request.negative_prompt,
            "all_negative_prompts": [request.negative_prompt] * count,
            "seed": request.seed,
            "all_seeds": seeds,
            "subseed": request.seed,
            "all_subseeds": seeds,
            "subseed_strength": 0,
            "width": width,
            "height": height,
            "sampler_name": body.sampler_name or body.sampler_index or request.sampler,
            "cfg_scale": request.guidance_scale,
            "steps": request.num_inference_steps,
            "batch_size": body.batch_size or 1,
            "restore_faces": False,
            "face_restoration_model": None,
            "sd_model_name": args.models.generator.name,
            "sd_model_hash": None,
            "sd_vae_name": None,
            "sd_vae_hash": None,
            "seed_resize_from_w": -1,
            "seed_resize_from_h": -1,
            "denoising_strength": None if request.image is None else request.strength,
            "extra_generation_params": {},
            "index_of_first_image": 0,
            "infotexts": parameters(request, asked.composition, seeds, args),
            "styles": [],
            "job_timestamp": time.strftime("%Y%m%d%H%M%S"),
            "clip_skip": 1,
            "is_using_inpainting_conditioning": False,
            "version": __version__,
            "ignored": asked.ignored,
            "interrupted": interrupted,
            "timings": timings.field if timings else {},
        }
    )


def parameters_echoed(body: Generation, pictures: bool = False) -> dict[str, Any]:
    """The request's fields; those that hold pictures only if asked for."""
    fields = body.model_dump(exclude_unset=True)
    return (
        fields
        if pictures
        else dict.fromkeys(fields.keys() & _PICTURES)
        | {name: value for name, value in fields.items() if name not in _PICTURES}
    )


def _size(asked: Asked, images: Sequence[Finished]) -> tuple[int, int]:
    """Of the images that are sent, in pixels."""
    if asked.composition.resize:
        return asked.composition.resize
    if images:
        height, width = images[0].pixels.shape[:2]
        return width, height
    return asked.request.width, asked.request.height
