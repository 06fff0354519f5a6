"""From web UI's request to the pipeline's: names translated, and what has no effect noted."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from serve_app.config import AppArgs
from serve_app.errors import InvalidRequest, ServiceError, UnknownModel
from serve_app.ingress import checks
from serve_app.ingress.conversion import image_generation
from serve_app.ingress.schema import ImageRequest
from serve_app.ingress.webui import controlnet
from serve_app.ingress.webui.hires import Enlargement, enlargement
from serve_app.ingress.webui.inpainting import mask_of
from serve_app.ingress.webui.neutral import asks
from serve_app.ingress.webui.samplers import sampler_of
from serve_app.ingress.webui.schema import Generation, ImageToImage, TextToImage
from serve_app.messages import GenerationRequest
from serve_app.pipeline import Composition

_OUR_NAMES = {
    "control_guidance_start": controlnet.FIELD,
    "control_image": controlnet.FIELD,
    "guidance_scale": "cfg_scale",
    "image": "init_images",
    "mask_image": "mask",
    "n": "batch_size",
    "num_inference_steps": "steps",
    "size": "width",
    "strength": "denoising_strength",
    "upscale": "hr_scale",
}
_FILE_ENDING = re.compile(r"(\.(safetensors|ckpt))?( \[[0-9a-f]*\])?$")
_EXTRA_NETWORK = re.compile(r"<\w+:[^>]*>")


@dataclass(frozen=True)
class Asked:
    """What a request asks of the pipeline, and the names of its fields that have no effect."""

    request: GenerationRequest
    composition: Composition
    images: int
    ignored: list[str]


def generation(body: TextToImage | ImageToImage, args: AppArgs) -> Asked:
    """Raises ServiceError, which names web UI's field. With a mask this takes a while."""
    image = mask = None
    if isinstance(body, ImageToImage):
        image, mask = _init_image(body), mask_of(body, args.limits)
    if body.script_name:
        raise InvalidRequest(f"script {body.script_name!r} not found").about("script_name")
    scripts = dict(body.alwayson_scripts or {})
    control = None
    for name in [name for name in scripts if name.lower() == controlnet.SCRIPT]:
        control = controlnet.control_of(scripts.pop(name), args, image) or control
    settings = dict(body.override_settings or {})
    check_model(settings.pop("sd_model_checkpoint", None), args, "override_settings")
    sampler, scheduler_heeded = sampler_of(body.sampler_name or body.sampler_index, body.scheduler)
    size = _size(body, args)
    bigger = Enlargement()
    if isinstance(body, TextToImage) and body.enable_hr:
        size = size or (args.defaults.width, args.defaults.height)
        bigger = enlargement(body, size, args)
    fields = ImageRequest(
        prompt=body.prompt or "",
        negative_prompt=body.negative_prompt,
        n=(body.batch_size or 1) * (body.n_iter or 1),
        size=f"{size[0]}x{size[1]}" if size else None,
        num_inference_steps=body.steps,
        sampler=sampler,
        guidance_scale=body.cfg_scale,
        seed=max(-1, body.seed) if body.seed is not None else None,
        strength=None if image is None else body.denoising_strength or args.defaults.strength,
        controlnet_conditioning_scale=control.weight if control else None,
        control_guidance_start=control.start if control else None,
        control_guidance_end=control.end if control else None,
        canny_low_threshold=control.thresholds[0] if control else None,
        canny_high_threshold=control.thresholds[1] if control else None,
        upscale=bigger.upscale,
    )
    with _by_its_own_names():
        request, composition = image_generation(
            fields, args, image, control.image if control else None, controlnet.FIELD, mask
        )
    if mask is not None and mask.padding is not None:
        # What was generated is pasted into the image, which keeps its size.
        composition = replace(composition, upscale=1, resize=None)
    if bigger.size is not None:
        composition = replace(composition, resize=bigger.size)
    if control and composition.control:
        map_of = replace(composition.control, is_edges=control.is_edges)
        composition = replace(composition, control=map_of)
    texts = f"{body.prompt} {body.negative_prompt}"
    ignored = [
        *bigger.ignored,
        *(control.ignored if control else ()),
        *([] if scheduler_heeded else ["scheduler"]),
        *(f"override_settings.{name}" for name in asks(settings)),
        *(f"alwayson_scripts.{name}" for name, script in scripts.items() if _is_on(script)),
        *(name for name in asks(body.model_extra) if not name.startswith("hr_")),
        *_EXTRA_NETWORK.findall(texts),
    ]
    return Asked(request, composition, fields.n or 1, ignored)


def check_model(title: object, args: AppArgs, param: str) -> None:
    """Raise UnknownModel for a checkpoint that is not served, by its name or title."""
    if title is None:
        return
    generator = args.models.generator
    if _FILE_ENDING.sub("", str(title)) not in generator.names:
        raise UnknownModel(f"model {str(title)[:100]!r} not found; here is {generator.name}").about(
            param
        )


def _init_image(body: ImageToImage) -> bytes:
    images = body.init_images or []
    if len(images) != 1:
        raise InvalidRequest("send one image: one is edited at a time").about("init_images")
    return checks.from_base64(images[0], "init_images")


def _size(body: Generation, args: AppArgs) -> tuple[int, int] | None:
    """Rounded down to multiples of 8, as in web UI; one side that is left out is the default's."""
    if body.width is None and body.height is None:
        return None
    width, height = body.width or args.defaults.width, body.height or args.defaults.height
    return width // 8 * 8, height // 8 * 8


def _is_on(script: object) -> bool:
    """Clients switch off a script that they know by `{"args": [false]}`."""
    found = script.get("args") if isinstance(script, dict) else script
    return any(found) if isinstance(found, list) else bool(found)


@contextmanager
def _by_its_own_names() -> Iterator[None]:
    try:
        yield
    except ServiceError as error:
        raise error.about(_OUR_NAMES.get(error.param or "", error.param)) from error.__cause__
