"""Runs a PyTorch module with OpenVINO on a CPU: converted once, called with numpy arrays.

https://docs.openvino.ai
"""

import ctypes
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import nn

from serve_app.runtimes.conversions import Varying, converted

# Without it OpenVINO imports a stub; with it, it reports to Google Analytics that it was imported.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
import openvino  # noqa: E402

_CORE = openvino.Core()
# Input shapes whose code is kept. By OpenVINO's own limit, 5000 layers of each kind, a process
# grows to several times its size; by this one, three sizes in batches of 1 to 8 are as fast.
_KEPT_SHAPES = 12
_TRIMMED_EVERY_S = 2.0


class _Trim:
    """Hands memory that was freed back to the system, which glibc keeps by itself; now and then,
    as it takes as long as a small network."""

    def __init__(self) -> None:
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", lambda kept: None)  # glibc's alone
        self._next = 0.0

    def at_times(self) -> None:
        if time.monotonic() >= self._next:
            self._trim(0)
            self._next = time.monotonic() + _TRIMMED_EVERY_S


_TRIM = _Trim()


def session(
    module: nn.Module, inputs: Sequence[torch.Tensor], varying: Varying, *, bfloat16: bool = False
) -> Callable[..., list[np.ndarray]]:
    """The module as a function of numpy arrays, on as many threads as torch has.

    `inputs` are examples; `varying` names for each the dimensions that may differ from it.
    bfloat16: computes in it where the CPU has instructions for it, and in float32 elsewhere; what
    goes in and comes out stays float32.
    """
    native = "BF16" in _CORE.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    settings = {
        "INFERENCE_PRECISION_HINT": "bf16" if bfloat16 and native else "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "NUM_STREAMS": 1,
        # replicas share the cores without coordination; pinned, they would crowd onto the same ones
        "ENABLE_CPU_PINNING": False,
    }
    running = converted(
        "openvino",
        module,
        inputs,
        varying,
        ["openvino"],
        lambda folder: _convert(module, inputs, varying, folder),
        lambda folder: _compile(folder / "model.xml", settings),
    )
    # an InferRequest serves one thread at a time; idle ones are reused
    idle: SimpleQueue[openvino.InferRequest] = SimpleQueue()
    last: list[tuple[int, ...]] = []
    inside = 0
    changing = Lock()

    def run(*arrays: np.ndarray) -> list[np.ndarray]:
        nonlocal last, inside
        shapes = [array.shape for array in arrays]
        with changing:
            # Or what the largest shape took would be kept for good. Not under a running request.
            if shapes != last and not inside:
                running.release_memory()
                _TRIM.at_times()
            last = shapes
            inside += 1
        try:
            request = idle.get_nowait()
        except Empty:
            request = running.create_infer_request()
        try:
            return list(request.infer(arrays, share_inputs=True).values())
        finally:
            idle.put(request)
            with changing:
                inside -= 1

    return run


def _compile(path: Path, settings: dict[str, Any]) -> openvino.CompiledModel:
    model = _CORE.read_model(path)
    kinds = Counter(layer.get_type_name() for layer in model.get_ops())
    most = max(kinds["Convolution"], kinds["MatMul"])  # the limit is of each kind of layer
    kept = {"CPU_RUNTIME_CACHE_CAPACITY": _KEPT_SHAPES * most}
    return _CORE.compile_model(model, "CPU", settings | kept)


def _convert(
    module: nn.Module, inputs: Sequence[torch.Tensor], varying: Varying, folder: Path
) -> None:
    with torch.no_grad(), warnings.catch_warnings(category=torch.jit.TracerWarning):
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        model = openvino.convert_model(module, example_input=tuple(inputs))
    for name, example, dimensions in zip(model.inputs, inputs, varying, strict=True):
        shape = [-1 if at in dimensions else size for at, size in enumerate(example.shape)]
        name.get_node().set_partial_shape(openvino.PartialShape(shape))
    model.validate_nodes_and_infer_types()
    openvino.save_model(model, folder / "model.xml", compress_to_fp16=False)
