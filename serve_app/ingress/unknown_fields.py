"""Fields of a request that nothing here looks at: misspelt, of other tools, of a later version.

They are no error, since clients add new ones, but the answer says so, and to whom prefers
`handling=strict` (RFC 7240) the request is refused.
"""

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches

from fastapi import Request, Response

from serve_app.errors import UnknownFields
from serve_app.ingress.preferences import STRICT, preferred

HEADER = "X-Warnings"
NO_EFFECT = frozenset({"input_fidelity", "moderation", "quality", "style"})
"""OpenAI's own fields that mean nothing to the models here."""

_MOST = 10  # that are told apart; a hint takes a moment
_LONGEST = 60
_ALIKE = 0.75
_OTHER_NAMES = {
    "num_inference_steps": (
        "steps", "num_steps", "inference_steps", "sampling_steps", "ddim_steps", "sample_steps",
    ),
    "guidance_scale": ("cfg_scale", "cfg", "scale", "guidance", "true_cfg_scale"),
    "sampler": ("sampler_name", "sampler_index", "scheduler", "sample_method", "sampling_method"),
    "size": ("width", "height", "w", "h", "image_size", "resolution", "aspect_ratio"),
    "n": (
        "batch_size", "n_iter", "num_images", "num_outputs", "num_images_per_prompt", "samples",
        "batch_count", "number_of_images",
    ),
    "strength": ("denoising_strength", "denoise", "image_strength", "prompt_strength"),
    "negative_prompt": ("negative", "neg_prompt", "uc"),
    "prompt": ("text", "input", "inputs", "description", "positive_prompt"),
    "seed": ("random_seed", "manual_seed", "noise_seed", "rng_seed", "generator_seed"),
    "controlnet_conditioning_scale": (
        "controlnet_scale", "control_scale", "conditioning_scale", "controlnet_strength",
        "control_strength", "control_weight",
    ),
    "control_image": (
        "input_image_base64", "input_image", "controlnet_image", "conditioning_image", "control",
        "controlnet_input_image",
    ),
    "canny_low_threshold": ("low_threshold", "threshold_a", "low"),
    "canny_high_threshold": ("high_threshold", "threshold_b", "high"),
    "upscale": ("hr_scale", "upscale_factor", "upscaling_resize", "upscale_by"),
    "output_format": ("format", "image_format", "file_format"),
    "output_compression": ("jpeg_quality", "output_quality", "compression"),
    "mask_image": ("mask_img", "inpaint_mask"),
    "padding_mask_crop": ("inpaint_full_res_padding", "mask_padding"),
    "deadline_ms": ("timeout", "timeout_ms", "deadline"),
    # of /generation
    "text": ("prompt",),
    "random_seed": ("seed",),
    "input_image_base64": ("image", "input_image", "control_image", "image_base64", "init_image"),
    # of single stages
    "low_threshold": ("canny_low_threshold", "threshold_a", "low"),
    "high_threshold": ("canny_high_threshold", "threshold_b", "high"),
    "scale": ("upscale", "factor", "upscale_factor", "upscaling_resize"),
}  # fmt: skip
_PICTURES = ("image", "images", "init_image", "init_images", "mask", "mask_image")


def warnings_of(
    names: Iterable[str],
    known: Collection[str],
    no_effect: Collection[str] = NO_EFFECT,
    in_query: Collection[str] = (),
) -> tuple[list[str], list[str]]:
    """Of those names that are not `known` which are unknown, and a sentence for each name.

    What is in `in_query` is a parameter of the query and was sent elsewhere.
    """
    sent = [name for name in dict.fromkeys(names) if name not in known]
    unknown = [name for name in sent if name not in no_effect]
    told = [
        f"field {name!a} has no effect here"
        if name in no_effect
        else f"unknown field {name[:_LONGEST]!a}{_hint(name, known, in_query)}"
        for name in sent[:_MOST]
    ]
    if len(sent) > _MOST:
        told.append(f"and {len(sent) - _MOST} more fields")
    return unknown, told


def checked(
    request: Request,
    names: Iterable[str],
    known: Collection[str],
    no_effect: Collection[str] = NO_EFFECT,
    in_query: Collection[str] = (),
) -> tuple[str, ...]:
    """Those sentences. Raises UnknownFields where some are unknown and the client prefers that."""
    unknown, warnings = warnings_of(names, known, no_effect, in_query)
    if unknown and STRICT in preferred(request):
        raise UnknownFields("; ".join(warnings)).about(unknown[0][:_LONGEST])
    return tuple(warnings)


def announce(request: Request, response: Response, warnings: Collection[str]) -> None:
    """Say in the response's headers what was found, and that it was looked for strictly."""
    if warnings:
        response.headers[HEADER] = "; ".join(warnings)
    if STRICT in preferred(request):
        response.headers.append("Preference-Applied", STRICT)


def _hint(name: str, known: Collection[str], in_query: Collection[str]) -> str:
    if len(name) > _LONGEST:
        return " is ignored"
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().replace("-", "_")
    if plain in in_query:
        return f": it is a parameter of the query, ?{plain}=..."
    offered = {*known, *in_query}
    if plain in offered:
        return f": did you mean {plain!r}?"
    for ours, others in _OTHER_NAMES.items():
        if ours in offered and plain in others:
            return f": here it is {ours!r}"
    if plain in _PICTURES and "prompt" in known:
        return ": pictures to start from, and masks, are files of a form to /v1/images/edits"
    close = get_close_matches(plain, offered, 1, _ALIKE)
    return f": did you mean {close[0]!r}?" if close else " is ignored"
