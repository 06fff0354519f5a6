"""Stable Diffusion 1.x with a Canny ControlNet, through diffusers' own pipelines.

One call makes a batch of images that share size, steps and guidance; what may differ is the
prompt, the seed, the edges and the starting image. This is the reference that a faster engine is
compared with.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from diffusers import (
    ControlNetModel,
    StableDiffusionControlNetImg2ImgPipeline,
    StableDiffusionControlNetPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionPipeline,
)
from diffusers.utils.logging import disable_progress_bar, set_verbosity_error

from serve_app.config import GeneratorModel, Limits
from serve_app.errors import InvalidRequest
from serve_app.imaging import codec
from serve_app.messages import GenerationRequest, Pixels
from serve_app.runtimes.placement import place

Work = tuple[GenerationRequest, Pixels | None]
"""A request and its edge map, uint8 [height, width], if edges steer it."""


class GeneratorRuntime:
    """Text-to-image, image-to-image and Canny-controlled, by what the request holds."""

    def __init__(self, model: GeneratorModel, limits: Limits, gpu_share: float = 0.0) -> None:
        placed = place(model.placement, gpu_share)
        self.device, self.dtype = placed.device, placed.dtype
        self._limits = limits
        disable_progress_bar()
        set_verbosity_error()  # it would log the words of a prompt that are over 77 tokens
        controlnet = ControlNetModel.from_pretrained(
            model.controlnet, dtype=self.dtype, use_safetensors=True, variant=model.variant
        )
        controlled = StableDiffusionControlNetPipeline.from_pretrained(
            model.path,
            controlnet=controlnet,
            dtype=self.dtype,
            variant=model.variant,
            use_safetensors=True,
            safety_checker=None,
            requires_safety_checker=False,
        ).to(self.device)
        parts: dict[str, Any] = dict(controlled.components)
        plain = {name: part for name, part in parts.items() if name != "controlnet"}
        # By (edges steer it, starts from an image). The four share one set of weights.
        self._pipelines = {
            (True, False): controlled,
            (True, True): StableDiffusionControlNetImg2ImgPipeline(
                **parts, requires_safety_checker=False
            ),
            (False, False): StableDiffusionPipeline(**plain, requires_safety_checker=False),
            (False, True): StableDiffusionImg2ImgPipeline(**plain, requires_safety_checker=False),
        }
        for pipeline in self._pipelines.values():
            pipeline.set_progress_bar_config(disable=True)

    @staticmethod
    def batch_key(work: Work) -> tuple[object, ...]:
        """Requests of one key can share a call: all that a pipeline takes once a batch."""
        request, edges = work
        started = request.image is not None
        return (
            edges is not None,
            started,
            request.width,
            request.height,
            request.num_inference_steps,
            request.guidance_scale,
            request.guidance_rescale,
            request.controlnet_conditioning_scale if edges is not None else None,
            request.strength if started else None,
        )

    def generate(self, batch: Sequence[Work], abandoned: Callable[[], bool]) -> list[Pixels]:
        """Make the images of a batch of one `batch_key`: uint8 RGB [height, width, 3] each.

        `abandoned` is asked between steps; once it says True the rest of the steps are skipped,
        because nobody waits for the result. Raises InvalidImage for a starting image that cannot
        be decoded, InvalidRequest for a combination that the pipelines do not offer.
        """
        request, edges = batch[0]
        steered, started = edges is not None, request.image is not None
        pipeline = self._pipelines[steered, started]

        def stop_if_abandoned(pipe: Any, step: int, timestep: Any, tensors: dict) -> dict:
            pipe._interrupt = abandoned()
            return tensors

        arguments: dict[str, Any] = {
            "prompt": [item.prompt for item, _ in batch],
            "negative_prompt": [item.negative_prompt for item, _ in batch],
            # On the CPU whatever the device, so that a seed gives the same noise on each.
            "generator": [torch.Generator("cpu").manual_seed(item.seed) for item, _ in batch],
            "num_inference_steps": request.num_inference_steps,
            "guidance_scale": request.guidance_scale,
            "callback_on_step_end": stop_if_abandoned,
            "output_type": "np",
        }
        if started:
            arguments |= {"image": self._starting_images(batch), "strength": request.strength}
        else:
            arguments |= {"width": request.width, "height": request.height}
        if steered:
            # What diffusers calls the edges depends on whether `image` is taken already.
            arguments["control_image" if started else "image"] = _edge_images(batch)
            arguments["controlnet_conditioning_scale"] = request.controlnet_conditioning_scale
        if request.guidance_rescale:
            if steered or started:
                raise InvalidRequest("guidance_rescale works for text-to-image only").about(
                    "guidance_rescale"
                )
            arguments["guidance_rescale"] = request.guidance_rescale
        with torch.inference_mode():
            images = pipeline(**arguments).images
        return [(image * 255).round().clip(0, 255).astype(np.uint8) for image in images]

    def warm_up(self, width: int, height: int) -> None:
        """Run each pipeline once, so that no client pays for first-call allocation."""
        blank = np.zeros((height, width, 3), np.uint8)
        request = GenerationRequest(
            prompt="", negative_prompt="", seed=0, width=width, height=height,
            num_inference_steps=2, guidance_scale=2.0, guidance_rescale=0.0,
            controlnet_conditioning_scale=1.0, strength=1.0,
        )  # fmt: skip
        for steered, started in self._pipelines:
            work = replace(request, image=codec.encode(blank) if started else None)
            self.generate([(work, blank[..., 0] if steered else None)], lambda: False)

    def _starting_images(self, batch: Sequence[Work]) -> torch.Tensor:
        """Float [batch, 3, height, width] in 0 to 1, as diffusers' image processor takes it."""
        images = [
            codec.decode(item.image, self._limits.max_image_pixels, (item.width, item.height))
            for item, _ in batch
            if item.image is not None
        ]
        return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255


def _edge_images(batch: Sequence[Work]) -> torch.Tensor:
    """Float [batch, 3, height, width], 1 on an edge and 0 elsewhere."""
    maps = torch.from_numpy(np.stack([edges for _, edges in batch if edges is not None]))
    return (maps.float() / 255)[:, None].expand(-1, 3, -1, -1)
