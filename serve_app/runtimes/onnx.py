"""ONNX Runtime in the place of a PyTorch module: converted once, kept in a cache, run on numpy.

https://onnxruntime.ai. The cache is `$XDG_CACHE_HOME/image-server/onnx`, by default under
`~/.cache`; a file's name is a hash of the weights and of what converted them.
"""

import hashlib
import inspect
import os
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import nn

_VARIES = torch.export.Dim.DYNAMIC
_CONVERTERS = ("torch", "onnx", "onnxscript", "onnxruntime", "transformers", "diffusers")


def providers() -> list[str]:
    """What this ONNX Runtime can run on."""
    found: list[str] = onnxruntime.get_available_providers()
    return found


def session(
    module: nn.Module,
    inputs: Sequence[torch.Tensor],
    varying: Sequence[Sequence[int]],
    *,
    int8: bool = False,
    tensorrt: bool = False,
) -> Callable[..., list[np.ndarray]]:
    """The module as a function of numpy arrays, on as many threads as torch has.

    `inputs` are examples; `varying` names for each the dimensions that may differ from it. int8:
    the matrices' weights in 8 bits, their inputs too, as they run (dynamic quantisation). tensorrt:
    on a GPU, by engines that are kept beside the graph; a new range of shapes makes a new one.
    """
    path = _cached(module, inputs, varying, int8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    provided: list[Any] = ["CPUExecutionProvider"]
    if tensorrt:
        kept = {"trt_engine_cache_enable": True, "trt_engine_cache_path": str(path.parent)}
        half = {"trt_fp16_enable": next(module.parameters()).dtype == torch.float16}
        provided = [("TensorrtExecutionProvider", kept | half), "CUDAExecutionProvider", *provided]
    running = onnxruntime.InferenceSession(path, options, providers=provided)
    names = [each.name for each in running.get_inputs()]
    return lambda *arrays: running.run(None, dict(zip(names, arrays, strict=True)))


def _cached(
    module: nn.Module, inputs: Sequence[torch.Tensor], varying: Sequence[Sequence[int]], int8: bool
) -> Path:
    kind = "int8" if int8 else "float"
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = folder / "image-server" / "onnx" / f"{_fingerprint(module, inputs, varying)}-{kind}.onnx"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Replicas that start together may each convert; whoever is last puts the same in place.
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            made = Path(scratch) / "model.onnx"
            convert(module, inputs, varying, made)
            if int8:
                made = _quantised(made)
            made.replace(path)
    return path


def convert(
    module: nn.Module, inputs: Sequence[torch.Tensor], varying: Sequence[Sequence[int]], path: Path
) -> None:
    """Write the module to one ONNX file."""
    shapes: tuple[Any, ...] = tuple(dict.fromkeys(dimensions, _VARIES) for dimensions in varying)
    parameters = inspect.signature(module.forward).parameters.values()
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):  # those are one entry
        named = len(parameters) - 1
        shapes = (*shapes[:named], shapes[named:])
    with torch.no_grad():
        torch.onnx.export(
            module,
            tuple(inputs),
            path,
            dynamic_shapes=shapes,
            external_data=False,
            dynamo=True,
            verbose=False,
        )


def _quantised(path: Path) -> Path:
    model = onnx.load(path)
    # The exporter's notes on shapes contradict the quantiser's own transposed weights.
    del model.graph.value_info[:]
    quantised = path.with_name("int8.onnx")
    # Not the convolutions: ONNX Runtime's for integers take longer than those for floats.
    quantize_dynamic(
        model, quantised, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gemm"]
    )
    return quantised


def _fingerprint(
    module: nn.Module, inputs: Sequence[torch.Tensor], varying: Sequence[Sequence[int]]
) -> str:
    digest = hashlib.sha256()
    shapes = [tuple(each.shape) for each in inputs]
    digest.update(repr([type(module).__qualname__, shapes, varying]).encode())
    digest.update(repr([(name, version(name)) for name in _CONVERTERS]).encode())
    digest.update(f"{module}{inspect.getsource(type(module))}".encode())
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()[:32]
