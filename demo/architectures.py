"""The demo's model shapes, untrained: small siblings of the real ones, in the same classes.

Everything a size is chosen for stands here; training and export know only these functions.
"""

from __future__ import annotations

import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    Transformer2DModel,
    UNet2DConditionModel,
)
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

from demo.outlines import KINDS

IMAGE_SIZE = 128
LATENT_CHANNELS = 8
LATENT_SIZE = IMAGE_SIZE // 8
TEXT_WIDTH = 128
CAPTIONER_SIZE = 96
CAPTIONER_PATCH = 8
CLASSIFIER_SIZE = 64
CLASSIFIER_PATCH = 8

_BACKBONE = {
    "in_channels": LATENT_CHANNELS,
    "block_out_channels": (32, 96, 128),
    "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "layers_per_block": 1,
    "cross_attention_dim": TEXT_WIDTH,
    "attention_head_dim": 4,
    "norm_num_groups": 8,
}


def vae() -> AutoencoderKL:
    """Factor 8, 8 latent channels: an edge across a flat 8x8 patch has about that many unknowns."""
    return AutoencoderKL(
        block_out_channels=(16, 32, 64, 64),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=8,
        sample_size=IMAGE_SIZE,
        scaling_factor=1.0,
        mid_block_add_attention=False,
    )


def unet() -> UNet2DConditionModel:
    """The denoiser of 16x16 latents; two transformer layers at 8x8 and 4x4 compose the picture.

    The second layers begin as the identity, so that weights without them can be trained on.
    """
    model = UNet2DConditionModel(
        sample_size=LATENT_SIZE,
        out_channels=LATENT_CHANNELS,
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        transformer_layers_per_block=(1, 2, 2),
        **_BACKBONE,
    )
    for module in model.modules():
        if isinstance(module, Transformer2DModel):
            for block in module.transformer_blocks[1:]:
                for last in (block.attn1.to_out[0], block.attn2.to_out[0], block.ff.net[2]):
                    nn.init.zeros_(last.weight)
                    nn.init.zeros_(last.bias)
    return model


def controlnet() -> ControlNetModel:
    """The control branch (Zhang et al. 2023, https://arxiv.org/abs/2302.05543).

    Its zero convolutions get an ordinary small initialisation, since there is no pretrained UNet
    to protect.
    """
    model = ControlNetModel(conditioning_embedding_out_channels=(8, 16, 32, 64), **_BACKBONE)
    zeroed = [
        *model.controlnet_down_blocks,
        model.controlnet_mid_block,
        model.controlnet_cond_embedding.conv_out,
    ]
    for conv in zeroed:
        nn.init.normal_(conv.weight, std=0.3 * conv.weight[0].numel() ** -0.5)
    return model


def text_encoder(vocab_size: int) -> CLIPTextModel:
    """Two causal layers over 77 tokens; token 0 begins a text, token 1 ends and pads it."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocab_size,
            hidden_size=TEXT_WIDTH,
            intermediate_size=4 * TEXT_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            projection_dim=TEXT_WIDTH,
            max_position_embeddings=77,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=1,
        )
    )


def noise_schedule() -> DDIMScheduler:
    """v-prediction on a schedule that ends in pure noise.

    From Lin et al. 2023, https://arxiv.org/abs/2305.08891.
    """
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        steps_offset=1,
        clip_sample=False,
        set_alpha_to_one=False,
    )


def captioner(vocab_size: int, bos: int, eos: int, pad: int) -> GitForCausalLM:
    """An image encoder and a text decoder (Wang et al. 2022, https://arxiv.org/abs/2205.14100)."""
    width, heads = 128, 4
    model = GitForCausalLM(
        GitConfig(
            vision_config={
                "hidden_size": width,
                "intermediate_size": 4 * width,
                "num_hidden_layers": 4,
                "num_attention_heads": heads,
                "image_size": CAPTIONER_SIZE,
                "patch_size": CAPTIONER_PATCH,
            },
            vocab_size=vocab_size,
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=3,
            num_attention_heads=heads,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            max_position_embeddings=64,
            bos_token_id=bos,
            eos_token_id=eos,
            pad_token_id=pad,
        )
    )
    model.generation_config.max_new_tokens = 40
    return model


def upscaler(scale: int) -> Swin2SRForImageSuperResolution:
    """Swin2SR (Conde et al. 2022, https://arxiv.org/abs/2209.11345), its skip path set to bicubic.

    The first convolution copies each pixel's 3x3 neighbourhood and the last one combines them with
    the bicubic weights, while the body starts silent: training begins at bicubic and adds to it.
    """
    width = 48
    model = Swin2SRForImageSuperResolution(
        Swin2SRConfig(
            image_size=64,
            embed_dim=width,
            depths=[2, 2],
            num_heads=[4, 4],
            window_size=8,
            mlp_ratio=2.0,
            upscale=scale,
            upsampler="pixelshuffledirect",
            num_channels=3,
        )
    )
    first, last = model.swin2sr.first_convolution, model.upsample.conv
    with torch.no_grad():
        first.weight[:27] = torch.eye(27).view(27, 3, 3, 3)
        for parameter in (
            first.bias[:27],
            last.weight,
            last.bias,
            *model.swin2sr.conv_after_body.parameters(),
        ):
            parameter.zero_()
        last.weight[:, :27] = _bicubic_taps(scale)
    return model


def _bicubic_taps(scale: int) -> torch.Tensor:
    """Bicubic enlargement as a 3x3 convolution over copied 3x3 neighbourhoods.

    float32 [3 * scale**2, 27, 3, 3]. The kernel is 5 wide; the tap at offset d = outer + inner is
    shared out over the ways to reach d.
    """
    impulse = torch.zeros(1, 1, 9, 9)
    impulse[..., 4, 4] = 1
    enlarged = nn.functional.interpolate(impulse, scale_factor=scale, mode="bicubic")[0, 0]
    # response[p, q, i, j]: the weight of the input at offset (i - 2, j - 2) for sub-pixel (p, q)
    blocks = enlarged.view(9, scale, 9, scale).permute(1, 3, 0, 2)
    response = blocks[:, :, 2:7, 2:7].flip(2, 3)
    ways = torch.tensor([1.0, 2.0, 3.0, 2.0, 1.0])
    shared = response / (ways[:, None] * ways)
    taps = torch.zeros(3, scale, scale, 3, 3, 3, 3, 3)
    for c in range(3):
        for i in range(3):
            for j in range(3):
                taps[c, :, :, c, i, j] = shared[:, :, i : i + 3, j : j + 3]
    return taps.view(3 * scale**2, 27, 3, 3)


def classifier() -> ViTForImageClassification:
    """ViT (Dosovitskiy et al. 2020, https://arxiv.org/abs/2010.11929) over the kinds of shape."""
    return ViTForImageClassification(
        ViTConfig(
            hidden_size=96,
            intermediate_size=384,
            num_hidden_layers=4,
            num_attention_heads=4,
            image_size=CLASSIFIER_SIZE,
            patch_size=CLASSIFIER_PATCH,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            id2label=dict(enumerate(KINDS)),
            label2id={kind: index for index, kind in enumerate(KINDS)},
        )
    )
