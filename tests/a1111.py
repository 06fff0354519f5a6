"""A Stable Diffusion 1.x folder's weights under the names of CompVis's code, as A1111 and civitai
have them in one file.

Written from `ldm/modules/diffusionmodules` (openaimodel.py, model.py): blocks are numbered through,
a resnet first in each, then attention, then what changes the size.
"""

import json
import re
from pathlib import Path

import torch
from safetensors.torch import load_file

_RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}  # fmt: skip
_UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
}  # fmt: skip
_VAE_ATTENTION = {
    "group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out",
}  # fmt: skip


def single_file(folder: Path) -> dict[str, torch.Tensor]:
    """The tensors of the three networks of a diffusers folder."""
    found = {}
    unet, resnets = _part(folder / "unet", "layers_per_block")
    attention = ["CrossAttn" in each for each in _config(folder / "unet")["up_block_types"]]
    for name, each in unet.items():
        found[f"model.diffusion_model.{_unet(name, resnets, attention)}"] = each
    vae, _ = _part(folder / "vae", "layers_per_block")
    blocks = len(_config(folder / "vae")["up_block_types"])
    for name, each in vae.items():
        renamed = _vae(name, blocks)
        matrix = ".attn_1." in renamed and each.ndim == 2
        found[f"first_stage_model.{renamed}"] = each[..., None, None] if matrix else each
    for name, each in load_file(folder / "text_encoder" / "model.safetensors").items():
        name = name.removeprefix("text_model.")
        found[f"cond_stage_model.transformer.text_model.{name}"] = each
    return found


def _config(folder: Path) -> dict:
    return json.loads((folder / "config.json").read_text())


def _part(folder: Path, key: str) -> tuple[dict[str, torch.Tensor], int]:
    return load_file(folder / "diffusion_pytorch_model.safetensors"), _config(folder)[key]


def _swapped(name: str, names: dict[str, str]) -> str:
    for ours, theirs in names.items():
        if name.startswith(f"{ours}."):
            return theirs + name.removeprefix(ours)
    return name


def _unet(name: str, resnets: int, attention: list[bool]) -> str:
    if match := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d)\.(.+)", name):
        kind, index, rest = match.groups()
        if kind == "attentions":
            return f"middle_block.1.{rest}"
        return f"middle_block.{2 * int(index)}.{_swapped(rest, _RESNET)}"
    if match := re.fullmatch(r"down_blocks\.(\d)\.(\w+)\.(\d)\.(.+)", name):
        block, kind, index, rest = match.groups()
        begin = 1 + int(block) * (resnets + 1)
        if kind == "downsamplers":
            return f"input_blocks.{begin + resnets}.0.op.{rest.removeprefix('conv.')}"
        if kind == "attentions":
            return f"input_blocks.{begin + int(index)}.1.{rest}"
        return f"input_blocks.{begin + int(index)}.0.{_swapped(rest, _RESNET)}"
    if match := re.fullmatch(r"up_blocks\.(\d)\.(\w+)\.(\d)\.(.+)", name):
        block, kind, index, rest = match.groups()
        begin = int(block) * (resnets + 1)
        if kind == "upsamplers":
            place = 2 if attention[int(block)] else 1
            return f"output_blocks.{begin + resnets}.{place}.{rest}"
        if kind == "attentions":
            return f"output_blocks.{begin + int(index)}.1.{rest}"
        return f"output_blocks.{begin + int(index)}.0.{_swapped(rest, _RESNET)}"
    return _swapped(name, _UNET_ENDS)


def _vae(name: str, blocks: int) -> str:
    name = name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    if match := re.fullmatch(r"(\w+)\.mid_block\.attentions\.0\.(.+)", name):
        return f"{match[1]}.mid.attn_1.{_swapped(match[2], _VAE_ATTENTION)}"
    name = re.sub(r"down_blocks\.(\d)\.resnets\.", r"down.\1.block.", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0\.", r"down.\1.downsample.", name)
    # The decoder's are numbered from the picture's side.
    return re.sub(
        r"up_blocks\.(\d)\.(resnets|upsamplers\.0)",
        lambda m: f"up.{blocks - 1 - int(m[1])}.{'block' if m[2] == 'resnets' else 'upsample'}",
        name,
    )
