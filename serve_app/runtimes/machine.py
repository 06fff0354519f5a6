"""The kind of machine that networks run on: what decides which kernels, and so which rounding."""

import platform
from functools import cache
from pathlib import Path

import torch

# What 8 bits and bfloat16 are computed with; torch's own word is of vectors alone.
_INSTRUCTIONS = {
    "avx512_vnni": "VNNI", "avx_vnni": "VNNI", "avx512_bf16": "BF16", "amx_tile": "AMX",
    "bf16": "BF16", "i8mm": "I8MM",
}  # fmt: skip


def kind_of(device: torch.device) -> str:
    """Such as "x86_64 AVX512 AMX BF16 VNNI", or a GPU's name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    vectors = torch.backends.cpu.get_cpu_capability()
    found = sorted({word for flag, word in _INSTRUCTIONS.items() if flag in _cpu_flags()})
    return " ".join([platform.machine(), vectors, *found])


@cache
def _cpu_flags() -> set[str]:
    """Linux's names of the processor's instructions; none elsewhere."""
    path = Path("/proc/cpuinfo")
    return set(path.read_text().split()) if path.exists() else set()
