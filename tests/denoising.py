"""A model of a few numbers for the engine, and requests for it."""

from collections.abc import Callable

import torch

from serve_app.denoise.trajectory import Work
from serve_app.messages import GenerationRequest

NOISE_SCHEDULE = {
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
    "clip_sample": False,
}


class TinyModel:
    """Predicts from each lane alone, and remembers what it was asked."""

    device, dtype = torch.device("cpu"), torch.float32
    noise_schedule = NOISE_SCHEDULE
    inpaints = False

    def __init__(self, before: Callable[[torch.Tensor], None] = lambda text: None):
        self.batches: list[list[str]] = []  # the prompts of each run, lane by lane
        self.conditioned: list[int] = []
        self._before = before
        self._prompts: list[str] = []

    def latent_shape(self, width, height):
        return (1, height // 8, width // 8)

    def encode_prompts(self, prompts):
        self._prompts += prompts
        first = len(self._prompts) - len(prompts)
        return [torch.full((1, 1, 1), float(first + i)) for i in range(len(prompts))]

    def encode_image(self, image, generator, covered=None):
        return torch.zeros(1, *self.latent_shape(image.shape[1], image.shape[0]))

    def embed_edges(self, edges):
        return [torch.ones(1, 1, 1, 1) for _ in edges]

    def predict(self, sample, timesteps, text, control, control_scale):
        prompts = [self._prompts[int(index)] for index in text.flatten()]
        self._before(prompts)
        self.batches.append(prompts)
        self.conditioned.append(0 if control is None else len(control))
        shift = torch.tensor([len(prompt) / 10 for prompt in prompts])[:, None, None, None]
        if control is not None:
            shift[: len(control)] += control * control_scale
        return torch.tanh(sample + shift + timesteps[:, None, None, None] / 1000)


def work(
    prompt="a",
    steps=4,
    guidance_scale=1.0,
    size=(16, 16),
    edges=None,
    image=None,
    mask=None,
    **fields,
):
    request = GenerationRequest(
        **{
            "prompt": prompt, "negative_prompt": "not", "seed": 1, "width": size[0],
            "height": size[1], "num_inference_steps": steps, "sampler": "ddim",
            "guidance_scale": guidance_scale, 
            "controlnet_conditioning_scale": 1.0, "strength": 1.0,
        }
        | fields
    )  # fmt: skip
    return Work(request, edges, image, mask)


def run(engine, limit=1000):
    """Step until nothing is left; the outcomes."""
    outcomes = []
    while any(engine.counts()):
        outcomes.append(engine.step())
        assert len(outcomes) < limit
    return outcomes


def finished(outcome):
    """The rows that a step has finished."""
    return [row for row, _ in outcome.finished]
