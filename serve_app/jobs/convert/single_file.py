"""Stable Diffusion 1.x in one file, as A1111 and civitai have it, to a diffusers folder.

What such a file lacks (the networks' configurations, the noise schedule, the tokenizer) comes from
another folder of Stable Diffusion 1.x. diffusers' `from_single_file` gives the tensors their names.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from diffusers.utils.logging import disable_progress_bar, set_verbosity_error
from transformers.utils import logging as transformers_logging

from serve_app.jobs.convert.checkpoint import Refused, Tensors, read
from serve_app.jobs.one_line import one_line

MAX_DIFFERENCE = 1 / 255
_NETWORKS = {  # the prefix of its tensors in the file
    "unet": "model.diffusion_model.",
    "vae": "first_stage_model.",
    "text_encoder": "cond_stage_model.transformer.",
}
_PROMPT, _STEPS, _SIDE = "a lighthouse on a cliff at sunset", 2, 128


def convert(checkpoint: Path, folder: Path, like: str) -> float:
    """Write a StableDiffusionPipeline folder without a safety checker, in the dtype of the file's
    UNet, and return the largest difference of a picture in 0 to 1 from the one that the file makes.

    `like` is a diffusers folder of Stable Diffusion 1.x, or the id of one on the hub. A pickled
    file is refused: convert it to safetensors first.
    Raises Refused, also where a network has tensors that the file has not, or the difference is
    over `MAX_DIFFERENCE`; OSError where `like` lacks a file.
    """
    disable_progress_bar()
    set_verbosity_error()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    if checkpoint.suffix != ".safetensors":
        raise Refused(f"{checkpoint}: convert it with `safetensors` first")
    weights = read(checkpoint)
    if missing := [
        name
        for name, prefix in _NETWORKS.items()
        if not any(each.startswith(prefix) for each in weights)
    ]:
        raise Refused(f"not a checkpoint of Stable Diffusion 1.x: no {' and no '.join(missing)}")
    dtype = next(each.dtype for name, each in weights.items() if name.startswith(_NETWORKS["unet"]))
    try:
        pipeline: Any = StableDiffusionPipeline.from_single_file(
            str(checkpoint),
            config=like,
            dtype=dtype,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    except NotImplementedError as error:  # of tensors that were not loaded
        raise Refused(f"{checkpoint} lacks weights that the networks of {like} have") from error
    except (ValueError, RuntimeError) as error:  # shapes and names that are not those of `like`
        raise Refused(f"{checkpoint} is not like {like}: {one_line(error)}") from error
    for name in _NETWORKS:
        _check_tensors(name, getattr(pipeline, name), weights, dtype)
    pipeline.save_pretrained(folder)
    written = StableDiffusionPipeline.from_pretrained(folder, dtype=dtype)
    difference = float(np.abs(_picture(written) - _picture(pipeline)).max())
    if not difference <= MAX_DIFFERENCE:
        raise Refused(f"the folder's picture differs by {difference:.2g}, over 1/255")
    return difference


def _check_tensors(name: str, network: Any, weights: Tensors, dtype: torch.dtype) -> None:
    """Every tensor of the network is one of the file's; a convolution may have become a matrix.

    What diffusers did not find in the file is left without a value, and it may say nothing.
    """
    there = _digests(
        each.to(dtype) for key, each in weights.items() if key.startswith(_NETWORKS[name])
    )
    for key, each in network.state_dict().items():
        if each.is_meta or (each.is_floating_point() and not _digests([each]) <= there):
            raise Refused(f"the file has no {key} of the {name}")


def _digests(tensors: Iterable[torch.Tensor]) -> set[bytes]:
    return {
        hashlib.blake2b(each.contiguous().reshape(-1).view(torch.uint8).numpy().data).digest()
        for each in tensors
    }


def _picture(pipeline: Any) -> Any:
    """Float32 [side, side, 3] in 0 to 1; the same at every call."""
    pipeline.to(torch.float32).set_progress_bar_config(disable=True)
    made = pipeline(
        _PROMPT,
        num_inference_steps=_STEPS,
        width=_SIDE,
        height=_SIDE,
        generator=torch.Generator().manual_seed(0),
        output_type="np",
    )
    return made.images[0]
