"""Write the demo's models as the standard folders that diffusers and transformers load."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from torch import nn
from transformers import CLIPImageProcessor, GitProcessor, Swin2SRImageProcessor, ViTImageProcessor

from demo import architectures, card, vocabulary

WEIGHTS = Path(__file__).parent / "weights"


def half(module: nn.Module) -> nn.Module:
    """A copy in float16 on the CPU, for the disk."""
    return deepcopy(module).cpu().to(torch.float16)


def generator(
    text_encoder: nn.Module, vae: nn.Module, unet: nn.Module, weights: Path = WEIGHTS
) -> None:
    """Write a StableDiffusionPipeline folder, with its model card."""
    pipeline = StableDiffusionPipeline(
        vae=half(vae),
        text_encoder=half(text_encoder),
        tokenizer=vocabulary.prompt_tokenizer(),
        unet=half(unet),
        scheduler=architectures.noise_schedule(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    replace(weights / "generator", pipeline.save_pretrained, card.write)


def controlnet(model: nn.Module, weights: Path = WEIGHTS) -> None:
    """Write a ControlNetModel folder."""
    replace(weights / "controlnet", half(model).save_pretrained)


def captioner(model: nn.Module, weights: Path = WEIGHTS) -> None:
    """Write a GIT folder with its processor."""
    side = {"height": architectures.CAPTIONER_SIZE, "width": architectures.CAPTIONER_SIZE}
    images = CLIPImageProcessor(
        size=side, do_center_crop=False, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    processor = GitProcessor(images, vocabulary.caption_tokenizer())
    replace(weights / "captioner", half(model).save_pretrained, processor.save_pretrained)


def upscaler(model: nn.Module, scale: int, weights: Path = WEIGHTS) -> None:
    """Write a Swin2SR folder; its processor pads to whole windows, so crop what comes out."""
    processor = Swin2SRImageProcessor(size_divisor=8)
    replace(weights / f"upscaler-x{scale}", half(model).save_pretrained, processor.save_pretrained)


def classifier(model: nn.Module, weights: Path = WEIGHTS) -> None:
    """Write a ViT folder with its processor."""
    side = {"height": architectures.CLASSIFIER_SIZE, "width": architectures.CLASSIFIER_SIZE}
    processor = ViTImageProcessor(size=side)
    replace(weights / "classifier", half(model).save_pretrained, processor.save_pretrained)


def replace(folder: Path, *save: Callable[[Path], object]) -> None:
    """Write a folder aside and put it in place, so that a reader never meets half of it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    aside.chmod(0o755)
    for write in save:
        write(aside)
    if folder.exists():
        old = folder.with_name(f".{folder.name}-old")
        folder.rename(old)
        aside.rename(folder)
        shutil.rmtree(old)
    else:
        aside.rename(folder)
