"""The parameters of an image as a line of text inside its PNG, as image tools read them, and enough
to make it again."""

import hashlib
import json
import re
from collections.abc import Sequence

from serve_app import __version__
from serve_app.config import AppArgs, SamplerName
from serve_app.messages import CannyRequest, GenerationRequest, MaskSource

_NEGATIVE = "Negative prompt: "
_PAIR = re.compile(r'([\w][\w \-/]{0,60}): ("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')
_LEAST_PAIRS = 3
_HASH_DIGITS = 16
# Ours to web UI's, which in lower case, with "pp" for "++" and "_" for " ", are ours again.
SAMPLER_NAMES: dict[SamplerName, str] = {
    "ddim": "DDIM",
    "dpmpp_2m": "DPM++ 2M",
    "dpmpp_2m_karras": "DPM++ 2M Karras",
    "euler": "Euler",
    "euler_a": "Euler a",
    "unipc": "UniPC",
    "lcm": "LCM",
}
_NAMES: dict[str, str] = {ours: theirs for ours, theirs in SAMPLER_NAMES.items()}


def parameters_of(
    request: GenerationRequest,
    seeds: Sequence[int],
    args: AppArgs,
    control: CannyRequest | None = None,
    upscale: int = 1,
    resize: tuple[int, int] | None = None,
    mask: MaskSource | None = None,
) -> list[str]:
    """For each seed the text of the PNG chunk `parameters`: the prompts, then `Name: value` pairs.

    The format is that of Stable Diffusion web UI, which its successors and image viewers read; what
    it has no name for comes last. Pictures that were sent are told by the first 16 hexadecimal
    digits of their SHA-256, so with large ones this takes a while.
    """
    lines = [request.prompt]
    if request.negative_prompt:
        lines.append(f"{_NEGATIVE}{request.negative_prompt}")
    generator, upscaler = args.models.generator, args.models.upscaler
    values = {
        "Steps": request.num_inference_steps,
        "Sampler": _NAMES.get(request.sampler, request.sampler),
        "CFG scale": request.guidance_scale,
        "Seed": 0,
        "Size": f"{request.width}x{request.height}",
        "Model": generator.name,
        "Denoising strength": None if request.image is None else request.strength,
        "Mask blur": mask and mask.blur,
        "Inpaint area": "Only masked" if mask and mask.padding is not None else None,
        "Masked area padding": mask and mask.padding,
        "ControlNet 0": control and _unit(control, request.controlnet_conditioning_scale),
        "Postprocess upscale by": upscale if upscale > 1 else None,
        "Postprocess upscale to": f"{resize[0]}x{resize[1]}" if resize else None,
        "Guidance rescale": request.guidance_rescale or None,
        "Guidance end": request.guidance_end,
        "Latent clamp": request.latent_clamp,
        "Control image hash": control and hash_of(control.image),
        "Image hash": None if request.image is None else hash_of(request.image),
        "Mask hash": mask and mask.hash,
        "Mask field": mask and mask.field,
        "Backend": generator.backend,
        "Upscaler backend": upscaler.backend if upscale > 1 else None,
        "Version": __version__,
    }
    known = {name: value for name, value in values.items() if value is not None}
    return ["\n".join([*lines, _pairs(known | {"Seed": seed})]) for seed in seeds]


def hash_of(image: bytes) -> str:
    """What tells an encoded image that was sent from others."""
    return hashlib.sha256(image).hexdigest()[:_HASH_DIGITS]


def read_parameters(text: str) -> dict[str, str]:
    """That text's values by name, the prompts under `Prompt` and `Negative prompt`."""
    if not text:
        return {}
    lines = text.strip().split("\n")
    pairs = _PAIR.findall(lines[-1])
    if len(pairs) < _LEAST_PAIRS:  # a prompt without parameters
        pairs = []
    else:
        lines.pop()
    negative = next((at for at, line in enumerate(lines) if line.startswith(_NEGATIVE)), len(lines))
    return {
        "Prompt": "\n".join(lines[:negative]),
        "Negative prompt": "\n".join(lines[negative:]).removeprefix(_NEGATIVE),
        **{name.strip(): _unquoted(value.strip()) for name, value in pairs},
    }


def _unit(control: CannyRequest, scale: float) -> str:
    """As the ControlNet extension writes it."""
    return _pairs(
        {
            "Module": "none" if control.is_edges else "canny",
            "Model": "canny",
            "Weight": scale,
            "Threshold A": control.low_threshold,
            "Threshold B": control.high_threshold,
            "Guidance Start": 0.0,
            "Guidance End": 1.0,
        }
    )


def _pairs(values: dict[str, object]) -> str:
    return ", ".join(f"{name}: {_quoted(str(value))}" for name, value in values.items())


def _quoted(value: str) -> str:
    """In JSON's quotes where it holds what else ends a value."""
    return json.dumps(value, ensure_ascii=False) if re.search('[,:\n"]', value) else value


def _unquoted(value: str) -> str:
    try:
        return str(json.loads(value)) if value.startswith('"') else value
    except ValueError:
        return value.strip('"')
