"""Checkpoint files to tensors by name, and back to safetensors. Nothing in a file is run."""

import pickle
import re
import warnings
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

Tensors = dict[str, torch.Tensor]

_WEIGHTS = ("state_dict", "model")  # where training scripts keep them, beside their own state
_PARALLEL = "module."  # DataParallel's prefix of every name


class Refused(Exception):
    """A checkpoint that cannot be converted as asked; the message is a line for the user."""


def read(path: Path) -> Tensors:
    """The tensors of a safetensors file, or of a pickled checkpoint (.bin, .ckpt, .pt, .pth).

    Of a training script's checkpoint, its weights; what else it holds is left out, and so is
    DataParallel's `module.` before every name.
    Raises Refused for a file of neither kind and for a pickle that holds more than data, OSError.
    """
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except SafetensorError as error:
            raise Refused(f"{path}: not a safetensors file: {error}") from error
    found = _unpickled(path)
    for key in _WEIGHTS:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping):
        raise Refused(f"{path}: holds a {type(found).__name__} and no weights by name")
    tensors = {name: each for name, each in found.items() if isinstance(each, torch.Tensor)}
    if not tensors:
        raise Refused(f"{path}: holds no tensors")
    if all(name.startswith(_PARALLEL) for name in tensors):
        tensors = {name.removeprefix(_PARALLEL): each for name, each in tensors.items()}
    return tensors


def write(tensors: Tensors, path: Path) -> None:
    """A safetensors file of the same names, read back and compared. Raises Refused, OSError.

    The format has no tensors that share memory: each is written in full, so that whatever reads
    the file finds every name.
    """
    alone: Tensors = {}
    storages: set[int] = set()
    for name, each in tensors.items():
        if each.layout != torch.strided or each.is_quantized:
            raise Refused(f"{name} is sparse or quantised, which safetensors has no place for")
        storage = each.untyped_storage().data_ptr()
        alone[name] = _packed(each, copy=storage in storages)
        storages.add(storage)
    save_file(alone, path, {"format": "pt"})
    written = load_file(path)
    for name, each in alone.items():
        if not torch.equal(_bytes(written[name]), _bytes(each)):
            raise Refused(f"{path}: {name} is not what was written")


def _packed(tensor: torch.Tensor, copy: bool) -> torch.Tensor:
    return tensor.clone(memory_format=torch.contiguous_format) if copy else tensor.contiguous()


def _bytes(tensor: torch.Tensor) -> torch.Tensor:
    """What compares equal where numbers would not: NaN."""
    return tensor.reshape(-1).view(torch.uint8)


def _unpickled(path: Path) -> Any:
    # Training scripts of timm keep their options, which are plain values.
    with torch.serialization.safe_globals([Namespace]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of unusual pickles; one line says what becomes of them
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise Refused(f"{path}: {_reason(str(error))}") from error
        except (RuntimeError, EOFError, KeyError, ValueError) as error:
            raise Refused(f"{path}: not a whole checkpoint of torch") from error


def _reason(error: str) -> str:
    """One line, of a page of torch's on how to run the file all the same."""
    unsafe = re.search(r"GLOBAL (\S+)", error)
    holds = f" ({unsafe[1]})" if unsafe else ""
    return f"refused: it holds more than tensors and plain values{holds}"
