"""Where a backend cannot run; what each makes: tests/integration."""

import logging

import pytest
import torch

from serve_app.runtimes import backends
from serve_app.runtimes.backends import run_by
from serve_app.runtimes.conversions import NoPlace


def test_what_cannot_run_here_says_so(monkeypatch):
    module, inputs = torch.nn.Linear(2, 2), [torch.zeros(1, 2)]
    with pytest.raises(ValueError, match="needs an ONNX Runtime with its provider for TensorRT"):
        run_by("tensorrt", module, inputs, [[0]])
    with pytest.raises(ValueError, match="runs on a CPU in float32"):
        run_by("onnxruntime", module.bfloat16(), inputs, [[0]])
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ValueError, match="needs a C\\+\\+ compiler"):
        run_by("compile", module, inputs, [[0]])


def test_where_nothing_can_be_written_a_network_runs_eagerly(monkeypatch, caplog):
    def nowhere(*_):
        raise NoPlace("all is read-only")

    monkeypatch.setattr(backends, "_by_openvino", nowhere)
    network = torch.nn.Linear(4, 4)
    caplog.set_level(logging.WARNING, "ray.serve")
    assert backends.run_by("openvino", network, [torch.zeros(2, 4)], [[0]]) is network
    assert "Linear runs eagerly" in caplog.text and "all is read-only" in caplog.text
