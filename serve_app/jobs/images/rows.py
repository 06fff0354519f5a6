"""From what a command asks for to rows: each a request of the service's, and where it goes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from serve_app.config import AppArgs, SamplerName
from serve_app.jobs.folders.inputs import Input, output_names
from serve_app.jobs.folders.records import digest_of
from serve_app.jobs.folders.running import Failure
from serve_app.jobs.folders.worker import Row
from serve_app.messages import GenerationRequest
from serve_app.model_config import GeneratorModel

TASKS = ("image-to-image", "controlnet", "controlnet-image-to-image", "text-to-image")
COLUMNS = frozenset(
    {
        "prompt", "negative_prompt", "seed", "strength", "model", "name", "num_inference_steps",
        "mask", "mask_image", "mask_blur", "padding_mask_crop",
    }
)  # fmt: skip
MASKS = ("mask", "mask_image")
_MAX_BLUR, _MAX_PADDING = 256.0, 65_536  # as the service takes them
RESERVED = frozenset({"grid"})  # names of a run's own files
_MAX_SEED = 2**63 - 1
_SIDE = 256  # as the offline contract has it; smaller where the configuration's default is


@dataclass(frozen=True)
class Wanted:
    """What the command line asks of each picture that a manifest says nothing else of."""

    task: str
    width: int
    height: int
    seed: int = 25
    strength: float = 0.75
    masked_strength: float = 1.0
    guidance_scale: float = 7.5
    negative_prompt: str = ""
    num_inference_steps: int = 20
    sampler: SamplerName = "ddim"
    upscale: int = 1
    caption: bool = False

    @property
    def starts_from_image(self) -> bool:
        return self.task.endswith("image-to-image")

    @property
    def by_edges(self) -> bool:
        return self.task.startswith("controlnet")


def default_size(settings: AppArgs) -> tuple[int, int]:
    """256x256, or the configuration's default size where that is smaller."""
    return min(_SIDE, settings.defaults.width), min(_SIDE, settings.defaults.height)


def rows_of(
    inputs: Sequence[Input],
    wanted: Wanted,
    settings: AppArgs,
    models: Mapping[str, GeneratorModel],
    model_of: Mapping[str, str],
) -> tuple[list[Row], list[Failure]]:
    """A row for each input, in order; and those that ask for what cannot be.

    `model_of` names the model of inputs whose manifest names none.
    """
    names = [str(each.given.get("name", each.name)) for each in inputs]
    rows: list[Row] = []
    refused: list[Failure] = []
    for each, stem in zip(inputs, output_names(names, RESERVED), strict=True):
        try:
            request = _request(each, wanted, settings)
            mask = _mask(each, wanted)
        except ValueError as error:
            refused.append((each.name, str(error)))
            continue
        model = str(each.given.get("model") or model_of[each.name])
        row = {
            "key": f"{stem}.png",
            "name": each.name,
            "image": each.image.uri if each.image and wanted.task != "text-to-image" else None,
            "model": model,
            "request": asdict(request),
            **mask,
        }
        row["settings"] = digest_of(
            [row["request"], mask, _depends_on(wanted, settings, models[model])]
        )
        rows.append(row)
    return rows, refused


def _depends_on(wanted: Wanted, settings: AppArgs, model: GeneratorModel) -> list[Any]:
    """What a picture depends on besides its request and its input."""
    defaults = settings.defaults
    return [
        wanted.task,
        model.model_dump(),
        (defaults.canny_low_threshold, defaults.canny_high_threshold) if wanted.by_edges else None,
        (wanted.upscale, settings.models.upscaler.model_dump()) if wanted.upscale > 1 else None,
        settings.models.captioner.model_dump() if wanted.caption else None,
    ]


def _request(each: Input, wanted: Wanted, settings: AppArgs) -> GenerationRequest:
    """As the service makes it of the same fields. Raises ValueError."""
    given, defaults = each.given, settings.defaults
    if each.size_bytes is not None and each.size_bytes > settings.limits.max_body_bytes:
        raise ValueError(f"the file is over the limit of {settings.limits.max_body_bytes} bytes")
    prompt = str(given.get("prompt", prompt_of(each.stem)))
    if len(prompt) > settings.limits.max_prompt_chars:
        raise ValueError(f"the prompt is over {settings.limits.max_prompt_chars} characters")
    strength = wanted.strength
    if any(name in given for name in MASKS):
        strength = wanted.masked_strength
    return GenerationRequest(
        prompt=prompt,
        negative_prompt=str(given.get("negative_prompt", wanted.negative_prompt)),
        seed=_number(given, "seed", wanted.seed, 0, _MAX_SEED),
        width=wanted.width,
        height=wanted.height,
        num_inference_steps=_number(
            given, "num_inference_steps", wanted.num_inference_steps, 1, settings.limits.max_steps
        ),
        sampler=wanted.sampler,
        guidance_scale=wanted.guidance_scale,
        guidance_end=defaults.guidance_end_of(wanted.by_edges),
        latent_clamp=defaults.latent_clamp,
        controlnet_conditioning_scale=defaults.controlnet_conditioning_scale,
        strength=_number(given, "strength", strength, 0.0, 1.0),
    )


def _mask(each: Input, wanted: Wanted) -> dict[str, Any]:
    """The row's fields of a mask, none without one. Raises ValueError."""
    given = each.given
    named = [name for name in MASKS if name in given]
    if not named:
        of_masks = [name for name in ("mask_blur", "padding_mask_crop") if name in given]
        if of_masks:
            raise ValueError(f"{of_masks[0]} is of a mask, and there is none")
        return {}
    if len(named) > 1 or not wanted.starts_from_image or each.image is None:
        raise ValueError("one mask, mask or mask_image, of an image that a picture starts from")
    padding = None
    if "padding_mask_crop" in given:
        padding = _number(given, "padding_mask_crop", None, 0, _MAX_PADDING)
    return {
        "mask": each.beside(str(given[named[0]])).uri,
        "mask_field": named[0],
        "mask_blur": _number(given, "mask_blur", 0.0, 0.0, _MAX_BLUR),
        "padding_mask_crop": padding,
    }


def prompt_of(stem: str) -> str:
    """What a file's name says, underscores as spaces."""
    return " ".join(stem.replace("_", " ").split())


def _number(given: Mapping[str, Any], name: str, default: Any, least: Any, most: Any) -> Any:
    value = given.get(name, default)
    kind = type(least)
    try:
        number = kind(value)
        exact = number == float(value) or kind is float or str(number) == str(value)
    except (TypeError, ValueError, OverflowError):
        exact = False
    if not exact or not least <= number <= most:
        raise ValueError(f"{name} {value!r} is no number from {least} to {most}")
    return number
