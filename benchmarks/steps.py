"""Steps a second of the engine over Stable Diffusion 1.5 and a Canny ControlNet, at 512x512.

    python -m benchmarks.steps                      # on a GPU, in float16
    python -m benchmarks.steps --device cpu --tiny  # the same code, in seconds

The weights are random, so nothing is downloaded; time does not depend on them. Every image is
guided and takes two lanes. Prints a Markdown table of image steps a second, and of ratios over
eager. Fails where a step makes the host wait for the GPU.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from diffusers import ControlNetModel, UNet2DConditionModel

from serve_app.denoise.engine import Engine
from serve_app.denoise.trajectory import Work
from serve_app.messages import Covered, GenerationRequest, Pixels
from serve_app.runtimes.denoiser import Denoiser

SD15: dict[str, Any] = {
    "in_channels": 4,
    "block_out_channels": (320, 640, 1280, 1280),
    "down_block_types": (*("CrossAttnDownBlock2D",) * 3, "DownBlock2D"),
    "layers_per_block": 2,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}
TINY: dict[str, Any] = SD15 | {
    "block_out_channels": (8, 16, 16, 16),
    "layers_per_block": 1,
    "cross_attention_dim": 16,
    "attention_head_dim": 2,
    "norm_num_groups": 4,
}
UP = ("UpBlock2D", *("CrossAttnUpBlock2D",) * 3)
SCHEDULE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "clip_sample": False,
}
BATCHES = (1, 2, 4, 8)
ANCHORS = (
    "For comparison, one H100 at batch 1: plain PyTorch 35.8, the fastest compiler 72.6 steps/s."
)
Denoise = Callable[..., torch.Tensor]


@dataclass
class RandomModel:
    """What the engine asks of a runtime, of no particular weights."""

    device: torch.device
    dtype: torch.dtype
    config: dict[str, Any]
    predict: Denoise
    noise_schedule: Mapping[str, Any] = field(default_factory=lambda: SCHEDULE)
    inpaints: bool = False

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        return 4, height // 8, width // 8

    def encode_prompts(self, prompts: Sequence[str]) -> list[torch.Tensor]:
        return [self._random(1, 77, self.config["cross_attention_dim"]) for _ in prompts]

    def encode_image(
        self, image: Pixels, generator: torch.Generator, covered: Covered | None = None
    ) -> torch.Tensor:
        raise NotImplementedError

    def embed_edges(self, edges: Sequence[Pixels]) -> list[torch.Tensor]:
        width = self.config["block_out_channels"][0]
        return [self._random(1, width, *(side // 8 for side in map_.shape)) for map_ in edges]

    def _random(self, *shape: int) -> torch.Tensor:
        return torch.randn(shape, device=self.device, dtype=self.dtype)


class Graphed:
    """A call as CUDA graphs, one for each combination of shapes.

    https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
    """

    def __init__(self, call: Denoise) -> None:
        self._call = call
        self._graphs: dict[Any, tuple[Any, list[torch.Tensor | None], torch.Tensor]] = {}

    def __call__(self, *inputs: torch.Tensor | None) -> torch.Tensor:
        key = tuple(None if each is None else each.shape for each in inputs)
        if key not in self._graphs:
            self._graphs[key] = self._captured(inputs)
        graph, held, output = self._graphs[key]
        for into, given in zip(held, inputs, strict=True):
            if into is not None and given is not None:
                into.copy_(given)
        graph.replay()
        return output.clone()

    def _captured(self, inputs: Sequence[torch.Tensor | None]) -> Any:
        held = [None if each is None else each.clone() for each in inputs]
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(3):
                self._call(*held)
        torch.cuda.current_stream().wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            output = self._call(*held)
        return graph, held, output


def variants(config: dict[str, Any], device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """Makers of the networks' call, by name; what needs a GPU is there only with one."""
    torch.manual_seed(0)
    unet: Any = UNet2DConditionModel(up_block_types=UP, **config)
    controlnet: Any = ControlNetModel(**config)
    for network in (unet, controlnet):
        torch.nn.Module.to(network, device, dtype).eval()  # diffusers' own `to` warns needlessly
    controlnet.controlnet_cond_embedding = torch.nn.Identity()

    def channels_last() -> Denoise:
        networks = [each.to(memory_format=torch.channels_last) for each in (unet, controlnet)]
        return Denoiser(*networks)

    made: dict[str, Callable[[], Denoise]] = {"eager": lambda: Denoiser(unet, controlnet)}
    if device.type == "cuda":
        made["CUDA graphs"] = lambda: Graphed(Denoiser(unet, controlnet))
    made["channels last"] = channels_last
    if device.type == "cuda":
        made["channels last, CUDA graphs"] = lambda: Graphed(channels_last())
        made["channels last, compile"] = lambda: Denoiser(unet, controlnet, "compile")
        made["channels last, compile, CUDA graphs"] = lambda: Graphed(
            Denoiser(unet, controlnet, "compile")
        )
    return made


def image_steps_per_second(model: RandomModel, batch: int, conditioned: bool, args: Any) -> float:
    """Of the engine with so many images, all alike; the first steps are not counted."""
    request = GenerationRequest(
        prompt="", negative_prompt="", seed=0, width=args.side, height=args.side,
        num_inference_steps=2 * args.steps + 2, sampler="ddim", guidance_scale=7.5,
        controlnet_conditioning_scale=1.0, strength=1.0,
    )  # fmt: skip
    edges = np.zeros((args.side, args.side), np.uint8) if conditioned else None
    engine = Engine(model, batch)
    for _ in range(batch):
        engine.add(Work(request, edges))
    for _ in range(args.steps):
        _stepped(engine)
    if model.device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
    began = time.perf_counter()
    for _ in range(args.steps):
        _stepped(engine)
    if model.device.type == "cuda":
        torch.cuda.set_sync_debug_mode("default")
        torch.cuda.synchronize()
    return batch * args.steps / (time.perf_counter() - began)


def _stepped(engine: Engine) -> None:
    for _, error in engine.step().failed:
        raise error


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda")
    parser.add_argument("--tiny", action="store_true", help="a small network, at 64x64")
    parser.add_argument("--steps", type=int, default=50, help="that are timed")
    args = parser.parse_args(argv)
    args.side = 64 if args.tiny else 512
    device, config = torch.device(args.device), TINY if args.tiny else SD15
    dtype = torch.float16 if args.device == "cuda" else torch.float32
    cases = [("UNet, batch 1", 1, False)]
    cases += [(f"batch {batch}", batch, True) for batch in BATCHES]
    print(f"| image steps/s | {' | '.join(name for name, _, _ in cases)} |")
    print("|" + "---|" * (len(cases) + 1))
    eager: list[float] = []
    for name, make in variants(config, device, dtype).items():
        model = RandomModel(device, dtype, config, make())
        found = [image_steps_per_second(model, batch, edges, args) for _, batch, edges in cases]
        eager = eager or found
        cells = [f"{a:.1f} ({a / b:.2f}x)" for a, b in zip(found, eager, strict=True)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print(f"\n{ANCHORS}")


if __name__ == "__main__":
    main()
