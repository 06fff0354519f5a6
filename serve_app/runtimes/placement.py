"""Where weights go: device, dtype, and how much of a GPU a replica may take."""

from dataclasses import dataclass

import torch
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from serve_app.model_config import Placement

# Of a replica's share; the rest is for what libraries allocate beside torch. CUDA contexts, about
# 0.5 GB each, are outside all shares: a card's fractions leave room (configs/sd15-gpu.yaml).
_ALLOCATED = 0.9


@dataclass(frozen=True)
class Placed:
    device: torch.device
    dtype: torch.dtype


def place(placement: Placement, gpu_share: float = 0.0) -> Placed:
    """Resolve a configured placement to a device and a dtype, and cap the replica's GPU memory.

    `gpu_share` is the fraction of a GPU that the replica was given. Ray only counts fractions
    (ray issue 41432), so torch is told to refuse allocations beyond it, or else the neighbours
    would run out of memory. Raises RuntimeError where CUDA is asked for and there is none.
    """
    disable_progress_bar()  # progress bars have no place in a log
    set_verbosity_error()
    name = placement.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("placement.device is cuda, but torch sees no CUDA device")
    if name == "cuda" and 0 < gpu_share < 1:
        torch.cuda.set_per_process_memory_fraction(_ALLOCATED * gpu_share)
    dtype = placement.dtype
    if dtype == "auto":
        dtype = "float16" if name == "cuda" else "float32"
    return Placed(torch.device(name), getattr(torch, dtype))
