"""The picture that diffusers' own pipeline makes of a request."""

import time

import numpy as np

from serve_app.config import AppArgs


def picture(
    args: AppArgs, control_image: bytes, prompt: str, seed: int, side: int, steps: int
) -> tuple[np.ndarray, float]:
    """int [side, side, 3] in 0 to 255, and the seconds that the pipeline took."""
    # Here, so that nobody who only sends requests pays for torch.
    from benchmarks.reference import ReferencePipelines
    from serve_app.denoise.offline import request_of
    from serve_app.denoise.trajectory import Work
    from serve_app.imaging import codec
    from serve_app.imaging.canny import find_edges

    defaults = args.defaults.model_copy(
        update={"width": side, "height": side, "num_inference_steps": steps}
    )
    pixels = codec.decode(control_image, args.limits.max_image_pixels, (side, side))
    edges = find_edges(pixels, defaults.canny_low_threshold, defaults.canny_high_threshold)
    pipelines = ReferencePipelines(args.models.generator)
    began = time.monotonic()
    work = Work(request_of(defaults, prompt, seed, conditioned=True), edges)
    (made,) = pipelines.generate([work])
    return made.astype(int), time.monotonic() - began
