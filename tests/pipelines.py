"""A pipeline of fakes, and the request that tests put through it."""

from serve_app.messages import CannyRequest, GenerationRequest
from serve_app.pipeline import Composition, Pipeline
from serve_app.stages import Stages
from tests import fakes

REQUEST = GenerationRequest(
    prompt="a red circle", negative_prompt="", seed=7, width=128, height=64,
    num_inference_steps=4, sampler="ddim", guidance_scale=3.0,
    controlnet_conditioning_scale=1.0, strength=0.75,
)  # fmt: skip
CONTROL = CannyRequest(b"an image", 100, 200, (128, 64))
ALL = Composition(CONTROL, upscale=4, caption=True)


def pipeline_of(limits=None, share=None, grpc=False, **answers):
    """A pipeline, and its handles by the stage's name."""
    handles = fakes.handles(grpc, **answers)
    limits = fakes.app_args(**(limits or {})).limits
    made = Pipeline(Stages(**handles), limits, **({"share": share} if share else {}))
    return made, handles
