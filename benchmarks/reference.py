"""The baseline: diffusers and transformers called as a script would, one request-level batch per
call.

The images of one pipeline call share size, steps, sampler and guidance; prompts, seeds, edges and
starting images may differ.
"""

import copy
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from diffusers import (
    ControlNetModel,
    StableDiffusionControlNetImg2ImgPipeline,
    StableDiffusionControlNetInpaintPipeline,
    StableDiffusionControlNetPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
)
from PIL import Image
from transformers import AutoImageProcessor, AutoTokenizer, GitForCausalLM

from serve_app.denoise.sampler import SAMPLERS
from serve_app.denoise.trajectory import Work
from serve_app.messages import Pixels
from serve_app.model_config import CaptionerModel, GeneratorModel
from serve_app.runtimes.placement import place


class ReferencePipelines:
    """The six pipelines over one set of weights, loaded apart from the engine's."""

    def __init__(self, model: GeneratorModel) -> None:
        placed = place(model.placement)
        controlnet = ControlNetModel.from_pretrained(
            model.controlnet,
            revision=model.controlnet_revision,
            dtype=placed.dtype,
            variant=model.variant,
        )
        controlled = StableDiffusionControlNetPipeline.from_pretrained(
            model.path,
            revision=model.revision,
            controlnet=controlnet,
            dtype=placed.dtype,
            variant=model.variant,
            safety_checker=None,
            requires_safety_checker=False,
        ).to(placed.device)
        parts: dict[str, Any] = dict(controlled.components)
        plain = _without_control(parts)
        unet = copy.copy(controlled.unet)
        if unet.config.in_channels == controlled.vae.config.latent_channels:
            # How diffusers' inpaint pipelines recognise a UNet that takes latents and no masks.
            unet.register_to_config(in_channels=4)
        masked = parts | {"unet": unet}
        # By (edges steer it, starts from an image, which is masked).
        kinds: dict[tuple[bool, bool, bool], tuple[Any, dict[str, Any]]] = {
            (True, False, False): (StableDiffusionControlNetPipeline, parts),
            (True, True, False): (StableDiffusionControlNetImg2ImgPipeline, parts),
            (True, True, True): (StableDiffusionControlNetInpaintPipeline, masked),
            (False, False, False): (StableDiffusionPipeline, plain),
            (False, True, False): (StableDiffusionImg2ImgPipeline, plain),
            (False, True, True): (StableDiffusionInpaintPipeline, _without_control(masked)),
        }
        self._pipelines = {
            key: kind(**components, requires_safety_checker=False)
            for key, (kind, components) in kinds.items()
        }
        for pipeline in self._pipelines.values():
            pipeline.set_progress_bar_config(disable=True)
        self._noise_schedule = dict(controlled.scheduler.config)

    @staticmethod
    def batch_key(work: Work) -> tuple[object, ...]:
        """Works with equal keys can share a call: the key holds every argument that a pipeline
        takes once per batch."""
        request = work.request
        return (
            work.edges is not None,
            work.image is not None,
            work.mask is not None,
            request.width,
            request.height,
            request.num_inference_steps,
            request.sampler,
            request.guidance_scale,
            request.guidance_rescale,
            request.controlnet_conditioning_scale,
            request.control_guidance_start,
            request.control_guidance_end,
            request.strength,
        )

    def generate(self, batch: Sequence[Work]) -> list[Pixels]:
        """The images of a batch of one `batch_key`, uint8 RGB [height, width, 3] each."""
        conditioned, started = batch[0].edges is not None, batch[0].image is not None
        masked = batch[0].mask is not None
        request = batch[0].request
        pipeline = self._pipelines[conditioned, started, masked]
        kind, options = SAMPLERS[request.sampler]
        pipeline.scheduler = kind.from_config(self._noise_schedule, **options)
        requests = [work.request for work in batch]
        arguments: dict[str, Any] = {
            "prompt": [item.prompt for item in requests],
            "negative_prompt": [item.negative_prompt for item in requests],
            "generator": [torch.Generator("cpu").manual_seed(item.seed) for item in requests],
            "num_inference_steps": request.num_inference_steps,
            "guidance_scale": request.guidance_scale,
            "output_type": "np",
        }
        if started:
            images = np.stack([work.image for work in batch if work.image is not None])
            pictures = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
            arguments |= {"image": pictures, "strength": request.strength}
        if masked:
            masks = np.stack([work.mask for work in batch if work.mask is not None])
            arguments["mask_image"] = torch.from_numpy(masks).float()[:, None] / 255
        if masked or not started:
            arguments |= {"width": request.width, "height": request.height}
        if conditioned:
            maps = torch.from_numpy(np.stack([w.edges for w in batch if w.edges is not None]))
            # diffusers names the edges `image`, or `control_image` where `image` is the starting
            # image.
            arguments["control_image" if started else "image"] = (maps.float() / 255)[
                :, None
            ].expand(-1, 3, -1, -1)
            for name in (
                "controlnet_conditioning_scale", "control_guidance_start", "control_guidance_end",
            ):  # fmt: skip
                arguments[name] = getattr(request, name)
        if request.guidance_rescale and not conditioned and not started:
            arguments["guidance_rescale"] = request.guidance_rescale
        with torch.inference_mode():
            made = pipeline(**arguments).images
        return [(image * 255).round().clip(0, 255).astype(np.uint8) for image in made]


def _without_control(parts: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in parts.items() if name != "controlnet"}


class ReferenceCaptioner:
    """GIT as a script would call it, from encoded images to sentences."""

    def __init__(self, model: CaptionerModel) -> None:
        self._processor = AutoImageProcessor.from_pretrained(model.path, backend="pil")
        self._tokenizer = AutoTokenizer.from_pretrained(model.path)
        self._model: Any = GitForCausalLM.from_pretrained(model.path).eval()
        self._max_new_tokens = model.max_new_tokens

    def caption(self, images: Sequence[bytes]) -> list[str]:
        """A sentence for each encoded image."""
        pictures = [Image.open(io.BytesIO(image)).convert("RGB") for image in images]
        pixels = self._processor(images=pictures, return_tensors="pt").pixel_values
        tokens = self._model.generate(pixel_values=pixels, max_new_tokens=self._max_new_tokens)
        return self._tokenizer.batch_decode(tokens, skip_special_tokens=True)
