"""The parameters of an image as a line of text inside its PNG, as image tools read them."""

import re

from serve_app import __version__
from serve_app.messages import GenerationRequest

_NEGATIVE = "Negative prompt: "
# Values that hold a comma or a colon are quoted.
_PAIR = re.compile(r'([\w][\w \-/]{0,60}): ("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')
_LEAST_PAIRS = 3


def parameters_of(request: GenerationRequest, seed: int, model: str) -> str:
    """The text of the PNG chunk `parameters`: the prompts, then `Name: value` pairs.

    The format is that of Stable Diffusion web UI, which its successors and image viewers read.
    """
    lines = [request.prompt]
    if request.negative_prompt:
        lines.append(f"{_NEGATIVE}{request.negative_prompt}")
    values = {
        "Steps": request.num_inference_steps,
        "Sampler": request.sampler,
        "CFG scale": request.guidance_scale,
        "Seed": seed,
        "Size": f"{request.width}x{request.height}",
        "Model": model,
        "Denoising strength": None if request.image is None else request.strength,
        "Version": __version__,
    }
    pairs = [f"{name}: {value}" for name, value in values.items() if value is not None]
    return "\n".join([*lines, ", ".join(pairs)])


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
        **{name.strip(): value.strip().strip('"') for name, value in pairs},
    }
