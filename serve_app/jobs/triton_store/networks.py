"""The classifier's network as ONNX and as TorchScript: pixel_values to probabilities."""

import os
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

from serve_app.messages import Floats

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime


class Probabilities(nn.Module):
    """Logits and their softmax in one. The names of its input and output are Triton's too."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._network = network

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        probabilities: torch.Tensor = self._network(pixel_values=pixel_values).logits.softmax(-1)
        return probabilities


def write_onnx(network: nn.Module, input_shape: tuple[int, ...], path: Path) -> None:
    """For batches of any size. The network is on the CPU, in float32."""
    with torch.no_grad():
        torch.onnx.export(
            Probabilities(network).eval(),
            (torch.zeros(2, *input_shape),),
            path,
            input_names=["pixel_values"],
            output_names=["probabilities"],
            dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
            external_data=False,
            dynamo=True,
            verbose=False,
        )


def write_torchscript(network: nn.Module, input_shape: tuple[int, ...], path: Path) -> None:
    """For batches of any size. The network is on the CPU, in float32."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated, and what Triton's PyTorch backend reads
        example = torch.zeros(2, *input_shape)
        torch.jit.trace(Probabilities(network).eval(), example).save(str(path))


def run_onnx(path: Path, pixel_values: Floats) -> Floats:
    """Float32 [n, 3, height, width] to probabilities, float32 [n, classes]."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found: Floats = np.asarray(session.run(["probabilities"], {"pixel_values": pixel_values})[0])
    return found


def run_torchscript(path: Path, pixel_values: Floats) -> Floats:
    """The same by TorchScript."""
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: Floats = torch.jit.load(str(path))(torch.from_numpy(pixel_values)).numpy()
    return found
