"""A network run by a backend: PyTorch eagerly or compiled, ONNX Runtime, TensorRT.

Whichever it is, the network stays a call from tensors to tensors. Libraries are imported only
where they are asked for: they take seconds.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from serve_app.config import Backend

Run = Callable[..., Any]


def run_by(
    backend: Backend,
    module: nn.Module,
    inputs: Sequence[torch.Tensor],
    varying: Sequence[Sequence[int]],
) -> Run:
    """The module, run by a backend on the device and in the dtype that it has.

    `inputs` are examples to convert it with; `varying` names for each the dimensions that may
    differ from it. Converted or not, what goes in and comes out are tensors: one or a sequence.
    Raises ValueError where the backend cannot run here.
    """
    if backend == "eager":
        return module
    if backend == "compile":
        return compiled(module, inputs[0].device, varying)
    return converted(backend, module, inputs, varying)


def compiled(module: nn.Module, device: torch.device, varying: Sequence[Sequence[int]]) -> Run:
    """By torch.compile, when first called.

    The batch, a tensor's first dimension that varies, is dynamic from the start: a batch of one has
    a graph, and all others share one. A second size makes two more, in which that is dynamic too.
    """
    compiler = os.environ.get("CXX", "g++")
    if device.type == "cpu" and not shutil.which(compiler):
        raise ValueError(f"the backend compile needs a C++ compiler, and there is no {compiler}")
    mode = "max-autotune-no-cudagraphs" if device.type == "cuda" else None
    run = torch.compile(module, mode=mode)

    def call(*tensors: torch.Tensor) -> Any:
        for tensor, dimensions in zip(tensors, varying, strict=True):
            for dimension in dimensions[:1]:
                torch._dynamo.maybe_mark_dynamic(tensor, dimension)
        return run(*tensors)

    return call


def converted(
    backend: Backend,
    module: nn.Module,
    inputs: Sequence[torch.Tensor],
    varying: Sequence[Sequence[int]],
) -> Run:
    """By ONNX Runtime: on the CPU without copies, on a GPU by TensorRT by way of the host."""
    from serve_app.runtimes import onnx

    weight = next(module.parameters())
    device, dtype = weight.device, weight.dtype
    _check(backend, device, dtype, onnx.providers())
    run = onnx.session(
        module,
        inputs,
        varying,
        int8=backend == "onnxruntime-int8",
        tensorrt=backend == "tensorrt",
    )

    def call(*tensors: torch.Tensor) -> list[torch.Tensor]:
        made = run(*(tensor.detach().cpu().numpy() for tensor in tensors))
        return [torch.from_numpy(array).to(device) for array in made]

    return call


def _check(
    backend: Backend, device: torch.device, dtype: torch.dtype, providers: Sequence[str]
) -> None:
    if backend == "tensorrt":
        if "TensorrtExecutionProvider" not in providers:
            raise ValueError(
                "the backend tensorrt needs an ONNX Runtime with its provider for TensorRT; "
                f"this one has {', '.join(providers)}"
            )
        if device.type != "cuda" or dtype == torch.bfloat16:
            raise ValueError("the backend tensorrt runs on a GPU, in float32 or float16")
    elif device.type != "cpu" or dtype != torch.float32:
        raise ValueError(
            f"the backend {backend} runs on a CPU in float32: set placement.device to cpu, "
            "and leave placement.dtype out"
        )
