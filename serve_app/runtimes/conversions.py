"""Converted networks, kept in a cache from one start to the next.

The cache is `$XDG_CACHE_HOME/image-server/networks`, by default under `~/.cache`; a folder's name
is a hash of the weights, of this folder's code and of what converted them. Where that cannot be
written, a folder of this user's under the system's temporary one takes its place.
"""

import hashlib
import logging
import os
import stat
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from serve_app.runtimes import shelf

_logger = logging.getLogger("ray.serve")  # a replica's log

Varying = Sequence[Sequence[int]]
"""For each input, the dimensions that may differ from the example's."""

T = TypeVar("T")


class NoPlace(OSError):
    """No folder takes a converted network; the message says why, and what to set."""


def converted(
    kind: str,
    module: nn.Module,
    inputs: Sequence[torch.Tensor],
    varying: Varying,
    converters: Sequence[str],
    write: Callable[[Path], None],
    load: Callable[[Path], T],
) -> T:
    """What `load` makes of the folder in which `write` put a module, now or at an earlier start.

    `kind` names the format; `converters` are packages whose version may change the result, and is
    part of the cache key. Raises NoPlace where none of the folders can be written, and what `write`
    and `load` raise for other reasons.
    """
    name = f"{_fingerprint(module, inputs, varying, converters)}-{kind}"
    reasons: list[str] = []
    for place in (_cache, _temporary):
        try:
            folder = place()
        except OSError as error:
            reasons.append(str(error))
            continue
        try:
            loaded = shelf.taken(folder, name, write, load)
        except OSError as error:
            reasons.append(f"{folder}: {error.strerror or error}")
            continue
        if reasons:
            warn_once(f"converted networks are kept in {folder}, as {_because(reasons)}")
        return loaded
    raise NoPlace(_because(reasons))


def _because(reasons: list[str]) -> str:
    return f"{'; '.join(reasons)} (XDG_CACHE_HOME names the place of the cache)"


@cache
def warn_once(text: str) -> None:
    """Of however many networks it is said."""
    _logger.warning(text)


def _cache() -> Path:
    folder = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(folder) if folder else Path.home() / ".cache") / "image-server" / "networks"
    except RuntimeError as error:  # neither HOME nor an account says where home is
        raise OSError(str(error)) from error


def _temporary() -> Path:
    """Nobody else's: what lies there is run."""
    folder = Path(tempfile.gettempdir()) / f"image-server-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise PermissionError(f"{folder} may be written by others")
    return folder / "networks"


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
    for file in sorted(Path(__file__).parent.glob("*.py")):  # the code that defines the networks
        digest.update(file.read_bytes())
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()[:32]
