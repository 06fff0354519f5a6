"""The work that both sides of a comparison do: the demo's models, and a generation's request."""

from dataclasses import replace

from loadtest.routes import PROMPT, sketch
from serve_app.config import read_args
from serve_app.denoise.trajectory import Work
from serve_app.imaging import codec
from serve_app.imaging.canny import find_edges
from serve_app.messages import GenerationRequest
from serve_app.model_config import PROJECT_ROOT

BATCH = 8
SIDE = 128
_MODELS = read_args(PROJECT_ROOT / "serve_config.yaml").models
MODEL, CAPTIONER = _MODELS.generator, _MODELS.captioner
EAGER_MODEL = MODEL.model_copy(update={"backend": "eager"})
"""The eager backend, so that ways of batching are compared and not backends."""
EDGES = find_edges(codec.decode(sketch(), 2**20, (SIDE, SIDE)), 100, 200)
_REQUEST = GenerationRequest(
    prompt=PROMPT, negative_prompt="", seed=0, width=SIDE, height=SIDE, num_inference_steps=15,
    sampler="ddim", guidance_scale=3.0, controlnet_conditioning_scale=1.0,
    strength=0.7,
)  # fmt: skip


def request_of(seed: int, steps: int = 15) -> GenerationRequest:
    """A request with the settings of `routes.AS_PIPELINE`; the sketch's edges steer it."""
    return replace(_REQUEST, seed=seed, num_inference_steps=steps)


def works(count: int) -> list[Work]:
    """`count` generations that differ only in their seeds."""
    return [Work(request_of(seed), EDGES) for seed in range(count)]
