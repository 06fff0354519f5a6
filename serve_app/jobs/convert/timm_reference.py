"""timm's own VisionTransformer, the reference that a conversion is compared with.

https://github.com/huggingface/pytorch-image-models. timm imports torchvision, of which its vision
transformers use nothing: where torchvision is missing or does not work, a stand-in takes its place
while timm is imported.
"""

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from torch import nn

from serve_app.jobs.convert.checkpoint import Refused, Tensors
from serve_app.jobs.one_line import one_line


def timm() -> Any:
    """The package. Raises Refused where it is not installed."""
    if "timm" in sys.modules:
        return sys.modules["timm"]
    with _torchvision():
        try:
            return importlib.import_module("timm")
        except ModuleNotFoundError as error:
            if error.name != "timm":
                raise
            raise Refused(
                "timm is not installed: pip install --no-deps -r requirements-convert.txt"
            ) from error


def network(architecture: str, weights: Tensors, settings: dict[str, Any]) -> nn.Module:
    """timm's network with the weights, in float32; `settings` go before its `pretrained_cfg`.

    Raises Refused for an architecture that timm does not know, and for weights that are not its.
    """
    if "head.weight" not in weights:
        raise Refused("the checkpoint has no classifier: no head.weight")
    classes = len(weights["head.weight"])
    try:
        made: nn.Module = timm().create_model(
            architecture, num_classes=classes, pretrained_cfg_overlay=settings
        )
        made.load_state_dict({name: each.float() for name, each in weights.items()})
    except RuntimeError as error:
        raise Refused(f"{architecture}: {one_line(error)}") from error
    if not isinstance(made, timm().models.VisionTransformer):
        raise Refused(f"{architecture} is not a vision transformer")
    return made.eval()


def data_configuration(reference: nn.Module) -> dict[str, Any]:
    """timm's: `input_size` (3, height, width), `mean`, `std`, `crop_pct`, `crop_mode`,
    `interpolation`."""
    found: dict[str, Any] = timm().data.resolve_data_config(model=reference)
    return found


@contextmanager
def _torchvision() -> Iterator[None]:
    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError, OSError):  # compiled for another torch, as a rule
        _forget_torchvision()
    else:
        yield
        return
    finder = _StandIn()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        _forget_torchvision()


def _forget_torchvision() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]


class _Absent(type):
    """A class for every name: to inherit from, to compare with, never to be used."""

    def __getattr__(cls, name: str) -> "_Absent":
        return _absent(name)


def _absent(name: str) -> _Absent:
    if name.startswith("__"):
        raise AttributeError(name)
    return _Absent(name, (), {})


class _StandIn(MetaPathFinder, Loader):
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] != "torchvision":
            return None
        return ModuleSpec(name, self, is_package=True)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__getattr__"] = _absent
