"""Model folders with random weights of the true shapes, laid out as on the hub.

The numbers are those of the `config.json` files of `stable-diffusion-v1-5/stable-diffusion-v1-5`,
`lllyasviel/control_v11p_sd15_canny`, `caidas/swin2SR-classical-sr-x2-64` and `-x4-64`,
`microsoft/git-base-textcaps` and `google/vit-base-patch16-224`. As in a hub's cache, the first two
have their fp16 variant alone, and the safety checker is named but not there.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, ControlNetModel, PNDMScheduler, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    GitConfig,
    GitForCausalLM,
    Swin2SRConfig,
    Swin2SRForImageSuperResolution,
    ViTConfig,
    ViTForImageClassification,
)

from benchmarks.real_size import vocabularies

_PARAMETERS = {
    "unet": 859_520_964,
    "controlnet": 361_279_120,
    "vae": 83_653_863,
    "text_encoder": 123_060_480,
    "classifier": 86_567_656,
}
_BLOCKS = ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",)
_CHANNELS = (320, 640, 1280, 1280)
_CLIP_MEAN, _CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


def make(folder: Path) -> None:
    """Write all folders below `folder`, about 4 GB; the same in every run."""
    torch.manual_seed(0)
    _generator(folder / "generator")
    _controlnet(folder / "controlnet")
    for scale in (2, 4):
        _upscaler(folder / f"upscaler-x{scale}", scale)
    _captioner(folder / "captioner")
    _classifier(folder / "classifier")


def _generator(folder: Path) -> None:
    unet = UNet2DConditionModel(
        sample_size=64,
        block_out_channels=_CHANNELS,
        down_block_types=_BLOCKS,
        up_block_types=("UpBlock2D", *("CrossAttnUpBlock2D",) * 3),
        cross_attention_dim=768,
        attention_head_dim=8,
    )
    _save_half(unet, folder / "unet")
    vae = AutoencoderKL(
        sample_size=512,
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
    )
    _save_half(vae, folder / "vae")
    _text_encoder(folder / "text_encoder")
    vocabularies.write_clip(folder / "tokenizer")
    PNDMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True,
        steps_offset=1, set_alpha_to_one=False,
    ).save_pretrained(folder / "scheduler")  # fmt: skip
    _write(folder / "feature_extractor" / "preprocessor_config.json", _clip_pictures(224))
    parts = {
        "feature_extractor": ("transformers", "CLIPImageProcessor"),
        "safety_checker": ("stable_diffusion", "StableDiffusionSafetyChecker"),
        "scheduler": ("diffusers", "PNDMScheduler"),
        "text_encoder": ("transformers", "CLIPTextModel"),
        "tokenizer": ("transformers", "CLIPTokenizer"),
        "unet": ("diffusers", "UNet2DConditionModel"),
        "vae": ("diffusers", "AutoencoderKL"),
    }
    about = {"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.6.0"}
    _write(folder / "model_index.json", about | parts)


def _text_encoder(folder: Path) -> None:
    config = CLIPTextConfig(
        vocab_size=vocabularies.CLIP_SIZE,
        hidden_size=768,
        intermediate_size=3072,
        num_attention_heads=12,
        projection_dim=768,
        bos_token_id=0,
        eos_token_id=2,
    )
    _save_half(CLIPTextModel(config), folder)
    # The hub's file is of a time when a text encoder's weights had its name before theirs.
    path = folder / "model.fp16.safetensors"
    weights = {f"text_model.{name}": tensor for name, tensor in load_file(path).items()}
    save_file(weights, path, {"format": "pt"})
    _, about = CLIPTextModel.from_pretrained(folder, variant="fp16", output_loading_info=True)
    if about["missing_keys"] or about["unexpected_keys"]:
        raise AssertionError(f"weights that are not read: {about}")


def _controlnet(folder: Path) -> None:
    network = ControlNetModel(
        block_out_channels=_CHANNELS,
        down_block_types=_BLOCKS,
        cross_attention_dim=768,
        attention_head_dim=8,
    )
    # They begin as zeros, and without training edges would mean nothing.
    for convolution in (
        *network.controlnet_down_blocks,
        network.controlnet_mid_block,
        network.controlnet_cond_embedding.conv_out,
    ):
        nn.init.normal_(convolution.weight, std=0.02)
    _save_half(network, folder)


def _upscaler(folder: Path, scale: int) -> None:
    config = Swin2SRConfig(
        embed_dim=180,
        depths=[6] * 6,
        num_heads=[6] * 6,
        window_size=8,
        mlp_ratio=2.0,
        upscale=scale,
        upsampler="pixelshuffle",
    )
    Swin2SRForImageSuperResolution(config).save_pretrained(folder)
    pictures = {"do_pad": True, "do_rescale": True, "pad_size": 8, "rescale_factor": 1 / 255}
    _write(
        folder / "preprocessor_config.json",
        pictures | {"image_processor_type": "Swin2SRImageProcessor"},
    )


def _captioner(folder: Path) -> None:
    config = GitConfig(
        vision_config={"image_size": 480, "patch_size": 16, "num_hidden_layers": 12},
        vocab_size=vocabularies.BERT_SIZE,
        num_hidden_layers=6,
        max_position_embeddings=1024,
    )
    GitForCausalLM(config).save_pretrained(folder)
    vocabularies.write_bert(folder)
    _write(folder / "preprocessor_config.json", _clip_pictures(480))


def _classifier(folder: Path) -> None:
    names = {index: f"class {index}" for index in range(1000)}
    network = ViTForImageClassification(ViTConfig(id2label=names))
    _count(network, folder)
    network.save_pretrained(folder)
    pictures = {
        "do_normalize": True, "do_resize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
        "image_processor_type": "ViTImageProcessor", "size": {"height": 224, "width": 224},
    }  # fmt: skip
    _write(folder / "preprocessor_config.json", pictures)


def _save_half(network: Any, folder: Path) -> None:
    _count(network, folder)
    network.half().save_pretrained(folder, variant="fp16")


def _count(network: nn.Module, folder: Path) -> None:
    found = sum(parameter.numel() for parameter in network.parameters())
    if found != _PARAMETERS[folder.name]:
        raise AssertionError(f"{folder.name}: {found} parameters, not {_PARAMETERS[folder.name]}")


def _clip_pictures(side: int) -> dict[str, Any]:
    return {
        "crop_size": {"height": side, "width": side}, "do_center_crop": True,
        "do_convert_rgb": True, "do_normalize": True, "do_rescale": True, "do_resize": True,
        "image_mean": _CLIP_MEAN, "image_processor_type": "CLIPImageProcessor",
        "image_std": _CLIP_STD, "resample": 3, "rescale_factor": 1 / 255,
        "size": {"shortest_edge": side},
    }  # fmt: skip


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
