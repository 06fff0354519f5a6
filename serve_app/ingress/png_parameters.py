"""The parameters of an image as a line of text inside its PNG, as image tools read them."""

from serve_app import __version__
from serve_app.messages import GenerationRequest


def parameters_of(request: GenerationRequest, seed: int, model: str) -> str:
    """The text of the PNG chunk `parameters`: the prompts, then `Name: value` pairs.

    The format is that of Stable Diffusion web UI, which its successors and image viewers read.
    """
    lines = [request.prompt]
    if request.negative_prompt:
        lines.append(f"Negative prompt: {request.negative_prompt}")
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
