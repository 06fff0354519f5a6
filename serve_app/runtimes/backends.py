"""A network run by a backend: PyTorch eagerly or compiled, ONNX Runtime, OpenVINO, TensorRT.

Every backend is called with tensors and returns tensors. Its library is imported only if it is
used, since that takes seconds.
"""

import logging
import os
import shutil
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from serve_app.model_config import Backend
from serve_app.runtimes.conversions import NoPlace, Varying

Run = Callable[..., Any]
_logger = logging.getLogger("ray.serve")  # a replica's log


def run_by(
    backend: Backend,
    module: nn.Module,
    inputs: Sequence[torch.Tensor],
    varying: Varying,
) -> Run:
    """The module, run by a backend on the device and in the dtype that it has.

    `inputs` are example inputs for the conversion; `varying` lists the dynamic dimensions of each.
    The result takes tensors and returns one or a sequence.
    A network runs eagerly where no folder can be written for what it is converted to. Raises
    ValueError where the backend cannot run here.
    """
    if backend == "eager":
        return module
    if backend == "compile":
        return compiled(module, inputs[0].device, varying)
    run_converted = _by_openvino if backend.startswith("openvino") else _by_onnx
    try:
        return run_converted(backend, module, inputs, varying)
    except NoPlace as error:
        network = type(module).__name__
        _logger.warning(f"{network} runs eagerly and not by {backend}, as {error}")
        return module


def compiled(module: nn.Module, device: torch.device, varying: Varying) -> Run:
    """Compiled by torch.compile on the first call.

    The batch dimension (each tensor's first dynamic one) is marked dynamic: a batch of one gets its
    own graph, all other batches share one. A second image size compiles two more, with dynamic
    image sizes.
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


def _by_openvino(
    backend: Backend, module: nn.Module, inputs: Sequence[torch.Tensor], varying: Varying
) -> Run:
    from serve_app.runtimes import openvino

    _require_cpu(backend, module)
    run = openvino.session(module, inputs, varying, bfloat16=backend == "openvino-bfloat16")
    return _on_tensors(run, inputs[0].device)


def _by_onnx(
    backend: Backend, module: nn.Module, inputs: Sequence[torch.Tensor], varying: Varying
) -> Run:
    """On the CPU without copies; with TensorRT on a GPU, with a copy through host memory each
    way."""
    from serve_app.runtimes import onnx

    if backend == "tensorrt":
        _require_tensorrt(module, onnx.providers())
    else:
        _require_cpu(backend, module)
    run = onnx.session(
        module,
        inputs,
        varying,
        int8=backend == "onnxruntime-int8",
        tensorrt=backend == "tensorrt",
    )
    return _on_tensors(run, inputs[0].device)


def _on_tensors(run: Callable[..., list[np.ndarray]], device: torch.device) -> Run:
    def call(*tensors: torch.Tensor) -> list[torch.Tensor]:
        made = run(*(tensor.detach().cpu().numpy() for tensor in tensors))
        return [torch.from_numpy(array).to(device) for array in made]

    return call


def _require_tensorrt(module: nn.Module, providers: Sequence[str]) -> None:
    if "TensorrtExecutionProvider" not in providers:
        raise ValueError(
            "the backend tensorrt needs an ONNX Runtime with its provider for TensorRT; "
            f"this one has {', '.join(providers)}"
        )
    weight = next(module.parameters())
    if weight.device.type != "cuda" or weight.dtype == torch.bfloat16:
        raise ValueError("the backend tensorrt runs on a GPU, in float32 or float16")


def _require_cpu(backend: Backend, module: nn.Module) -> None:
    weight = next(module.parameters())
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        raise ValueError(
            f"the backend {backend} runs on a CPU in float32: set placement.device to cpu, "
            "and leave placement.dtype out"
        )
