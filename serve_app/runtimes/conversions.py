"""Converted networks, kept in a cache from one start to the next.

The cache is `$XDG_CACHE_HOME/image-server/networks`, by default under `~/.cache`; a folder's name
is a hash of the weights, of this folder's code and of what converted them.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import torch
from torch import nn

Varying = Sequence[Sequence[int]]
"""For each input, the dimensions that may differ from the example's."""


def converted(
    kind: str,
    module: nn.Module,
    inputs: Sequence[torch.Tensor],
    varying: Varying,
    converters: Sequence[str],
    write: Callable[[Path], None],
) -> Path:
    """The folder with a module as `write` put it there, by this call or by an earlier one.

    `kind` says what it became; `converters` are the packages that another version of could make
    something else of it.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = folder / "image-server" / "networks"
    path = folder / f"{_fingerprint(module, inputs, varying, converters)}-{kind}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            made = Path(scratch) / "made"
            made.mkdir()
            write(made)
            try:
                made.rename(path)
            except OSError:  # a replica that started at the same time was first, with the same
                if not path.exists():
                    raise
    return path


def _fingerprint(
    module: nn.Module,
    inputs: Sequence[torch.Tensor],
    varying: Varying,
    converters: Sequence[str],
) -> str:
    digest = hashlib.sha256()
    shapes = [tuple(each.shape) for each in inputs]
    digest.update(repr([type(module).__qualname__, shapes, varying]).encode())
    packages = ("torch", "transformers", "diffusers", *converters)
    digest.update(repr([(name, version(name)) for name in packages]).encode())
    digest.update(str(module).encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):  # what a module computes, and how
        digest.update(file.read_bytes())
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()[:32]
