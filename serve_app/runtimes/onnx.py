"""Runs a PyTorch module with ONNX Runtime: converted once, called with numpy arrays.

https://onnxruntime.ai
"""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import nn

from serve_app.runtimes.conversions import Varying, converted

_VARIES = torch.export.Dim.DYNAMIC
_FILE = "model.onnx"
_CONVERTERS = ("onnx", "onnxscript", "onnxruntime")


def providers() -> list[str]:
    """The execution providers of the installed ONNX Runtime."""
    found: list[str] = onnxruntime.get_available_providers()
    return found


def session(
    module: nn.Module,
    inputs: Sequence[torch.Tensor],
    varying: Varying,
    *,
    int8: bool = False,
    tensorrt: bool = False,
) -> Callable[..., list[np.ndarray]]:
    """The module as a function of numpy arrays, on as many threads as torch has.

    `inputs` are examples; `varying` names for each the dimensions that may differ from it. int8:
    dynamic quantisation of matrix products: 8-bit weights, inputs quantised at run time. tensorrt:
    on a GPU; engines are cached beside the graph, and new shapes build new ones.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3

    def load(folder: Path) -> onnxruntime.InferenceSession:
        provided: list[Any] = ["CPUExecutionProvider"]
        if tensorrt:
            kept = {"trt_engine_cache_enable": True, "trt_engine_cache_path": str(folder)}
            half = {"trt_fp16_enable": next(module.parameters()).dtype == torch.float16}
            engines = ("TensorrtExecutionProvider", kept | half)
            provided = [engines, "CUDAExecutionProvider", *provided]
        return onnxruntime.InferenceSession(folder / _FILE, options, providers=provided)

    running = converted(
        "onnx-int8" if int8 else "onnx",
        module,
        inputs,
        varying,
        _CONVERTERS,
        lambda folder: _convert(module, inputs, varying, int8, folder),
        load,
    )
    names = [each.name for each in running.get_inputs()]
    return lambda *arrays: running.run(None, dict(zip(names, arrays, strict=True)))


def _convert(
    module: nn.Module, inputs: Sequence[torch.Tensor], varying: Varying, int8: bool, folder: Path
) -> None:
    shapes: tuple[Any, ...] = tuple(dict.fromkeys(dimensions, _VARIES) for dimensions in varying)
    parameters = inspect.signature(module.forward).parameters.values()
    # `*args` is a single entry of dynamic_shapes
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        named = len(parameters) - 1
        shapes = (*shapes[:named], shapes[named:])
    with torch.no_grad():
        torch.onnx.export(
            module.eval(),
            tuple(inputs),
            folder / _FILE,
            dynamic_shapes=shapes,
            external_data=False,
            dynamo=True,
            verbose=False,
        )
    if int8:
        _quantise(folder / _FILE)


def _quantise(path: Path) -> None:
    model = onnx.load(path)
    # The exporter's shape annotations conflict with the weights that the quantiser transposes.
    del model.graph.value_info[:]
    # Convolutions stay in float: ONNX Runtime's integer kernels are slower.
    quantize_dynamic(
        model, path, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gemm"]
    )
